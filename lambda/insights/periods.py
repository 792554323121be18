"""How the pages write a period."""

from __future__ import annotations

from datetime import datetime


def period(since: datetime, until: datetime) -> str:
    """From when to when."""
    return f"{since:%d %b %Y %H:%M} to {until:%d %b %Y %H:%M} UTC"
