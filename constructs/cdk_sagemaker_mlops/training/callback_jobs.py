"""Ground Truth and Neo in pipelines: jobs that SageMaker Pipelines has no step for, waited for with callbacks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk_sagemaker_mlops import _paths, _refs
from cdk_sagemaker_mlops._block import Block
from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops._iam import Statement, pass_role
from cdk_sagemaker_mlops.functions import Architecture
from cdk_sagemaker_mlops.functions.service_function import add_function, add_queue
from cdk_sagemaker_mlops.functions.sources import CALLBACKS

from .steps import CallbackStep
from .values import Join, Value, render

if TYPE_CHECKING:
    from aws_cdk.aws_iam import IRole
    from aws_cdk.aws_sqs import IQueue

_TIMEOUT_SECONDS = 45
#: What a request needs, by kind. https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations.html
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "labeling": ("HumanTaskConfig", "InputConfig", "LabelAttributeName", "OutputConfig", "RoleArn"),
    "compilation": ("OutputConfig", "RoleArn", "StoppingCondition"),
}
_NAMES = {"labeling": "LabelingJobName", "compilation": "CompilationJobName"}


class CallbackJobs(Construct):
    """Makes steps of Ground Truth's labelling jobs and Neo's compilation jobs, for accounts that have them.

    A small function reads the queue of the steps: it starts a step's job, looks at it every few minutes, and tells the
    step how it ended. Stopping the execution stops the job.

    :param roles: Roles that the jobs run with, which the function may pass on.
    :param poll_minutes: How often it looks, 5 to 60. Default: 5
    :param log_retention_days: How long logs are kept. Default: 90
    :param architecture: Processor. Default: ARM_64
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        roles: Sequence[IRole],
        poll_minutes: int = 5,
        log_retention_days: int = 90,
        architecture: Architecture = Architecture.ARM_64,
    ) -> None:
        problems = Problems()
        problems.require(bool(roles), "roles is empty; give the roles that the jobs run with")
        problems.between("poll_minutes", poll_minutes, 5, 60, "minutes")
        problems.raise_if_any(scope, construct_id)
        super().__init__(scope, construct_id)
        _paths.place(self, scope, construct_id)
        block = Block(self)
        # No dead letters: a job that takes days is looked at very often, and Pipelines limits how long a step waits.
        self._queue = add_queue(block, "Queue", visibility_seconds=poll_minutes * 60)
        function = add_function(
            block,
            _paths.stack_of(scope),
            code=CALLBACKS,
            description="Starts jobs of Ground Truth and Neo for pipelines, and tells these how they end",
            statements=_statements(self._queue.arn, roles),
            environment={},
            memory_mb=256,
            timeout_seconds=_TIMEOUT_SECONDS,
            architecture=architecture,
            log_retention_days=log_retention_days,
        )
        self._function_name = function.name
        block.add(
            "Messages",
            "AWS::Lambda::EventSourceMapping",
            lambda_.CfnEventSourceMappingProps(
                function_name=function.arn,
                event_source_arn=self._queue.arn,
                batch_size=1,
                function_response_types=["ReportBatchItemFailures"],
            ),
        )
        block.define()

    @property
    def function_name(self) -> str:
        """Name of the function."""
        return self._function_name

    @cached_property
    def queue(self) -> IQueue:
        """The queue that the steps' messages go to."""
        from aws_cdk.aws_sqs import Queue

        return Queue.from_queue_arn(self, "QueueView", self._queue.arn)

    def labeling_step(self, name: str, request: Mapping[str, Any], **options: Any) -> CallbackStep:
        """A labelling job of Ground Truth; `step.output("uri")` is its manifest with the labels.

        :param name: Name of the step.
        :param request: The request of CreateLabelingJob without the job's name; values of the pipeline may stand in it.
        :param options: Further props of :class:`CallbackStep`: `depends_on`, `description`, ...
        """
        return self._step("labeling", name, request, options)

    def compilation_step(self, name: str, request: Mapping[str, Any], **options: Any) -> CallbackStep:
        """A compilation by Neo; `step.output("uri")` is the compiled model.

        :param name: Name of the step.
        :param request: The request of CreateCompilationJob without the job's name; values of the pipeline may stand in
            it.
        :param options: Further props of :class:`CallbackStep`.
        """
        return self._step("compilation", name, request, options)

    def _step(self, kind: str, name: str, request: Mapping[str, Any], options: Mapping[str, Any]) -> CallbackStep:
        problems = Problems()
        for key in _NEEDED[kind]:
            problems.require(key in request, f"the request of step {name} has no {key}")
        problems.require(
            _NAMES[kind] not in request,
            f"the request of step {name} has a {_NAMES[kind]}; the name follows from the step",
        )
        problems.raise_if_any(self)
        return CallbackStep(
            name=name,
            queue=self.queue,
            inputs={"kind": kind, "request": json_text(request)},
            outputs={"job": "String", "uri": "String"},
            **options,
        )


def json_text(document: Mapping[str, Any]) -> str | Join:
    """A document as JSON text that is put together when the pipeline runs; values of the pipeline in it are texts."""
    values: list[Value] = []

    def marked(value: Any) -> Any:
        if isinstance(value, Value):
            values.append(value)
            return f"\0{len(values) - 1}\0"
        if isinstance(value, Mapping):
            return {key: marked(inner) for key, inner in value.items()}
        return [marked(inner) for inner in value] if isinstance(value, list | tuple) else value

    text = json.dumps(render(marked(document)))
    # JSON writes the marks as \\u0000; texts and values alternate between them.
    parts = text.split("\\u0000")
    if len(parts) == 1:
        return text
    return Join([values[int(part)] if number % 2 else part for number, part in enumerate(parts)])


def _statements(queue_arn: str, roles: Sequence[IRole]) -> list[Statement]:
    kinds = (("LabelingJob", "labeling-job"), ("CompilationJob", "compilation-job"))
    return [
        Statement(
            sid="RunJobs",
            actions=[f"sagemaker:{verb}{kind}" for kind, _ in kinds for verb in ("Create", "Describe", "Stop")],
            resources=[_refs.arn("sagemaker", f"{resource}/*") for _, resource in kinds],
            reason="jobs are named after the pipelines and the tokens of their steps",
        ),
        Statement(
            sid="TellSteps",
            actions=["sagemaker:SendPipelineExecutionStepFailure", "sagemaker:SendPipelineExecutionStepSuccess"],
            resources=[_refs.arn("sagemaker", "pipeline/*")],
            reason="any pipeline of the account may have such steps; only the token's one is told",
        ),
        Statement(
            sid="ReadMessages",
            actions=["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
            resources=[queue_arn],
        ),
        pass_role("PassJobRoles", [_arn(role) for role in roles]),
    ]


def _arn(role: IRole) -> str:
    return _refs.remembered(role, "arn", lambda: role.role_arn)
