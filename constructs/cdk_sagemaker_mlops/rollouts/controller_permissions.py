"""What the deploy function may do: read the registry, update serving stacks, remember, announce."""

from __future__ import annotations

from collections.abc import Sequence

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._iam import Statement, pass_role
from cdk_sagemaker_mlops.functions.service_function import Queue
from cdk_sagemaker_mlops.registry import ModelPackageGroupBase
from cdk_sagemaker_mlops.registry_policy import proposal_conditions

from .names import ControllerNames

ROLLOUT_NAMESPACE = "SageMakerMLOps/Rollouts"


def group_arns(groups: Sequence[ModelPackageGroupBase]) -> tuple[list[str], list[str]]:
    """ARNs of the groups and of their versions; of all groups of the account where none is named."""
    if not groups:
        return (
            [_refs.arn("sagemaker", "model-package-group/*", in_region="*", in_account="*")],
            [_refs.arn("sagemaker", "model-package/*", in_region="*", in_account="*")],
        )
    return [group.group_arn for group in groups], [group.package_arns for group in groups]


def function_statements(
    names: ControllerNames,
    groups: Sequence[ModelPackageGroupBase],
    cloudformation_role_arn: str,
    queue: Queue,
    *,
    proposes: bool,
) -> list[Statement]:
    """The permissions of the deploy function, besides consuming its queue and publishing to its topic.

    It may start an update of a serving stack of its environment only if CloudFormation carries it out with the scoped
    role: the function itself could change nothing.
    """
    own_groups, own_packages = group_arns(groups)
    any_version = "versions are counted up; a group may be registered by any serving stack of the environment"
    stacks = [names.stack_arns()]
    any_stack = "every serving stack of the environment, and the id that CloudFormation makes up at the end of its ARN"
    return [
        Statement(
            sid="ReadRegistry",
            actions=["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"],
            resources=[*own_groups, *own_packages],
            reason=any_version,
        ),
        Statement(
            sid="ReadEndpoints",
            actions=["sagemaker:DescribeEndpoint"],
            resources=[names.endpoint_arns()],
            reason="every endpoint of the environment",
        ),
        # Asked only when an endpoint does not run what its stack holds.
        Statement(
            sid="LookForConfigurations",
            actions=["sagemaker:DescribeEndpointConfig"],
            resources=[_refs.arn("sagemaker", "endpoint-config/*")],
            reason="CloudFormation makes up their names",
        ),
        Statement(
            sid="ReadServingStacks",
            actions=[
                "cloudformation:DescribeStacks",
                "cloudformation:DescribeStackEvents",
                "cloudformation:ListStackResources",
            ],
            resources=stacks,
            reason=any_stack,
        ),
        # Whether it is being deleted, which is when the memory goes.
        Statement(sid="ReadOwnStack", actions=["cloudformation:DescribeStacks"], resources=[_refs.stack_id()]),
        Statement(
            sid="UpdateServingStacks",
            actions=["cloudformation:UpdateStack"],
            resources=stacks,
            conditions={"StringEquals": {"cloudformation:RoleArn": cloudformation_role_arn}},
            reason=any_stack,
        ),
        pass_role("PassScopedRole", [cloudformation_role_arn], "cloudformation.amazonaws.com"),
        Statement(
            sid="ReadRegistrations",
            actions=["ssm:GetParametersByPath"],
            resources=[arn for kind in ("serving", "quarantine", "rollouts") for arn in names.parameter_arns(kind)],
            reason="one parameter per model",
        ),
        Statement(
            sid="Remember",
            actions=["ssm:DeleteParameter", "ssm:PutParameter"],
            resources=[names.parameter_arns(kind)[1] for kind in ("quarantine", "rollouts")],
            reason="one parameter per model",
        ),
        Statement(sid="LookAgainLater", actions=["sqs:SendMessage"], resources=[queue.arn]),
        Statement(
            sid="ConsumeQueue",
            actions=[
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
            ],
            resources=[queue.arn],
        ),
        Statement(
            sid="AnnounceRollouts",
            actions=["events:PutEvents"],
            resources=[_refs.arn("events", "event-bus/default")],
            conditions={"StringEquals": {"events:source": "sagemaker-mlops.rollout"}},
        ),
        Statement(
            sid="PublishMetrics",
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],
            conditions={"StringEquals": {"cloudwatch:namespace": ROLLOUT_NAMESPACE}},
            reason="metrics have no ARN; the condition allows this namespace only",
        ),
        *(_proposals(own_packages) if proposes else []),
    ]


def _proposals(packages: Sequence[str]) -> list[Statement]:
    return [
        Statement(
            sid="ProposeVersions",
            actions=["sagemaker:UpdateModelPackage"],
            resources=packages,
            conditions=proposal_conditions(),
            reason="versions are counted up; the conditions keep it from approving any",
        ),
        Statement(
            sid="LookForAlarms",
            actions=["cloudwatch:DescribeAlarms"],
            resources=[_refs.arn("cloudwatch", "alarm:*")],
            reason="alarms of an endpoint are found by how their names begin, which takes all of them",
        ),
    ]
