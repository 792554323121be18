"""One warm process of a function, and the pool of them."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_WORKER = Path(__file__).with_name("worker.py")
_INIT_SECONDS = 60.0
_MOST_IDLE = 8
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "SYSTEMROOT")


class TimedOut(Exception):
    """The process did not answer in time and has been ended."""


class Crashed(Exception):
    """The process ended without an answer; `code` is its exit status."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"exit status {code}")
        self.code = code


@dataclass(frozen=True)
class Image:
    """What a process is made from. Equal images share warm processes."""

    key: str
    root: Path
    paths: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]


class Worker:
    """A process that has loaded (or is loading) a function. Used by one invocation at a time."""

    def __init__(self, image: Image, pause_scale: float) -> None:
        self.image = image
        self.cold = True
        self.init_error: dict[str, Any] | None = None
        self.init_seconds = 0.0
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._log_read = 0
        self._buffer = b""
        requests_read, self._requests = os.pipe()
        self._replies, replies_write = os.pipe()
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        environment |= dict(image.environment)
        environment |= {
            "SAGEMAKER_LOCAL_PATHS": json.dumps(image.paths),
            "SAGEMAKER_LOCAL_REQUESTS": str(requests_read),
            "SAGEMAKER_LOCAL_REPLIES": str(replies_write),
            "SAGEMAKER_LOCAL_PAUSE_SCALE": repr(pause_scale),
        }
        # -I and -S keep the host's packages, settings and working directory away from the function.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-u", str(_WORKER)],
            cwd=image.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            pass_fds=(requests_read, replies_write),
            start_new_session=True,
        )
        os.close(requests_read)
        os.close(replies_write)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def load(self) -> None:
        """Wait until the handler is imported; `init_error` says if that failed.

        Raises:
            TimedOut, Crashed: as `call` does.
        """
        started = time.monotonic()
        reply = self._read(_INIT_SECONDS)
        self.init_seconds = time.monotonic() - started
        self.init_error = reply.get("init_error")

    def call(self, request: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Send one event and return the answer.

        Raises:
            TimedOut: after `timeout` seconds; the process is gone then.
            Crashed: if the process ends.
        """
        payload = json.dumps({**request, "timeout": timeout}).encode() + b"\n"
        with suppress(BrokenPipeError):
            _write_all(self._requests, payload)
        return self._read(timeout)

    def log_text(self) -> str:
        """Return what was printed since the last time."""
        chunks = []
        while chunk := os.pread(self._log.fileno(), 1 << 20, self._log_read):
            self._log_read += len(chunk)
            chunks.append(chunk)
        return b"".join(chunks).decode(errors="replace")

    def kill(self) -> None:
        """End the process and everything it has started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """End the process and free its pipes."""
        self.kill()
        for descriptor in (self._requests, self._replies):
            with suppress(OSError):
                os.close(descriptor)
        self._log.close()

    def _read(self, timeout: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            remaining = deadline - time.monotonic()
            ready, _, _ = select.select([self._replies], [], [], max(0.0, remaining))
            if not ready:
                self.kill()
                raise TimedOut
            chunk = os.read(self._replies, 1 << 20)
            if not chunk:
                self.kill()
                raise Crashed(self._process.returncode)
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        reply: dict[str, Any] = json.loads(line)
        return reply


def _write_all(descriptor: int, payload: bytes) -> None:
    view = memoryview(payload)
    while view:
        view = view[os.write(descriptor, view) :]


class Pool:
    """Warm processes, the least recently used given up first. Their pauses last `pause_scale` of the time."""

    def __init__(self, pause_scale: float = 1.0) -> None:
        self._pause_scale = pause_scale
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._lock = threading.Lock()
        self._closed = False

    def take(self, image: Image) -> Worker:
        """Return an idle process of the image, or a new one that has not loaded yet.

        Raises:
            RuntimeError: after `close`.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("the embedded AWS is stopping")
            for worker in reversed(self._idle):
                if worker.image == image and worker.alive:
                    self._idle.remove(worker)
                    return worker
        worker = Worker(image, self._pause_scale)
        with self._lock:
            self._all.add(worker)
        return worker

    def give_back(self, worker: Worker) -> None:
        """Keep a process for the next invocation."""
        with self._lock:
            if not self._closed:
                self._idle.append(worker)
            surplus = self._idle[:-_MOST_IDLE] if not self._closed else [worker]
            self._idle = self._idle[-_MOST_IDLE:]
        self._end(surplus)

    def drop(self, worker: Worker) -> None:
        """End a process that must not be used again."""
        self._end([worker])

    def forget(self, key_prefix: str) -> None:
        """End the idle processes of a function that was changed or deleted."""
        with self._lock:
            stale = [worker for worker in self._idle if worker.image.key.startswith(key_prefix)]
            self._idle = [worker for worker in self._idle if worker not in stale]
        self._end(stale)

    def close(self) -> None:
        """End every process, busy ones too."""
        with self._lock:
            self._closed = True
            everything = list(self._all)
            self._all.clear()
            self._idle.clear()
        for worker in everything:
            worker.kill()  # a busy invocation notices by itself and closes the pipes that it reads

    def _end(self, workers: Sequence[Worker]) -> None:
        for worker in workers:
            with self._lock:
                self._all.discard(worker)
            worker.close()
