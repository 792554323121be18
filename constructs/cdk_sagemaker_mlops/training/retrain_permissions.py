"""What the retraining function may do: look at the pipeline and the registry, start the one, remember, tell."""

from __future__ import annotations

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._iam import Statement
from cdk_sagemaker_mlops.functions.service_function import Queue
from cdk_sagemaker_mlops.registry import ModelPackageGroupBase

from .pipeline_base import TrainingPipelineBase

RETRAINING_NAMESPACE = "SageMakerMLOps/Retraining"


def function_statements(
    pipeline: TrainingPipelineBase,
    group: ModelPackageGroupBase,
    *,
    controller_name: str,
    model: str,
    dead_letters: Queue,
) -> list[Statement]:
    """The permissions of the function, besides publishing to its topic."""
    memory = _refs.arn("ssm", f"parameter/{controller_name}/retraining/{model}")
    return [
        *pipeline.start_statements(),
        Statement(sid="ReadPipeline", actions=["sagemaker:ListPipelineExecutions"], resources=[pipeline.pipeline_arn]),
        Statement(
            sid="ReadExecutions",
            actions=["sagemaker:DescribePipelineExecution", "sagemaker:ListPipelineExecutionSteps"],
            resources=[pipeline.execution_arns],
            reason="executions have generated ids",
        ),
        Statement(
            sid="ReadRegistry",
            actions=["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"],
            resources=[group.group_arn, group.package_arns],
            reason="versions are counted up",
        ),
        Statement(
            sid="Remember",
            actions=["ssm:DeleteParameter", "ssm:GetParametersByPath", "ssm:PutParameter"],
            resources=[memory, f"{memory}/*"],
            reason="one parameter per retraining",
        ),
        # Whether its stack is being deleted, which is when the memory goes.
        Statement(sid="ReadOwnStack", actions=["cloudformation:DescribeStacks"], resources=[_refs.stack_id()]),
        Statement(sid="KeepFailures", actions=["sqs:SendMessage"], resources=[dead_letters.arn]),
        Statement(
            sid="AnnounceRetrainings",
            actions=["events:PutEvents"],
            resources=[_refs.arn("events", "event-bus/default")],
            conditions={"StringEquals": {"events:source": "sagemaker-mlops.retraining"}},
        ),
        Statement(
            sid="PublishMetrics",
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],
            conditions={"StringEquals": {"cloudwatch:namespace": RETRAINING_NAMESPACE}},
            reason="metrics have no ARN; the condition allows this namespace only",
        ),
    ]
