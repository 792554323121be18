"""Child processes that never outlive the walk-through, however it ends.

A child of a killed process goes on running. So every child gets a session of its own, and one small guardian process
knows their process groups. It reads a pipe whose other end only the walk-through holds: when that end closes, for
whatever reason, SIGKILL included, the guardian ends what is left and then itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_GUARDIAN = """
import os, signal, sys, time
groups = set()
for line in sys.stdin:
    verb, group = line.split()
    groups.add(int(group)) if verb == "+" else groups.discard(int(group))
for sig in (signal.SIGTERM, signal.SIGKILL):
    for group in groups:
        try:
            os.killpg(group, sig)
        except (ProcessLookupError, PermissionError):
            pass
    if groups and sig == signal.SIGTERM:
        time.sleep(1)
"""


class Guardian:
    """Starts child processes and sees to it that none is left."""

    def __init__(self) -> None:
        # A session of its own: Ctrl-C in the terminal must reach the walk-through, not its guardian.
        self._process = subprocess.Popen(
            [sys.executable, "-c", _GUARDIAN], stdin=subprocess.PIPE, text=True, start_new_session=True
        )

    def start(
        self,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str],
        directory: Path,
        output: IO[str] | int | None = None,
    ) -> subprocess.Popen[str]:
        """Start `command` in a session of its own; `output` receives both its standard output and its errors."""
        process = subprocess.Popen(
            list(map(str, command)),
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output is not None else None,
            text=True,
            start_new_session=True,
        )
        self._tell("+", process.pid)
        return process

    def stop(self, process: subprocess.Popen[str], *, patience_seconds: float = 10) -> None:
        """End a child and everything that it started: politely first, then for certain."""
        for sig in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, sig)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=patience_seconds)
        self.release(process)

    def release(self, process: subprocess.Popen[str]) -> None:
        """Forget a child: it has ended, or it is meant to stay."""
        self._tell("-", process.pid)

    def close(self) -> None:
        """End whatever is still running, then the guardian."""
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait(timeout=10)

    def _tell(self, verb: str, group: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{verb} {group}\n")
        self._process.stdin.flush()
