"""The walk-through itself is the end-to-end test: its expectations fail it, killing it leaves nothing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("walkthrough")]


def start(folder: Path) -> subprocess.Popen[str]:
    """Start the walk-through with a mark in its environment by which everything that descends from it is found."""
    return subprocess.Popen(
        [sys.executable, "-m", "examples.walkthrough", "--folder", str(folder)],
        cwd=ROOT,
        env={**os.environ, "WALKTHROUGH_TEST": str(folder), "COLUMNS": "150"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def descendants(folder: Path) -> list[str]:
    """The command lines of all processes that carry the mark."""
    mark = f"WALKTHROUGH_TEST={folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:120])
        except (OSError, PermissionError):
            continue
    return found


def wait_for_no_descendants(folder: Path, seconds: float = 15) -> list[str]:
    deadline = time.monotonic() + seconds
    while (left := descendants(folder)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left


def test_the_incident_goes_as_expected(tmp_path: Path) -> None:
    process = start(tmp_path)
    printed, _ = process.communicate(timeout=400)

    assert process.returncode == 0, printed
    assert "different" not in printed, printed
    page = (tmp_path / "walkthrough.html").read_text()
    assert "version 3" in page
    assert "rolled back" in page
    assert "the query of the training set" in page
    (report,) = re.findall(r"<a href='(insights/[\w.]+)'", page)
    assert "rolled back" in (tmp_path / report).read_text()
    assert wait_for_no_descendants(tmp_path) == []


@pytest.mark.parametrize(
    ("sig", "log"),
    [
        (signal.SIGKILL, "embedded-aws.log"),
        (signal.SIGKILL, "cdk-deploy.log"),
        (signal.SIGTERM, "embedded-aws.log"),
        (signal.SIGINT, "cdk-deploy.log"),
    ],
    ids=["killed-at-start", "killed-in-the-cdk", "terminated", "interrupted"],
)
def test_nothing_is_left_when_it_is_stopped(tmp_path: Path, sig: signal.Signals, log: str) -> None:
    """Stopped as soon as a child that writes this log has begun."""
    process = start(tmp_path)
    deadline = time.monotonic() + 60
    while not (tmp_path / log).exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    assert process.poll() is None, process.communicate()[0]
    assert descendants(tmp_path)

    process.send_signal(sig)
    process.communicate(timeout=30)

    assert process.returncode != 0
    assert wait_for_no_descendants(tmp_path) == []
