"""Logs of endpoints and inference components in CloudWatch Logs, as SageMaker's containers leave them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

_log = logging.getLogger(__name__)


class EndpointLogs:
    """Buffers lines and writes them together.

    Args:
        client: `(service, account, region, role_arn)` to a client.
        now: the virtual time.
    """

    def __init__(self, client: Callable[..., Any], now: Callable[[], datetime]) -> None:
        self._client = client
        self._now = now
        self._lines: dict[tuple[str, str, str | None, str, str], list[dict[str, Any]]] = {}
        self._streams: set[tuple[str, str, str, str]] = set()
        self._lock = threading.Lock()

    def write(self, account: str, region: str, role_arn: str | None, group: str, variant: str, line: str) -> None:
        """Add a line to the log stream of a variant."""
        event = {"timestamp": int(self._now().timestamp() * 1000), "message": line or " "}
        with self._lock:
            self._lines.setdefault((account, region, role_arn, group, variant), []).append(event)

    def flush(self) -> None:
        """Write what is buffered."""
        with self._lock:
            lines, self._lines = self._lines, {}
        for (account, region, role_arn, group, variant), events in lines.items():
            logs = self._client("logs", account, region, role_arn)
            stream = f"{variant}/local"
            try:
                self._ensure(logs, (account, region, group, stream))
                logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
            except (ClientError, BotoCoreError):
                _log.exception("cannot write to the log group %s", group)

    def _ensure(self, logs: Any, key: tuple[str, str, str, str]) -> None:
        if key in self._streams:
            return
        group, stream = key[2], key[3]
        for create, arguments in (
            (logs.create_log_group, {"logGroupName": group}),
            (logs.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
        ):
            try:
                create(**arguments)
            except logs.exceptions.ResourceAlreadyExistsException:
                continue
        self._streams.add(key)
