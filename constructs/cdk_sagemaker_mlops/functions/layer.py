"""The Lambda layer with the analyzer's third-party wheels."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from .wheels import WheelSet

# Lambda's own limit for a function with all its layers (250 MiB), less what the function's code needs.
_MAX_UNPACKED_BYTES = 250 * 1024 * 1024 - 2 * 1024 * 1024
_LOCK = Path(__file__).with_name("layer-requirements.txt")
PYTHON_VERSION = "3.13"
RUNTIME = f"python{PYTHON_VERSION}"


class Architecture(StrEnum):
    """The processor that a function runs on. ARM_64 costs a fifth less per second on Lambda."""

    ARM_64 = "arm64"
    X86_64 = "x86_64"

    @property
    def machine(self) -> str:
        """The name that wheels use for it."""
        return "aarch64" if self is Architecture.ARM_64 else "x86_64"


def layer_wheels(architecture: Architecture, lock: Path = _LOCK) -> WheelSet:
    """The wheels of the layer for a processor."""
    return WheelSet(
        label=architecture.value,
        title=f"the Lambda layer for {architecture} is",
        option=f"--architecture {architecture}",
        lock=lock,
        machine=architecture.machine,
        python_version=PYTHON_VERSION,
        max_bytes=_MAX_UNPACKED_BYTES,
    )


def layer_hash(architecture: Architecture, lock: Path = _LOCK) -> str:
    """The identity of the layer."""
    return layer_wheels(architecture, lock).hash()


def cached_layer(architecture: Architecture) -> Path:
    """Where the archive is, or will be, in the cache."""
    return layer_wheels(architecture).cached()


def bundle_layer(architecture: Architecture) -> Path:
    """Returns the layer's archive; builds it with pip if the cache has none.

    Raises:
        WheelsError: Nothing is cached and pip cannot get the locked wheels, or they exceed Lambda's limit.
    """
    return layer_wheels(architecture).bundle()
