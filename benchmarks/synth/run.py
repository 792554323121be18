"""What the library costs at synth, beside the same resources as bare L1 constructs with property structs.

    python -m benchmarks.synth.run [--counts 1,10,50,200] [--repetitions 3] [--json FILE]

Both apps run in one invocation, in turns, each in a process of its own; their templates are compared first. Times are
medians of building and synthesizing, without interpreter start and imports, which are the same for both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from .bare import Generator, normalised

ROOT = Path(__file__).resolve().parents[2]


def measure(style: str, count: int, folder: Path, program: Path) -> dict[str, float]:
    """One run in a fresh process."""
    arguments = [style, str(count), str(folder), *([str(program)] if style == "bare" else [])]
    environment = os.environ | {
        "CDK_VALIDATION": "false",
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
        "PYTHONPATH": str(ROOT),
    }
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.synth.worker", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise SystemExit(f"{style} with {count} endpoints failed:\n{result.stderr}")
    return dict(json.loads(result.stdout))


def templates(folder: Path) -> dict[str, Any]:
    """Templates of an assembly by file name, with one spelling of ids."""
    files = sorted(folder.glob("*.template.json"))
    return {file.name: normalised(json.loads(file.read_text(encoding="utf-8"))) for file in files}


def compare(count: int, repetitions: int, scratch: Path, program: Path) -> dict[str, Any]:
    """Both styles in turns, medians, and the proof that they made the same."""
    runs: dict[str, list[dict[str, float]]] = {"library": [], "bare": []}
    for repetition in range(repetitions):
        for style, results in runs.items():
            results.append(measure(style, count, scratch / f"{count}-{repetition}", program))
    made = {style: templates(scratch / f"{count}-0" / style) for style in runs}
    if made["library"] != made["bare"]:
        raise SystemExit(f"the templates of both styles differ at {count} endpoints; see {scratch}")
    row: dict[str, Any] = {
        "endpoints": count,
        "resources": sum(len(template["Resources"]) for template in made["library"].values()),
    }
    for style, results in runs.items():
        row[style] = {
            "seconds": statistics.median(result["build"] + result["synth"] for result in results),
            "calls": int(results[0]["calls"]),
        }
    row["ratio"] = row["library"]["seconds"] / row["bare"]["seconds"]
    return row


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synth.run", description=__doc__.splitlines()[0])
    parser.add_argument("--counts", default="1,10,50,200", help="numbers of monitored endpoints (default: %(default)s)")
    parser.add_argument(
        "--repetitions", type=int, default=3, help="runs of each style and number (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="synth-benchmark-") as temporary:
        scratch = Path(temporary)
        program = scratch / "bare_program.py"
        measure("library", 1, scratch / "pattern", program)
        pattern = json.loads((scratch / "pattern" / "library" / "Stack00.template.json").read_text(encoding="utf-8"))
        program.write_text(Generator(pattern).program(), encoding="utf-8")
        print("endpoints  resources   library      bare     ratio   calls per resource (library, bare)")
        rows = []
        for count in (int(text) for text in options.counts.split(",")):
            row = compare(count, options.repetitions, scratch, program)
            rows.append(row)
            calls = [row[style]["calls"] / row["resources"] for style in ("library", "bare")]
            seconds = [row[style]["seconds"] for style in ("library", "bare")]
            print(
                f"{count:9d}  {row['resources']:9d}  {seconds[0]:6.2f} s  {seconds[1]:6.2f} s"
                f"  {row['ratio']:6.2f} x   {calls[0]:.2f}  {calls[1]:.2f}",
                flush=True,
            )
        if options.json:
            options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
