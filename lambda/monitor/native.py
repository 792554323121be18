"""Executions of SageMaker's own monitoring schedules, told as the runs of this library's engines are told.

SageMaker announces the jobs of executions, but neither executions nor those that found nothing to do. So whatever wakes
the function, it looks at the newest executions and announces each that has ended and was not announced yet. A file
beside an execution's report says that it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from monitor.analysis import NoData
from monitor.left_behind import outcome_of_execution
from monitor.monitor import Monitor, Origin
from monitor.once import is_done, once
from monitor.run import Run
from monitor.settings import Settings
from monitor.storage import Storage
from shared.clients import error_code
from shared.log import Logger

ENGINE = "model-monitor"
#: Executions looked at, newest first: more than can end between two looks.
NEWEST = 20
MARK = "execution.json"
_COMPLETED = ("Completed", "CompletedWithViolations")
_ENDED = (*_COMPLETED, "Failed", "Stopped")
#: How SageMaker says that there was nothing to look at.
_NO_DATA = ("no data", "no s3 objects found")
_NO_LABELS = ("ground truth", "groundtruth")
_DESCRIBE = {
    "DataQuality": "describe_data_quality_job_definition",
    "ModelQuality": "describe_model_quality_job_definition",
    "ModelBias": "describe_model_bias_job_definition",
    "ModelExplainability": "describe_model_explainability_job_definition",
}

log = Logger("monitor.native")


@dataclass(frozen=True)
class Told:
    """What is known about an execution besides its status: the version that it looked at, and what it compared with."""

    model_package_arn: str
    constraints: str
    statistics: str
    seconds: float
    job: str | None


class Executions:
    """Announces executions."""

    def __init__(self, settings: Settings, monitor: Monitor, storage: Storage, sagemaker: Any) -> None:
        self._settings = settings
        self._monitor = monitor
        self._storage = storage
        self._sagemaker = sagemaker

    def announce(self) -> dict[str, Any]:
        """Announce what has ended; returns which runs were announced now.

        An execution that cannot be announced does not keep the others from it; the first failure is raised in the end.
        """
        announced: list[str] = []
        failure: Exception | None = None
        for execution in self._ended():
            try:
                if self._announce_once(execution):
                    announced.append(execution["ScheduledTime"].astimezone(UTC).isoformat())
            except Exception as error:
                log.exception("an execution could not be announced", scheduled=str(execution["ScheduledTime"]))
                failure = failure or error
        if failure is not None:
            raise failure
        return {"announced": announced}

    def _ended(self) -> Iterator[Mapping[str, Any]]:
        listed = self._sagemaker.list_monitoring_executions(
            MonitoringScheduleName=self._settings.schedule_name,
            SortBy="ScheduledTime",
            SortOrder="Descending",
            MaxResults=NEWEST,
        )["MonitoringExecutionSummaries"]
        # Oldest first, so that events come in the order of the windows.
        yield from reversed([item for item in listed if item["MonitoringExecutionStatus"] in _ENDED])

    def _announce_once(self, execution: Mapping[str, Any]) -> bool:
        scheduled: datetime = execution["ScheduledTime"].astimezone(UTC)
        empty = Run.parse({"scheduled_time": scheduled.isoformat()}, self._settings)
        mark, note = empty.report / MARK, {"status": execution["MonitoringExecutionStatus"]}
        if is_done(self._storage, mark):
            return False
        return once(self._storage, mark, note, lambda: self._announce(execution, scheduled))

    def _announce(self, execution: Mapping[str, Any], scheduled: datetime) -> None:
        told = self._told(execution)
        baseline = {"constraints": told.constraints, "statistics": told.statistics}
        event = {"scheduled_time": scheduled.isoformat(), "model_package_arn": told.model_package_arn}
        self._tell(execution, told, Run.parse(event | {"baseline": baseline}, self._settings))

    def _tell(self, execution: Mapping[str, Any], told: Told, run: Run) -> None:
        monitor = self._monitor
        monitor.origin = Origin(ENGINE, None, told.job)
        status, reason = execution["MonitoringExecutionStatus"], str(execution.get("FailureReason") or "")
        if status in _COMPLETED:
            outcome = outcome_of_execution(self._settings, self._storage, run)
            monitor.tell(run, outcome, told.seconds)
        elif status == "Failed" and any(phrase in reason.lower() for phrase in _NO_DATA):
            labels = any(phrase in reason.lower() for phrase in _NO_LABELS)
            monitor.tell(run, NoData("NoLabels" if labels else "NoCaptures"), told.seconds)
        else:
            what = "was stopped" if status == "Stopped" else "failed"
            monitor.fail(run, run.scheduled, f"the execution {what}: {reason or 'no reason is given'}", told.seconds)

    # -- what SageMaker knows of it --------------------------------------------------------------------------------

    def _told(self, execution: Mapping[str, Any]) -> Told:
        definition = self._definition(execution.get("MonitoringJobDefinitionName"))
        told = _of_definition(definition, self._settings.monitoring_type)
        arn = execution.get("ProcessingJobArn")
        if not arn:
            return told
        name = str(arn).rpartition("/")[2]
        job = self._sagemaker.describe_processing_job(ProcessingJobName=name)
        began, ended = job.get("ProcessingStartTime"), job.get("ProcessingEndTime")
        seconds = max((ended - began).total_seconds(), 0.0) if began and ended else 0.0
        # What the job says of itself holds even when a rollout has replaced the definition since.
        own = _of_job(job)
        return replace(own or told, seconds=seconds, job=name)

    def _definition(self, name: str | None) -> Mapping[str, Any]:
        if not name:
            return {}
        try:
            describe = getattr(self._sagemaker, _DESCRIBE[self._settings.monitoring_type])
            described: Mapping[str, Any] = describe(JobDefinitionName=name)
        except ClientError as error:
            if error_code(error) in ("ResourceNotFound", "ResourceNotFoundException"):
                log.info("the job definition was replaced since", name=name)
                return {}
            raise
        return described


def _of_definition(definition: Mapping[str, Any], kind: str) -> Told:
    baseline = definition.get(f"{kind}BaselineConfig") or {}
    environment = (definition.get(f"{kind}AppSpecification") or {}).get("Environment") or {}
    return Told(
        environment.get("MODEL_PACKAGE_ARN", ""),
        (baseline.get("ConstraintsResource") or {}).get("S3Uri", ""),
        (baseline.get("StatisticsResource") or {}).get("S3Uri") or environment.get("BASELINE_STATISTICS_URI", ""),
        0.0,
        None,
    )


def _of_job(job: Mapping[str, Any]) -> Told | None:
    """From the job of the analysis; a job that merges labels knows none of it."""
    environment = job.get("Environment") or {}
    if "sagemaker_monitoring_schedule_name" not in environment:
        return None
    inputs = {
        item["S3Input"]["LocalPath"]: item["S3Input"]["S3Uri"]
        for item in job.get("ProcessingInputs") or []
        if item.get("S3Input")
    }
    return Told(
        environment.get("MODEL_PACKAGE_ARN", ""),
        _input_of(environment.get("baseline_constraints"), inputs),
        _input_of(environment.get("baseline_statistics"), inputs) or environment.get("BASELINE_STATISTICS_URI", ""),
        0.0,
        None,
    )


def _input_of(path: str | None, inputs: Mapping[str, str]) -> str:
    """Where the file at a path of the job came from."""
    for place, uri in inputs.items():
        if path and path.startswith(f"{place.rstrip('/')}/"):
            name = path.rpartition("/")[2]
            return uri if uri.endswith(f"/{name}") else f"{uri.rstrip('/')}/{name}"
    return ""
