"""What GitHub Actions may do in one account: no keys, short-lived credentials by OpenID Connect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from .base import boundary_of
from .settings import Environment
from .settings.delivery import Delivery, GitHubActionsSettings

_ISSUER = "token.actions.githubusercontent.com"


class GitHubAccessStack(cdk.Stack):
    """Two roles. `<project>-github-deploy` takes on the roles that `cdk bootstrap` made; it is for jobs that run in one
    of the account's GitHub environments, which is where GitHub asks for approval. `<project>-github-diff` only reads
    templates, and is for pull requests.

    https://docs.github.com/en/actions/concepts/security/openid-connect

    :param delivery: Settings of the delivery.
    :param account: The account.
    :param environments: Environments in this account by name. The stack lies in the first one's region and has its
        qualifier and permissions boundary; roles hold everywhere.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        delivery: Delivery,
        account: str,
        environments: Mapping[str, Environment],
    ) -> None:
        first = next(iter(environments.values()))
        super().__init__(
            scope,
            construct_id,
            env=cdk.Environment(account=account, region=first.region),
            synthesizer=cdk.DefaultStackSynthesizer(qualifier=first.bootstrap_qualifier),
            permissions_boundary=boundary_of(first.permissions_boundary),
            description=f"GitHub Actions of {delivery.repository} in this account",
        )
        self._delivery = delivery
        self._actions = delivery.github_actions or GitHubActionsSettings()
        own = self.synthesizer.bootstrap_qualifier or cdk.DefaultStackSynthesizer.DEFAULT_QUALIFIER
        self._qualifiers = sorted({each.bootstrap_qualifier or own for each in environments.values()})
        self._provider_arn = self._provider()
        self.deploy_role = self._role(
            "DeployRole",
            deploy_role_name(delivery),
            subjects=[f"environment:{name}" for name in environments],
            bootstrap_roles=("deploy", "file-publishing", "lookup"),
            description="Deploys from the main branch, after GitHub's approval",
        )
        self.diff_role = self._role(
            "DiffRole",
            diff_role_name(delivery),
            subjects=["pull_request"],
            bootstrap_roles=("lookup",),
            description="Compares templates for pull requests; reads only",
        )

    def _provider(self) -> str:
        if self._actions.provider_exists:
            return self.format_arn(service="iam", region="", resource="oidc-provider", resource_name=_ISSUER)
        provider = iam.CfnOIDCProvider(self, "Provider", url=f"https://{_ISSUER}", client_id_list=["sts.amazonaws.com"])
        # Another stack, or a person, may have come to use it.
        provider.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        return provider.attr_arn

    def _role(
        self, construct_id: str, name: str, *, subjects: Sequence[str], bootstrap_roles: Sequence[str], description: str
    ) -> iam.CfnRole:
        assumed = [
            self.format_arn(
                service="iam",
                region="",
                resource="role",
                # One per region that was bootstrapped, hence the `*`.
                resource_name=f"cdk-{qualifier}-{kind}-role-{self.account}-*",
            )
            for qualifier in self._qualifiers
            for kind in bootstrap_roles
        ]
        role = iam.CfnRole(
            self,
            construct_id,
            # Workflows name the role without asking AWS; nothing else that could replace it is ever changed.
            role_name=name,
            description=description,
            max_session_duration=3600,
            assume_role_policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Federated": self._provider_arn},
                        "Action": "sts:AssumeRoleWithWebIdentity",
                        "Condition": {
                            "StringEquals": {
                                f"{_ISSUER}:aud": "sts.amazonaws.com",
                                f"{_ISSUER}:sub": [f"{self._subject()}:{subject}" for subject in subjects],
                            }
                        },
                    }
                ],
            },
            policies=[
                iam.CfnRole.PolicyProperty(
                    policy_name="Bootstrap",
                    policy_document={
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Sid": "TakeOnBootstrapRoles",
                                "Effect": "Allow",
                                "Action": "sts:AssumeRole",
                                "Resource": assumed,
                            }
                        ],
                    },
                )
            ],
        )
        reason = "the bootstrap roles of every region of this account; each says itself what it may"
        role.add_metadata("WildcardReasons", {"TakeOnBootstrapRoles": reason})
        return role

    def _subject(self) -> str:
        owner, _, name = self._delivery.repository.partition("/")
        if self._actions.owner_id is None:
            return f"repo:{owner}/{name}"
        return f"repo:{owner}@{self._actions.owner_id}/{name}@{self._actions.repository_id}"


def deploy_role_name(delivery: Delivery) -> str:
    """Name of the role that deploys."""
    return f"{delivery.project}-github-deploy"


def diff_role_name(delivery: Delivery) -> str:
    """Name of the role that compares."""
    return f"{delivery.project}-github-diff"
