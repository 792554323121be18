"""Job definitions and monitoring schedules: AWS's rules for what is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Refused = Callable[..., str]
IMAGE = "468650794304.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-model-monitor-analyzer"


@pytest.fixture(scope="module")
def endpoint(lab: Any, up: str) -> str:
    capture = {
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": lab.uri("monitored"),
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    return lab.endpoint(lab.config(up, DataCaptureConfig=capture))


def definition(lab: Any, endpoint: str, name: str, **more: Any) -> dict[str, Any]:
    output = {"S3Uri": lab.uri("reports"), "LocalPath": "/opt/ml/processing/output"}
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
    source = {"EndpointInput": {"EndpointName": endpoint, "LocalPath": "/opt/ml/processing/input"}}
    return {
        "JobDefinitionName": name,
        "DataQualityAppSpecification": {"ImageUri": IMAGE},
        "DataQualityJobInput": source,
        "DataQualityJobOutputConfig": {"MonitoringOutputs": [{"S3Output": output}]},
        "JobResources": {"ClusterConfig": cluster},
        "RoleArn": lab.role,
        **more,
    }


def schedule(definition_name: str, expression: str = "cron(0 * ? * * *)", **more: Any) -> dict[str, Any]:
    return {
        "ScheduleConfig": {"ScheduleExpression": expression, **more},
        "MonitoringJobDefinitionName": definition_name,
        "MonitoringType": "DataQuality",
    }


def test_a_definition_is_described_and_found_by_the_name_in_its_arn(lab: Any, endpoint: str) -> None:
    name = lab.name("Definition")
    arn = lab.sm.create_data_quality_job_definition(**definition(lab, endpoint, name))["JobDefinitionArn"]
    assert arn == f"arn:aws:sagemaker:eu-west-1:111111111111:data-quality-job-definition/{name.lower()}"
    described = lab.sm.describe_data_quality_job_definition(JobDefinitionName=arn.rsplit("/", 1)[1])
    assert described["JobDefinitionName"] == name
    assert described["DataQualityAppSpecification"] == {"ImageUri": IMAGE}
    listed = lab.sm.list_data_quality_job_definitions(EndpointName=endpoint)["JobDefinitionSummaries"]
    assert name in [item["MonitoringJobDefinitionName"] for item in listed]


def test_definitions_are_unique_and_can_be_deleted(lab: Any, endpoint: str, refused: Refused) -> None:
    name = lab.name("definition")
    lab.sm.create_data_quality_job_definition(**definition(lab, endpoint, name))
    again = definition(lab, endpoint, name)
    assert "already exists" in refused("create_data_quality_job_definition", "ResourceInUse", **again)
    lab.sm.delete_data_quality_job_definition(JobDefinitionName=name)
    refused("describe_data_quality_job_definition", "ResourceNotFound", JobDefinitionName=name)


def test_a_definition_reads_an_endpoint_or_a_batch(lab: Any, endpoint: str, refused: Refused) -> None:
    wrong = definition(lab, endpoint, lab.name("definition"), DataQualityJobInput={})
    assert "exactly one of EndpointInput and BatchTransformInput" in refused(
        "create_data_quality_job_definition", **wrong
    )


def test_a_schedule_lives_through_its_states(lab: Any, endpoint: str, refused: Refused) -> None:
    first, second, name = lab.name("definition"), lab.name("definition"), lab.name("schedule")
    for definition_name in (first, second):
        lab.sm.create_data_quality_job_definition(**definition(lab, endpoint, definition_name))
    lab.sm.create_monitoring_schedule(MonitoringScheduleName=name, MonitoringScheduleConfig=schedule(first))
    described = lab.sm.describe_monitoring_schedule(MonitoringScheduleName=name)
    assert (described["MonitoringScheduleStatus"], described["EndpointName"]) == ("Scheduled", endpoint)
    lab.sm.update_monitoring_schedule(MonitoringScheduleName=name, MonitoringScheduleConfig=schedule(second))
    lab.sm.stop_monitoring_schedule(MonitoringScheduleName=name)
    [listed] = lab.sm.list_monitoring_schedules(
        EndpointName=endpoint, StatusEquals="Stopped", MonitoringJobDefinitionName=second
    )["MonitoringScheduleSummaries"]
    assert listed["MonitoringScheduleName"] == name
    lab.sm.start_monitoring_schedule(MonitoringScheduleName=name)
    assert lab.sm.list_monitoring_executions(MonitoringScheduleName=name)["MonitoringExecutionSummaries"] == []
    config = schedule(second)
    message = refused(
        "create_monitoring_schedule", "ResourceInUse", MonitoringScheduleName=name, MonitoringScheduleConfig=config
    )
    assert "already exists" in message
    lab.sm.delete_monitoring_schedule(MonitoringScheduleName=name)
    refused("describe_monitoring_schedule", "ResourceNotFound", MonitoringScheduleName=name)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"ScheduleExpression": "cron(15 * ? * * *)"}, "is not supported"),
        ({"ScheduleExpression": "cron(0 24 ? * * *)"}, "is not supported"),
        ({"ScheduleExpression": "cron(0 0/25 ? * * *)"}, "is not supported"),
        ({"ScheduleExpression": "NOW"}, "requires DataAnalysisStartTime"),
    ],
)
def test_schedules_run_at_whole_hours(
    lab: Any, endpoint: str, refused: Refused, config: dict[str, Any], expected: str
) -> None:
    name = lab.name("definition")
    lab.sm.create_data_quality_job_definition(**definition(lab, endpoint, name))
    wanted = {**schedule(name), "ScheduleConfig": config}
    message = refused("create_monitoring_schedule", MonitoringScheduleName="s", MonitoringScheduleConfig=wanted)
    assert expected in message


def test_an_endpoint_without_capture_cannot_be_monitored(lab: Any, up: str, refused: Refused) -> None:
    for endpoint, expected in ((lab.endpoint(lab.config(up)), "no data capture"), ("nowhere", "Could not find")):
        name = lab.name("definition")
        lab.sm.create_data_quality_job_definition(**definition(lab, endpoint, name))
        wanted = schedule(name)
        message = refused("create_monitoring_schedule", MonitoringScheduleName="s", MonitoringScheduleConfig=wanted)
        assert expected in message
