"""Containers whose model archive brings its own inference code: run in a process of its own, never in ours.

The process is not a sandbox: the code runs as the user who started the embedded AWS, as any script of a project does.
It gets the container's environment variables and credentials that reach nothing but the embedded AWS. An archive's
requirements.txt is not installed: the packages of the running interpreter are what the code can import.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import worker
from .predictor import Answer, LoadError, Request

_INVOCATION_SECONDS = 60.0
"""How long SageMaker lets a container work on one request."""
_LOAD_SECONDS = 120.0


class ScriptPredictor:
    """One process that serves one model; requests wait for their turn.

    Args:
        model_dir: the unpacked model archive.
        entry: the script in it that defines model_fn.
        environment: the process's whole environment.
        log: gets what the script prints, line by line.

    Raises:
        LoadError: if the script cannot be imported or its model_fn fails.
    """

    def __init__(self, model_dir: Path, entry: Path, environment: dict[str, str], log: Callable[[str], None]) -> None:
        self._command = [sys.executable, "-P", worker.__file__, str(model_dir), str(entry)]
        self._environment = {**environment, "SM_MODEL_DIR": str(model_dir), "PYTHONUNBUFFERED": "1"}
        self._log = log
        self._turn = threading.Lock()
        self._closed = False
        self._process = self._start()

    def predict(self, request: Request) -> Answer:
        """Answer one invocation; a process that died or hung is replaced for the next one."""
        with self._turn:
            if self._closed:
                return _failure("the model server has been stopped")
            try:
                if self._process.poll() is not None:
                    self._process = self._start()
                return self._exchange(request)
            except LoadError as error:
                return _failure(str(error))
            except (OSError, ValueError) as error:
                self._end()
                return _failure(f"the model server died: {error}")

    def close(self) -> None:
        """End the process."""
        with self._turn:
            self._closed = True
            self._end()

    def _exchange(self, request: Request) -> Answer:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise OSError("its pipes are closed")
        timer = threading.Timer(_INVOCATION_SECONDS, self._process.kill)
        timer.start()
        try:
            header = {"content_type": request.content_type, "accept": request.accept}
            worker.send(stdin, header, request.body)
            message = worker.receive(stdout)
        finally:
            timer.cancel()
        if message is None:
            raise OSError(f"no answer within {_INVOCATION_SECONDS:g} seconds, or it ended while answering")
        head, body = message
        return Answer(body, head["content_type"], head["status"])

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment,
            start_new_session=True,
        )
        threading.Thread(target=self._read_log, args=(process,), daemon=True).start()
        timer = threading.Timer(_LOAD_SECONDS, process.kill)
        timer.start()
        try:
            message = worker.receive(process.stdout) if process.stdout else None
        finally:
            timer.cancel()
        head: dict[str, Any] = (
            message[0] if message else {"ready": False, "error": "the model server ended while it loaded the model"}
        )
        if not head["ready"]:
            process.kill()
            process.wait(timeout=5)
            for line in head.get("trace", "").splitlines():
                self._log(line)
            raise LoadError(head["error"])
        return process

    def _end(self) -> None:
        self._process.kill()
        self._process.wait(timeout=5)

    def _read_log(self, process: subprocess.Popen[bytes]) -> None:
        if process.stderr is not None:
            for line in process.stderr:
                self._log(line.decode(errors="replace").rstrip())


def _failure(message: str) -> Answer:
    reply = json.dumps({"code": 500, "type": "InternalServerException", "message": message})
    return Answer(reply.encode(), "application/json", 500)
