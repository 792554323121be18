"""Stacks for the tests of CloudFormation, by its API."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sagemaker_local.server import LocalAws

ACCOUNT, REGION = "111111111111", "eu-west-1"


class Workbench:
    """One account of an embedded AWS, and short ways to deploy templates in it."""

    def __init__(self, aws: LocalAws, account: str = ACCOUNT, region: str = REGION) -> None:
        self.aws, self.account, self.region = aws, account, region
        self.cloudformation = self.client("cloudformation")

    def client(self, service: str) -> Any:
        return self.aws.client(service, self.account, self.region)

    def create(self, name: str, template: dict[str, Any], **params: Any) -> dict[str, Any]:
        request = {"Capabilities": ["CAPABILITY_NAMED_IAM"], "TemplateBody": json.dumps(template), **_given(params)}
        self.cloudformation.create_stack(StackName=name, **request)
        return self.settled(name)

    def update(self, name: str, template: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
        body = {"UsePreviousTemplate": True} if template is None else {"TemplateBody": json.dumps(template)}
        self.cloudformation.update_stack(
            StackName=name, Capabilities=["CAPABILITY_NAMED_IAM"], **body, **_given(params)
        )
        return self.settled(name)

    def delete(self, name: str) -> str:
        stack = self.stack(name)
        self.cloudformation.delete_stack(StackName=name)
        return str(self.settled(stack["StackId"])["StackStatus"])

    def stack(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        return found

    def settled(self, name: str, seconds: float = 20) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            stack = self.stack(name)
            if not stack["StackStatus"].endswith("_IN_PROGRESS"):
                return stack
            assert time.monotonic() < deadline, f"{name} is still {stack['StackStatus']}"
            time.sleep(0.01)

    def outputs(self, name: str) -> dict[str, str]:
        return {item["OutputKey"]: item["OutputValue"] for item in self.stack(name).get("Outputs", [])}

    def physical(self, name: str) -> dict[str, str]:
        pages = self.cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        return {
            item["LogicalResourceId"]: item["PhysicalResourceId"]
            for page in pages
            for item in page["StackResourceSummaries"]
        }

    def events(self, name: str, token: str | None = None) -> list[tuple[str, str]]:
        """Return (logical id, status), oldest first."""
        pages = self.cloudformation.get_paginator("describe_stack_events").paginate(StackName=name)
        found = [
            item for page in pages for item in page["StackEvents"] if token in (None, item.get("ClientRequestToken"))
        ]
        return [(item["LogicalResourceId"], item["ResourceStatus"]) for item in reversed(found)]

    def reason(self, name: str, logical_id: str, status: str) -> str:
        events = self.cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        return next(
            str(item.get("ResourceStatusReason"))
            for item in events
            if (item["LogicalResourceId"], item["ResourceStatus"]) == (logical_id, status)
        )


def _given(params: dict[str, Any]) -> dict[str, Any]:
    values = params.pop("parameters", None)
    if values is not None:
        params["Parameters"] = [
            {"ParameterKey": key, **({"UsePreviousValue": True} if value is None else {"ParameterValue": value})}
            for key, value in values.items()
        ]
    return params


def refused(call: Any, *arguments: Any, **params: Any) -> str:
    """Call what must fail, and return the error's message."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **params)
    return str(caught.value.response["Error"]["Message"])


@pytest.fixture(scope="module")
def embedded() -> Iterator[LocalAws]:
    with LocalAws(features=("bootstrap", "cloudformation", "lambdas", "events")) as aws:
        yield aws


@pytest.fixture(scope="module")
def bench(embedded: LocalAws) -> Workbench:
    return Workbench(embedded)


@pytest.fixture(scope="session")
def refusal() -> Any:
    """`refusal(call, ...)` gives the message of the error that the call must raise."""
    return refused


@pytest.fixture(scope="session")
def workbench() -> type[Workbench]:
    """The class, for modules that need an embedded AWS of their own."""
    return Workbench
