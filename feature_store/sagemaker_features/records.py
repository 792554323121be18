"""Rows of a table as the records that PutRecord takes. What SageMaker would refuse is refused here, with the reason."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .groups import FeatureGroup
from .times import BadValue, iso, nanoseconds, unix

MOST_RECORD_BYTES = 350 * 1024
MOST_IDENTIFIER_BYTES = 2 * 1024
_INTEGRAL = re.compile(r"\s*[+-]?\d+(?:\.0*)?\s*", re.ASCII)
_LEAST, _MOST = -(2**63), 2**63 - 1


class Rejected(Exception):
    """A row that cannot become a record; the message is the reason."""


@dataclass(frozen=True)
class Record:
    """A record ready to be sent."""

    identifier: str
    event_time: int
    """Nanoseconds since 1970."""
    features: tuple[tuple[str, str | tuple[str, ...]], ...]

    def values(self) -> list[dict[str, Any]]:
        """Return the record as the API's list of feature values."""
        return [
            {"FeatureName": name, "ValueAsStringList": list(value)}
            if isinstance(value, tuple)
            else {"FeatureName": name, "ValueAsString": value}
            for name, value in self.features
        ]


def make(group: FeatureGroup, row: Mapping[str, Any], latest: int) -> Record:
    """Return a row as a record; missing values (None, NaN) are left out.

    Args:
        group: the feature group.
        row: values by feature name.
        latest: the last acceptable event time, in nanoseconds since 1970.

    Raises:
        Rejected: naming everything that is wrong with the row.
    """
    problems: list[str] = []
    features: list[tuple[str, str | tuple[str, ...]]] = []
    moment = 0
    for name in group.types:
        value = row.get(name)
        if _missing(value) or (name in (group.identifier, group.event_time) and value == ""):
            if name == group.identifier:
                problems.append(f"the record identifier {name} is missing")
            elif name == group.event_time:
                problems.append(f"the event time {name} is missing")
            continue
        try:
            if name == group.event_time:
                moment, text = _event_time(group, value)
                if moment > latest:
                    problems.append(f"the event time {name} is in the future: {text}")
                features.append((name, text))
            elif name in group.collections:
                features.append((name, _several(group.types[name], value)))
            else:
                features.append((name, _text(group.types[name], value)))
        except BadValue as error:
            problems.append(f"{name} ({group.types[name]}): {error}")
    identifier = next((str(value) for name, value in features if name == group.identifier), "")
    if len(identifier.encode()) > MOST_IDENTIFIER_BYTES:
        problems.append(f"the record identifier {group.identifier} has more than {MOST_IDENTIFIER_BYTES} bytes (2 KB)")
    size = sum(len(name) + _size(value) for name, value in features)
    if size > MOST_RECORD_BYTES:
        problems.append(f"the record has {size} bytes, more than {MOST_RECORD_BYTES} (350 KB)")
    if problems:
        raise Rejected("; ".join(problems))
    return Record(identifier, moment, tuple(features))


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _size(value: str | tuple[str, ...]) -> int:
    return sum(len(item.encode()) for item in value) if isinstance(value, tuple) else len(value.encode())


def _event_time(group: FeatureGroup, value: Any) -> tuple[int, str]:
    if group.types[group.event_time] == "Fractional":
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                return (moment := nanoseconds(value)), repr(unix(moment))
        moment = nanoseconds(value)
        return moment, repr(float(value)) if isinstance(value, (int, float)) else repr(unix(moment))
    if isinstance(value, (int, float)):
        raise BadValue(f"{value!r} is a number, but this group's event times are ISO-8601 text or datetimes")
    moment = nanoseconds(value)
    return moment, iso(moment)


def _several(kind: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise BadValue(f"{value!r} is not a list")
    if any(_missing(item) for item in value):
        raise BadValue("a list cannot have missing elements")
    return tuple(_text(kind, item) for item in value)


def _text(kind: str, value: Any) -> str:
    if kind == "Integral":
        return str(_integral(value))
    if kind == "Fractional":
        return repr(_fractional(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float, Decimal)):
        return str(value)
    raise BadValue(f"a {type(value).__name__} cannot become text")


def _integral(value: Any) -> int:
    if isinstance(value, str):
        if not _INTEGRAL.fullmatch(value):
            raise BadValue(f"{value[:100]!r} is not a whole number")
        number = int(value.split(".", 1)[0])
    elif isinstance(value, (int, float, Decimal)):
        if not math.isfinite(value) or value != int(value):
            raise BadValue(f"{value!r} is not a whole number")
        number = int(value)
    else:
        raise BadValue(f"a {type(value).__name__} is not a whole number")
    if not _LEAST <= number <= _MOST:
        raise BadValue(f"{number} does not fit into 64 bits")
    return number


def _fractional(value: Any) -> float:
    if not isinstance(value, (str, int, float, Decimal)):
        raise BadValue(f"a {type(value).__name__} is not a number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise BadValue(f"{str(value)[:100]!r} is not a number") from None
    if not math.isfinite(number):
        raise BadValue(f"{value!r} is not a finite number")
    return number
