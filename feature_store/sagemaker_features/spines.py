"""The spine of a training set: who, and as of when.

Keys and moments of a frame go into the query itself if they are few, else into a small Parquet table for the time of
the query; its other columns never leave this machine. A table that Athena has already is used where it is.
"""

from __future__ import annotations

import contextlib
import io
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from .clients import client
from .errors import FeaturesError
from .sql import literal, name, sort_key
from .times import SECOND, key, nanoseconds, unix

if TYPE_CHECKING:
    import polars as pl

    from .athena import Athena

_GLUE = {"varchar": "string"}
_PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}


@dataclass(frozen=True)
class SpineTable:
    """A spine that Athena has as a table.

    Args:
        database: its database.
        table: its name.
        columns: columns to return beside the features.
        time_type: type of the time column: `timestamp` (in UTC), or `string` for ISO-8601 text in UTC that ends in Z.
        where: condition on its rows, as SQL that you wrote yourself: it is not escaped.
    """

    database: str
    table: str
    columns: Sequence[str]
    time_type: Literal["timestamp", "string"] = "timestamp"
    where: str = ""


@dataclass(frozen=True)
class Spine:
    """A spine as a FROM clause, with expressions over it."""

    source: str
    definition: str
    """Common table expression that `source` names, or ""."""
    time: str
    """The moment as text that sorts (see `times.key`)."""
    seconds: str
    """The moment in Unix seconds."""
    order: str
    """Expression to sort the result by, or ""."""
    columns: tuple[str, ...]
    first: int | None
    last: int | None

    def earlier(self, seconds: int) -> str:
        """Return the moment some seconds earlier, as text that sorts."""
        raise NotImplementedError

    def column(self, wanted: str) -> str:
        """Return the expression for a key column."""
        raise NotImplementedError


Staging = Literal["auto", "inline", "table"]
_MOST_INLINE = 200_000
"""Bytes of a spine inside of a query, which may have 262,144."""


class TableSpine(Spine):
    """A table of Athena's as a spine."""

    @classmethod
    def of(cls, table: SpineTable, time_column: str) -> TableSpine:
        """Return the spine for a table."""
        column = name(time_column)
        where = f" WHERE {table.where}" if table.where else ""
        source = f"(SELECT * FROM {name(table.database)}.{name(table.table)}{where})"  # noqa: S608 - names are quoted
        if table.time_type == "string":
            exact, moment = sort_key(column), f"from_iso8601_timestamp({column})"
        else:
            exact, moment = _formatted(column), column
        return cls(source, "", exact, f"to_unixtime({moment})", "", tuple(table.columns), None, None)

    def earlier(self, seconds: int) -> str:
        moment = self.seconds.removeprefix("to_unixtime(").removesuffix(")")
        return _formatted(f"({moment} - INTERVAL {literal(str(seconds))} SECOND)")

    def column(self, wanted: str) -> str:
        return name(wanted)


class StagedSpine(Spine):
    """A frame that was staged; lower bounds were computed with it."""

    def earlier(self, seconds: int) -> str:
        return name(f"_from_{seconds}")

    def column(self, wanted: str) -> str:
        return name(f"_key_{wanted}".lower())


def _formatted(moment: str) -> str:
    return f"rpad(date_format({moment}, '%Y-%m-%dT%H:%i:%s.%f'), 29, '0')"


def moments(frame: pl.DataFrame, time_column: str) -> list[int]:
    """Return the moments of a spine.

    Raises:
        FeaturesError: naming the rows whose time is missing or cannot be read.
    """
    if time_column not in frame.columns:
        raise FeaturesError(f"the spine has no time column {time_column!r}; it has {', '.join(frame.columns)}")
    from .source import times_as_text

    found, problems = [], []
    for number, value in enumerate(times_as_text(frame.select(time_column)).get_column(time_column)):
        try:
            found.append(nanoseconds(value))
        except ValueError as error:
            problems.append(f"row {number}: {error}")
    if problems:
        shown = "; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
        raise FeaturesError(f"the spine's time column {time_column!r} must say a moment in every row: {shown}")
    return found


@contextlib.contextmanager
def staged(
    frame: pl.DataFrame,
    at: Sequence[int],
    keys: dict[str, str],
    lookbacks: set[int],
    *,
    how: Staging,
    database: str,
    athena: Athena,
) -> Iterator[StagedSpine]:
    """Offer a frame to a query.

    Args:
        frame: the spine; it needs one row.
        at: its moments, in nanoseconds since 1970.
        keys: Athena's types of the key columns that the query uses, by column.
        lookbacks: seconds for which the query wants lower bounds.
        how: inside of the query, as a table, or as whichever fits.
        database: Glue database for the table.
        athena: under whose results the table's file is put.

    Raises:
        FeaturesError: if the spine is too large to be inside of a query, but must be.
    """
    import polars as pl

    types = {"_row": "bigint", "_time": "varchar", "_seconds": "double"}
    columns = {
        "_row": pl.Series(range(frame.height), dtype=pl.Int64),
        "_time": pl.Series([key(moment) for moment in at], dtype=pl.String),
        "_seconds": pl.Series([unix(moment) for moment in at], dtype=pl.Float64),
    }
    for seconds in sorted(lookbacks):
        bounds = [key(max(moment - seconds * SECOND, -62_135_596_800 * SECOND)) for moment in at]
        columns[f"_from_{seconds}"] = pl.Series(bounds, dtype=pl.String)
        types[f"_from_{seconds}"] = "varchar"
    for column, kind in keys.items():
        columns[f"_key_{column}".lower()] = _key_column(frame, column, kind)
        types[f"_key_{column}".lower()] = kind
    table = pl.DataFrame([series.alias(column) for column, series in columns.items()])
    if how != "table":
        definition = _inline(table, types)
        if len(definition.encode()) <= _MOST_INLINE:
            yield _spine("spine", definition, at)
            return
        if how == "inline":
            raise FeaturesError(f"a spine of {frame.height} rows does not fit into a query; stage it as a table")
    with _as_table(table, types, database, athena) as source:
        yield _spine(source, "", at)


def _spine(source: str, definition: str, at: Sequence[int]) -> StagedSpine:
    return StagedSpine(source, definition, name("_time"), name("_seconds"), name("_row"), ("_row",), min(at), max(at))


def _inline(table: pl.DataFrame, types: dict[str, str]) -> str:
    """Return a common table expression with the rows of a frame; values are text that is cast."""
    rows = (", ".join("NULL" if value is None else literal(str(value)) for value in row) for row in table.iter_rows())
    names = ", ".join(name(column) for column in types)
    casts = ", ".join(f"CAST({name(column)} AS {kind}) AS {name(column)}" for column, kind in types.items())
    values = ", ".join(f"({row})" for row in rows)
    return f"spine AS (SELECT {casts} FROM (VALUES {values}) AS given({names}))"  # noqa: S608 - names and values escaped


@contextlib.contextmanager
def _as_table(table: pl.DataFrame, types: dict[str, str], database: str, athena: Athena) -> Iterator[str]:
    buffer = io.BytesIO()
    table.write_parquet(buffer, compression="snappy")
    unique = uuid.uuid4().hex
    folder = f"{athena.results_under()}/spines/{unique}"
    place = urlsplit(f"{folder}/spine.parquet")
    s3, glue = client("s3", athena.session), client("glue", athena.session)
    s3.put_object(Bucket=place.netloc, Key=place.path.lstrip("/"), Body=buffer.getvalue())
    try:
        columns = [{"Name": column, "Type": _GLUE.get(kind, kind)} for column, kind in types.items()]
        definition = {
            "Name": f"spine_{unique}",
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"},
            "StorageDescriptor": {"Columns": columns, "Location": folder, **_PARQUET},
        }
        glue.create_table(DatabaseName=database, TableInput=definition)
        try:
            yield f"{name(database)}.{name(f'spine_{unique}')}"
        finally:
            glue.delete_table(DatabaseName=database, Name=definition["Name"])
    finally:
        s3.delete_object(Bucket=place.netloc, Key=place.path.lstrip("/"))


def _key_column(frame: pl.DataFrame, column: str, kind: str) -> pl.Series:
    import polars as pl

    kinds: dict[str, Any] = {"bigint": pl.Int64, "double": pl.Float64, "varchar": pl.String}
    try:
        return frame.get_column(column).cast(kinds[kind])
    except pl.exceptions.PolarsError as error:
        raise FeaturesError(f"the spine's column {column!r} cannot identify records of type {kind}: {error}") from error
