"""The incidents that the library defines, lived through: one message for many alarms, warnings held back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops

ACCOUNT, REGION = "123456789012", "eu-west-1"
NAME = "mlops-dev-churn"
RUNS = "SageMakerMLOps/Monitoring"


def defined(folder: Path, topic: str) -> dict[str, dict[str, Any]]:
    """Parameters of the alarms in the library's template by logical id, references resolved."""
    app = cdk.App(outdir=str(folder))
    stack = cdk.Stack(app, "Stack")
    group = mlops.ModelPackageGroup.from_model_package_group_name(stack, "Group", "churn")
    endpoint = mlops.Endpoint(
        stack,
        "Endpoint",
        endpoint_name=NAME,
        model=mlops.Model.latest_approved(group),
        capture=mlops.DataCapture(bucket=s3.Bucket.from_bucket_name(stack, "Bucket", "captured")),
    )
    layer = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:wheels:1"
    mlops.DataQualityMonitor(
        stack, "Monitor", endpoint=endpoint, features=["age"], engine=mlops.LambdaEngine(layer_arn=layer)
    )
    registration = mlops.RolloutRegistration(
        stack, "Registration", controller_name="mlops-dev", model="churn", endpoint=endpoint
    )
    targets = [mlops.ActionTarget(alarm=[topic], ok=[topic])]
    mlops.ModelIncidents(stack, "Incidents", endpoint=endpoint, targets=targets, rollouts=registration)
    resources = app.synth().get_stack_by_name("Stack").template["Resources"]
    alarms = {
        key: resource["Properties"]
        for key, resource in resources.items()
        if resource["Type"].endswith(("::Alarm", "::CompositeAlarm")) and "AlarmName" in resource["Properties"]
    }

    def resolved(value: Any) -> Any:
        if isinstance(value, list):
            return [resolved(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "Fn::Join" in value:
            return "".join(resolved(part) for part in value["Fn::Join"][1])
        if value.keys() & {"Ref", "Fn::GetAtt"}:
            (target,) = value.values()
            name = target if isinstance(target, str) else target[0]
            return str(alarms[name]["AlarmName"]) if name in alarms else name
        return {key: resolved(item) for key, item in value.items()}

    return {key: {**resolved(alarm), "AlarmDescription": "-"} for key, alarm in alarms.items()}


class Production:
    """A watched model, as far as CloudWatch and a mailbox hear of it."""

    def __init__(self, bench: Any, folder: Path) -> None:
        self._bench = bench
        self._cloudwatch = bench.client("cloudwatch")
        self._url, queue = bench.queue("people")
        topic = bench.client("sns").create_topic(Name="people")["TopicArn"]
        bench.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
        alarms = defined(folder, topic).values()
        for alarm in alarms:
            if "AlarmRule" not in alarm:
                self._cloudwatch.put_metric_alarm(**alarm)
        # The one that holds the other back comes first, as CloudFormation would have it.
        for alarm in sorted((a for a in alarms if "AlarmRule" in a), key=lambda a: "ActionsSuppressor" in a):
            self._cloudwatch.put_composite_alarm(**alarm)
        self.minutes(10)
        self.messages()

    def measure(self, namespace: str, value: float, *names: str, **dimensions: str) -> None:
        shape = [{"Name": key, "Value": text} for key, text in dimensions.items()]
        data = [{"MetricName": name, "Dimensions": shape, "Value": value} for name in names]
        self._cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)

    def requests(self, failing: float, *names: str) -> None:
        self.measure("AWS/SageMaker", failing, *names, EndpointName=NAME, VariantName="AllTraffic")

    def found(self, violations: float, drift: float) -> None:
        own = {"Endpoint": NAME, "MonitoringSchedule": f"{NAME}-data-quality"}
        self.measure(RUNS, violations, "Violations", **own)
        self.measure("aws/sagemaker/Endpoints/data-metrics", drift, "feature_baseline_drift_age", **own)

    def waiting(self, seconds: float) -> None:
        own = {"Environment": "mlops-dev", "Model": "churn"}
        self.measure("SageMakerMLOps/Rollouts", seconds, "OldestUnconvergedSeconds", **own)

    def minutes(self, count: int) -> None:
        for _ in range(count):
            self._bench.to_next_minute()

    def messages(self) -> list[str]:
        """Names and states that were told since the last look."""
        told = [json.loads(json.loads(body)["Message"]) for body in self._bench.bodies(self._url)]
        return [f"{m['AlarmName'].removeprefix(NAME + '-incident-')} {m['NewStateValue']}" for m in told]


@pytest.fixture(scope="module")
def production(bench: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    yield Production(bench, tmp_path_factory.mktemp("assembly"))


def test_an_endpoint_that_fails_in_three_ways_is_one_message_and_one_more_when_it_is_over(
    production: Production,
) -> None:
    for _ in range(6):
        production.requests(1, "Invocation5XXErrors", "InvocationModelErrors", "Invocation4XXErrors")
        production.minutes(1)
    assert production.messages() == ["serving-critical ALARM"]
    for _ in range(12):
        production.requests(0, "Invocation5XXErrors", "InvocationModelErrors", "Invocation4XXErrors")
        production.minutes(1)
    assert production.messages() == ["serving-critical OK"]


def test_violations_and_drift_are_one_message(production: Production) -> None:
    production.found(violations=3, drift=0.4)
    production.minutes(65)
    assert production.messages() == ["model-warning ALARM"]
    production.found(violations=0, drift=0.0)
    production.minutes(65)
    assert production.messages() == ["model-warning OK"]


def test_a_rollout_holds_the_warning_back_until_it_is_over(production: Production) -> None:
    production.waiting(60)
    production.minutes(6)
    production.found(violations=3, drift=0.4)
    for _ in range(14):
        production.waiting(600)
        production.minutes(5)
    assert production.messages() == []
    production.waiting(0)
    production.minutes(16)
    assert production.messages() == ["model-warning ALARM"]
