"""A record of every API call with its caller, so that tests can compare policies with what code really does."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

_LONGEST_TEXT = 2048
_MOST_CALLS = 200_000


@dataclass
class Call:
    """One API call as the embedded AWS saw it."""

    account: str
    region: str
    service: str
    """boto3's name of the service, for example `cloudwatch`."""
    operation: str
    caller_arn: str
    """ARN of the role or user, or a service principal for what AWS itself does."""
    params: dict[str, Any]
    at: datetime
    """Virtual time of the call."""
    error: str | None = None
    """Error code, or None if the call succeeded."""
    status: int = 200
    response: dict[str, Any] | None = field(default=None, repr=False)
    """The result of calls that went to one of our own handlers; None otherwise."""

    def to_json(self) -> dict[str, Any]:
        """Return the call as JSON-ready values, without the response."""
        document = asdict(self)
        document.pop("response")
        document["at"] = self.at.isoformat()
        return document


def summarise(value: Any) -> Any:
    """Shorten bulky members (bodies, templates), so that a record stays small."""
    if isinstance(value, dict):
        return {str(key): summarise(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [summarise(member) for member in value]
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes>"
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return f"{value[:_LONGEST_TEXT]}... <{len(value)} characters>"
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)


class Recorder:
    """The calls so far, oldest first; the oldest are dropped beyond 200,000."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=_MOST_CALLS)
        self._lock = threading.Lock()

    def add(self, call: Call) -> None:
        with self._lock:
            self._calls.append(call)

    def all(self) -> list[Call]:
        with self._lock:
            return list(self._calls)

    def select(
        self, *, service: str | None = None, operation: str | None = None, caller: str | None = None
    ) -> list[Call]:
        """Return the calls that match every given filter exactly."""
        return [
            call
            for call in self.all()
            if (service is None or call.service == service)
            and (operation is None or call.operation == operation)
            and (caller is None or call.caller_arn == caller)
        ]

    def clear(self) -> None:
        with self._lock:
            self._calls.clear()


def actions(calls: Iterable[Call]) -> set[str]:
    """Return the distinct `service:Operation` pairs of some calls."""
    return {f"{call.service}:{call.operation}" for call in calls}
