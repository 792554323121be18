"""Builds the archives of third-party wheels ahead of time, so that every later synth works offline.

python -m cdk_sagemaker_mlops.bundle [--architecture arm64|x86_64|all] [--jobs processing|spark|all|none]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .functions.layer import Architecture, layer_wheels
from .functions.wheels import JOB_WHEELS, WheelsError, WheelSet


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds what is missing and prints one path per archive; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m cdk_sagemaker_mlops.bundle", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--architecture",
        choices=[*Architecture, "all"],
        default=Architecture.ARM_64.value,
        help="the processor that the monitor's function runs on (default: %(default)s)",
    )
    parser.add_argument(
        "--jobs",
        choices=[*JOB_WHEELS, "all", "none"],
        default="processing",
        help="the kind of jobs that runs are handed over to (default: %(default)s)",
    )
    chosen = parser.parse_args(arguments)
    for wheels in _sets(chosen.architecture, chosen.jobs):
        try:
            sys.stdout.write(f"{wheels.bundle()}\n")
        except WheelsError as error:
            sys.stderr.write(f"error: {error}\n")
            return 1
    return 0


def _sets(architecture: str, jobs: str) -> list[WheelSet]:
    architectures = Architecture if architecture == "all" else (Architecture(architecture),)
    layers = [layer_wheels(item) for item in architectures]
    if jobs == "none":
        return layers
    return [*layers, *(JOB_WHEELS.values() if jobs == "all" else [JOB_WHEELS[jobs]])]


if __name__ == "__main__":
    raise SystemExit(main())
