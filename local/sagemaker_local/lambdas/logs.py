"""A function's log in CloudWatch Logs: START, what the function printed, END and REPORT."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sagemaker_local.accounts import Principal

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws

_MOST_CHARACTERS = 262_118  # of one log event, as PutLogEvents allows
_log = logging.getLogger(__name__)


class LogWriter:
    """Writes log lines as the function's role, creating group and stream where they are missing."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._known: set[tuple[str, str, str, str]] = set()

    def write(self, principal: Principal, region: str, group: str, stream: str, lines: list[str], at: datetime) -> None:
        """Append `lines` in order, all stamped `at` (virtual time). A failing log never fails the function."""
        client = self._aws.clients.of(principal, "logs", region)
        stamp = int(at.timestamp() * 1000)
        events = [{"timestamp": stamp, "message": line[:_MOST_CHARACTERS] or " "} for line in lines]
        try:
            self._ensure(client, principal.account, region, group, stream)
            for start in range(0, len(events), 1000):
                client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events[start : start + 1000])
        except Exception as error:  # noqa: BLE001
            self._known.discard((principal.account, region, group, stream))
            _log.warning("cannot write to the log group %s: %s", group, error)

    def _ensure(self, client: Any, account: str, region: str, group: str, stream: str) -> None:
        key = (account, region, group, stream)
        if key in self._known:
            return
        try:
            client.create_log_stream(logGroupName=group, logStreamName=stream)
        except client.exceptions.ResourceAlreadyExistsException:
            pass
        except client.exceptions.ResourceNotFoundException:
            client.create_log_group(logGroupName=group)
            client.create_log_stream(logGroupName=group, logStreamName=stream)
        self._known.add(key)
