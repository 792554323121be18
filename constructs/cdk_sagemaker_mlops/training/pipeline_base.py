"""What owned and imported pipelines have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from constructs import Construct

from cdk_sagemaker_mlops import _paths, _refs
from cdk_sagemaker_mlops._block import Block
from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops._iam import Statement, grant

from .alarms import measure
from .patterns import object_created, pattern_problems
from .triggers import add_rule, start_statement

if TYPE_CHECKING:
    from aws_cdk.aws_cloudwatch import Metric
    from aws_cdk.aws_events import Rule
    from aws_cdk.aws_iam import Grant, IGrantable
    from aws_cdk.aws_s3 import IBucket

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
        for problem in pattern_problems(event_pattern, pipeline_name=self.pipeline_name):
            problems.add(f"event_pattern {problem}")
        problems.extend(self._parameter_problems(parameters or {}), where="parameters")
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

    def start_on_new_data(
        self,
        construct_id: str,
        bucket: IBucket,
        prefix: str = "",
        *,
        suffix: str | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """Start it when objects are written below a prefix.

        Every object starts an execution of its own, a hundred files start a hundred: have one file written, or give the
        name of the one that comes last (`suffix="_SUCCESS"`). Without a suffix, synthesis warns of that
        (`cdk-sagemaker-mlops:EachObjectStarts`). The bucket has to be of this account and region, and to tell
        EventBridge of its objects: `Storage(event_bridge=["models"])`, `event_bridge_enabled` of the CDK's buckets, or
        its owner turns it on.

        :param construct_id: Id of the rule below this pipeline.
        :param bucket: The bucket.
        :param prefix: What keys begin with, `training-data/churn/`. Default: every object of the bucket
        :param suffix: What keys end with. Default: - anything
        :param parameters: Parameters of the execution; `$.detail.object.key` is the object's key.
        """
        problems = Problems()
        problems.require(suffix != "", "suffix is empty; leave it out for objects of any name")
        problems.extend(self._circle_problems(bucket, prefix))
        problems.raise_if_any(self, construct_id)
        if suffix is None:
            cdk.Annotations.of(self).add_warning_v2(
                "cdk-sagemaker-mlops:EachObjectStarts",
                f"each new object below {prefix or 'the root of the bucket'} starts an execution of its own: a hundred "
                'files start a hundred. Have one object written last and wait for that, such as suffix "_SUCCESS"; if '
                "only one file is written at a time, say so by its ending",
            )
        self.start_on(
            construct_id,
            object_created(_refs.bucket_name(bucket), prefix, suffix),
            parameters=parameters,
            description=f"New training data of {self.pipeline_name}",
        )

    def _parameter_problems(self, parameters: Mapping[str, str]) -> Sequence[str]:
        """What is wrong with parameters that an execution is started with; nothing is known of imported pipelines."""
        return ()

    def _circle_problems(self, bucket: IBucket, prefix: str) -> Sequence[str]:
        """Why objects below a prefix would be the pipeline's own; nothing is known of imported pipelines."""
        return ()

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
