"""The spine of a training set: who, and as of when.

A frame is staged as a small Parquet table of keys and moments for the time of the query; its other columns never leave
this machine. A table that Athena has already is used where it is.
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
        return cls(source, exact, f"to_unixtime({moment})", "", tuple(table.columns), None, None)

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
    database: str,
    location: str,
    session: Any,
) -> Iterator[StagedSpine]:
    """Offer a frame as a table while a query runs.

    Args:
        frame: the spine; it needs one row.
        at: its moments, in nanoseconds since 1970.
        keys: Athena's types of the key columns that the query uses, by column.
        lookbacks: seconds for which the query wants lower bounds.
        database: Glue database for the table.
        location: S3 URI under which its file is put.
        session: a boto3 session.
    """
    import polars as pl

    columns: dict[str, tuple[str, pl.Series]] = {
        "_row": ("bigint", pl.Series(range(frame.height), dtype=pl.Int64)),
        "_time": ("string", pl.Series([key(moment) for moment in at], dtype=pl.String)),
        "_seconds": ("double", pl.Series([unix(moment) for moment in at], dtype=pl.Float64)),
    }
    for seconds in sorted(lookbacks):
        bounds = [key(max(moment - seconds * SECOND, -62_135_596_800 * SECOND)) for moment in at]
        columns[f"_from_{seconds}"] = ("string", pl.Series(bounds, dtype=pl.String))
    for column, kind in keys.items():
        columns[f"_key_{column}".lower()] = _key_column(frame, column, kind)
    buffer = io.BytesIO()
    pl.DataFrame([series.alias(column) for column, (_, series) in columns.items()]).write_parquet(
        buffer, compression="snappy"
    )
    unique = uuid.uuid4().hex
    folder = f"{location.rstrip('/')}/spines/{unique}"
    place = urlsplit(f"{folder}/spine.parquet")
    s3, glue = client("s3", session), client("glue", session)
    s3.put_object(Bucket=place.netloc, Key=place.path.lstrip("/"), Body=buffer.getvalue())
    try:
        definition = {
            "Name": f"spine_{unique}",
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"},
            "StorageDescriptor": {
                "Columns": [{"Name": column, "Type": kind} for column, (kind, _) in columns.items()],
                "Location": folder,
                **_PARQUET,
            },
        }
        glue.create_table(DatabaseName=database, TableInput=definition)
        try:
            source = f"{name(database)}.{name(definition['Name'])}"  # type: ignore[arg-type]
            order = name("_row")
            yield StagedSpine(source, name("_time"), name("_seconds"), order, ("_row",), min(at), max(at))
        finally:
            glue.delete_table(DatabaseName=database, Name=definition["Name"])
    finally:
        s3.delete_object(Bucket=place.netloc, Key=place.path.lstrip("/"))


def _key_column(frame: pl.DataFrame, column: str, kind: str) -> tuple[str, pl.Series]:
    import polars as pl

    kinds: dict[str, tuple[str, Any]] = {
        "bigint": ("bigint", pl.Int64),
        "double": ("double", pl.Float64),
        "varchar": ("string", pl.String),
    }
    glue, wanted = kinds[kind]
    try:
        return glue, frame.get_column(column).cast(wanted)
    except pl.exceptions.PolarsError as error:
        raise FeaturesError(f"the spine's column {column!r} cannot identify records of type {kind}: {error}") from error
