"""Synthesizing environments in tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from stacks.settings import Environment, load_all
from stacks.stage import EnvironmentStage

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / "environments"
# Feature flags, which the CDK CLI passes to app.py.
CONTEXT = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]

Templates = dict[str, dict[str, Any]]
Synthesize = Callable[[dict[str, Environment]], Templates]


@pytest.fixture(scope="session")
def synthesize(tmp_path_factory: pytest.TempPathFactory) -> Synthesize:
    """Templates by stack name of environments that are given as settings."""

    def run(environments: dict[str, Environment]) -> Templates:
        app = cdk.App(outdir=str(tmp_path_factory.mktemp("assembly")), context=CONTEXT)
        for name, environment in environments.items():
            EnvironmentStage(app, name, environment)
        return {
            stack.stack_name: json.loads(Path(stack.template_full_path).read_text(encoding="utf-8"))
            for nested in app.synth().nested_assemblies
            for stack in nested.nested_assembly.stacks
        }

    return run


@pytest.fixture(scope="session")
def environments() -> dict[str, Environment]:
    """Settings of the committed environment files."""
    return load_all(sorted(ENVIRONMENTS.glob("*.yaml")))


@pytest.fixture(scope="session")
def templates(synthesize: Synthesize, environments: dict[str, Environment]) -> Templates:
    """Templates of the committed environment files."""
    return synthesize(environments)


@pytest.fixture
def variation(environments: dict[str, Environment]) -> Callable[..., Environment]:
    """Production with other settings: `variation({"models": {"churn": {"endpoint": {...}}}})`; None removes a key."""

    def vary(changes: dict[str, Any], base: str = "prod") -> Environment:
        data = environments[base].model_dump(mode="json", exclude_defaults=True)
        return Environment.model_validate_json(json.dumps(merged(data, changes)))

    return vary


def merged(data: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    result = dict(data)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result
