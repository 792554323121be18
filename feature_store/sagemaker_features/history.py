"""Queries on the offline store: training sets without a look into the future, and the state at a moment.

A training set has, for each row of a spine (who, as of when), the features of the latest record whose event time is not
after that moment. A record that was deleted by then gives nothing. Missing features are null.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from . import sql
from .athena import Athena
from .errors import FeaturesError
from .groups import FeatureGroup, describe
from .spines import Spine, SpineTable, Staging, TableSpine, moments, staged
from .sql import FeatureView, Ties
from .times import SECOND, key, nanoseconds

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class TrainingSet:
    """A training set with what it was made of."""

    frame: pl.DataFrame
    """The spine's columns and rows in their order, and the features."""
    sql: str
    query_id: str
    scanned_bytes: int


@dataclass(frozen=True)
class _View:
    group: FeatureGroup
    features: list[str]
    key: str
    outputs: list[str]
    seconds: int | None
    ties: Ties


def training_set(
    spine: Any,
    views: Sequence[FeatureView],
    *,
    time_column: str,
    athena: Athena,
    ingested_by: datetime | None = None,
    only_what_had_arrived: bool = False,
    event_times: bool = False,
    staging: Staging = "auto",
    staging_database: str | None = None,
) -> TrainingSet:
    """Return features as they were at each row's moment.

    Args:
        spine: a frame (polars or pandas), the path of a file, or a `SpineTable`.
        views: features to add, of one or several groups.
        time_column: column of the spine with the moment: datetimes, ISO-8601 text, or Unix seconds.
        athena: where to run the query.
        ingested_by: use only what had been written by then; the same query then gives the same rows for ever.
        only_what_had_arrived: use only records that had been ingested at the row's moment. Late records are as
            misleading as future ones; but a back-fill then counts from the day on which it was made.
        event_times: add the event time of each record that was used, as `<prefix><group>_event_time`.
        staging: where keys and moments of a frame go: into the query itself (`inline`), or into a table for the time of
            the query (`table`), which needs permission to create and delete tables in `staging_database` and objects
            under `spines/` of the results; default: into the query while they fit, some thousand rows.
        staging_database: Glue database for such a table; default: the first group's.

    Raises:
        FeaturesError: if spine and views do not fit together.
        QueryFailed: if Athena does not execute the query.
    """
    prepared = _prepare(views, event_times, athena.session)
    if isinstance(spine, SpineTable):
        _check_clash(list(spine.columns), prepared)
        place = TableSpine.of(spine, time_column)
        text = _joined(place, prepared, ingested_by, only_what_had_arrived, event_times)
        result = athena.run(text, spine.database)
        names = [*spine.columns, *(output for view in prepared for output in view.outputs)]
        return TrainingSet(_named(result.frame, names), text, result.id, result.scanned_bytes)
    from .source import to_frame

    frame = to_frame(spine)
    _check_clash(frame.columns, prepared)
    missing = sorted({view.key for view in prepared if view.key not in frame.columns})
    if missing:
        raise FeaturesError(
            f"the spine has no key column {', '.join(missing)}; it has {', '.join(frame.columns)} (see `key` of a view)"
        )
    at = moments(frame, time_column)
    if not at:
        raise FeaturesError("the spine has no rows")
    database = staging_database or str(prepared[0].group.database)
    keys = _keys(prepared)
    lookbacks = {view.seconds for view in prepared if view.seconds is not None}
    with staged(frame, at, keys, lookbacks, how=staging, database=database, athena=athena) as place_:
        text = _joined(place_, prepared, ingested_by, only_what_had_arrived, event_times)
        result = athena.run(text, database)
    outputs = [output for view in prepared for output in view.outputs]
    found = _named(result.frame, ["_row", *outputs]).sort("_row")
    return TrainingSet(frame.hstack(found.drop("_row")), text, result.id, result.scanned_bytes)


def latest(group: str | FeatureGroup, *, athena: Athena, **choices: Any) -> pl.DataFrame:
    """Return the newest record of every identifier that is not deleted; `choices` as in `as_of`."""
    return as_of(group, None, athena=athena, **choices)


def as_of(
    group: str | FeatureGroup,
    moment: datetime | str | None,
    *,
    athena: Athena,
    features: Sequence[str] | None = None,
    lookback: timedelta | None = None,
    ingested_by: datetime | None = None,
    ties: Ties = "last",
) -> pl.DataFrame:
    """Return every record of a group as it was at a moment: identifier, event time, features.

    Args:
        group: name or description of the feature group.
        moment: datetime (UTC without a zone) or ISO-8601 text; None: whatever is newest.
        athena: where to run the query.
        features: which features; default: all.
        lookback: leave out records that were this old by then; default: none is left out, whatever the time to live.
        ingested_by: use only what had been written by then.
        ties: which of several records of the same event time counts (see `FeatureView`).

    Raises:
        FeaturesError: if the group has no offline store, or lacks a feature.
        QueryFailed: if Athena does not execute the query.
    """
    described = group if isinstance(group, FeatureGroup) else describe(group, session=athena.session)
    chosen = sql.chosen_features(described, features)
    try:
        end = nanoseconds(moment) if moment is not None else None
    except ValueError as error:
        raise FeaturesError(f"as_of: {error}") from error
    if lookback is not None and end is None:
        raise FeaturesError("a lookback needs a moment to look back from")
    seconds = sql.lookback_seconds(described, lookback) if lookback is not None else None
    start = end - seconds * SECOND if end is not None and seconds is not None else None
    conditions = sql.days(described, start, end)
    if end is not None:
        conditions.append(f"{sql.moment(described)} <= {sql.moment_literal(described, end)}")
    if start is not None:
        conditions.append(f"{sql.moment(described)} > {sql.moment_literal(described, start)}")
    conditions += _written_by(ingested_by)
    columns = ['"_key"', '"_event_time"', *(f'"_f{number}"' for number in range(len(chosen)))]
    order = f'row_number() OVER (PARTITION BY "_key" ORDER BY {sql.newest_first(ties)}) AS "_rank"'
    text = (
        f"SELECT {', '.join(columns)} FROM (SELECT *, {order} FROM ({sql.records(described, chosen, conditions)})) "  # noqa: S608
        f'WHERE "_rank" = 1 AND NOT "_deleted" ORDER BY "_key"'
    )
    result = athena.run(text, described.database)
    return _named(result.frame, [described.identifier, described.event_time, *chosen])


def _prepare(views: Sequence[FeatureView], event_times: bool, session: Any) -> list[_View]:
    if not views:
        raise FeaturesError("a training set needs one feature view at least")
    prepared = []
    for view in views:
        group = view.group if isinstance(view.group, FeatureGroup) else describe(view.group, session=session)
        sql.table(group)
        features = sql.chosen_features(group, view.features)
        outputs = [view.prefix + feature for feature in features]
        if event_times:
            outputs.append(f"{view.prefix}{group.name}_event_time")
        seconds = sql.lookback_seconds(group, view.lookback)
        prepared.append(_View(group, features, view.key or group.identifier, outputs, seconds, view.ties))
    return prepared


def _check_clash(spine: Sequence[str], views: Sequence[_View]) -> None:
    names = [*spine, *(output for view in views for output in view.outputs)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FeaturesError(f"{', '.join(twice)} would be there more than once; give the views different prefixes")


def _keys(views: Sequence[_View]) -> dict[str, str]:
    keys: dict[str, str] = {}
    for view in views:
        kind = sql.identifier_type(view.group)
        # A column that identifies records of several types is staged as text and cast for each group.
        keys[view.key] = kind if keys.get(view.key, kind) == kind else "varchar"
    return keys


def _joined(
    spine: Spine, views: Sequence[_View], ingested_by: datetime | None, arrived: bool, event_times: bool
) -> str:
    parts, joins = [], []
    selected = [f"s.{sql.name(column)}" for column in spine.columns]
    for number, view in enumerate(views):
        parts += _best(number, spine, view, ingested_by, arrived)
        who, at = _join_columns(spine, view)
        joins.append(f'LEFT JOIN best{number} ON best{number}."_key" = {who} AND best{number}."_moment" = {at}')
        selected += [f'best{number}."_f{index}"' for index in range(len(view.features))]
        if event_times:
            selected.append(f'best{number}."_event_time"')
    numbered = [f'{column} AS "_c{position}"' for position, column in enumerate(selected)]
    order = f" ORDER BY s.{spine.order}" if spine.order else ""
    if spine.definition:
        parts.insert(0, spine.definition)
    return f"WITH {', '.join(parts)} SELECT {', '.join(numbered)} FROM {spine.source} s {' '.join(joins)}{order}"  # noqa: S608


def _join_columns(spine: Spine, view: _View) -> tuple[str, str]:
    who = f"CAST({spine.column(view.key)} AS {sql.identifier_type(view.group)})"
    fractional = view.group.types[view.group.event_time] == "Fractional"
    return who, spine.seconds if fractional else spine.time


def _best(number: int, spine: Spine, view: _View, ingested_by: datetime | None, arrived: bool) -> list[str]:
    """Return the common table expressions that find each record to use, by key and moment."""
    group = view.group
    who, at = _join_columns(spine, view)
    fractional = group.types[group.event_time] == "Fractional"
    wanted = [f'{who} AS "_key"', f'{at} AS "_moment"', f'{spine.time} AS "_time"']
    conditions = ['r."_key" = w."_key"', 'r."_at" <= w."_moment"']
    if view.seconds is not None:
        since = f"{spine.seconds} - {view.seconds}" if fractional else spine.earlier(view.seconds)
        wanted.append(f'{since} AS "_since"')
        conditions.append('r."_at" > w."_since"')
    if arrived:
        stamp = "rpad(date_format(r.\"api_invocation_time\", '%Y-%m-%dT%H:%i:%s.%f'), 29, '0')"
        conditions.append(f'{stamp} <= w."_time"')
    first = spine.first - view.seconds * SECOND if spine.first is not None and view.seconds is not None else None
    source = sql.records(group, view.features, [*sql.days(group, first, spine.last), *_written_by(ingested_by)])
    columns = ['w."_key"', 'w."_moment"', 'r."_event_time"', 'r."_deleted"']
    columns += [f'r."_f{index}"' for index in range(len(view.features))]
    order = sql.newest_first(view.ties).replace('"_at"', 'r."_at"')
    order = order.replace('"api_invocation_time"', 'r."api_invocation_time"').replace('"write_time"', 'r."write_time"')
    rank = f'row_number() OVER (PARTITION BY w."_key", w."_moment" ORDER BY {order}) AS "_rank"'
    return [
        f"wanted{number} AS (SELECT DISTINCT {', '.join(wanted)} FROM {spine.source})",  # noqa: S608 - see sql
        f"records{number} AS ({source})",
        f"ranked{number} AS (SELECT {', '.join(columns)}, {rank} FROM wanted{number} w "  # noqa: S608
        f"JOIN records{number} r ON {' AND '.join(conditions)})",
        f'best{number} AS (SELECT * FROM ranked{number} WHERE "_rank" = 1 AND NOT "_deleted")',  # noqa: S608
    ]


def _written_by(moment: datetime | None) -> list[str]:
    if moment is None:
        return []
    stamp = key(nanoseconds(moment)).replace("T", " ")[:23]
    return [f'"write_time" <= TIMESTAMP {sql.literal(stamp)}']


def _named(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    # Athena writes names in lower case; positions are sure.
    return frame.rename(dict(zip(frame.columns, names, strict=True)))
