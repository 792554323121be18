"""The SQL of point-in-time queries, in Athena's dialect.

Event times of type String are compared as text of one length, which is exact to the nanosecond; event times of type
Fractional as numbers. Names are quoted and values escaped, whatever they contain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from .errors import FeaturesError
from .groups import FeatureGroup
from .times import day, key, unix

Ties = Literal["last", "first"]
_TYPES = {"Integral": "bigint", "Fractional": "double", "String": "varchar"}


@dataclass(frozen=True)
class FeatureView:
    """Features of one group for a training set.

    Args:
        group: name or description of the feature group.
        features: which ones; default: all but identifier and event time.
        key: column of the spine with the record identifier; default: the identifier's own name.
        prefix: put before the names of the features.
        lookback: records that are this old are not used any more; default: the online store's time to live, if the
            group has one, so that training sees what serving would have seen.
        ties: which of several records of the same event time counts, the one written last (a correction) or first (what
            the online store keeps).
    """

    group: str | FeatureGroup
    features: Sequence[str] | None = None
    key: str | None = None
    prefix: str = ""
    lookback: timedelta | None = None
    ties: Ties = "last"


def name(text: str) -> str:
    """Return an identifier in quotes."""
    return '"' + text.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return text as a literal."""
    return "'" + text.replace("'", "''") + "'"


def table(group: FeatureGroup) -> str:
    """Return the group's table.

    Raises:
        FeaturesError: if the group has none.
    """
    if not group.database or not group.table:
        raise FeaturesError(f"feature group {group.name} has no offline store with a table in the Glue catalogue")
    return f"{name(group.database)}.{name(group.table)}"


def sort_key(column: str) -> str:
    """Return an expression that makes an ISO-8601 time in UTC as long as every other one (see `times.key`)."""
    return f"rpad(replace({column}, 'Z', if(strpos({column}, '.') = 0, '.', '')), 29, '0')"


def moment(group: FeatureGroup) -> str:
    """Return the expression for a record's event time as it is compared."""
    column = name(group.event_time)
    return column if group.types[group.event_time] == "Fractional" else sort_key(column)


def moment_literal(group: FeatureGroup, nanoseconds: int) -> str:
    """Return a moment as it is compared with a group's event times."""
    if group.types[group.event_time] == "Fractional":
        return f"CAST({literal(repr(unix(nanoseconds)))} AS double)"
    return literal(key(nanoseconds))


def identifier_type(group: FeatureGroup) -> str:
    """Return Athena's type of the record identifier."""
    return _TYPES[group.types[group.identifier]]


def newest_first(ties: Ties) -> str:
    """Return the order of records of one identifier; what is written later wins a tie, or loses it."""
    direction = "DESC" if ties == "last" else "ASC"
    return f'"_at" DESC, "api_invocation_time" {direction}, "write_time" {direction}'


def lookback_seconds(group: FeatureGroup, lookback: timedelta | None) -> int | None:
    """Return after how many seconds a record does not count any more, or None if it always does.

    Raises:
        FeaturesError: if the lookback is not a positive number of whole seconds.
    """
    if lookback is None:
        return group.ttl_seconds
    seconds = lookback.total_seconds()
    if seconds <= 0 or seconds != int(seconds):
        raise FeaturesError(f"the lookback of {group.name} must be whole seconds, one at least, not {lookback}")
    return int(seconds)


def chosen_features(group: FeatureGroup, features: Sequence[str] | None) -> list[str]:
    """Return the features to select.

    Raises:
        FeaturesError: if the group does not have one of them.
    """
    if features is None:
        return group.features
    unknown = [feature for feature in features if feature not in group.types]
    if unknown:
        raise FeaturesError(
            f"feature group {group.name} has no feature {', '.join(unknown)}; it has {', '.join(group.types)}"
        )
    return list(features)


def days(group: FeatureGroup, first: int | None, last: int | None) -> list[str]:
    """Return conditions on the partitions that hold a span of event times, so that Athena reads no others.

    Args:
        group: the feature group; only tables of the Glue format have these partitions.
        first: start of the span in nanoseconds since 1970; None: the beginning.
        last: its end; None: no end.
    """
    if not group.partitioned:
        return []
    conditions = []
    for bound, sign in ((first, ">"), (last, "<")):
        if bound is not None:
            year, month, date = (literal(part) for part in day(bound))
            conditions.append(
                f'("year" {sign} {year} OR ("year" = {year} AND "month" {sign} {month}) '
                f'OR ("year" = {year} AND "month" = {month} AND "day" {sign}= {date}))'
            )
    return conditions


def records(group: FeatureGroup, features: Sequence[str], conditions: Sequence[str]) -> str:
    """Return a SELECT of a group's records under the names that the other queries use."""
    columns = [
        f'{name(group.identifier)} AS "_key"',
        f'{moment(group)} AS "_at"',
        f'{name(group.event_time)} AS "_event_time"',
        *(f'{name(feature)} AS "_f{number}"' for number, feature in enumerate(features)),
        '"is_deleted" AS "_deleted"',
        '"api_invocation_time"',
        '"write_time"',
    ]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {', '.join(columns)} FROM {table(group)}{where}"  # noqa: S608 - names quoted, values escaped
