"""Custom resources: functions that run for real, and the stand-ins for the CDK's own handlers."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
HANDLER = """
import json, urllib.request
def handler(event, context):
    properties = event["ResourceProperties"]
    if properties.get("Crash") == event["RequestType"]:
        raise ValueError("crashed as told")
    failing = properties.get("Fail") == event["RequestType"]
    answer = {
        "Status": "FAILED" if failing else "SUCCESS", "Reason": "as told",
        "PhysicalResourceId": properties.get("Id", "thing"),
        "StackId": event["StackId"], "RequestId": event["RequestId"], "LogicalResourceId": event["LogicalResourceId"],
        "Data": {"Seen": json.dumps(properties, sort_keys=True), "Kind": event["RequestType"],
                 "Old": event.get("OldResourceProperties", {}).get("Value", "")},
    }
    urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT"))
"""
NODE = {"Code": {"ZipFile": "exports.handler = 1"}, "Runtime": "nodejs22.x", "Handler": "index.handler"}


def function(code: dict[str, Any]) -> dict[str, Any]:
    return {"Type": "AWS::Lambda::Function", "Properties": {**code, "Role": {"Fn::GetAtt": ["Role", "Arn"]}}}


def template(
    properties: dict[str, Any], kind: str = "Custom::Thing", code: dict[str, Any] | None = None
) -> dict[str, Any]:
    python = {"Code": {"ZipFile": HANDLER}, "Runtime": "python3.13", "Handler": "index.handler", "Timeout": 20}
    return {
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
            "Handler": function(code or python),
            "Thing": {"Type": kind, "Properties": {"ServiceToken": {"Fn::GetAtt": ["Handler", "Arn"]}, **properties}},
        }
    }


def with_outputs(body: dict[str, Any], *names: str) -> dict[str, Any]:
    body["Outputs"] = {name: {"Value": {"Fn::GetAtt": ["Thing", name]}} for name in names}
    return body


def test_a_function_answers_with_id_and_data(bench: Any) -> None:
    body = with_outputs(template({"Value": 1, "Flag": True, "List": [2]}), "Seen", "Kind", "Old")
    assert bench.create("custom", body)["StackStatus"] == "CREATE_COMPLETE"
    seen = json.loads(bench.outputs("custom")["Seen"])
    assert (seen["Value"], seen["Flag"], seen["List"]) == ("1", "true", ["2"]), "functions get text"
    assert bench.physical("custom")["Thing"] == "thing"
    body["Resources"]["Thing"]["Properties"]["Value"] = 2
    bench.update("custom", body)
    outputs = bench.outputs("custom")
    assert (outputs["Kind"], outputs["Old"]) == ("Update", "1")
    assert bench.delete("custom") == "DELETE_COMPLETE"


def test_another_physical_id_means_replacement(bench: Any) -> None:
    bench.create("moved", template({"Id": "first"}))
    bench.update("moved", template({"Id": "second"}))
    assert bench.physical("moved")["Thing"] == "second"
    events = bench.events("moved")
    assert ("Thing", "DELETE_COMPLETE") in events[events.index(("moved", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")) :]


@pytest.mark.parametrize(("how", "reason"), [("Fail", "as told"), ("Crash", "crashed as told")])
def test_failures_carry_the_functions_reason_at_once(bench: Any, how: str, reason: str) -> None:
    name = f"reason-{how}"
    assert bench.create(name, template({how: "Create"}))["StackStatus"] == "ROLLBACK_COMPLETE"
    assert reason in bench.reason(name, "Thing", "CREATE_FAILED")


def test_a_failing_update_is_set_back(bench: Any) -> None:
    bench.create("setback", with_outputs(template({"Value": "good"}), "Seen"))
    failing = with_outputs(template({"Value": "bad", "Fail": "Update"}), "Seen")
    assert bench.update("setback", failing)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert json.loads(bench.outputs("setback")["Seen"])["Value"] == "good"


def test_a_bucket_that_empties_itself(bench: Any) -> None:
    body = template({"BucketName": {"Ref": "Bucket"}}, "Custom::S3AutoDeleteObjects", NODE)
    tags = [{"Key": "aws-cdk:auto-delete-objects", "Value": "true"}]
    versions = {"VersioningConfiguration": {"Status": "Enabled"}, "Tags": tags}
    body["Resources"]["Bucket"] = {"Type": "AWS::S3::Bucket", "Properties": versions}
    bench.create("emptied", body)
    bucket, s3 = bench.physical("emptied")["Bucket"], bench.client("s3")
    for _ in range(2):
        s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    s3.delete_object(Bucket=bucket, Key="a")
    assert bench.delete("emptied") == "DELETE_COMPLETE"
    assert bucket not in [item["Name"] for item in s3.list_buckets()["Buckets"]]


def test_files_are_deployed_pruned_and_left(bench: Any) -> None:
    s3 = bench.client("s3")
    s3.create_bucket(Bucket="sources", CreateBucketConfiguration={"LocationConstraint": bench.region})
    for key, files in {"one.zip": {"a.txt": "A", "b/c.json": "{}"}, "two.zip": {"a.txt": "B <<marker>>"}}.items():
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        s3.put_object(Bucket="sources", Key=key, Body=packed.getvalue())
    s3.create_bucket(Bucket="target", CreateBucketConfiguration={"LocationConstraint": bench.region})

    def deploying(key: str) -> dict[str, Any]:
        place = {"DestinationBucketName": "target", "DestinationBucketKeyPrefix": "site"}
        source = {
            "SourceBucketNames": ["sources"],
            "SourceObjectKeys": [key],
            "SourceMarkers": [{"<<marker>>": "value"}],
        }
        return template({**place, **source, "Prune": True}, "Custom::CDKBucketDeployment", NODE)

    def keys() -> list[str]:
        return [item["Key"] for item in s3.list_objects_v2(Bucket="target").get("Contents", [])]

    bench.create("files", deploying("one.zip"))
    assert keys() == ["site/a.txt", "site/b/c.json"]
    bench.update("files", deploying("two.zip"))
    assert keys() == ["site/a.txt"]
    assert s3.get_object(Bucket="target", Key="site/a.txt")["Body"].read() == b"B value"


def test_api_calls_and_their_answers(bench: Any) -> None:
    parameters = {"Name": "/called", "Value": "x", "Type": "String"}
    create = {
        "service": "SSM",
        "action": "putParameter",
        "parameters": parameters,
        "physicalResourceId": {"id": "/called"},
    }
    delete = {
        "service": "@aws-sdk/client-ssm",
        "action": "DeleteParameterCommand",
        "parameters": {"Name": "PHYSICAL:RESOURCEID:"},
    }
    body = with_outputs(
        template({"Create": json.dumps(create), "Delete": json.dumps(delete)}, "Custom::AWS", NODE), "Version"
    )
    bench.create("calls", body)
    assert bench.outputs("calls") == {"Version": "1"}
    assert bench.physical("calls")["Thing"] == "/called"
    bench.delete("calls")
    assert bench.client("ssm").get_parameters(Names=["/called"])["InvalidParameters"] == ["/called"]


def test_log_retention(bench: Any) -> None:
    bench.create(
        "retention", template({"LogGroupName": "/made/elsewhere", "RetentionInDays": 7}, "Custom::LogRetention", NODE)
    )
    groups = bench.client("logs").describe_log_groups(logGroupNamePrefix="/made/elsewhere")["logGroups"]
    assert groups[0]["retentionInDays"] == 7


def test_values_cross_regions(bench: Any, embedded: Any) -> None:
    exports = {"/cdk/exports/consumer/value": "across"}
    body = template(
        {"WriterProps": {"region": "us-east-1", "exports": exports}}, "Custom::CrossRegionExportWriter", NODE
    )
    bench.create("producer", body)
    remote = embedded.client("ssm", bench.account, "us-east-1")
    assert remote.get_parameter(Name="/cdk/exports/consumer/value")["Parameter"]["Value"] == "across"
    bench.delete("producer")
    assert remote.get_parameters(Names=["/cdk/exports/consumer/value"])["InvalidParameters"]


def test_the_provider_framework_calls_the_users_functions(bench: Any) -> None:
    on_event = (
        'def handler(event, context):\n    return {"PhysicalResourceId": "mine", "Data": {"A": event["RequestType"]}}'
    )
    complete = (
        "import boto3\n"
        "def handler(event, context):\n"
        '    ssm = boto3.client("ssm")\n'
        '    tries = int(ssm.get_parameter(Name="/tries")["Parameter"]["Value"]) + 1\n'
        '    ssm.put_parameter(Name="/tries", Value=str(tries), Overwrite=True)\n'
        '    return {"IsComplete": tries > 2, "Data": {"B": str(tries)}} if tries > 2 else {"IsComplete": False}'
    )
    bench.client("ssm").put_parameter(Name="/tries", Value="0", Type="String")
    own = {"Runtime": "python3.13", "Handler": "index.handler", "Timeout": 20}
    variables = {
        "USER_ON_EVENT_FUNCTION_ARN": {"Fn::GetAtt": ["OnEvent", "Arn"]},
        "USER_IS_COMPLETE_FUNCTION_ARN": {"Fn::GetAtt": ["IsComplete", "Arn"]},
    }
    framework = {**NODE, "Handler": "framework.onEvent", "Environment": {"Variables": variables}}
    body = with_outputs(template({}, "Custom::Mine", framework), "A", "B")
    body["Resources"]["OnEvent"] = function({**own, "Code": {"ZipFile": on_event}})
    body["Resources"]["IsComplete"] = function({**own, "Code": {"ZipFile": complete}})
    bench.create("framework", body)
    assert bench.outputs("framework") == {"A": "Create", "B": "3"}
    assert bench.physical("framework")["Thing"] == "mine"
