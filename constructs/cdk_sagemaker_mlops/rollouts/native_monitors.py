"""What a rollout exchanges where monitors run on Model Monitor: their job definitions, which name the baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._iam import Statement

from .names import CONTROLLER_TAG, ControllerNames

if TYPE_CHECKING:
    from constructs import IConstruct

_KINDS = ("DataQuality", "ModelQuality", "ModelBias", "ModelExplainability")
_RESOURCES = ("data-quality", "model-quality", "model-bias", "model-explainability")


def native_statements(names: ControllerNames) -> list[Statement]:
    """Making, replacing and reading job definitions and monitoring schedules."""
    definitions = [_refs.arn("sagemaker", f"{kind}-job-definition/*") for kind in _RESOURCES]
    reason = f"CloudFormation makes up names of job definitions; the tag {CONTROLLER_TAG} limits them"
    return [
        Statement(
            sid="MakeTaggedDefinitions",
            actions=["sagemaker:AddTags", *(f"sagemaker:Create{kind}JobDefinition" for kind in _KINDS)],
            resources=definitions,
            conditions={"StringEquals": {f"aws:RequestTag/{CONTROLLER_TAG}": names.controller}},
            reason=reason,
        ),
        Statement(
            sid="DeleteTaggedDefinitions",
            actions=[f"sagemaker:Delete{kind}JobDefinition" for kind in _KINDS],
            resources=definitions,
            conditions={"StringEquals": {f"aws:ResourceTag/{CONTROLLER_TAG}": names.controller}},
            reason=reason,
        ),
        Statement(
            sid="LookAtDefinitions",
            # Without the tag: of what is already deleted there is none, and the answer has to be "not found".
            actions=["sagemaker:ListTags", *(f"sagemaker:Describe{kind}JobDefinition" for kind in _KINDS)],
            resources=definitions,
            reason="CloudFormation makes up names of job definitions; reading only",
        ),
        Statement(
            sid="MoveMonitoringSchedules",
            actions=[
                "sagemaker:CreateMonitoringSchedule",
                "sagemaker:DeleteMonitoringSchedule",
                "sagemaker:DescribeMonitoringSchedule",
                "sagemaker:UpdateMonitoringSchedule",
            ],
            resources=[_refs.arn("sagemaker", f"monitoring-schedule/{names.controller.lower()}-*")],
            reason="every monitor's schedule of the environment",
        ),
    ]


def tag_definitions(monitor: IConstruct, controller_name: str) -> None:
    """Tie a native monitor's job definition to its controller. A definition with another tag is another definition."""
    types = [f"AWS::SageMaker::{kind}JobDefinition" for kind in _KINDS]
    cdk.Tags.of(monitor).add(CONTROLLER_TAG, controller_name, include_resource_types=types)
