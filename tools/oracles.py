"""Other people's implementations, in environments of their own, so that their dependencies never meet ours.

`.venv-oracles/<name>` is made from `tests/oracles/<name>.txt` the first time that it is needed and kept until that file
changes. A script runs there with JSON on its standard input and answers with one line of JSON, its last.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".venv-oracles"
SCRIPTS = ROOT / "tests" / "oracles"
INSTALL_SECONDS = 600


class OracleUnavailable(Exception):
    """The environment cannot be made; the message says why."""


def python_of(name: str) -> Path:
    """The interpreter of an environment, which is made if it is missing or older than its list."""
    listed = SCRIPTS / f"{name}.txt"
    fingerprint = hashlib.sha256(listed.read_bytes() + sys.version.encode()).hexdigest()
    home, stamp = FOLDER / name, FOLDER / f"{name}.stamp"
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (stamp.exists() and stamp.read_text() == fingerprint and python.exists()):
            _install(listed, home, python)
            stamp.write_text(fingerprint)
    return python


def _install(listed: Path, home: Path, python: Path) -> None:
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        raise OracleUnavailable("uv is not installed beside this Python nor on PATH")
    steps = (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)],
        [uv, "pip", "install", "--quiet", "--python", str(python), "--requirement", str(listed)],
    )
    for step in steps:
        try:
            done = subprocess.run(step, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        except subprocess.TimeoutExpired:
            raise OracleUnavailable(f"{listed.name} was not installed within {INSTALL_SECONDS} s") from None
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise OracleUnavailable(f"{listed.name} cannot be installed: {reason}")


def ask_once(name: str, script: str, question: Any = None) -> Any:
    """What `ask` answers, kept until the script, the environment's list or the question changes.

    For scripts that answer the same each time: importing what they ask takes seconds.

    Raises:
        OracleUnavailable: The environment cannot be made.
        AssertionError: The script failed.
    """
    text = json.dumps([sys.version, (SCRIPTS / f"{name}.txt").read_text(), (SCRIPTS / script).read_text(), question])
    kept = FOLDER / "answers" / f"{hashlib.sha256(text.encode()).hexdigest()}.json"
    if not kept.exists():
        answer = json.dumps(ask(name, script, question))
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(f".{os.getpid()}")
        partial.write_text(answer)
        partial.replace(kept)
    return json.loads(kept.read_text())


def ask(name: str, script: str, question: Any = None, *, timeout: float = 300, **environ: str) -> Any:
    """Run `tests/oracles/<script>` in an environment and give back what it answered.

    Raises:
        OracleUnavailable: The environment cannot be made.
        AssertionError: The script failed; the message holds its error output.
    """
    done = subprocess.run(
        [str(python_of(name)), str(SCRIPTS / script)],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "PYTHONPATH": str(ROOT / "analyzer"), **environ},
    )
    if done.returncode:
        raise AssertionError(f"{script} ended with {done.returncode}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])
