"""Wrong environment files under the real `cdk synth`: sentences, a failing exit code, no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from e2e_support.app import ROOT, App
from e2e_support.site import environment

from sagemaker_local.server import LocalAws

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def printed(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> str:
    """One file with mistakes of every layer: YAML keys, types, rules between keys."""
    document = environment("111000000041")
    document["regoin"] = document["region"]
    document["models"]["churn"]["endpoint"] |= {"instance_count": "many", "instance_type": "m5.large"}
    document["models"]["fraud"] = {
        "registry": {"group": "fraud", "account": "222222222222", "region": "us-east-1"},
        "endpoint": {"instance_type": "ml.m5.large", "rollout": {"strategy": "canary"}},
    }
    return refused(App(aws, tmp_path_factory.mktemp("wrong"), {"wrong": document}))


def refused(app: App) -> str:
    context = f"env={app.assembly.parent / 'wrong.yaml'}"
    done = app.call("synth", "--quiet", "--context", context, "--output", str(app.assembly))
    assert done.returncode != 0
    assert not (app.assembly / "manifest.json").exists()
    return done.stdout


def test_no_traceback(printed: str) -> None:
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    "sentence",
    ["regoin", "region?", "instance_count", "many", "m5.large", "canary splits a fleet"],
)
def test_every_mistake_is_told_at_once(printed: str, sentence: str) -> None:
    assert sentence in printed


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("account: [1", "wrong.yaml"),
        ("", "wrong.yaml"),
    ],
    ids=["no YAML", "empty"],
)
def test_a_file_that_is_none(aws: LocalAws, tmp_path: Path, text: str, sentence: str) -> None:
    app = App(aws, tmp_path, {"wrong": environment("111000000042")})
    (tmp_path / "wrong.yaml").write_text(text)

    said = refused(app)

    assert sentence in said
    assert "Traceback" not in said


def test_a_python_without_our_packages() -> None:
    """What everybody meets who forgets the virtual environment."""
    done = subprocess.run([sys.executable, "-S", "app.py"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "make setup" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_registry_of_another_region(aws: LocalAws, tmp_path: Path) -> None:
    registry = {"group": "churn", "account": "222222222222", "region": "us-east-1"}
    said = refused(App(aws, tmp_path, {"wrong": environment("111000000043", registry=registry)}))

    assert "only in the region of its group" in said
    assert "Traceback" not in said
