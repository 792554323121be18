"""Ingestion of a table into a feature group.

Every row is sent at least once: a run that is stopped sends the rows after its last saved position again. Records of
equal identifier and event time are the same record to the queries of this package, so nothing is counted twice.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from .errors import FeaturesError
from .groups import FeatureGroup, describe
from .journal import Journal
from .records import Record, Rejected, make
from .source import Source, load
from .times import nanoseconds
from .writing import Outcome, Settings, Writer

_CHUNK = 100
_SAVE_SECONDS = 0.5


@dataclass(frozen=True)
class Progress:
    """How far an ingestion is."""

    rows: int
    total: int
    written: int
    rejected: int
    seconds: float


@dataclass(frozen=True)
class Report:
    """What became of a table, resumed runs included."""

    rows: int
    written: int
    rejected: int
    """Rows in the dead-letter file, or in `rejects` without one."""
    duplicates: int
    """Rows that repeat an earlier one exactly; they are not sent."""
    retries: int
    """Attempts of this run beyond the first per call."""
    seconds: float
    """Duration of this run."""
    resumed_at: int = 0
    """The row at which this run went on."""
    dead_letters: Path | None = None
    rejects: tuple[dict[str, Any], ...] = field(default=(), repr=False)


@dataclass
class _Row:
    number: int
    values: dict[str, Any]
    record: Record | None = None
    reason: str = ""
    duplicate: bool = False


def ingest(
    source: Any,
    group: str | FeatureGroup,
    *,
    position: str | Path | None = None,
    dead_letters: str | Path | None = None,
    rename: Mapping[str, str] | None = None,
    ignore: Sequence[str] = (),
    target_stores: Sequence[str] | None = None,
    ttl: timedelta | None = None,
    future_tolerance: timedelta = timedelta(minutes=5),
    settings: Settings | None = None,
    progress: Callable[[Progress], None] | None = None,
    session: Any = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Report:
    """Write every row of a table as a record, in parallel.

    Rows that cannot be records (wrong types, no identifier, an event time in the future, too large, other values for an
    identifier and event time that an earlier row has) are kept with the reason and never stop the others.

    Args:
        source: a polars or pandas frame, or the path of a Parquet, CSV or JSON Lines file. It is read into memory.
        group: name or description of the feature group.
        position: file that remembers how far it has come; with it a stopped ingestion goes on where it was.
        dead_letters: file for rejected rows, one JSON document per line; default: in the report.
        rename: feature names by column name.
        ignore: columns that are no features.
        target_stores: OnlineStore, OfflineStore or both; default: what the group has.
        ttl: time to live of the online records; default: the group's.
        future_tolerance: how far event times may lie ahead of `now`; clocks differ.
        settings: number of threads and attempts, BatchWriteRecord instead of PutRecord.
        progress: called from time to time.
        session: a boto3 session; default: boto3's own.
        now: the time that event times are compared with.

    Raises:
        FeaturesError: if the table does not fit the group, or a file cannot be used.
        IngestionInterrupted: if the service takes nothing any more; run it again to go on.
    """
    described = group if isinstance(group, FeatureGroup) else describe(group, session=session)
    table = load(source, described, rename, ignore)
    chosen = _settings(settings or Settings(), target_stores, ttl)
    journal = Journal(described.arn, table.fingerprint, _path(position), _path(dead_letters))
    started, resumed_at = time.monotonic(), journal.state.rows
    writer = Writer(described, chosen, session)
    latest = nanoseconds(now() + future_tolerance)
    saved = started
    try:
        with ThreadPoolExecutor(chosen.workers, thread_name_prefix="ingest") as pool:
            for done in _sent(pool, writer, _chunks(table, described, resumed_at, latest), chosen.workers * 2):
                _commit(journal, *done)
                if time.monotonic() - saved >= _SAVE_SECONDS:
                    journal.save()
                    saved = time.monotonic()
                if progress is not None:
                    progress(_progress(journal, table, time.monotonic() - started))
        journal.state.complete = True
    finally:
        journal.close()
    state = journal.state
    return Report(
        rows=state.rows,
        written=state.written,
        rejected=state.rejected,
        duplicates=state.duplicates,
        retries=writer.retries,
        seconds=time.monotonic() - started,
        resumed_at=resumed_at,
        dead_letters=_path(dead_letters) if dead_letters is not None and state.rejected else None,
        rejects=tuple(journal.rejects),
    )


def _settings(settings: Settings, target_stores: Sequence[str] | None, ttl: timedelta | None) -> Settings:
    if settings.workers < 1 or settings.attempts < 1:
        raise FeaturesError(f"workers and attempts must be 1 at least, not {settings.workers} and {settings.attempts}")
    unknown = [name for name in target_stores or [] if name not in ("OnlineStore", "OfflineStore")]
    if unknown:
        raise FeaturesError(f"target_stores can be OnlineStore and OfflineStore, not {', '.join(unknown)}")
    if target_stores:
        settings = replace(settings, target_stores=tuple(target_stores))
    if ttl is not None:
        if ttl < timedelta(seconds=1):
            raise FeaturesError(f"ttl must be a second at least, not {ttl}")
        settings = replace(settings, ttl={"Unit": "Seconds", "Value": int(ttl.total_seconds())})
    return settings


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


def _chunks(table: Source, group: FeatureGroup, start: int, latest: int) -> Iterator[list[_Row]]:
    """Yield the rows from `start` on, made into records where they can be."""
    repeated = table.frame.select(group.identifier, group.event_time).is_duplicated()
    seen: dict[tuple[str, int], tuple[int, Record]] = {}
    chunk: list[_Row] = []
    for number, values in enumerate(table.frame.iter_rows(named=True)):
        if number < start and not repeated[number]:
            continue
        row = _Row(number, values)
        try:
            row.record = make(group, values, latest)
        except Rejected as error:
            row.reason = str(error)
        if row.record is not None and repeated[number]:
            _compare(row, row.record, seen)
        if number < start:
            continue
        chunk.append(row)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _compare(row: _Row, record: Record, seen: dict[tuple[str, int], tuple[int, Record]]) -> None:
    """Tell a row that repeats an earlier one from one that contradicts it."""
    number, first = seen.setdefault((record.identifier, record.event_time), (row.number, record))
    if number == row.number:
        return
    if first == record:
        row.duplicate = True
    else:
        row.reason = f"row {number} has the same identifier and event time with other values"
    row.record = None


def _sent(
    pool: ThreadPoolExecutor, writer: Writer, chunks: Iterator[list[_Row]], ahead: int
) -> Iterator[tuple[list[_Row], list[Outcome]]]:
    """Yield chunks in their order, when they and all before them have been sent."""
    waiting: deque[tuple[list[_Row], Future[list[Outcome]]]] = deque()
    try:
        for chunk in chunks:
            records = [row.record for row in chunk if row.record is not None]
            waiting.append((chunk, pool.submit(writer.write, records)))
            if len(waiting) >= ahead:
                rows, future = waiting.popleft()
                yield rows, future.result()
        while waiting:
            rows, future = waiting.popleft()
            yield rows, future.result()
    finally:
        for _, future in waiting:
            future.cancel()


def _commit(journal: Journal, rows: list[_Row], outcomes: list[Outcome]) -> None:
    answers = iter(outcomes)
    for row in rows:
        outcome = next(answers) if row.record is not None else Outcome(reason=row.reason)
        if row.duplicate:
            journal.state.duplicates += 1
        elif outcome.reason:
            journal.reject(row.number, outcome.reason, row.values, outcome.code)
        else:
            journal.state.written += 1
        journal.state.rows = row.number + 1


def _progress(journal: Journal, table: Source, seconds: float) -> Progress:
    state = journal.state
    return Progress(state.rows, table.frame.height, state.written, state.rejected, seconds)
