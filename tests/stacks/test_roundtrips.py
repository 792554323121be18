"""The deterministic part of synth performance: calls from Python to the CDK's Node process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from benchmarks.synth.bare import Generator, normalised
from benchmarks.synth.library import build as build_with_library
from benchmarks.synth.roundtrips import counted
from benchmarks.synth.worker import bare_builder
from stacks.settings import Environment
from stacks.stage import EnvironmentStage

Builder = Callable[[cdk.App, int], None]


def synthesized(build: Builder, count: int, folder: Path) -> tuple[int, dict[str, Any]]:
    """Calls for building `count` monitored endpoints in one stack, and its template."""
    app = cdk.App(outdir=str(folder))
    with counted() as calls:
        build(app, count)
    app.synth()
    return sum(calls.values()), json.loads((folder / "Stack00.template.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def marginal(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Calls per resource that another monitored endpoint costs, with the library and without."""
    folder = tmp_path_factory.mktemp("roundtrips")
    _, pattern = synthesized(build_with_library, 1, folder / "pattern")
    program = folder / "bare_program.py"
    program.write_text(Generator(pattern).program(), encoding="utf-8")
    costs = {}
    templates = {}
    for style, build in (("library", build_with_library), ("bare", bare_builder(program))):
        few, small = synthesized(build, 2, folder / f"{style}-few")
        many, large = synthesized(build, 7, folder / f"{style}-many")
        costs[style] = (many - few) / (len(large["Resources"]) - len(small["Resources"]))
        templates[style] = normalised(large)
    assert templates["library"] == templates["bare"]
    return costs


def test_the_library_asks_less_than_the_bare_resources(marginal: dict[str, float]) -> None:
    """Bare: one call to create each resource, one for each reference and one for each condition."""
    assert marginal["library"] <= 0.5 * marginal["bare"], marginal


def test_calls_per_resource(marginal: dict[str, float]) -> None:
    """Counted are all calls that another monitored endpoint of a stack causes, by the resources that come of it."""
    assert marginal["library"] <= 1.5, marginal


def test_calls_per_resource_of_another_model_in_an_environment(
    tmp_path: Path, environments: dict[str, Environment]
) -> None:
    """A model has a stack of its own here: with the stack, its tags, its assets, dashboard, registration, synthesis."""

    def cost(models: int) -> tuple[int, int]:
        named = {f"model-{number}": environments["dev"].models["churn"] for number in range(models)}
        settings = environments["dev"].model_copy(update={"models": named})
        app = cdk.App(outdir=str(tmp_path / str(models)))
        with counted() as calls:
            EnvironmentStage(app, "dev", settings)
            assembly = app.synth()
        stacks = [stack for nested in assembly.nested_assemblies for stack in nested.nested_assembly.stacks]
        return sum(calls.values()), sum(len(stack.template["Resources"]) for stack in stacks)

    cost(1)  # what is read once per process
    few, many = cost(2), cost(6)
    assert many[1] - few[1] >= 4 * 28
    assert (many[0] - few[0]) / (many[1] - few[1]) <= 1.5
