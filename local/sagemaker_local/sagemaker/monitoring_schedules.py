"""Monitoring schedules: records whose executions run on the virtual clock."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from .capture_format import CaptureSettings
from .faults import invalid, missing_resource, name_in_use
from .job_definitions import KINDS, endpoint_of, find_definition
from .monitoring_executions import Executions, list_executions
from .monitoring_plan import due_hours
from .paging import page
from .service import SageMaker, Scope, register
from .state import Record, Store

Params = dict[str, Any]


def install(sagemaker: SageMaker) -> None:
    """Answer the operations on monitoring schedules, and run them."""
    from sagemaker_local import monitor_images

    executions = Executions(sagemaker)
    sagemaker.aws.extensions["monitoring-executions"] = executions
    monitor_images.install()
    sagemaker.aws.clock.on_advance(executions.tick, ticks=True)
    register(
        sagemaker,
        {
            "CreateMonitoringSchedule": partial(create_schedule, executions),
            "DescribeMonitoringSchedule": describe_schedule,
            "UpdateMonitoringSchedule": update_schedule,
            "StartMonitoringSchedule": start_schedule,
            "StopMonitoringSchedule": stop_schedule,
            "ListMonitoringSchedules": list_schedules,
            "DeleteMonitoringSchedule": partial(delete_schedule, executions),
            "ListMonitoringExecutions": partial(list_executions, executions),
        },
    )


def _find(store: Store, name: str) -> Record:
    for key, record in store.schedules.items():
        if key.lower() == name.lower():
            return record
    raise missing_resource("Monitoring schedule", store.arn(f"monitoring-schedule/{name}"))


def create_schedule(executions: Executions, scope: Scope, params: Params) -> Params:
    """CreateMonitoringSchedule. One with the expression NOW runs at once."""
    name, store = params["MonitoringScheduleName"], scope.store
    arn = store.arn(f"monitoring-schedule/{name}")
    definition = _checked(scope, params["MonitoringScheduleConfig"])
    with store.lock:
        if any(key.lower() == name.lower() for key in store.schedules):
            raise name_in_use("Monitoring schedule", arn)
        store.schedules[name] = Record(name, arn, scope.now, {**definition, "MonitoringScheduleStatus": "Scheduled"})
        store.tag(arn, params.get("Tags"))
    config = params["MonitoringScheduleConfig"].get("ScheduleConfig") or {}
    if config.get("ScheduleExpression") == "NOW":
        hour = scope.now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        executions.start(store, store.schedules[name], hour)
    return {"MonitoringScheduleArn": arn}


def update_schedule(scope: Scope, params: Params) -> Params:
    """UpdateMonitoringSchedule."""
    record = _find(scope.store, params["MonitoringScheduleName"])
    record.definition.update(_checked(scope, params["MonitoringScheduleConfig"]))
    record.modified = scope.now
    return {"MonitoringScheduleArn": record.arn}


def _checked(scope: Scope, config: Params) -> Params:
    name, inline = config.get("MonitoringJobDefinitionName"), config.get("MonitoringJobDefinition")
    if bool(name) == bool(inline):
        raise invalid("Exactly one of MonitoringJobDefinition and MonitoringJobDefinitionName must be specified.")
    kind = next(item for item in KINDS if item.monitoring_type == config.get("MonitoringType", "DataQuality"))
    if name:
        endpoint = endpoint_of(find_definition(scope.store, kind, name).definition)
    else:
        inputs = (inline or {}).get("MonitoringInputs") or [{}]
        endpoint = endpoint_of({"MonitoringInput": inputs[0]})
    _check_expression(config.get("ScheduleConfig") or {})
    if endpoint is not None:
        _check_endpoint(scope.store, endpoint)
    return {
        "MonitoringScheduleConfig": config,
        "MonitoringType": kind.monitoring_type,
        "EndpointName": endpoint,
    }


def _check_expression(schedule: Params) -> None:
    expression = schedule.get("ScheduleExpression")
    if expression is None:
        return
    if expression == "NOW":
        if not schedule.get("DataAnalysisStartTime") or not schedule.get("DataAnalysisEndTime"):
            raise invalid("ScheduleExpression NOW requires DataAnalysisStartTime and DataAnalysisEndTime.")
        return
    due_hours(expression)


def _check_endpoint(store: Store, name: str) -> None:
    endpoint = store.endpoints.get(name.lower())
    if endpoint is None:
        raise invalid(f'Could not find endpoint "{store.arn(f"endpoint/{name}")}".')
    config = store.configs.get(endpoint.config_name)
    if config is not None and CaptureSettings.read(config.definition.get("DataCaptureConfig")) is None:
        raise invalid(f"Endpoint {name} has no data capture: enable DataCaptureConfig before it is monitored.")


def start_schedule(scope: Scope, params: Params) -> Params:
    """StartMonitoringSchedule."""
    return _switch(scope, params, "Scheduled")


def stop_schedule(scope: Scope, params: Params) -> Params:
    """StopMonitoringSchedule."""
    return _switch(scope, params, "Stopped")


def _switch(scope: Scope, params: Params, status: str) -> Params:
    record = _find(scope.store, params["MonitoringScheduleName"])
    record.definition["MonitoringScheduleStatus"] = status
    record.modified = scope.now
    return {}


def describe_schedule(scope: Scope, params: Params) -> Params:
    """DescribeMonitoringSchedule."""
    record = _find(scope.store, params["MonitoringScheduleName"])
    return {
        "MonitoringScheduleName": record.name,
        "MonitoringScheduleArn": record.arn,
        "CreationTime": record.created,
        "LastModifiedTime": record.modified,
        **record.definition,
    } | _last(record)


def _last(record: Record) -> Params:
    run = record.definition.get("LastMonitoringExecutionSummary")
    return {} if run is None else {"LastMonitoringExecutionSummary": run.summary()}


def list_schedules(scope: Scope, params: Params) -> Params:
    """ListMonitoringSchedules, newest first by default."""
    filters = {
        "EndpointName": "EndpointName",
        "MonitoringTypeEquals": "MonitoringType",
    }
    records = [
        record
        for record in scope.store.schedules.values()
        if all(record.definition.get(member) == params[name] for name, member in filters.items() if name in params)
    ]
    if "MonitoringJobDefinitionName" in params:
        records = [
            record
            for record in records
            if record.definition["MonitoringScheduleConfig"].get("MonitoringJobDefinitionName")
            == params["MonitoringJobDefinitionName"]
        ]
    found, token = page(
        records,
        params,
        name=lambda item: item.name,
        created=lambda item: item.created,
        modified=lambda item: item.modified,
        status=lambda item: str(item.definition["MonitoringScheduleStatus"]),
    )
    summaries = [
        {
            "MonitoringScheduleName": record.name,
            "MonitoringScheduleArn": record.arn,
            "CreationTime": record.created,
            "LastModifiedTime": record.modified,
            "MonitoringScheduleStatus": record.definition["MonitoringScheduleStatus"],
            "EndpointName": record.definition["EndpointName"],
            "MonitoringType": record.definition["MonitoringType"],
        }
        for record in found
    ]
    return {"MonitoringScheduleSummaries": summaries, "NextToken": token}


def delete_schedule(executions: Executions, scope: Scope, params: Params) -> Params:
    """DeleteMonitoringSchedule; it stops the schedule first."""
    record = _find(scope.store, params["MonitoringScheduleName"])
    with scope.store.lock:
        scope.store.schedules.pop(record.name, None)
        scope.store.tags.pop(record.arn, None)
    executions.forget(record)
    return {}
