"""One process of a job: started, watched, logged, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Ending:
    """How a process ended: its exit status, and whether we ended it."""

    code: int
    stopped: bool = False
    timed_out: bool = False


class Processes:
    """The processes of all jobs, so that none outlives the embedded AWS."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def run(
        self,
        arguments: list[str],
        environment: dict[str, str],
        folder: Path,
        log: Callable[[str], None],
        *,
        stop: Callable[[], bool],
        limit_seconds: float,
        grace_seconds: float,
    ) -> Ending:
        """Run a command to its end.

        Args:
            arguments: the command line.
            environment: its whole environment.
            folder: its working directory.
            log: gets what it prints, line by line.
            stop: asked again and again whether it has to stop.
            limit_seconds: real seconds after which it is ended.
            grace_seconds: real seconds between SIGTERM and SIGKILL.

        Raises:
            OSError: if it cannot be started.
        """
        with self._lock:
            if self._closed:
                return Ending(-signal.SIGKILL, stopped=True)
            process = subprocess.Popen(
                arguments,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._running.add(process)
        reader = threading.Thread(target=_read, args=(process, log), daemon=True)
        reader.start()
        try:
            ending = _watch(process, stop, limit_seconds, grace_seconds)
        finally:
            # Whatever the job has left running in the background ends with it, as its container would.
            _signal(process, signal.SIGKILL)
            reader.join(timeout=5)
            with self._lock:
                self._running.discard(process)
        return ending

    def close(self) -> None:
        """End every process."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for process in running:
            _signal(process, signal.SIGKILL)


def _watch(
    process: subprocess.Popen[bytes], stop: Callable[[], bool], limit_seconds: float, grace_seconds: float
) -> Ending:
    deadline = time.monotonic() + limit_seconds
    killing: float | None = None
    stopped = timed_out = False
    while True:
        try:
            code = process.wait(timeout=_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            now = time.monotonic()
            if killing is None and (stop() or now >= deadline):
                stopped, timed_out = stop(), now >= deadline
                killing = now + grace_seconds
                _signal(process, signal.SIGTERM)
            elif killing is not None and now >= killing:
                _signal(process, signal.SIGKILL)
            continue
        return Ending(code, stopped, timed_out)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _read(process: subprocess.Popen[bytes], log: Callable[[str], None]) -> None:
    if process.stdout is not None:
        for line in process.stdout:
            log(line.decode(errors="replace").rstrip("\r\n"))
