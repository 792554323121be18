"""Records of endpoints beside environment files: written after a deployment, compared at synthesis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
import pytest

from cdk_sagemaker_mlops import ConstructError
from stacks import endpoint_records
from stacks.settings import load
from stacks.stage import EnvironmentStage
from tools.endpoint_record import main

TEXT = """\
account: "111111111111"
region: eu-west-1
models:
  churn:
    registry: {group: churn}
    endpoint:
      instance_type: ml.m5.large
      scaling: {min: 1, max: 4, invocations_per_instance: 100}
  idle:
    registry: {group: idle}
    endpoint: {serverless: {}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "prod.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def synthesize(file: Path) -> Callable[[], EnvironmentStage]:
    return lambda: EnvironmentStage(
        cdk.App(), file.stem, load(file), endpoint_records=endpoint_records.read(file), folder=file.parent
    )


def test_a_change_under_scaling_is_refused_until_it_is_recorded(
    file: Path, synthesize: Callable[[], EnvironmentStage], capsys: pytest.CaptureFixture[str]
) -> None:
    assert endpoint_records.read(file) == {}
    assert main(["accept", str(file)]) == 0
    assert set(endpoint_records.read(file)) == {"churn", "idle"}
    serving = synthesize().serving
    # What the tool writes is what the construct says of itself.
    records = endpoint_records.read(file)
    assert {name: stack.endpoint.record for name, stack in serving.items()} == records  # type: ignore[union-attr]
    file.write_text(TEXT.replace("ml.m5.large", "ml.c5.large"), encoding="utf-8")
    with pytest.raises(ConstructError, match=r"run: python -m tools\.endpoint_record accept prod churn --anyway"):
        synthesize()
    capsys.readouterr()
    assert main(["accept", str(file), "churn"]) == 1
    assert "refuses to change its instance type" in capsys.readouterr().err
    assert main(["accept", str(file), "churn", "--anyway"]) == 0
    synthesize()


def test_what_cannot_be_read_is_said(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["accept", str(file), "chrun"]) == 1
    assert "chrun: no such model in prod.yaml; there are: churn, idle" in capsys.readouterr().err
    target = endpoint_records.directory(file) / "churn.json"
    target.parent.mkdir(parents=True)
    target.write_text("{}", encoding="utf-8")
    assert main(["accept", str(file)]) == 2
    assert "churn.json: is no record of an endpoint" in capsys.readouterr().err
