"""How an attempt to run a function ended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """What one attempt to run a function gave."""

    request_id: str
    payload: str
    """JSON: the result, or Lambda's error document."""
    error: str | None
    """None, or `Unhandled` as in the x-amz-function-error header."""
    log: str
    version: str
