"""Events on EventBridge's default bus.

Limits: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html (256 KB an
entry; a call may succeed while an entry in it failed).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

ATTEMPTS = 4
MAX_DETAIL_BYTES = 250_000


class EventError(RuntimeError):
    """EventBridge did not take the event."""


def publish(
    events: Any,
    *,
    source: str,
    detail_type: str,
    detail: Mapping[str, Any],
    resources: tuple[str, ...] = (),
    time_: datetime | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Put one event; repeats an entry that EventBridge refused for now.

    Raises :class:`EventError` when the detail is too large or the entry keeps failing.
    """
    body = json.dumps(detail, default=str)
    if len(body.encode()) > MAX_DETAIL_BYTES:
        raise EventError(
            f"event {detail_type!r} has a detail of {len(body.encode())} bytes; at most {MAX_DETAIL_BYTES}"
        )
    entry: dict[str, Any] = {"Source": source, "DetailType": detail_type, "Detail": body, "Resources": list(resources)}
    if time_ is not None:
        entry["Time"] = time_
    failure = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            sleep(0.2 * 2**attempt)
        response = events.put_events(Entries=[entry])
        if not response.get("FailedEntryCount"):
            return
        failed = response["Entries"][0]
        failure = f"{failed.get('ErrorCode')}: {failed.get('ErrorMessage')}"
    raise EventError(f"EventBridge refused event {detail_type!r} {ATTEMPTS} times, last with {failure}")
