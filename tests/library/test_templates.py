"""Whole templates: valid, equal from run to run, right in every partition, cheap to make."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops

IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


def everything(stack: cdk.Stack) -> None:
    """Each property of each construct, once."""
    storage = mlops.Storage(stack, "Storage", consumer_accounts=["111111111111"])
    group = mlops.ModelPackageGroup(
        stack,
        "Registry",
        name="churn",
        artifacts=[storage.models],
        consumer_accounts=["111111111111"],
        approver_accounts=["222222222222"],
    )
    mlops.Endpoint(
        stack,
        "Endpoint",
        endpoint_name="churn",
        model=mlops.Model.latest_approved(group, environment={"LEVEL": "info"}),
        capture=mlops.DataCapture(bucket=storage.capture),
        encryption_key=storage.encryption_key,
        network=mlops.Network(vpc=ec2.Vpc(stack, "Vpc", nat_gateways=1)),
        network_isolation=True,
        scaling=mlops.Scaling(min_instances=2, max_instances=4, invocations_per_instance=100),
        rollout=mlops.Rollout.canary(),
    )
    mlops.Endpoint(
        stack,
        "Rolling",
        endpoint_name="rolling",
        model=mlops.Model.from_image(IMAGE, model_data_url="s3://models/llm/"),
        instance_type="ml.g5.xlarge",
        rollout=mlops.Rollout.rolling(retain_variant_properties=True),
    )
    variant = mlops.Variant(
        name="a",
        model=mlops.Model.from_model_package(group, 2),
        volume_gb=10,
        model_download_seconds=600,
        startup_seconds=600,
        initial_instance_count=2,
    )
    mlops.Endpoint(
        stack,
        "Linear",
        endpoint_name="linear",
        variants=[variant],
        alarms=mlops.EndpointAlarms.none(),
        rollout=mlops.Rollout.linear(bake_minutes=0),
    )


def synthesised(region: str | None = None) -> dict[str, Any]:
    app = cdk.App()
    env = cdk.Environment(account="333333333333", region=region) if region else None
    stack = cdk.Stack(app, "Serving", env=env)
    everything(stack)
    template: dict[str, Any] = app.synth().get_stack_by_name("Serving").template
    return template


def test_cfn_lint_finds_nothing(lint: Callable[..., list[str]]) -> None:
    assert lint(synthesised()) == []


def test_cfn_lint_does_find_mistakes(lint: Callable[..., list[str]]) -> None:
    template = synthesised()
    (config,) = (r for r in template["Resources"].values() if r["Type"].endswith("::Endpoint") and "Condition" in r)
    config["Properties"]["EndpointKonfigName"] = config["Properties"].pop("EndpointConfigName")
    assert any("EndpointConfigName" in finding for finding in lint(template))


def test_two_runs_give_equal_bytes() -> None:
    assert json.dumps(synthesised()) == json.dumps(synthesised())


@pytest.mark.parametrize("region", [None, "cn-north-1", "us-gov-west-1"])
def test_no_partition_is_assumed(region: str | None) -> None:
    text = json.dumps(synthesised(region))
    # Names that the user wrote out, such as an image's URI, are not looked at.
    assert not re.findall(r'"arn:aws[^"]*', text)


def test_service_principals_of_china() -> None:
    template = synthesised("cn-north-1")
    (key,) = (r for r in template["Resources"].values() if r["Type"] == "AWS::KMS::Key")
    principals = {s["Sid"]: s["Principal"] for s in key["Properties"]["KeyPolicy"]["Statement"]}
    assert principals["AlarmsToEncryptedTopics"] == {"Service": "cloudwatch.amazonaws.com"}
    # CloudWatch Logs is the one whose principal carries region and suffix.
    assert {"Ref": "AWS::URLSuffix"} in principals["LogGroups"]["Service"]["Fn::Join"][1]


def test_every_allowed_wildcard_has_its_reason() -> None:
    for logical_id, resource in synthesised()["Resources"].items():
        reasons = resource.get("Metadata", {}).get("WildcardReasons", {})
        for statement in allowing(resource.get("Properties", {})):
            parts = json.dumps([statement["Action"], statement.get("Resource", "")])
            if "*" in parts:
                assert reasons.get(statement["Sid"]), f"{logical_id}: {statement['Sid']}"


def allowing(part: Any) -> list[dict[str, Any]]:
    """Allow statements anywhere in a resource, except who may assume a role."""
    if isinstance(part, list):
        return [found for item in part for found in allowing(item)]
    if not isinstance(part, dict):
        return []
    if part.get("Effect") == "Allow" and "Resource" in part:
        return [part]
    return [found for item in part.values() for found in allowing(item)]


def test_a_tag_on_the_app_replaces_nothing() -> None:
    """Only Tags may differ, and no type here is replaced by a changed tag."""
    app = cdk.App()
    stack = cdk.Stack(app, "Serving")
    everything(stack)
    cdk.Tags.of(app).add("team", "risk")
    tagged = app.synth().get_stack_by_name("Serving").template["Resources"]
    plain = synthesised()["Resources"]
    assert tagged.keys() == plain.keys()
    for logical_id, resource in plain.items():
        rest = {key: value for key, value in tagged[logical_id].get("Properties", {}).items() if key != "Tags"}
        assert rest == {key: value for key, value in resource.get("Properties", {}).items() if key != "Tags"}


def test_round_trips_of_an_endpoint(stack: cdk.Stack, bucket: s3.IBucket, round_trips: Any) -> None:
    """One call for the construct and one for everything in it; the live version's parameter is read by one more."""

    def calls(name: str, model: mlops.Model) -> int:
        before = round_trips.count
        mlops.Endpoint(
            stack,
            name,
            endpoint_name=name.lower(),
            model=model,
            capture=mlops.DataCapture(bucket=bucket),
            scaling=mlops.Scaling(max_instances=4, invocations_per_instance=100),
            parameter_prefix=name,
        )
        return int(round_trips.count - before)

    group = mlops.ModelPackageGroup(stack, "Registry", name="churn")
    calls("First", mlops.Model.from_image(IMAGE))  # reads what is then remembered
    assert calls("Second", mlops.Model.from_image(IMAGE)) == 2
    assert calls("Third", mlops.Model.latest_approved(group)) <= 3
