"""Tables from files and from queries."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from .configuration import Query

_READERS = {"csv": "*.csv*", "jsonl": "*.json*", "parquet": "*.parquet"}


def read_files(folder: Path, format_: str) -> pd.DataFrame:
    """All files of a folder, and of folders in it, as one table; without those that writers hide (`_SUCCESS`, `.crc`).

    :raises DataError: There is none, or one cannot be read.
    """
    import pandas as pd

    found = sorted(path for path in folder.rglob(_READERS[format_]) if path.is_file())
    files = [path for path in found if not path.name.startswith(("_", "."))]
    if not files:
        there = ", ".join(sorted(path.name for path in folder.rglob("*") if path.is_file())[:10]) or "nothing"
        raise DataError(f"{folder} holds no {format_} file ({_READERS[format_]}); it holds {there}")
    frames = []
    for file in files:
        try:
            frames.append(_read(pd, file, format_))
        except (ValueError, OSError) as error:
            raise DataError(f"{file.name} cannot be read as {format_}: {error}") from error
    names = set(frames[0].columns)
    for file, frame in zip(files, frames, strict=True):
        if set(frame.columns) != names:
            odd = sorted(map(str, names ^ set(frame.columns)))
            raise DataError(f"{file.name} and {files[0].name} have different columns: {', '.join(odd[:10])}")
    return pd.concat(frames, ignore_index=True)


def _read(pd: Any, file: Path, format_: str) -> pd.DataFrame:
    if format_ == "csv":
        return pd.read_csv(file)
    if format_ == "jsonl":
        return pd.read_json(file, lines=True)
    return pd.read_parquet(file)


def run_query(
    query: Query,
    folder: Path,
    *,
    athena: Any,
    s3: Any,
    seconds: float = 3600,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Run a query with Athena and fetch its result as CSV.

    :param query: The query.
    :param folder: Where the file goes.
    :param athena: Client.
    :param s3: Client.
    :param seconds: How long to wait.
    :raises DataError: The query failed or took too long; the message is Athena's.
    """
    started = athena.start_query_execution(
        QueryString=query.sql, WorkGroup=query.workgroup, QueryExecutionContext={"Database": query.database}
    )["QueryExecutionId"]
    waited, pause = 0.0, 0.2
    while True:
        execution = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]
        state = execution["Status"]["State"]
        if state == "SUCCEEDED":
            break
        if state in ("FAILED", "CANCELLED"):
            raise DataError(f"query {started} {state.lower()}: {execution['Status'].get('StateChangeReason', '')}")
        if waited > seconds:
            athena.stop_query_execution(QueryExecutionId=started)
            raise DataError(f"query {started} took longer than {seconds:g} seconds and was stopped")
        sleep(pause)
        waited, pause = waited + pause, min(10.0, pause * 1.5)
    bucket, _, key = execution["ResultConfiguration"]["OutputLocation"].removeprefix("s3://").partition("/")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "result.csv"
    s3.download_file(bucket, key, str(path))
    return path
