"""Feature values as the API carries them: text, of a declared type.

Limits and formats follow the developer guide's "Quotas, naming rules and data types".
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sagemaker_local.errors import AwsError

MOST_RECORD_BYTES = 350 * 1024
MOST_IDENTIFIER_BYTES = 2 * 1024
SECONDS = {"Seconds": 1, "Minutes": 60, "Hours": 3600, "Days": 86400, "Weeks": 604800}
"""Units of a time to live."""

_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_INTEGRAL = re.compile(r"[+-]?\d+", re.ASCII)
_EARLIEST, _LATEST = -62_135_596_800, 253_402_300_800
_LEAST, _MOST = -(2**63), 2**63 - 1


@dataclass(frozen=True)
class Feature:
    """A feature definition."""

    name: str
    type: str
    """Integral, Fractional or String."""
    collection: str | None = None
    """List, Set or Vector."""


def refuse(message: str) -> AwsError:
    """Return the error of the runtime API for what breaks its rules."""
    return AwsError("ValidationError", f"Validation Error: {message}")


def event_time(feature: Feature, text: str) -> int:
    """Return an event time in nanoseconds since 1970.

    Raises:
        AwsError: if it is neither an ISO-8601 time in UTC (String) nor seconds since 1970 (Fractional).
    """
    if feature.type == "String":
        match = _ISO.fullmatch(text)
        try:
            if match is None:
                raise ValueError
            seconds = datetime(*(int(part) for part in match.groups()[:6]), tzinfo=UTC).timestamp()  # type: ignore[arg-type, misc]
        except ValueError:
            raise refuse(
                f"EventTime feature {feature.name} must be an ISO-8601 time in UTC such as 2026-01-31T23:59:59Z or "
                f"2026-01-31T23:59:59.123Z, but is {text[:100]!r}."
            ) from None
        return int(seconds) * 10**9 + int((match[7] or "").ljust(9, "0"))
    try:
        number = float(text)
        if not _EARLIEST <= number < _LATEST:
            raise ValueError
    except ValueError:
        raise refuse(
            f"EventTime feature {feature.name} must be a Unix time in seconds between the years 0001 and 9999, but "
            f"is {text[:100]!r}."
        ) from None
    whole = math.floor(number)
    return whole * 10**9 + round((number - whole) * 10**9)


def iso(nanoseconds: int) -> str:
    """Return a time in the form that the API uses for ExpiresAt."""
    return datetime.fromtimestamp(nanoseconds // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def typed(feature: Feature, text: str) -> Any:
    """Return one value in the type of its column.

    Raises:
        AwsError: if the text is not of the feature's type.
    """
    if feature.type == "String":
        return text
    try:
        if feature.type == "Integral":
            if _INTEGRAL.fullmatch(text) and _LEAST <= (number := int(text)) <= _MOST:
                return number
            raise ValueError
        if math.isfinite(fraction := float(text)):
            return fraction
        raise ValueError
    except ValueError:
        wanted = "64-bit integer" if feature.type == "Integral" else "finite double-precision number"
        raise refuse(
            f"FeatureValue of feature {feature.name} must be of type {feature.type} (a {wanted}), but is "
            f"{text[:100]!r}."
        ) from None


def parse(features: dict[str, Feature], record: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a record's values by feature name, in their columns' types; features without a value are left out.

    Raises:
        AwsError: naming the first thing that is wrong with the record.
    """
    values: dict[str, Any] = {}
    size = 0
    for item in record:
        name, text, several = item["FeatureName"], item.get("ValueAsString"), item.get("ValueAsStringList")
        feature = features.get(name)
        if feature is None:
            raise refuse(f"FeatureGroup has no feature named {name}. Remove it from the record or add it to the group.")
        if name in values:
            raise refuse(f"Feature {name} is given more than once in the record.")
        if (feature.collection is None) is not (several is None):
            wanted = "ValueAsString" if feature.collection is None else "ValueAsStringList"
            raise refuse(f"Feature {name} wants {wanted}.")
        if several is not None:
            values[name] = [typed(feature, element) for element in several]
            size += sum(len(element.encode()) for element in several)
        elif text is not None:
            values[name] = typed(feature, text)
            size += len(text.encode())
        size += len(name)
    if size > MOST_RECORD_BYTES:
        raise refuse(f"The record has {size} bytes; records may have {MOST_RECORD_BYTES} bytes (350 KB) at most.")
    return values


def as_text(value: Any) -> dict[str, Any]:
    """Return a value in the API's members."""
    if isinstance(value, list):
        return {"ValueAsStringList": [str(element) for element in value]}
    return {"ValueAsString": str(value)}
