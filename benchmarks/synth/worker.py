"""One measured run in a process of its own: `python -m benchmarks.synth.worker library|bare COUNT FOLDER [PROGRAM]`.

Prints one JSON object: seconds for building and synthesizing, jsii calls.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk

from .library import PER_STACK
from .library import build as build_with_library
from .roundtrips import counted


def bare_builder(program: Path) -> Callable[[cdk.App, int], None]:
    """The generated program as a function like the library app's."""
    specification = importlib.util.spec_from_file_location("bare_program", program)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)

    def build(app: cdk.App, count: int) -> None:
        for first in range(0, count, PER_STACK):
            stack = cdk.Stack(app, f"Stack{first // PER_STACK:02d}")
            known = module.shared(stack)
            for index in range(first, min(first + PER_STACK, count)):
                module.model(stack, index, known)

    return build


def main(style: str, count: int, folder: Path, program: Path | None = None) -> None:
    build = build_with_library if program is None else bare_builder(program)
    # What is read once per process (service modules, jsii's own start) is not what either style costs.
    build(cdk.App(outdir=str(folder / "warm-up")), 1)
    with counted() as calls:
        started = time.perf_counter()
        app = cdk.App(outdir=str(folder / style))
        build(app, count)
        built = time.perf_counter()
        app.synth()
        finished = time.perf_counter()
    print(json.dumps({"build": built - started, "synth": finished - built, "calls": sum(calls.values())}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]) if len(sys.argv) > 4 else None)
