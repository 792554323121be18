"""All environments, synthesized once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from examples.import_constructs.app import ChurnStack
from examples.minimal.app import define as define_minimal
from examples.platform.app import define as define_platform
from stacks.settings import load_all
from stacks.stage import EnvironmentStage

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / "environments"
# Feature flags, which the CDK CLI passes to app.py.
CONTEXT = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]


@pytest.fixture(scope="session")
def template_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Template files of all environments by stack name."""
    app = cdk.App(outdir=str(tmp_path_factory.mktemp("assembly")), context=CONTEXT)
    for name, environment in load_all(sorted(ENVIRONMENTS.glob("*.yaml"))).items():
        EnvironmentStage(app, name, environment)
    return {
        stack.stack_name: Path(stack.template_full_path)
        for nested in app.synth().nested_assemblies
        for stack in nested.nested_assembly.stacks
    }


@pytest.fixture(scope="session")
def example_templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Templates of the examples by example and stack name."""
    defined: dict[str, Callable[[cdk.App], Any]] = {
        "minimal": define_minimal,
        "import_constructs": lambda app: ChurnStack(app, "shop-churn"),
        "platform": define_platform,
    }
    found = {}
    for name, define in defined.items():
        context = json.loads((ROOT / "examples" / name / "cdk.json").read_text(encoding="utf-8")).get("context", {})
        app = cdk.App(outdir=str(tmp_path_factory.mktemp(name)), context=context)
        define(app)
        assembly = app.synth()
        nested = [stack for each in assembly.nested_assemblies for stack in each.nested_assembly.stacks]
        for stack in [*assembly.stacks, *nested]:
            template = Path(stack.template_full_path).read_text(encoding="utf-8")
            found[f"{name}/{stack.stack_name}"] = json.loads(template)
    return found


@pytest.fixture(scope="session")
def templates(template_files: dict[str, Path]) -> dict[str, dict[str, Any]]:
    """Templates of all environments by stack name."""
    return {name: json.loads(file.read_text(encoding="utf-8")) for name, file in template_files.items()}
