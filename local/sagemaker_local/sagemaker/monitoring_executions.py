"""Executions of monitoring schedules on the virtual clock: processing jobs whose outcome becomes a status."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_local.errors import AwsError

from . import monitoring_inputs as data_of
from . import monitoring_plan as plan
from .job_definitions import KINDS, find_definition
from .paging import page
from .service import SageMaker, Scope
from .serving.containers import parse_s3_uri
from .state import Record, Store

if TYPE_CHECKING:
    from sagemaker_local.jobs.service import Jobs
    from sagemaker_local.jobs.state import Job

Params = dict[str, Any]

NO_DATA = "Job inputs had no data"
_ENDED = ("Completed", "CompletedWithViolations", "Failed", "Stopped")
_log = logging.getLogger(__name__)


@dataclass
class Run:
    """An execution, as ListMonitoringExecutions tells of it."""

    plan: plan.Execution
    created: datetime
    status: str = "Pending"
    reason: str | None = None
    job_arn: str | None = None
    modified: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.modified = self.created

    def summary(self) -> Params:
        """The MonitoringExecutionSummary."""
        known = {
            "MonitoringScheduleName": self.plan.schedule,
            "ScheduledTime": self.plan.scheduled,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "MonitoringExecutionStatus": self.status,
            "ProcessingJobArn": self.job_arn,
            "EndpointName": self.plan.endpoint,
            "FailureReason": self.reason,
            "MonitoringJobDefinitionName": self.plan.definition.name,
            "MonitoringType": self.plan.kind.monitoring_type,
        }
        return {name: value for name, value in known.items() if value is not None}


@dataclass
class Options:
    """How executions behave."""

    delay_minutes: int = 5
    """Minutes after the hour at which they start; SageMaker takes 0 to 20."""


class Executions:
    """Starts the executions of all schedules of one embedded SageMaker."""

    def __init__(self, sagemaker: SageMaker) -> None:
        self._sagemaker = sagemaker
        self.options = Options()
        self._runs: dict[str, list[Run]] = {}

    def tick(self, old: datetime, new: datetime) -> None:
        """Start what is due at this minute."""
        if new.minute != self.options.delay_minutes:
            return
        hour = new.replace(minute=0, second=0, microsecond=0)
        for store in self._sagemaker.stores():
            for schedule in list(store.schedules.values()):
                if schedule.definition["MonitoringScheduleStatus"] == "Scheduled" and _is_due(schedule, hour):
                    self.start(store, schedule, hour)

    def start(self, store: Store, schedule: Record, scheduled: datetime) -> None:
        """Begin an execution."""
        config = schedule.definition["MonitoringScheduleConfig"]
        name = config.get("MonitoringJobDefinitionName")
        if not name:
            _log.warning("schedule %s has an inline job definition, which is not run", schedule.name)
            return
        kind = next(item for item in KINDS if item.monitoring_type == schedule.definition["MonitoringType"])
        try:
            definition = find_definition(store, kind, name)
        except AwsError as error:
            _log.warning("schedule %s cannot run: %s", schedule.name, error.message)
            return
        execution = plan.Execution(schedule.name, kind, definition, scheduled, config.get("ScheduleConfig") or {})
        run = Run(execution, self._sagemaker.aws.clock.now())
        self._runs.setdefault(schedule.arn, []).append(run)
        schedule.definition["LastMonitoringExecutionSummary"] = run
        try:
            self._begin(store, schedule, run)
        except (AwsError, ClientError, BotoCoreError) as error:
            self._end(run, "Failed", str(getattr(error, "message", error)))

    def of(self, schedule: Record) -> list[Run]:
        """Executions of a schedule, oldest first."""
        return self._runs.get(schedule.arn, [])

    def forget(self, schedule: Record) -> None:
        """Drop the executions of a deleted schedule."""
        self._runs.pop(schedule.arn, None)

    # -- one execution ---------------------------------------------------------------------------------------------

    def _begin(self, store: Store, schedule: Record, run: Run) -> None:
        self._sagemaker.flush()
        execution = run.plan
        data = self._data(store, execution)
        if not data:
            self._end(run, "Failed", NO_DATA)
            return
        if execution.ground_truth is None:
            self._analyse(store, schedule, run, data, merged=False)
            return
        request = execution.merge_job(data, _merger(execution.app["ImageUri"]))
        labels = [item for item in request["ProcessingInputs"] if item["InputName"].startswith("groundtruth")]
        present = self._present(store, execution, labels)
        if not present:
            self._end(run, "Failed", f'No S3 objects found under S3 URL "{execution.ground_truth}" given in input data')
            return
        request["ProcessingInputs"] = [*data, *present]
        self._submit(store, schedule, run, request, lambda job: self._merged(store, schedule, run, job))

    def _merged(self, store: Store, schedule: Record, run: Run, job: Job) -> None:
        if job.status != "Completed":
            self._end(run, "Failed", job.reason)
            return
        try:
            self._analyse(store, schedule, run, data_of.merged_input(run.plan), merged=True)
        except (AwsError, ClientError, BotoCoreError) as error:
            self._end(run, "Failed", str(getattr(error, "message", error)))

    def _analyse(self, store: Store, schedule: Record, run: Run, data: list[Params], *, merged: bool) -> None:
        request = run.plan.analysis_job(data, merged=merged)
        self._submit(store, schedule, run, request, lambda job: self._analysed(run, job))

    def _analysed(self, run: Run, job: Job) -> None:
        if job.status == "Completed":
            message = job.message or ""
            self._end(run, "CompletedWithViolations" if message.startswith("CompletedWithViolations") else "Completed")
        else:
            self._end(run, job.status, job.reason)

    def _end(self, run: Run, status: str, reason: str | None = None) -> None:
        run.status, run.reason = status, reason
        run.modified = self._sagemaker.aws.clock.now()

    def _submit(self, store: Store, schedule: Record, run: Run, request: Params, ended: Any) -> None:
        jobs = self._jobs()
        client = self._sagemaker.client("sagemaker", store.account, store.region)
        client.create_processing_job(**request)
        from sagemaker_local.jobs.state import PROCESSING

        job = jobs.find(PROCESSING, store.account, store.region, request["ProcessingJobName"])
        job.details["MonitoringScheduleArn"] = schedule.arn
        run.status, run.job_arn, run.modified = "InProgress", job.arn, self._sagemaker.aws.clock.now()
        jobs.when_ended(job, ended)

    def _jobs(self) -> Jobs:
        jobs = self._sagemaker.aws.extensions.get("jobs")
        if jobs is None:
            raise AwsError("InternalFailure", 'monitoring executions need the feature "jobs" of the embedded AWS')
        return jobs  # type: ignore[no-any-return]

    # -- data ------------------------------------------------------------------------------------------------------

    def _data(self, store: Store, execution: plan.Execution) -> list[Params]:
        if execution.endpoint is None:
            sides = data_of.manifest_folders(execution).items()
            found = {side: self._keys(store, execution, folders) for side, folders in sides}
            return data_of.manifest_inputs(execution, found) if found["output"] else []
        root = execution.captured_uri(store)
        if root is None:
            return []
        variants = self._folders(store, execution, root)
        return self._present(store, execution, data_of.captured_inputs(execution, root, variants))

    def _client(self, store: Store, execution: plan.Execution) -> Any:
        role = execution.definition.definition["RoleArn"]
        return self._sagemaker.client("s3", store.account, store.region, role)

    def _keys(self, store: Store, execution: plan.Execution, folders: list[str]) -> list[str]:
        s3, found = self._client(store, execution), []
        for uri in folders:
            bucket, prefix = parse_s3_uri(uri)
            listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
            found += [f"s3://{bucket}/{item['Key']}" for item in listed]
        return found

    def _folders(self, store: Store, execution: plan.Execution, uri: str) -> list[str]:
        bucket, prefix = parse_s3_uri(f"{uri}/")
        found = self._client(store, execution).list_objects_v2(Bucket=bucket, Prefix=prefix, Delimiter="/")
        return [item["Prefix"][len(prefix) :].rstrip("/") for item in found.get("CommonPrefixes", [])]

    def _present(self, store: Store, execution: plan.Execution, inputs: list[Params]) -> list[Params]:
        """Those inputs that have an object."""
        s3 = self._client(store, execution)
        kept = []
        for item in inputs:
            bucket, prefix = parse_s3_uri(item["S3Input"]["S3Uri"] + "/")
            if s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("KeyCount"):
                kept.append(item)
        return kept


def list_executions(executions: Executions, scope: Scope, params: Params) -> Params:
    """ListMonitoringExecutions, newest first by default."""
    equal = {
        "MonitoringScheduleName": "MonitoringScheduleName",
        "EndpointName": "EndpointName",
        "MonitoringJobDefinitionName": "MonitoringJobDefinitionName",
        "MonitoringTypeEquals": "MonitoringType",
    }
    found = []
    for schedule in scope.store.schedules.values():
        for run in executions.of(schedule):
            summary = run.summary()
            wanted = all(
                str(summary.get(member, "")).lower() == str(params[name]).lower()
                for name, member in equal.items()
                if name in params
            )
            if wanted and _within(run.plan.scheduled, params):
                found.append(run)
    by_schedule = params.get("SortBy") == "ScheduledTime"
    runs, token = page(
        sorted(found, key=lambda run: run.created),
        params,
        name=lambda run: run.plan.schedule,
        created=(lambda run: run.plan.scheduled) if by_schedule else (lambda run: run.created),
        modified=lambda run: run.modified,
        status=lambda run: run.status,
    )
    return {"MonitoringExecutionSummaries": [run.summary() for run in runs], "NextToken": token}


def _within(scheduled: datetime, params: Params) -> bool:
    after, before = params.get("ScheduledTimeAfter"), params.get("ScheduledTimeBefore")
    return not ((after and scheduled <= after) or (before and scheduled >= before))


def _is_due(schedule: Record, hour: datetime) -> bool:
    config = schedule.definition["MonitoringScheduleConfig"].get("ScheduleConfig") or {}
    expression = config.get("ScheduleExpression")
    if expression == "NOW" or schedule.created > hour + timedelta(hours=1):
        return False
    return hour.hour in (plan.due_hours(expression)[0] if expression else {0})


def _merger(analyzer: str) -> str:
    """The merger's image, which lies beside the analyzer's or Clarify's."""
    return f"{analyzer.partition('/')[0]}/sagemaker-model-monitor-groundtruth-merger"
