"""Installs locked wheels for another platform, with pip or, in environments that have none, with uv."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

# glibc of Amazon Linux 2023, on which Lambda's python3.13 runs, is 2.34; these are the wheel tags published for it.
_GLIBC_TAGS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")


class InstallError(RuntimeError):
    """Raised when the wheels could not be installed; the message is the installer's last word."""


def install(lock: Path, target: Path, *, machine: str, python_version: str) -> None:
    """Installs exactly the locked wheels (hashes checked, no source builds, nothing compiled) into `target`.

    The user's own index settings apply, a company's mirror for one.

    Raises:
        InstallError: There is no installer, no index, or no wheel that fits.
    """
    command = _command(lock, target, machine=machine, python_version=python_version)
    environment = os.environ | {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise InstallError(_last_error(done.stderr or done.stdout))


def _command(lock: Path, target: Path, *, machine: str, python_version: str) -> list[str]:
    if importlib.util.find_spec("pip"):
        platforms = [part for tag in _GLIBC_TAGS for part in ("--platform", f"{tag}_{machine}")]
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--no-compile", "--no-deps"]
        command += [
            "--only-binary=:all:",
            "--require-hashes",
            "--implementation",
            "cp",
            "--python-version",
            python_version,
        ]
        return [*command, *platforms, "--target", str(target), "--requirement", str(lock)]
    uv = shutil.which("uv")
    if uv is None:
        raise InstallError("neither pip nor uv is installed in this environment; `python -m ensurepip` brings pip")
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--no-build", "--require-hashes"]
    command += ["--python-version", python_version, "--python-platform", f"{machine}-manylinux_2_28"]
    return [*command, "--target", str(target), "--requirement", str(lock)]


def _last_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["the installer failed without a message"])[-1].rstrip(".")
