"""The pipelines of one embedded AWS, and what their executions tell others."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_local import metrics
from sagemaker_local.errors import AwsError
from sagemaker_local.jobs import Jobs

from .state import Execution, Pipeline, Step
from .substitutes import Substitutes

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws

EXECUTION_EVENT = "SageMaker Model Building Pipeline Execution Status Change"
STEP_EVENT = "SageMaker Model Building Pipeline Execution Step Status Change"
NAMESPACE = "AWS/Sagemaker/ModelBuildingPipeline"
_WORKERS = 8
_log = logging.getLogger(__name__)


class Pipelines:
    """All pipelines of one embedded AWS.

    Args:
        aws: the embedded AWS.
        jobs: runs the jobs of steps; executions share its timeline, so that moving the clock waits for both.
    """

    def __init__(self, aws: LocalAws, jobs: Jobs) -> None:
        self.aws = aws
        self.jobs = jobs
        self.sagemaker = jobs.sagemaker
        self.substitutes = Substitutes()
        """Failures on demand, and stand-ins for steps that cannot be run here."""
        self._pipelines: dict[tuple[str, str], dict[str, Pipeline]] = {}
        self._lock = threading.Lock()
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="sagemaker-pipeline")

    def all_in(self, account: str, region: str) -> dict[str, Pipeline]:
        """Return the pipelines of an account and region by name, oldest first."""
        with self._lock:
            return self._pipelines.setdefault((account, region), {})

    def find(self, account: str, region: str, reference: str) -> Pipeline:
        """Return a pipeline by name or ARN, whatever the case of the name: ARNs are lower case.

        Raises:
            AwsError: ResourceNotFound.
        """
        name = reference
        if reference.startswith("arn:"):
            parts = reference.split(":", 5)
            region, account, name = parts[3], parts[4], parts[5].removeprefix("pipeline/")
        found = self.all_in(account, region)
        for key, pipeline in found.items():
            if key.lower() == name.lower():
                return pipeline
        arn = self.sagemaker.store(account, region).arn(f"pipeline/{name}")
        raise AwsError("ResourceNotFound", f"Pipeline '{arn}' does not exist.")

    def execution(self, arn: str) -> Execution:
        """Return an execution.

        Raises:
            AwsError: ResourceNotFound.
        """
        pipeline_arn, separator, _ = arn.partition("/execution/")
        try:
            if separator:
                return self.find("", "", pipeline_arn).executions[arn]
        except (KeyError, IndexError, AwsError):
            pass
        raise AwsError("ResourceNotFound", f"Pipeline execution with ARN {arn} does not exist.")

    def client(self, execution: Execution, service: str) -> Any:
        """Return a client that acts as the execution's role."""
        pipeline = execution.pipeline
        return self.sagemaker.client(service, pipeline.account, pipeline.region, execution.role)

    def now(self) -> datetime:
        """Return the virtual time."""
        return self.aws.clock.now()

    def later(self, action: Callable[[], None], seconds: float = 0.0) -> None:
        """Do something once some virtual time has passed."""

        def process() -> Generator[float, None, None]:
            if seconds > 0:
                yield seconds
            action()

        self.jobs.timeline.start(process())

    def work(self, task: Callable[[], None]) -> None:
        """Do something that takes real time; a jump of the clock waits for it."""

        def process() -> Generator[Future[None], None, None]:
            yield self._workers.submit(task)

        self.jobs.timeline.start(process())

    def stop(self) -> None:
        """Begin nothing more."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def tell_execution(self, execution: Execution, before: str | None) -> None:
        """Announce an execution's new status, and count it."""
        pipeline = execution.pipeline
        detail = {
            "pipelineExecutionDescription": execution.description,
            "pipelineExecutionDisplayName": execution.display_name,
            "currentPipelineExecutionStatus": execution.status,
            "previousPipelineExecutionStatus": before,
            "executionStartTime": _time(execution.created),
            "executionEndTime": _time(execution.ended),
            "pipelineArn": pipeline.arn,
            "pipelineExecutionArn": execution.arn,
        }
        self._announce(execution, EXECUTION_EVENT, detail)
        name = "Started" if before is None else execution.status
        self._count(execution, f"Execution{name}", {})
        if execution.ended is not None:
            self._duration(execution, "ExecutionDuration", execution.created, execution.ended, {})

    def tell_step(self, execution: Execution, step: Step, before: str | None) -> None:
        """Announce a step's new status, and count it."""
        detail = {
            "metadata": {key[:1].lower() + key[1:]: _lowered(value) for key, value in step.metadata.items()},
            "stepStartTime": _time(step.started),
            "stepEndTime": _time(step.ended),
            "stepName": step.definition.name,
            "stepType": step.definition.type,
            "previousStepStatus": before,
            "currentStepStatus": step.status,
            "failureReason": step.reason,
            "cacheHitResult": {"sourcePipelineExecutionArn": step.source} if step.source else None,
            "pipelineArn": execution.pipeline.arn,
            "pipelineExecutionArn": execution.arn,
        }
        self._announce(execution, STEP_EVENT, detail)
        more = {"StepName": step.definition.name}
        self._count(execution, f"Step{'Started' if before is None else step.status}", more)
        if step.ended is not None:
            self._duration(execution, "StepDuration", step.started, step.ended, more)

    def _announce(self, execution: Execution, kind: str, detail: dict[str, Any]) -> None:
        pipeline = execution.pipeline
        entry = {
            "Source": "aws.sagemaker",
            "DetailType": kind,
            "Resources": [pipeline.arn, execution.arn],
            "Detail": json.dumps({key: value for key, value in detail.items() if value is not None}),
            "Time": self.now(),
        }
        events = self.sagemaker.client("events", pipeline.account, pipeline.region)
        try:
            for _ in range(self.sagemaker.options.events_per_change):
                events.put_events(Entries=[entry])
        except (ClientError, BotoCoreError):
            _log.exception("cannot put the event %s of %s", kind, execution.arn)

    def _count(self, execution: Execution, name: str, more: dict[str, str]) -> None:
        if not name.endswith(("Started", "Failed", "Succeeded", "Stopped")):
            return
        self._metric(execution, name, 1.0, "Count", more)

    def _duration(
        self, execution: Execution, name: str, begun: datetime, ended: datetime, more: dict[str, str]
    ) -> None:
        self._metric(execution, name, (ended - begun).total_seconds() * 1000, "Milliseconds", more)

    def _metric(self, execution: Execution, name: str, value: float, unit: str, more: dict[str, str]) -> None:
        pipeline = execution.pipeline
        dimensions = {"PipelineName": pipeline.name, **more}
        metrics.publish(
            self.aws, pipeline.account, pipeline.region, NAMESPACE, name, value, dimensions=dimensions, unit=unit
        )


def _time(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment is not None else None


def _lowered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _lowered(member) for key, member in value.items()}
    return value
