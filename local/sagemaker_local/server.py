"""LocalAws: one embedded AWS in this process, reachable on the loopback interface only."""

from __future__ import annotations

import importlib
import json
import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from werkzeug.serving import BaseWSGIServer, make_server

from . import identity
from .accounts import DEFAULT_ACCOUNT, Accounts, Principal
from .clients import Clients, environment
from .clock import Clock
from .connections import KeptConnection, close_idle
from .front import Front
from .moto_base import Base
from .recorder import Call, Recorder

FEATURES = (
    "bootstrap",
    "cloudformation",
    "lambdas",
    "events",
    "alarms",
    "scheduling",
    "sagemaker",
    "jobs",
    "pipelines",
    "featurestore",
    "athena",
    "api_gateway",
)
"""Modules of this package that extend the base; each has `install(aws: LocalAws) -> None`."""

_running = threading.Lock()
_log = logging.getLogger(__name__)


class LocalAws:
    """An embedded AWS: start it, point clients at it, stop it. State lives in memory and ends with it.

    Only one can run per process, since moto's state belongs to the process.

    Args:
        features: feature modules to install; default: all of `FEATURES`.
        pause_scale: how long `time.sleep` lasts in functions, as a share of the time that they ask for. Time is
            virtual here, so functions that wait and ask again, or are throttled, need not make anybody wait.
    """

    def __init__(self, features: Sequence[str] = FEATURES, *, pause_scale: float = 1.0) -> None:
        if not 0 <= pause_scale <= 1:
            raise ValueError(f"pause_scale is a share of the time from 0 to 1, got {pause_scale}")
        self.pause_scale = pause_scale
        self.clock = Clock()
        self.accounts = Accounts()
        self.recorder = Recorder()
        self.on_assume_role: list[Callable[[Principal, str], None]] = []
        self.extensions: dict[str, Any] = {}
        """What feature modules offer each other, by feature name."""
        self._closers: list[Callable[[], None]] = []
        self._base = Base()
        self.front = Front(self._base, self.accounts, self.recorder, self.clock, lambda: self.clients)
        self._features = tuple(features)
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None
        self._clients: Clients | None = None

    @property
    def url(self) -> str:
        """The endpoint URL of every service.

        Raises:
            RuntimeError: if it is not running.
        """
        if self._server is None:
            raise RuntimeError("the embedded AWS is not running: call start() first")
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def clients(self) -> Clients:
        """boto3 clients: `aws.clients("s3", account, region)`."""
        if self._clients is None:
            raise RuntimeError("the embedded AWS is not running: call start() first")
        return self._clients

    @property
    def calls(self) -> list[Call]:
        """Every API call so far, oldest first."""
        return self.recorder.all()

    def client(self, service: str, account: str = DEFAULT_ACCOUNT, region: str = "eu-west-1") -> Any:
        """Return a boto3 client of an account's developer."""
        return self.clients(service, account, region)

    def environ(self, account: str = DEFAULT_ACCOUNT, region: str = "eu-west-1") -> dict[str, str]:
        """Return this process's environment with all AWS settings pointing here, for subprocesses."""
        return environment(self.url, self.accounts.developer(account), region)

    @staticmethod
    def real_now() -> datetime:
        """Return the wall clock's time, which tokens and certificates are compared with."""
        return datetime.now(UTC)

    def on_stop(self, closer: Callable[[], None]) -> None:
        """Call `closer` when the server stops; the last registered comes first."""
        self._closers.append(closer)

    def start(self, port: int = 0) -> LocalAws:
        """Listen on 127.0.0.1 (a free port by default) and answer until `stop`.

        Raises:
            RuntimeError: if another one runs in this process.
            ValueError: if `port` is no port number.
            OSError: if the port is taken.
        """
        if not 0 <= port <= 65535:
            raise ValueError(f"a port is a number from 0 (any free one) to 65535, got {port}")
        if not _running.acquire(blocking=False):
            raise RuntimeError("an embedded AWS already runs in this process; stop it first, or share it")
        try:
            self._base.reset()
            self._base.start()
            self._server = make_server("127.0.0.1", port, self.front, threaded=True, request_handler=KeptConnection)
            self._server.daemon_threads = True  # type: ignore[attr-defined]
            self._clients = Clients(self.url, self.accounts)
            self._install()
        except BaseException:
            self._base.reset()
            self._server, self._clients = None, None
            _running.release()
            raise
        self._thread = threading.Thread(target=self._server.serve_forever, name="local-aws", daemon=True)
        self._thread.start()
        self.clock.start()
        return self

    def stop(self) -> None:
        """Stop answering, end child processes and forget all state. Stopping twice is harmless."""
        if self._server is None:
            return
        self.clock.stop()
        for closer in reversed(self._closers):
            try:
                closer()
            except Exception:  # noqa: BLE001 - everything else must still be closed
                _log.exception("cleaning up failed")
        self._closers.clear()
        self._server.shutdown()
        close_idle(self._server.server_close)
        if self._thread is not None:
            self._thread.join(timeout=5)
        if self._clients is not None:
            self._clients.close()
        self._server, self._thread, self._clients = None, None, None
        self._base.reset()
        _running.release()

    def __enter__(self) -> LocalAws:
        return self if self._server is not None else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _install(self) -> None:
        identity.install(self.front, self.accounts, self._assumed)
        self.front.local("health", lambda method, body, query: {"status": "ok", "features": list(self._features)})
        self.front.local("clock", self._control_clock)
        self.front.local("calls", self._control_calls)
        for name in self._features:
            importlib.import_module(f"sagemaker_local.{name}").install(self)

    def _assumed(self, principal: Principal, region: str) -> None:
        for listener in self.on_assume_role:
            listener(principal, region)

    def _control_clock(self, method: str, body: bytes, query: dict[str, str]) -> dict[str, str]:
        if method == "POST":
            try:
                seconds = float(json.loads(body or b"{}")["advance_seconds"])
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError('POST /_local/clock wants a body such as {"advance_seconds": 3600}') from error
            self.clock.advance(seconds)
        return {"now": self.clock.now().isoformat()}

    def _control_calls(self, method: str, body: bytes, query: dict[str, str]) -> list[dict[str, Any]]:
        if method == "DELETE":
            self.recorder.clear()
        selected = self.recorder.select(
            service=query.get("service"), operation=query.get("operation"), caller=query.get("caller")
        )
        return [call.to_json() for call in selected]
