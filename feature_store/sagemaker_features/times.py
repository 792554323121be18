"""Moments in the forms that the feature store uses. Inside they are nanoseconds since 1970."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

SECOND = 10**9
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_EARLIEST, _LATEST = -62_135_596_800, 253_402_300_800
# In seconds this is beyond the year 5000, in milliseconds it was 1973.
_LOOKS_LIKE_MILLISECONDS = 10**11


class BadValue(ValueError):
    """A value that is not what it should be; the message says why."""


def nanoseconds(value: Any) -> int:
    """Return a moment given as ISO-8601 text, as datetime or date (UTC unless it says otherwise), or as Unix seconds.

    Raises:
        BadValue: saying what is wrong with the value.
    """
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, datetime):
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        since = aware - datetime(1970, 1, 1, tzinfo=UTC)
        return (since.days * 86400 + since.seconds) * SECOND + since.microseconds * 1000
    if isinstance(value, date):
        return (value - date(1970, 1, 1)).days * 86400 * SECOND
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadValue(f"{value!r} is neither ISO-8601 text, nor a date, nor Unix seconds")
    if not math.isfinite(value) or not _EARLIEST <= value < _LATEST or abs(value) >= _LOOKS_LIKE_MILLISECONDS:
        hint = "; it looks like milliseconds, divide by 1000" if abs(value) >= _LOOKS_LIKE_MILLISECONDS else ""
        raise BadValue(f"{value!r} is not a moment in Unix seconds{hint}")
    whole = math.floor(value)
    return whole * SECOND + round((value - whole) * SECOND)


def _from_text(text: str) -> int:
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise BadValue(f"{text[:100]!r} is not an ISO-8601 time such as 2026-01-31T23:59:59Z")
    if match[8] is None:
        raise BadValue(f"{text[:100]!r} does not say its time zone: end it with Z for UTC, or with an offset")
    zone: timezone = UTC
    if match[8] != "Z":
        hours, minutes = int(match[8][1:3]), int(match[8][-2:])
        zone = timezone((1 if match[8][0] == "+" else -1) * timedelta(hours=hours, minutes=minutes))
    try:
        moment = datetime(*(int(part) for part in match.groups()[:6]), tzinfo=zone)  # type: ignore[arg-type, misc]
        return nanoseconds(moment) + int((match[7] or "").ljust(9, "0"))
    except (ValueError, OverflowError) as error:
        raise BadValue(f"{text[:100]!r} is not a moment in time: {error}") from None


def iso(moment: int) -> str:
    """Return the shortest of the forms that SageMaker takes: no fraction, milliseconds, or nanoseconds."""
    seconds, fraction = divmod(moment, SECOND)
    text = _stamp(seconds)
    if fraction == 0:
        return f"{text}Z"
    return f"{text}.{fraction // 10**6:03d}Z" if fraction % 10**6 == 0 else f"{text}.{fraction:09d}Z"


def key(moment: int) -> str:
    """Return text of 29 characters that sorts like the moments themselves."""
    seconds, fraction = divmod(moment, SECOND)
    return f"{_stamp(seconds)}.{fraction:09d}"


def unix(moment: int) -> float:
    """Return Unix seconds."""
    return moment / SECOND


def day(moment: int) -> tuple[str, str, str]:
    """Return year, month and day as the offline store's partitions write them."""
    text = _stamp(moment // SECOND)
    return text[:4], text[5:7], text[8:10]


def _stamp(seconds: int) -> str:
    moment = datetime(1970, 1, 1) + timedelta(seconds=seconds)
    return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}"
