"""Builds the Lambda layer ahead of time, so that every later synth works offline.

python -m cdk_sagemaker_mlops.bundle [--architecture arm64|x86_64|all]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .functions.layer import Architecture, LayerError, bundle_layer


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds what is missing and prints one path per architecture; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m cdk_sagemaker_mlops.bundle", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--architecture",
        choices=[*Architecture, "all"],
        default=Architecture.ARM_64.value,
        help="the processor that the monitor's function runs on (default: %(default)s)",
    )
    chosen = parser.parse_args(arguments).architecture
    for architecture in Architecture if chosen == "all" else (Architecture(chosen),):
        try:
            sys.stdout.write(f"{bundle_layer(architecture)}\n")
        except LayerError as error:
            sys.stderr.write(f"error: {error}\n")
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
