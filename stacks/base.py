"""What all stacks of an environment have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from constructs import Construct, IConstruct

from .settings import Environment, prefix

BOOTSTRAP_QUALIFIER = "@aws-cdk/core:bootstrapQualifier"


def boundary_of(policy: str | None) -> cdk.PermissionsBoundary | None:
    """A permissions boundary by the name or the ARN of its policy."""
    if policy is None:
        return None
    return cdk.PermissionsBoundary.from_arn(policy) if ":" in policy else cdk.PermissionsBoundary.from_name(policy)


class EnvironmentStack(cdk.Stack):
    """A stack with its environment's account, region, tags and termination protection.

    :param environment_name: Name of the environment, which is its file's.
    :param settings: Settings of the environment.
    :param description: What the stack holds.
    :param tagged: Whether the stack itself has the environment's tags, which CloudFormation copies to all resources.
        Without, the resources have them. Default: True
    :param untagged_types: With `tagged=False`, resource types that stay without tags. Default: none
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment_name: str,
        settings: Environment,
        description: str,
        tagged: bool = True,
        untagged_types: Sequence[str] = (),
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=cdk.Environment(account=settings.account, region=settings.region),
            description=description,
            tags=dict(settings.tags) if tagged else None,
            termination_protection=settings.termination_protection,
        )
        if not tagged:
            for key, value in settings.tags.items():
                cdk.Tags.of(self).add(key, value, exclude_resource_types=["aws:cdk:stack", *untagged_types])
        self.settings = settings
        self.environment_name = environment_name
        self.prefix = prefix(settings.project, environment_name)

    @property
    def retain(self) -> bool:
        """Whether data outlives the stacks."""
        return self.settings.removal == "retain"


def acknowledge(scope: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accepts findings of cdk-nag below a construct.

    :param reasons: Why each is no mistake here, by rule id such as `AwsSolutions::AwsSolutions-L1`.
    """
    rules = [cdk.Acknowledgment(id=rule, reason=reason) for rule, reason in reasons.items()]
    cdk.Validations.of(scope).acknowledge(*rules)


RUNTIME_IS_PINNED = {
    "AwsSolutions::AwsSolutions-L1": "the wheels of the functions' layer are locked for this runtime; "
    "both change together"
}
