"""The access modules and the entry point against moto's services."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from deploy import handler
from deploy.lock import Lock
from deploy.memory import Memory
from deploy.registry import GroupMissing, Registry
from deploy.state import Intent, Journal, Quarantined
from shared import clients
from shared.environment import ConfigurationError

QUEUE = "rollouts"


@pytest.fixture
def aws(monkeypatch):
    clients.client.cache_clear()
    handler.controller.cache_clear()
    with mock_aws():
        queue = boto3.client("sqs").create_queue(QueueName=QUEUE)["QueueUrl"]
        topic = boto3.client("sns").create_topic(Name="alerts")["TopicArn"]
        for name, value in {
            "CONTROLLER_NAME": "mlops-prod",
            "ENVIRONMENT": "prod",
            "CLOUDFORMATION_ROLE_ARN": "arn:aws:iam::123456789012:role/rollouts",
            "QUEUE_URL": queue,
            "TOPIC_ARN": topic,
        }.items():
            monkeypatch.setenv(name, value)
        yield boto3.client
    clients.client.cache_clear()
    handler.controller.cache_clear()


@pytest.fixture
def stack(aws):
    """A stack without a model that registers itself; its template holds nothing that a rollout would change yet."""
    registration = {
        "stack_name": "mlops-prod-Serving-churn",
        "model": "churn",
        "endpoint_name": "mlops-prod-churn",
        "model_package_group": "churn",
        "parameters": {"version": "ModelPackageArn"},
    }
    template = {
        "Parameters": {"ModelPackageArn": {"Type": "String", "Default": ""}},
        "Resources": {
            "Registration": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {
                    "Name": "/mlops-prod/serving/churn",
                    "Type": "String",
                    "Value": json.dumps(registration),
                },
            }
        },
    }
    aws("cloudformation").create_stack(StackName="mlops-prod-Serving-churn", TemplateBody=json.dumps(template))
    aws("sagemaker").create_model_package_group(ModelPackageGroupName="churn", ModelPackageGroupDescription="churn")


def message(number, body):
    return {"messageId": f"m{number}", "body": json.dumps(body)}


def test_a_direct_request_tells_what_was_found(stack):
    answer = handler.lambda_handler({"action": "reconcile"}, None)
    assert answer == {
        "models": [
            {
                "model": "churn",
                "action": "Converged",
                "reason": "group churn has no approved version",
                "liveVersion": None,
            }
        ]
    }


def test_failed_messages_are_reported_one_by_one(stack, capsys):
    records = [message(1, {}), message(2, {"action": "release", "model": "other"}), message(3, {"tick": True})]
    answer = handler.lambda_handler({"Records": records}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m2"}]}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (line,) = [line for line in lines if line["level"] == "ERROR"]
    assert "model 'other' is not registered here" in line["exception"]


def test_a_busy_stack_is_looked_at_again_in_a_minute(stack, aws, monkeypatch):
    sent = []
    original = clients.client("sqs").send_message
    monkeypatch.setattr(
        clients.client("sqs"), "send_message", lambda **call: sent.append(call) or original(**call), raising=False
    )
    monkeypatch.setattr("deploy.state.Stack.busy", property(lambda self: True))
    handler.lambda_handler({"Records": [message(1, {})]}, None)
    (call,) = sent
    assert call["DelaySeconds"] == 60
    body = json.loads(call["MessageBody"])
    assert body == {"action": "reconcile", "model": "churn", "recheck": True}


def test_wrong_settings_name_every_mistake(aws, monkeypatch):
    monkeypatch.setenv("QUEUE_URL", "")
    monkeypatch.delenv("CLOUDFORMATION_ROLE_ARN")
    with pytest.raises(ConfigurationError, match="CLOUDFORMATION_ROLE_ARN is not set; QUEUE_URL is not set"):
        handler.lambda_handler({}, None)


def test_the_lock_keeps_systems_managers_rules(aws):
    moment = datetime.now(tz=UTC)
    first, second = (Lock(aws("ssm"), "mlops-prod", "churn", lambda: moment) for _ in range(2))
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    late = Lock(aws("ssm"), "mlops-prod", "churn", lambda: moment + timedelta(minutes=3))
    assert late.acquire(), "the second holder is dead"
    late.release()
    late.release()
    assert first.acquire()


def test_memory_keeps_systems_managers_rules(aws):
    memory = Memory(aws("ssm"), "mlops-prod")
    intent = Intent("rollout-2-ab", "arn:p/1", "arn:p/2", True, "2026-11-21T08:00:00+00:00")
    journal = Journal(processed="e1", intent=intent, started="rollout-2-ab", diverged_since="2026-11-21T08:00:00+00:00")
    entries = (
        Quarantined("arn:p/1", "why", "Endpoint", "t", "baselines"),
        Quarantined("arn:p/2", "größer", "Model", "t"),
    )
    memory.save_journal("churn", journal)
    memory.save_quarantine("churn", entries)
    for view in (memory, Memory(aws("ssm"), "mlops-prod")):
        assert view.journal("churn") == journal
        assert view.quarantine("churn") == entries
        assert (view.journal("fraud"), view.quarantine("fraud")) == (Journal(), ())
    assert memory.lock("churn", lambda: datetime.now(tz=UTC)).acquire()
    assert Memory(aws("ssm"), "mlops-prod").forget_unregistered() == ["churn"]
    assert aws("ssm").describe_parameters()["Parameters"] == []


class SageMaker:
    """DescribeModelPackage and ListModelPackages as boto3 answers them."""

    def __init__(self, document=None, pages=(), error=None):
        self.document, self.pages, self.error, self.read = document, pages, error, 0

    def describe_model_package(self, ModelPackageName):
        if self.error:
            raise self.error
        return {"ModelPackageArn": ModelPackageName, "CreationTime": 0} | self.document

    def get_paginator(self, name):
        assert name == "list_model_packages"
        return self

    def paginate(self, **request):
        assert request["ModelApprovalStatus"] == "Approved" and request["SortOrder"] == "Descending"
        if self.error:
            raise self.error
        for page in self.pages:
            self.read += 1
            yield {"ModelPackageSummaryList": [summary(version) for version in page]}


def summary(version, status="Completed"):
    return {
        "ModelPackageArn": f"arn:p/{version}",
        "ModelApprovalStatus": "Approved",
        "ModelPackageStatus": status,
        "CreationTime": 0,
    }


def file(uri):
    return {"S3Uri": uri, "ContentType": "application/json"}


def test_drift_check_baselines_come_before_the_versions_own_metrics():
    document = {
        "ModelMetrics": {
            "ModelDataQuality": {"Statistics": file("s3://m/s"), "Constraints": file("s3://m/c")},
            "ModelQuality": {"Statistics": file("s3://m/qs")},
            "Bias": {"Report": file("s3://m/bias")},
            "Explainability": {"Report": file("s3://m/shap")},
        },
        "DriftCheckBaselines": {"ModelDataQuality": {"Constraints": file("s3://d/c")}},
    }
    assert Registry(SageMaker(document)).describe("arn:p/1").baselines == {
        "DataQuality": {"constraints": "s3://d/c", "statistics": "s3://m/s"},
        "ModelQuality": {"statistics": "s3://m/qs"},
        "ModelBias": {"constraints": "s3://m/bias"},
        "ModelExplainability": {"constraints": "s3://m/shap"},
    }
    assert Registry(SageMaker({})).describe("arn:p/1").baselines == {}


def test_no_more_of_a_group_is_read_than_needed():
    approved = {"ModelApprovalStatus": "Approved", "ModelPackageStatus": "Completed"}
    client = SageMaker(document=approved, pages=[[9, 8], [7, 6], [5]])
    barred = [Quarantined(f"arn:p/{version}", "", "", "") for version in (9, 8, 7)]
    assert [item.version for item in Registry(client).approved("g", barred, anything)] == [9, 8, 7, 6]
    assert client.read == 2


def test_versions_that_may_not_go_live_yet_are_read_past():
    approved = {"ModelApprovalStatus": "Approved", "ModelPackageStatus": "Completed"}
    client = SageMaker(document=approved, pages=[[9, 8], [7, 6], [5]])
    found = Registry(client).approved("g", [], lambda package: package.version < 8)
    assert [item.version for item in found] == [9, 8, 7]


def anything(package):
    return True


def error(code, text):
    return ClientError({"Error": {"Code": code, "Message": text}}, "Operation")


def test_absence_is_told_from_other_refusals():
    gone = SageMaker(error=error("ValidationException", "ModelPackage arn:p/1 does not exist."))
    assert Registry(gone).describe("arn:p/1") is None
    with pytest.raises(GroupMissing, match="model package group g does not exist"):
        Registry(gone).approved("g", [], anything)
    denied = SageMaker(error=error("AccessDeniedException", "User is not authorized"))
    with pytest.raises(ClientError):
        Registry(denied).describe("arn:p/1")
    with pytest.raises(ClientError):
        Registry(denied).approved("g", [], anything)
