"""What is there after rollouts: the controller itself, what it gave up, what was left behind, what was counted."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

from e2e_support.site import Site


def _function(site: Site) -> str:
    names = [resource["PhysicalResourceId"] for resource in site.resources("AWS::Lambda::Function")]
    (name,) = (name for name in names if "Controller" in name)
    return name


def function_role(site: Site) -> str:
    configuration = site.client("lambda").get_function_configuration(FunctionName=_function(site))
    return str(configuration["Role"])


def invoke(site: Site, request: dict[str, Any]) -> dict[str, Any]:
    def ask() -> dict[str, Any]:
        answer = site.client("lambda").invoke(FunctionName=_function(site), Payload=json.dumps(request))
        return {"error": answer.get("FunctionError"), **json.loads(answer["Payload"].read() or b"{}")}

    for _ in range(5):
        found = ask()
        if not found["error"]:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{request} was refused: {found}")


def dead_letters(site: Site) -> int:
    """Wake-ups that the controller has given up."""
    sqs = site.client("sqs")
    (url,) = (url for url in sqs.list_queues()["QueueUrls"] if "ControllerDeadLetters" in url)
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"])


def orphans(site: Site) -> dict[str, set[str]]:
    """What exists beside what the stacks hold, of everything that a rollout makes."""
    kinds = {
        "model": "AWS::SageMaker::Model",
        "endpoint-config": "AWS::SageMaker::EndpointConfig",
        "endpoint": "AWS::SageMaker::Endpoint",
        "schedule": "AWS::Scheduler::Schedule",
        "dashboard": "AWS::CloudWatch::Dashboard",
        "alarm": "AWS::CloudWatch::Alarm",
    }
    there = site.inventory()
    found = {}
    for kind, resource_type in kinds.items():
        held = {r["PhysicalResourceId"].rpartition("/")[2].lower() for r in site.resources(resource_type)}
        left = {name for name in there.get(kind, set()) if name.lower() not in held}
        if left:
            found[kind] = left
    definitions = site.client("sagemaker").list_data_quality_job_definitions()["JobDefinitionSummaries"]
    if definitions:
        found["job definition"] = {definition["MonitoringJobDefinitionName"] for definition in definitions}
    return found


def metric(site: Site, name: str) -> float:
    """The sum of a rollout metric over all time. Functions live in real time, CloudFormation in the virtual one."""
    now = site.aws.clock.now()
    points = site.client("cloudwatch").get_metric_statistics(
        Namespace="SageMakerMLOps/Rollouts",
        MetricName=name,
        Dimensions=[
            {"Name": "Environment", "Value": site.prefix.partition("-")[2]},
            {"Name": "Model", "Value": "churn"},
        ],
        StartTime=now - timedelta(days=10),
        EndTime=now + timedelta(hours=1),
        Period=86400,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in points))
