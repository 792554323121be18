"""Wrong environment files: sentences, a failing exit code, no traceback; under the real `cdk synth` as well."""

from __future__ import annotations

import json
import os
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
    app = App(aws, tmp_path_factory.mktemp("wrong"), {"wrong": document})
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


def test_files_that_are_none_are_told_together(tmp_path: Path) -> None:
    """Without the CLI around it, which adds nothing here but time."""
    registry = {"group": "churn", "account": "222222222222", "region": "us-east-1"}
    texts = {
        "unfinished": "account: [1",
        "empty": "",
        "elsewhere": json.dumps(environment("111000000043", registry=registry)),
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    chosen = ",".join(str(tmp_path / f"{name}.yaml") for name in texts)
    variables = os.environ | {"MLOPS_ENV": chosen, "CDK_OUTDIR": str(tmp_path / "out")}

    done = subprocess.run([sys.executable, "app.py"], cwd=ROOT, env=variables, capture_output=True, text=True)

    assert done.returncode == 2
    assert not (tmp_path / "out" / "manifest.json").exists()
    for sentence in ("unfinished.yaml", "empty.yaml", "only in the region of its group"):
        assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_python_without_our_packages() -> None:
    """What everybody meets who forgets the virtual environment."""
    done = subprocess.run([sys.executable, "-S", "app.py"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "make setup" in done.stderr
    assert "Traceback" not in done.stderr
