"""What the stacks clean up when they are deleted: model versions, and what the rollout controller remembers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

import deploy.handler
from deploy.memory import Memory
from deploy.state import Journal, Quarantined
from emptying import handler
from shared import custom_resource

STACK = "arn:aws:cloudformation:eu-west-1:111111111111:stack/mlops-dev-Registry/1"
PACKAGE = "arn:aws:sagemaker:eu-west-1:111111111111:model-package/churn"


@dataclass
class Aws:
    """A stack in some status, and a group with versions."""

    status: str = "DELETE_IN_PROGRESS"
    versions: list[str] = field(default_factory=lambda: [f"{PACKAGE}/{number}" for number in (1, 2, 3)])
    failure: ClientError | None = None
    group_exists: bool = True

    def client(self, service: str) -> Any:
        return self

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        assert StackName == STACK
        return {"Stacks": [{"StackStatus": self.status}]}

    def get_paginator(self, name: str) -> Any:
        assert name == "list_model_packages"
        return self

    def paginate(self, ModelPackageGroupName: str) -> Iterator[dict[str, Any]]:
        if not self.group_exists:
            raise refusal("ValidationException", f"ModelPackageGroup {ModelPackageGroupName} does not exist.")
        yield {"ModelPackageSummaryList": [{"ModelPackageArn": arn} for arn in self.versions[:2]]}
        yield {"ModelPackageSummaryList": [{"ModelPackageArn": arn} for arn in self.versions[2:]]}

    def delete_model_package(self, ModelPackageName: str) -> None:
        if self.failure:
            raise self.failure
        self.versions.remove(ModelPackageName)


class Context:
    """Lambda's context, with some time left."""

    def __init__(self, milliseconds: int = 900_000) -> None:
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        self.milliseconds -= 1
        return self.milliseconds


def refusal(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


class CloudFormation:
    """The end that waits for answers."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []
        answers = self.answers

        class Receiver(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Be silent."""

        self.server = HTTPServer(("127.0.0.1", 0), Receiver)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def request(self, kind: str, **properties: str) -> dict[str, Any]:
        return {
            "RequestType": kind,
            "ResponseURL": f"http://127.0.0.1:{self.server.server_port}/",
            "StackId": STACK,
            "RequestId": "r1",
            "LogicalResourceId": "Versions",
            "ResourceProperties": properties or {"GroupName": "churn"},
            **({} if kind == "Create" else {"PhysicalResourceId": "Versions"}),
        }


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    end = CloudFormation()
    yield end
    end.server.shutdown()
    end.server.server_close()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    state = Aws()
    for module in (handler, custom_resource):
        monkeypatch.setattr(module, "client", state.client)
    return state


def test_versions_go_with_their_stack(aws: Aws, cloudformation: CloudFormation) -> None:
    handler.lambda_handler(cloudformation.request("Delete"), Context())

    assert aws.versions == []
    (answer,) = cloudformation.answers
    assert (answer["Status"], answer["PhysicalResourceId"], answer["RequestId"]) == ("SUCCESS", "Versions", "r1")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("Create", "CREATE_IN_PROGRESS"),
        ("Update", "UPDATE_IN_PROGRESS"),
        ("Delete", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("Delete", "UPDATE_ROLLBACK_IN_PROGRESS"),
    ],
)
def test_versions_survive_everything_else(aws: Aws, cloudformation: CloudFormation, kind: str, status: str) -> None:
    """A stack that is told to retain its group loses the custom resource, and must not lose a version by that."""
    aws.status = status

    handler.lambda_handler(cloudformation.request(kind), Context())

    assert len(aws.versions) == 3
    assert [answer["Status"] for answer in cloudformation.answers] == ["SUCCESS"]


def test_a_group_that_is_gone_is_empty(aws: Aws, cloudformation: CloudFormation) -> None:
    aws.group_exists = False
    handler.lambda_handler(cloudformation.request("Delete"), Context())

    assert [answer["Status"] for answer in cloudformation.answers] == ["SUCCESS"]


def test_a_failure_is_told(aws: Aws, cloudformation: CloudFormation) -> None:
    aws.failure = refusal("AccessDeniedException", "not authorized to perform sagemaker:DeleteModelPackage")
    handler.lambda_handler(cloudformation.request("Delete"), Context())

    (answer,) = cloudformation.answers
    assert answer["Status"] == "FAILED"
    assert "not authorized" in answer["Reason"]


def test_too_many_versions_are_told_before_the_time_is_up(aws: Aws, cloudformation: CloudFormation) -> None:
    handler.lambda_handler(cloudformation.request("Delete"), Context(milliseconds=20_002))

    (answer,) = cloudformation.answers
    assert answer["Status"] == "FAILED"
    assert "delete the stack again" in answer["Reason"]
    assert 0 < len(aws.versions) < 3


@pytest.mark.parametrize(
    ("status", "kept"), [("DELETE_IN_PROGRESS", []), ("UPDATE_IN_PROGRESS", ["quarantine", "rollouts"])]
)
def test_the_controller_forgets_with_its_environment(
    aws: Aws, cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch, status: str, kept: list[str]
) -> None:
    aws.status = status
    with mock_aws():
        ssm = boto3.client("ssm")
        monkeypatch.setattr(deploy.handler, "client", lambda service: ssm)
        memory = Memory(ssm, "mlops-dev")
        memory.save_journal("churn", Journal(processed="e1"))
        memory.save_quarantine("churn", [Quarantined(f"{PACKAGE}/1", "broken", "", "2026-11-21T08:00:00+00:00")])
        ssm.put_parameter(Name="/mlops-dev/serving/churn", Value="of a stack", Type="String")

        answer = deploy.handler.lambda_handler(cloudformation.request("Delete", ControllerName="mlops-dev"), None)

        names = {parameter["Name"] for parameter in ssm.describe_parameters()["Parameters"]}
    assert answer == {}
    assert [item["Status"] for item in cloudformation.answers] == ["SUCCESS"]
    assert names == {"/mlops-dev/serving/churn", *(f"/mlops-dev/{kind}/churn" for kind in kept)}
