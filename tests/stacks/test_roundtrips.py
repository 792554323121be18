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


def test_the_library_asks_hardly_more_than_the_bare_resources(marginal: dict[str, float]) -> None:
    """Bare: one call to create each resource, one for each reference and one for each condition."""
    assert marginal["library"] <= 1.05 * marginal["bare"], marginal


def test_calls_per_resource(marginal: dict[str, float]) -> None:
    """Of the calls, 1.3 create resources, parameters and scopes, 0.7 set conditions, 0.6 read references."""
    assert marginal["library"] <= 2.7, marginal
