"""Three accounts: a registry that all share, staging that proves a version, production that a person opens for it.

Numbers, VPCs and keys of the accounts are in cdk.json, with the permissions boundary and the bootstrap's qualifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

import cdk_sagemaker_mlops as mlops

REGION = "eu-west-1"
MODEL = "churn"


@dataclass(frozen=True, kw_only=True)
class Account:
    """What the platform's team has prepared in an account."""

    account: str
    key: str
    vpc: str = ""
    subnets: Sequence[str] = ()

    @property
    def environment(self) -> cdk.Environment:
        """Where stacks of this account go."""
        return cdk.Environment(account=self.account, region=REGION)

    @property
    def artifacts(self) -> str:
        """Name of the bucket of archives and baselines; other accounts have to know it before it exists."""
        return f"shop-models-{self.account}-{REGION}"


class SharedRegistry(cdk.Stack):
    """Versions of the model, with their archives and baselines, for the accounts that deploy them."""

    def __init__(
        self, scope: Construct, construct_id: str, *, shared: Account, staging: Account, production: Account
    ) -> None:
        super().__init__(scope, construct_id, env=shared.environment)
        followers = [staging.account, production.account]
        artifacts = s3.Bucket(
            self,
            "Artifacts",
            bucket_name=shared.artifacts,
            encryption_key=kms.Key.from_key_arn(self, "Key", shared.key),
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
        )
        _let_read(artifacts, followers)
        group = mlops.ModelPackageGroup(
            self,
            "Group",
            name=MODEL,
            artifacts=[artifacts],
            consumer_accounts=followers,
            proposer_accounts=[staging.account],
        )
        mlops.RegistryEvents(self, "Events", groups=[group], accounts=followers)


def _let_read(bucket: s3.Bucket, accounts: Sequence[str]) -> None:
    """Let roles of other accounts read, if these accounts allow it too; `grant_read` would let them do more."""
    principals = [iam.AccountPrincipal(number) for number in accounts]
    for sid, action, resource in (
        ("FollowersRead", "s3:GetObject", bucket.arn_for_objects("*")),
        ("FollowersList", "s3:ListBucket", bucket.bucket_arn),
    ):
        statement = iam.PolicyStatement(sid=sid, actions=[action], resources=[resource], principals=principals)
        bucket.add_to_resource_policy(statement)
    policy = bucket.policy
    assert policy is not None
    reason = "whichever version is approved is deployed"
    policy.node.default_child.add_metadata("WildcardReasons", {"FollowersRead": reason})  # type: ignore[union-attr]


class Foundation(cdk.Stack):
    """Captured traffic, reports, who is told, and the controller that rolls out what is approved."""

    def __init__(
        self, scope: Construct, construct_id: str, *, name: str, here: Account, shared: Account, proposes: bool
    ) -> None:
        super().__init__(scope, construct_id, env=here.environment)
        key = kms.Key.from_key_arn(self, "Key", here.key)
        self.storage = mlops.Storage(self, "Storage", encryption_key=key)
        self.people = mlops.Notifications(self, "People", emails=["ml-ops@example.com"], encryption_key=key)
        mlops.RolloutController(
            self,
            "Controller",
            name=name,
            notifications=self.people,
            registry_accounts=[shared.account],
            proposes=proposes,
            encryption_keys=[key],
        )


class Serving(cdk.Stack):
    """The endpoint in the account's VPC, and what watches it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        here: Account,
        shared: Account,
        foundation: Foundation,
        promotion: mlops.Promotion,
    ) -> None:
        super().__init__(scope, construct_id, env=here.environment)
        artifacts = s3.Bucket.from_bucket_attributes(
            self,
            "Artifacts",
            bucket_name=shared.artifacts,
            encryption_key=kms.Key.from_key_arn(self, "ArtifactsKey", shared.key),
        )
        arn = f"arn:{self.partition}:sagemaker:{REGION}:{shared.account}:model-package-group/{MODEL}"
        group = mlops.ModelPackageGroup.from_model_package_group_arn(self, "Group", arn, artifacts=[artifacts])
        storage = foundation.storage
        endpoint = mlops.Endpoint(
            self,
            "Endpoint",
            endpoint_name=f"{name}-{MODEL}",
            model=mlops.Model.latest_approved(group),
            initial_instance_count=2,
            capture=mlops.DataCapture(bucket=storage.capture),
            rollout=mlops.Rollout.canary(percent=50, bake_minutes=10),
            encryption_key=kms.Key.from_key_arn(self, "VolumeKey", here.key),
            network=mlops.Network(
                # EC2 knows in which zones the subnets are; the CDK only wants to hear of one.
                vpc=ec2.Vpc.from_vpc_attributes(
                    self,
                    "Vpc",
                    vpc_id=here.vpc,
                    availability_zones=[f"{REGION}a"],
                    private_subnet_ids=list(here.subnets),
                )
            ),
        )
        endpoint.add_monitor(mlops.DataQualityMonitor(self, "DataQuality", reports=storage.reports))
        rollouts = mlops.RolloutRegistration(
            self, "Registration", controller_name=name, model=MODEL, endpoint=endpoint, promotion=promotion
        )
        incidents = mlops.ModelIncidents(
            self, "Incidents", endpoint=endpoint, targets=[foundation.people], rollouts=rollouts
        )
        mlops.EndpointDashboard(self, "Dashboard", endpoint=endpoint).show(incidents)


def define(app: cdk.App) -> None:
    """Define the stages of all accounts; names of stacks begin with those of their stage."""
    accounts = {name: Account(**values) for name, values in app.node.get_context("accounts").items()}
    shared = accounts["shared"]
    SharedRegistry(cdk.Stage(app, "shop-shared"), "Registry", **accounts)
    promotions = {
        # Healthy for an hour in staging: proposed for production, where it goes live once a person has agreed.
        "staging": mlops.Promotion(next_stage="production", healthy_minutes=60),
        "production": mlops.Promotion(stage="production", after="shop-staging"),
    }
    for stage, promotion in promotions.items():
        name, here = f"shop-{stage}", accounts[stage]
        scope = cdk.Stage(app, name)
        foundation = Foundation(
            scope, "Foundation", name=name, here=here, shared=shared, proposes=promotion.next_stage is not None
        )
        Serving(
            scope,
            f"Serving-{MODEL}",
            name=name,
            here=here,
            shared=shared,
            foundation=foundation,
            promotion=promotion,
        )


if __name__ == "__main__":
    app = cdk.App()
    define(app)
    app.synth()
