"""What CloudFormation may do while it carries out a rollout: exchange model, configuration and what depends on them.

A rollout gives a stack new parameter values and no new template, so only what the condition `HasModelVersion` guards,
or
what refers to the version, can change. Roles, functions, buckets, keys and queues are out of reach on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._iam import Statement
from cdk_sagemaker_mlops.registry import ModelPackageGroupBase

from .controller_permissions import group_arns
from .names import CONTROLLER_TAG, ControllerNames


def rollout_statements(
    names: ControllerNames, groups: Sequence[ModelPackageGroupBase], key_arns: Sequence[str]
) -> list[Statement]:
    """The permissions of the scoped CloudFormation role."""
    return [
        *_models_and_configs(names),
        *_endpoint(names),
        *_packages(groups),
        *_roles(names),
        *_scaling(names),
        *_watching(names),
        *_keys(key_arns),
        Statement(
            sid="ReadBootstrapVersion",
            actions=["ssm:GetParameters"],
            resources=[_refs.arn("ssm", "parameter/cdk-bootstrap/*")],
            reason="templates of the CDK read the bootstrap's version, under a qualifier that its owner chose",
        ),
    ]


def _models_and_configs(names: ControllerNames) -> list[Statement]:
    """CloudFormation makes these names up, without the stack's in them: a tag ties them to the environment instead."""
    resources = [_refs.arn("sagemaker", f"{kind}/*") for kind in ("model", "endpoint-config")]
    reason = f"CloudFormation makes up names of models and configurations; the tag {CONTROLLER_TAG} limits them"
    return [
        Statement(
            sid="MakeTagged",
            actions=["sagemaker:AddTags", "sagemaker:CreateEndpointConfig", "sagemaker:CreateModel"],
            resources=resources,
            conditions={"StringEquals": {f"aws:RequestTag/{CONTROLLER_TAG}": names.controller}},
            reason=reason,
        ),
        Statement(
            sid="ChangeTagged",
            actions=["sagemaker:DeleteEndpointConfig", "sagemaker:DeleteModel", "sagemaker:DeleteTags"],
            resources=resources,
            conditions={"StringEquals": {f"aws:ResourceTag/{CONTROLLER_TAG}": names.controller}},
            reason=reason,
        ),
        Statement(
            sid="LookAt",
            # Without the tag: of what is already deleted there is none, and the answer has to be "not found".
            actions=["sagemaker:DescribeEndpointConfig", "sagemaker:DescribeModel", "sagemaker:ListTags"],
            resources=resources,
            reason="CloudFormation makes up names of models and configurations; reading only",
        ),
    ]


def _endpoint(names: ControllerNames) -> list[Statement]:
    return [
        Statement(
            sid="RollOut",
            actions=[
                "sagemaker:AddTags",
                "sagemaker:CreateEndpoint",
                "sagemaker:DeleteEndpoint",
                "sagemaker:DeleteTags",
                "sagemaker:DescribeEndpoint",
                "sagemaker:ListTags",
                "sagemaker:UpdateEndpoint",
                "sagemaker:UpdateEndpointWeightsAndCapacities",
            ],
            resources=[names.endpoint_arns()],
            reason="every endpoint of the environment",
        ),
        Statement(
            sid="UseConfig",
            # SageMaker authorises these calls on the configuration as well as on the endpoint.
            actions=["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"],
            resources=[_refs.arn("sagemaker", "endpoint-config/*")],
            conditions={"StringEquals": {f"aws:ResourceTag/{CONTROLLER_TAG}": names.controller}},
            reason=f"CloudFormation makes up names of configurations; the tag {CONTROLLER_TAG} limits them",
        ),
        Statement(
            sid="UpdateComponents",
            actions=[
                "sagemaker:AddTags",
                "sagemaker:CreateInferenceComponent",
                "sagemaker:DeleteInferenceComponent",
                "sagemaker:DeleteTags",
                "sagemaker:DescribeInferenceComponent",
                "sagemaker:ListTags",
                "sagemaker:UpdateInferenceComponent",
                "sagemaker:UpdateInferenceComponentRuntimeConfig",
            ],
            # Creating one is authorised on its endpoint, too.
            resources=[names.component_arns(), names.endpoint_arns()],
            reason="every inference component of the environment",
        ),
    ]


def _packages(groups: Sequence[ModelPackageGroupBase]) -> list[Statement]:
    return [
        Statement(
            sid="DeployVersions",
            actions=["sagemaker:CreateModel", "sagemaker:DescribeModelPackage"],
            resources=group_arns(groups)[1],
            reason="SageMaker authorises a model from the registry on its version, and versions are counted up",
        )
    ]


def _roles(names: ControllerNames) -> list[Statement]:
    roles = [names.role_arns()]
    reason = "roles of the serving stacks have generated names"
    return [
        Statement(
            sid="PassExecutionRoles",
            actions=["iam:PassRole"],
            resources=roles,
            conditions={
                "StringEquals": {"iam:PassedToService": ["sagemaker.amazonaws.com", "scheduler.amazonaws.com"]}
            },
            reason=reason,
        ),
        Statement(
            sid="MakeScalingRole",
            actions=["iam:CreateServiceLinkedRole"],
            resources=[
                _refs.arn(
                    "iam", "role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/*", in_region=""
                )
            ],
            conditions={"StringEquals": {"iam:AWSServiceName": "sagemaker.application-autoscaling.amazonaws.com"}},
            reason="the service names its own role; it is made once per account",
        ),
    ]


def _scaling(names: ControllerNames) -> list[Statement]:
    return [
        Statement(
            # Application Auto Scaling makes its alarms with the permissions of who puts the policy, not with its own:
            # https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html
            sid="TrackTargets",
            actions=["cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"],
            resources=names.tracking_alarm_arns(),
            reason="Application Auto Scaling names its alarms after the variant and a made-up id",
        ),
        Statement(
            sid="ScaleVariants",
            actions=[
                "application-autoscaling:DeleteScalingPolicy",
                "application-autoscaling:DeleteScheduledAction",
                "application-autoscaling:DeregisterScalableTarget",
                "application-autoscaling:PutScalingPolicy",
                "application-autoscaling:PutScheduledAction",
                "application-autoscaling:RegisterScalableTarget",
                "application-autoscaling:TagResource",
                "application-autoscaling:UntagResource",
            ],
            resources=[_refs.arn("application-autoscaling", "scalable-target/*")],
            conditions={"StringEqualsIfExists": {"application-autoscaling:service-namespace": "sagemaker"}},
            reason="scalable targets have made-up ids; the condition keeps to SageMaker's",
        ),
        Statement(
            sid="LookAtScaling",
            actions=[
                "application-autoscaling:DescribeScalableTargets",
                "application-autoscaling:DescribeScalingPolicies",
                "application-autoscaling:DescribeScheduledActions",
                "application-autoscaling:ListTagsForResource",
            ],
            resources=["*"],
            reason="these calls know no resources",
        ),
    ]


def _watching(names: ControllerNames) -> list[Statement]:
    return [
        Statement(
            sid="RebaseMonitors",
            actions=[
                "scheduler:CreateSchedule",
                "scheduler:DeleteSchedule",
                "scheduler:GetSchedule",
                "scheduler:UpdateSchedule",
            ],
            resources=[names.schedule_arns()],
            reason="every monitor's schedule of the environment",
        ),
        Statement(
            sid="ChangeAlarms",
            actions=[
                "cloudwatch:DeleteAlarms",
                "cloudwatch:DescribeAlarms",
                "cloudwatch:ListTagsForResource",
                "cloudwatch:PutMetricAlarm",
                "cloudwatch:TagResource",
                "cloudwatch:UntagResource",
            ],
            resources=[names.alarm_arns()],
            reason="alarms of the serving stacks have generated names",
        ),
        Statement(
            sid="ChangeDashboards",
            actions=[
                "cloudwatch:DeleteDashboards",
                "cloudwatch:GetDashboard",
                "cloudwatch:ListTagsForResource",
                "cloudwatch:PutDashboard",
                "cloudwatch:TagResource",
                "cloudwatch:UntagResource",
            ],
            resources=[names.dashboard_arns()],
            reason="every endpoint's dashboard of the environment",
        ),
    ]


def _keys(key_arns: Sequence[str]) -> list[Statement]:
    if not key_arns:
        return []
    return [
        Statement(
            sid="EncryptVolumes",
            actions=["kms:CreateGrant", "kms:DescribeKey"],
            resources=list(key_arns),
            conditions={"StringLike": {"kms:ViaService": f"sagemaker.{_refs.region()}.amazonaws.com"}},
        )
    ]
