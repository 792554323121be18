"""What owned and imported pipelines have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from constructs import Construct

from cdk_sagemaker_mlops import _paths, _refs
from cdk_sagemaker_mlops._block import Block
from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops._iam import Statement, grant

from .alarms import measure
from .triggers import add_rule, start_statement

if TYPE_CHECKING:
    from aws_cdk.aws_cloudwatch import Metric
    from aws_cdk.aws_events import Rule
    from aws_cdk.aws_iam import Grant, IGrantable

#: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreatePipeline.html
PIPELINE_NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}"
NAME_RULE = "allowed are 1 to 256 letters, digits and hyphens, the first and the last one no hyphen"
EXECUTION_STATUSES = ("Executing", "Failed", "Stopped", "Stopping", "Succeeded")
_EVENTS = "SageMaker Model Building Pipeline Execution Status Change"


class TrainingPipelineBase(Construct):
    """A pipeline, made here or elsewhere.

    :ivar pipeline_name: Name of the pipeline.
    :ivar pipeline_arn: ARN of the pipeline.
    """

    pipeline_name: str
    pipeline_arn: str

    def _identify(self, name: str) -> None:
        self.pipeline_name = name
        # SageMaker writes names in ARNs in lower case.
        self.pipeline_arn = _refs.arn("sagemaker", f"pipeline/{name if _refs.is_token(name) else name.lower()}")

    @property
    def execution_arns(self) -> str:
        """ARN pattern of its executions."""
        return f"{self.pipeline_arn}/execution/*"

    def start_statements(self) -> list[Statement]:
        """What a role needs to start it."""
        return [start_statement(self.pipeline_arn)]

    def grant_start_execution(self, grantee: IGrantable) -> Grant:
        """Allow starting it."""
        return grant(grantee, self.start_statements())

    def grant_read(self, grantee: IGrantable) -> Grant:
        """Allow looking at executions and their steps."""
        statements = [
            Statement(
                sid="ReadPipeline",
                actions=["sagemaker:DescribePipeline", "sagemaker:ListPipelineExecutions"],
                resources=[self.pipeline_arn],
            ),
            Statement(
                sid="ReadExecutions",
                actions=[
                    "sagemaker:DescribePipelineExecution",
                    "sagemaker:ListPipelineExecutionSteps",
                    "sagemaker:ListPipelineParametersForExecution",
                ],
                resources=[self.execution_arns],
                reason="executions have generated ids",
            ),
        ]
        return grant(grantee, statements)

    def start_on(
        self,
        construct_id: str,
        event_pattern: Mapping[str, Any],
        *,
        parameters: Mapping[str, str] | None = None,
        description: str | None = None,
    ) -> None:
        """Start it on events, without a function between.

        An event starts an execution each time it comes, repeated ones too. Where that matters, or where there has to be
        a pause between executions, use :class:`RetrainOnDrift`.

        :param construct_id: Id of the rule below this pipeline.
        :param event_pattern: As EventBridge has it: source, detail-type, detail.
        :param parameters: Parameters of the execution; a value such as `$.detail.s3Uri` is taken from the event.
        :param description: What the events are. Default: - none
        """
        problems = Problems()
        problems.require(
            bool(event_pattern), "event_pattern is empty, which would match every event; give a source at least"
        )
        problems.raise_if_any(self, construct_id)
        _paths.below_stack(self)
        block = Block(self, f"{construct_id}Resources")
        add_rule(
            block,
            construct_id,
            self.pipeline_arn,
            pattern=event_pattern,
            parameters=parameters or {},
            description=description,
        )
        block.define()

    def on_execution(self, construct_id: str, *, statuses: Sequence[str] = ("Failed", "Stopped", "Succeeded")) -> Rule:
        """A rule on the end of its executions; add targets to it.

        :param statuses: Executing, Failed, Stopped, Stopping, Succeeded. Default: all that end an execution
        """
        from aws_cdk.aws_events import EventPattern, Rule

        problems = Problems()
        for status in statuses:
            problems.one_of("statuses", status, EXECUTION_STATUSES)
        problems.raise_if_any(self, construct_id)
        return Rule(
            self,
            construct_id,
            event_pattern=EventPattern(
                source=["aws.sagemaker"],
                detail_type=[_EVENTS],
                detail={"pipelineArn": [self.pipeline_arn], "currentPipelineExecutionStatus": list(statuses)},
            ),
        )

    # -- metrics ---------------------------------------------------------------------------------------------------

    def metric_executions_started(self) -> Metric:
        """Executions that began; sum of an hour."""
        return measure(self.pipeline_name, "ExecutionStarted", "Sum").metric()

    def metric_executions_succeeded(self) -> Metric:
        """Executions that succeeded; sum of an hour."""
        return measure(self.pipeline_name, "ExecutionSucceeded", "Sum").metric()

    def metric_executions_failed(self) -> Metric:
        """Executions that failed; sum of an hour."""
        return measure(self.pipeline_name, "ExecutionFailed", "Sum").metric()

    def metric_execution_duration(self) -> Metric:
        """How long executions took, in milliseconds; the longest of an hour."""
        return measure(self.pipeline_name, "ExecutionDuration", "Maximum").metric()
