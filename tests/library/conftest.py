"""An app with one stack, and readers of what it synthesises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops

IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


class Synthesised:
    """A template with shortcuts."""

    def __init__(self, template: dict[str, Any]) -> None:
        self.template = template
        self.resources: dict[str, Any] = template["Resources"]

    def of_type(self, kind: str) -> dict[str, Any]:
        """Resources of a type, by logical id."""
        return {key: value for key, value in self.resources.items() if value["Type"] == f"AWS::{kind}"}

    def only(self, kind: str) -> dict[str, Any]:
        """Properties of the only resource of a type."""
        (found,) = self.of_type(kind).values()
        properties: dict[str, Any] = found["Properties"]
        return properties

    def by_id(self, beginning: str, kind: str) -> dict[str, Any]:
        """The only resource of a type whose logical id begins like this, hash aside."""
        (found,) = (v for k, v in self.of_type(kind).items() if k[:-8] == beginning)
        resource: dict[str, Any] = found
        return resource

    def statements(self) -> dict[str, Any]:
        """Statements of the only role, by id."""
        (policy,) = self.only("IAM::Role")["Policies"]
        return {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}


@pytest.fixture
def app() -> cdk.App:
    return cdk.App()


@pytest.fixture
def stack(app: cdk.App) -> cdk.Stack:
    return cdk.Stack(app, "Serving")


@pytest.fixture
def synthesise(app: cdk.App, stack: cdk.Stack) -> Callable[[], Synthesised]:
    return lambda: Synthesised(app.synth().get_stack_by_name(stack.stack_name).template)


@pytest.fixture
def bucket(stack: cdk.Stack) -> s3.IBucket:
    return s3.Bucket.from_bucket_name(stack, "Bucket", "the-bucket")


@pytest.fixture
def image_model() -> mlops.Model:
    return mlops.Model.from_image(IMAGE, model_data_url="s3://the-models/churn/model.tar.gz")


@pytest.fixture
def image_uri() -> str:
    return IMAGE


@dataclass
class RoundTrips:
    """Calls to the CDK's Node process."""

    count: int = 0


@pytest.fixture
def round_trips(monkeypatch: pytest.MonkeyPatch) -> Iterator[RoundTrips]:
    from jsii._kernel.providers import process

    counter = RoundTrips()
    original = process._NodeProcess.send

    def counting(self: Any, request: Any, response_type: Any) -> Any:
        counter.count += 1
        return original(self, request, response_type)

    monkeypatch.setattr(process._NodeProcess, "send", counting)
    yield counter


@pytest.fixture
def lint(tmp_path: Any) -> Callable[[dict[str, Any], str], list[str]]:
    """Findings of cfn-lint in a template."""
    import json

    from cfnlint.api import lint as run
    from cfnlint.config import ManualArgs

    def findings(template: dict[str, Any], region: str = "eu-west-1") -> list[str]:
        text = json.dumps(template)
        matches = run(text, config=ManualArgs(regions=[region], configure_rules={}))
        return [f"{match.rule.id} {'/'.join(map(str, match.path or []))}: {match.message}" for match in matches]

    return findings
