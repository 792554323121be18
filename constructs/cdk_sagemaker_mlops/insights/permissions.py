"""What the report's function may read, and the one place that it may write to."""

from __future__ import annotations

from collections.abc import Sequence

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._iam import Statement, merge
from cdk_sagemaker_mlops.monitoring.locations import Location, decrypt, encrypt
from cdk_sagemaker_mlops.rollouts.names import ControllerNames


def function_statements(
    names: ControllerNames, reports: Location, artifacts: Sequence[Location], output: Location
) -> list[Statement]:
    """Read-only, but for the pages below `output`."""
    evaluations = [statement for place in artifacts for statement in place.read("Evaluations", "evaluations")]
    return [
        Statement(
            sid="ReadRegistrations",
            actions=["ssm:GetParametersByPath"],
            resources=[arn for kind in ("serving", "quarantine") for arn in names.parameter_arns(kind)],
            reason="one parameter per model",
        ),
        Statement(
            sid="ReadVersions",
            actions=["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"],
            resources=[
                _refs.arn("sagemaker", "model-package-group/*", in_region="*", in_account="*"),
                _refs.arn("sagemaker", "model-package/*", in_region="*", in_account="*"),
            ],
            reason="groups are named by the serving stacks' registrations, and versions are counted up",
        ),
        Statement(
            sid="ReadTrainings",
            actions=["sagemaker:DescribeHyperParameterTuningJob", "sagemaker:DescribeTrainingJob"],
            resources=[
                _refs.arn("sagemaker", "training-job/*"),
                _refs.arn("sagemaker", "hyper-parameter-tuning-job/*"),
            ],
            reason="the archives of versions name their training jobs, which name their tuning jobs",
        ),
        Statement(
            sid="ReadEndpoints",
            actions=["sagemaker:DescribeEndpoint", "sagemaker:DescribeEndpointConfig"],
            resources=[names.endpoint_arns(), _refs.arn("sagemaker", "endpoint-config/*")],
            reason="every endpoint of the environment; CloudFormation makes up the names of configurations",
        ),
        Statement(
            sid="ReadServingStacks",
            actions=["cloudformation:DescribeStacks"],
            resources=[names.stack_arns()],
            reason="every serving stack of the environment, and the id that CloudFormation makes up",
        ),
        Statement(
            sid="ReadMetrics",
            actions=["cloudwatch:GetMetricData", "cloudwatch:ListMetrics"],
            resources=["*"],
            reason="metrics have no ARN",
        ),
        Statement(
            sid="ReadAlarms",
            actions=["cloudwatch:DescribeAlarms"],
            resources=[_refs.arn("cloudwatch", "alarm:*")],
            reason="alarms are found by how their names begin, which takes all of them",
        ),
        *reports.read("Reports", "reports"),
        *merge(evaluations),
        *output.write("Pages", "pages are filed by hour and"),
        *decrypt(*{reports.key_arn, *(place.key_arn for place in artifacts)}),
        *encrypt(output.key_arn),
    ]
