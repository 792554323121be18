"""Queries on Athena, with their result as a frame."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .clients import client
from .errors import QueryFailed

if TYPE_CHECKING:
    import polars as pl

_FIRST_WAIT, _LONGEST_WAIT = 0.05, 2.0


@dataclass(frozen=True)
class QueryResult:
    """A query that has succeeded."""

    id: str
    sql: str
    frame: pl.DataFrame
    scanned_bytes: int
    location: str
    """S3 URI of the result as Athena wrote it."""


@dataclass(frozen=True)
class Athena:
    """Where and how queries run.

    Args:
        workgroup: the workgroup; it usually says where results go.
        output: S3 URI for results, if the workgroup does not enforce its own.
        session: a boto3 session; default: boto3's own.
        timeout: longest duration of a query in seconds; Athena's own limit is 30 minutes by default.
    """

    workgroup: str = "primary"
    output: str | None = None
    session: Any = field(default=None, repr=False)
    timeout: float = 1800.0

    def run(self, sql: str, database: str | None = None, parameters: Sequence[str] = ()) -> QueryResult:
        """Execute a query and return all of its rows.

        Args:
            sql: one SELECT statement.
            database: where tables without a database are.
            parameters: SQL expressions for the question marks in it, in order.

        Raises:
            QueryFailed: with Athena's reason.
        """
        athena = client("athena", self.session)
        extra: dict[str, Any] = {"QueryExecutionContext": {"Database": database}} if database else {}
        if self.output:
            extra["ResultConfiguration"] = {"OutputLocation": self.output}
        if parameters:
            extra["ExecutionParameters"] = list(parameters)
        key = athena.start_query_execution(QueryString=sql, WorkGroup=self.workgroup, **extra)["QueryExecutionId"]
        execution = self._wait(athena, key)
        location = execution["ResultConfiguration"]["OutputLocation"]
        scanned = execution.get("Statistics", {}).get("DataScannedInBytes", 0)
        return QueryResult(key, sql, self._frame(athena, key, location), scanned, location)

    def results_under(self) -> str:
        """Return the S3 URI under which this workgroup's results are, without a slash at the end.

        Raises:
            QueryFailed: if neither the workgroup nor `output` names one.
        """
        group = client("athena", self.session).get_work_group(WorkGroup=self.workgroup)["WorkGroup"]
        configuration = group.get("Configuration", {})
        own = configuration.get("ResultConfiguration", {}).get("OutputLocation")
        chosen = own if own and (configuration.get("EnforceWorkGroupConfiguration") or not self.output) else self.output
        if not chosen:
            raise QueryFailed(f"workgroup {self.workgroup} has no location for results; give `output`, an S3 URI")
        return str(chosen).rstrip("/")

    def _wait(self, athena: Any, key: str) -> dict[str, Any]:
        deadline, wait = time.monotonic() + self.timeout, _FIRST_WAIT
        try:
            while True:
                execution: dict[str, Any] = athena.get_query_execution(QueryExecutionId=key)["QueryExecution"]
                status = execution["Status"]
                if status["State"] == "SUCCEEDED":
                    return execution
                if status["State"] in ("FAILED", "CANCELLED"):
                    reason = status.get("StateChangeReason", "no reason given")
                    raise QueryFailed(f"query {key} is {status['State']}: {reason}")
                if time.monotonic() > deadline:
                    raise QueryFailed(f"query {key} did not finish in {self.timeout:g} seconds")
                time.sleep(wait)
                wait = min(wait * 1.5, _LONGEST_WAIT)
        except BaseException as error:
            # Nobody waits any more, so it shall not go on scanning.
            if not isinstance(error, QueryFailed) or "did not finish" in str(error):
                athena.stop_query_execution(QueryExecutionId=key)
            raise

    def _frame(self, athena: Any, key: str, location: str) -> pl.DataFrame:
        import polars as pl

        described = athena.get_query_results(QueryExecutionId=key, MaxResults=1)
        columns = [(item["Name"], item["Type"]) for item in described["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]]
        place = urlsplit(location)
        body = client("s3", self.session).get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))["Body"].read()
        # Names may repeat in a result; positions do not.
        names = [f"column_{number}" for number in range(len(columns))]
        schema = dict.fromkeys(names, pl.String)
        text = pl.read_csv(io.BytesIO(body), has_header=False, skip_rows=1, schema=schema)
        return text.select(
            _typed(name, kind).alias(label) if _unique(columns) else _typed(name, kind)
            for name, (label, kind) in zip(names, columns, strict=True)
        )


def _unique(columns: list[tuple[str, str]]) -> bool:
    return len({name for name, _ in columns}) == len(columns)


def _typed(name: str, kind: str) -> pl.Expr:
    import polars as pl

    column = pl.col(name)
    simple = {
        "bigint": pl.Int64,
        "integer": pl.Int32,
        "smallint": pl.Int16,
        "tinyint": pl.Int8,
        "double": pl.Float64,
        "float": pl.Float32,
    }
    if kind in simple:
        return column.cast(simple[kind])
    if kind == "boolean":
        return column == "true"
    if kind == "timestamp":
        return column.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="ms")
    if kind == "timestamp with time zone":
        return column.str.strip_suffix(" UTC").str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="ms", time_zone="UTC")
    if kind == "date":
        return column.str.to_date("%Y-%m-%d")
    return column
