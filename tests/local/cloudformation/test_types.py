"""Resource types: the table against the models of the API and the schemas, and each type through its life."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import boto3
import pytest
from local_support.families import ACCOUNT, FAMILIES, at, interface, resources, sagemaker
from local_support.lab import archive

from sagemaker_local.cloudformation.schema import schema_of
from sagemaker_local.cloudformation.types import TYPES
from sagemaker_local.cloudformation.types.coerce import coerce
from sagemaker_local.cloudformation.types.rows import Row
from sagemaker_local.server import LocalAws

ROWS = {name: row for name, row in TYPES.items() if isinstance(row, Row)}
SCRIPT = """
def model_fn(path): return None
def input_fn(body, kind): return body
def predict_fn(data, model): return "{answer}"
def output_fn(result, accept): return result
"""


@pytest.mark.parametrize("name", sorted(ROWS))
def test_rows_name_real_operations_and_properties(name: str) -> None:
    row, schema = ROWS[name], schema_of(name)
    assert schema.properties, f"{name} has a provider schema"
    client = boto3.client(row.service, region_name="eu-west-1")
    methods = {
        getattr(row, field.name)
        for field in fields(row)
        if field.name in ("created_by", "deleted_by", "updated_by", "described_by")
    }
    if row.tagging is not None:
        methods |= {row.tagging.add, row.tagging.remove}
    assert {method for method in methods if method and not hasattr(client, method)} == set()
    assert row.name in {"", *schema.properties}
    assert set(row.rename) <= schema.properties


@pytest.mark.parametrize("name", sorted(ROWS))
def test_tags_of_every_taggable_row_can_change(name: str) -> None:
    row = ROWS[name]
    if schema_of(name).tag_property is None:
        pytest.skip("takes no stack tags")
    client = boto3.client(row.service, region_name="eu-west-1")
    by_update = row.updated_by and "Tags" in (
        client.meta.service_model.operation_model(client.meta.method_to_api_mapping[row.updated_by]).input_shape.members
    )
    assert row.tagging is not None or by_update


def test_values_take_the_form_of_the_api() -> None:
    def shaped(service: str, operation: str, value: dict[str, Any]) -> Any:
        return coerce(
            value,
            boto3.client(service, region_name="eu-west-1").meta.service_model.operation_model(operation).input_shape,
        )

    assert shaped("sqs", "CreateQueue", {"queueName": "q", "Attributes": {"A": {"x": 1}}, "Unknown": 1}) == {
        "QueueName": "q",
        "Attributes": {"A": '{"x": 1}'},
    }
    assert shaped(
        "lambda", "CreateFunction", {"Timeout": "3", "Publish": "true", "Tags": [{"Key": "a", "Value": "b"}]}
    ) == {
        "Timeout": 3,
        "Publish": True,
        "Tags": {"a": "b"},
    }
    assert shaped(
        "cloudwatch", "PutMetricAlarm", {"Threshold": "1.5", "Tags": {"a": "b"}, "ActionsEnabled": False}
    ) == {
        "Threshold": 1.5,
        "Tags": [{"Key": "a", "Value": "b"}],
        "ActionsEnabled": False,
    }
    assert shaped("scheduler", "CreateSchedule", {"Target": {"Arn": "x", "Input": {"a": 1}}}) == {
        "Target": {"Arn": "x", "Input": '{"a": 1}'}
    }


@pytest.fixture(scope="module")
def full(workbench: Any) -> Iterator[Any]:
    with LocalAws() as aws:
        bench = workbench(aws, ACCOUNT)
        s3 = bench.client("s3")
        s3.create_bucket(Bucket="material", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        layer = io.BytesIO()
        with zipfile.ZipFile(layer, "w") as packed:
            packed.writestr("python/extra.py", "VALUE = 1")
        s3.put_object(Bucket="material", Key="layer.zip", Body=layer.getvalue())
        for version in (1, 2):
            script = SCRIPT.format(answer=f"version {version}").encode()
            packed = archive({"code/inference.py": script})
            s3.put_object(Bucket="material", Key=f"model-{version}.tar.gz", Body=packed)
        yield bench


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_a_family_of_types_is_created_updated_retagged_and_deleted(full: Any, family: Any) -> None:
    name = family.__name__
    first, second = ([{"Key": "team", "Value": value}] for value in ("ml", "ops"))
    stack = full.create(name, resources(family, 1), Tags=first)
    assert stack["StackStatus"] == "CREATE_COMPLETE", failures(full, name)
    stack = full.update(name, resources(family, 2), Tags=second)
    assert stack["StackStatus"] == "UPDATE_COMPLETE", failures(full, name)
    # What CloudFormation knows of every resource is what a template can refer to.
    referring = resources(family, 2)
    outputs = {
        f"{logical}{attribute.replace('.', '')}": {"Value": at(logical, attribute)}
        for logical, attribute in attributes(full, name)
    }
    referring["Outputs"] = outputs
    if outputs:
        assert full.update(name, referring)["StackStatus"] == "UPDATE_COMPLETE", failures(full, name)
        assert set(full.outputs(name)) == set(outputs)
    assert full.delete(name) == "DELETE_COMPLETE", full.stack(stack["StackId"])["StackStatusReason"]


def failures(bench: Any, name: str) -> list[str]:
    events = bench.cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return [f"{e['LogicalResourceId']}: {e['ResourceStatusReason']}" for e in events if "FAILED" in e["ResourceStatus"]]


def attributes(bench: Any, name: str) -> list[tuple[str, str]]:
    """Return what the schemas promise for GetAtt and the stack's resources have."""
    stack = bench.aws.extensions["cloudformation"].stacks.get(name, bench.account, bench.region)
    return [(item.logical_id, key) for item in stack.resources.values() for key in item.created.attributes]


def test_interface_endpoints_that_ec2_would_refuse_are_refused(full: Any) -> None:
    ec2 = full.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    one, other = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone="eu-west-1a")["Subnet"][
            "SubnetId"
        ]
        for number in range(2)
    )

    def refused(name: str, *given: list[str]) -> str:
        made = {
            f"E{number}": {"Type": "AWS::EC2::VPCEndpoint", "Properties": interface(vpc, subnets)}
            for number, subnets in enumerate(given)
        }
        full.create(name, {"Resources": made})
        return " ".join(failures(full, name))

    assert "enableDnsHostnames VPC attributes set to true" in refused("no-names", [one])
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    assert f"another VPC endpoint subnet in the availability zone of {other}" in refused("one-zone", [one, other])
    assert "conflicting DNS domain for api.sagemaker.eu-west-1.amazonaws.com" in refused("twice", [one], [other])


def test_an_endpoint_is_updated_in_place_while_model_and_config_are_replaced(full: Any) -> None:
    full.create("live", resources(sagemaker, 1))
    runtime = full.client("sagemaker-runtime")
    before = full.physical("live")

    def answer() -> str:
        return str(
            runtime.invoke_endpoint(EndpointName="types", Body=b"x", ContentType="text/csv")["Body"].read().decode()
        )

    assert answer() == "version 1"
    full.update("live", resources(sagemaker, 2))
    after = full.physical("live")
    assert answer() == "version 2"
    assert {name for name in before if before[name] != after[name]} == {"Model", "Config"}
    events = full.events("live")
    assert events.index(("Endpoint", "UPDATE_COMPLETE")) < events.index(("Config", "DELETE_IN_PROGRESS"))
    assert full.delete("live") == "DELETE_COMPLETE"


def test_a_model_that_does_not_load_rolls_the_stack_back(full: Any) -> None:
    full.create("bad", resources(sagemaker, 1))
    broken = resources(sagemaker, 1)
    broken["Resources"]["Model"]["Properties"]["PrimaryContainer"]["ModelDataUrl"] = "s3://material/layer.zip"
    assert full.update("bad", broken)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    runtime = full.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName="types", Body=b"x", ContentType="text/csv")["Body"].read()
    assert answer == b"version 1"
    config = full.client("sagemaker").describe_endpoint(EndpointName="types")["EndpointConfigName"]
    assert full.physical("bad")["Config"].endswith(config.lower())
    assert full.delete("bad") == "DELETE_COMPLETE"
