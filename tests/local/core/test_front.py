"""The front door: accounts, callers, the record of calls, own handlers, controls."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from sagemaker_local.accounts import developer_key
from sagemaker_local.errors import AwsError
from sagemaker_local.moto_base import Reply
from sagemaker_local.recorder import actions, summarise
from sagemaker_local.server import LocalAws

DEV, PROD = "111111111111", "222222222222"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(features=("bootstrap",)) as running:
        yield running


def control(aws: LocalAws, path: str, body: Any = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(f"{aws.url}/_local/{path}", data) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_credentials_choose_the_account(aws: LocalAws) -> None:
    for account in (DEV, PROD):
        identity = aws.client("sts", account).get_caller_identity()
        assert (identity["Account"], identity["Arn"]) == (account, f"arn:aws:iam::{account}:user/developer")
    aws.client("sqs", DEV).create_queue(QueueName="mine")
    assert "QueueUrls" not in aws.client("sqs", PROD).list_queues()
    with pytest.raises(ValueError, match='an AWS account id has 12 digits, got "123"'):
        developer_key("123")


def test_assumed_roles_are_the_callers(aws: LocalAws) -> None:
    role = f"arn:aws:iam::{PROD}:role/path/deployer"
    keys = aws.client("sts", DEV).assume_role(RoleArn=role, RoleSessionName="ci")["Credentials"]
    client = boto3.client(
        "sqs",
        endpoint_url=aws.url,
        region_name="us-east-1",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    client.create_queue(QueueName="assumed")
    call = aws.recorder.select(service="sqs", operation="CreateQueue", caller=role)[-1]
    assert (call.account, call.region, call.params["QueueName"], call.error) == (PROD, "us-east-1", "assumed", None)
    with pytest.raises(ClientError, match="is invalid"):
        aws.client("sts").assume_role(RoleArn="arn:aws:iam::1:user/nobody.....", RoleSessionName="ci")


def test_calls_of_every_protocol_are_recorded_with_their_outcome(aws: LocalAws) -> None:
    aws.recorder.clear()
    s3 = aws.client("s3", DEV)
    s3.create_bucket(Bucket="recorded", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="recorded", Key="a/b", Body=b"12345")
    s3.list_objects_v2(Bucket="recorded")
    with pytest.raises(ClientError):
        s3.get_object(Bucket="recorded", Key="none")
    aws.client("cloudwatch", DEV).put_metric_data(Namespace="N", MetricData=[{"MetricName": "m", "Value": 1}])
    aws.client("iam", DEV).list_roles()
    seen = [(call.service, call.operation, call.error) for call in aws.calls]
    assert seen == [
        ("s3", "CreateBucket", None),
        ("s3", "PutObject", None),
        ("s3", "ListObjectsV2", None),
        ("s3", "GetObject", "NoSuchKey"),
        ("cloudwatch", "PutMetricData", None),
        ("iam", "ListRoles", None),
    ]
    assert aws.calls[1].params["Key"] == "a/b"
    assert "s3:PutObject" in actions(aws.calls)
    assert summarise({"Body": b"123", "Text": "x" * 5000, "N": [1, None]}) == {
        "Body": "<3 bytes>",
        "Text": "x" * 2048 + "... <5000 characters>",
        "N": [1, None],
    }


def test_own_handlers_answer_in_the_clients_protocol(aws: LocalAws) -> None:
    def alias(context: Any, params: dict[str, Any]) -> dict[str, Any] | None:
        if params.get("MaxItems") == 7:
            raise AwsError("ServiceFailure", f"not for {context.caller_arn}")
        if params.get("MaxItems") == 8:
            return None
        return {"AccountAliases": [f"{context.account} {context.region}"], "IsTruncated": False}

    aws.front.op("iam", "ListAccountAliases", alias)
    iam = aws.client("iam", DEV)
    assert iam.list_account_aliases()["AccountAliases"] == [f"{DEV} eu-west-1"]
    assert iam.list_account_aliases(MaxItems=8)["AccountAliases"] == [], "None lets the base answer"
    with pytest.raises(ClientError, match="not for arn:aws:iam::111111111111:user/developer") as caught:
        iam.list_account_aliases(MaxItems=7)
    assert caught.value.response["Error"]["Code"] == "ServiceFailure"


def test_handlers_can_forward_and_hooks_see_results(aws: LocalAws) -> None:
    hooked: list[Any] = []

    def create(context: Any, params: dict[str, Any]) -> dict[str, Any]:
        result = context.forward()
        return {**result, "TopicArn": result["TopicArn"] + "-wrapped"}

    aws.front.op("sns", "CreateTopic", create)
    aws.front.after(
        "sns", "CreateTopic", lambda context, params, result: hooked.append((params["Name"], result["TopicArn"]))
    )
    arn = aws.client("sns", DEV).create_topic(Name="t")["TopicArn"]
    assert arn.endswith(":t-wrapped")
    assert hooked == [("t", arn)]
    failures: list[str] = []

    def delete(context: Any, params: dict[str, Any]) -> dict[str, Any]:
        try:
            return dict(context.forward())
        except AwsError as error:
            failures.append(error.code)
            raise

    aws.front.op("sqs", "DeleteQueue", delete)
    with pytest.raises(ClientError):
        aws.client("sqs", DEV).delete_queue(QueueUrl=f"{aws.url}/{DEV}/none")
    assert failures == ["AWS.SimpleQueueService.NonExistentQueue"]


def test_routes_answer_what_no_model_describes(aws: LocalAws) -> None:
    aws.front.route(
        "", "GET", "/custom/([a-z]+)", lambda context, match, body, headers, query: Reply(body=match[1].encode())
    )
    with urllib.request.urlopen(f"{aws.url}/custom/path?x=1") as answer:
        assert answer.read() == b"path"


def test_what_nobody_implements_is_refused_by_name(aws: LocalAws) -> None:
    with pytest.raises(ClientError, match="the embedded AWS does not implement cloudtrail:LookupEvents"):
        aws.client("cloudtrail", DEV).lookup_events()


def test_bucket_policies_are_kept_but_not_enforced(aws: LocalAws) -> None:
    s3 = aws.client("s3", DEV)
    s3.create_bucket(Bucket="guarded", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    tls = {"Bool": {"aws:SecureTransport": "false"}}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": tls}
    s3.put_bucket_policy(Bucket="guarded", Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    s3.put_object(Bucket="guarded", Key="k", Body=b"x")
    assert json.loads(s3.get_bucket_policy(Bucket="guarded")["Policy"])["Statement"] == [deny]


def test_controls(aws: LocalAws) -> None:
    assert control(aws, "health")[1]["status"] == "ok"
    before = control(aws, "clock")[1]["now"]
    assert control(aws, "clock", {"advance_seconds": 3600})[1]["now"] > before
    status, answer = control(aws, "clock", {"seconds": 1})
    assert (status, "advance_seconds" in answer["error"]) == (400, True)
    aws.client("iam", DEV).list_roles()
    assert control(aws, "calls?service=iam")[1]
    status, answer = control(aws, "nothing")
    assert (status, "/_local/clock" in answer["error"]) == (404, True)


def test_the_first_assumed_bootstrap_role_prepares_its_place(aws: LocalAws) -> None:
    role = f"arn:aws:iam::{PROD}:role/cdk-hnb659fds-deploy-role-{PROD}-eu-north-1"
    aws.client("sts", DEV).assume_role(RoleArn=role, RoleSessionName="cdk")
    parameter = aws.client("ssm", PROD, "eu-north-1").get_parameter(Name="/cdk-bootstrap/hnb659fds/version")
    assert int(parameter["Parameter"]["Value"]) >= 21
    aws.client("s3", PROD, "eu-north-1").head_bucket(Bucket=f"cdk-hnb659fds-assets-{PROD}-eu-north-1")


def test_subprocesses_can_reach_nothing_else(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("PATH", "/usr/bin")
    environment = aws.environ(PROD, "eu-north-1")
    assert environment["AWS_ENDPOINT_URL"] == aws.url
    assert environment["AWS_ACCESS_KEY_ID"] == developer_key(PROD)
    assert environment["AWS_REGION"] == "eu-north-1"
    assert environment["PATH"] == "/usr/bin"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & environment.keys()
    assert aws.url.startswith("http://127.0.0.1:")


def test_only_one_runs_per_process(aws: LocalAws) -> None:
    with pytest.raises(RuntimeError, match="already runs in this process"):
        LocalAws(features=()).start()
