"""A run in a Spark job: every executor reads its share of the window's files, the driver merges their summaries.

Submitted by `smspark-submit`, the entrypoint of SageMaker's Spark image, as a file that calls :func:`main`. The rest
is as in any other job. Files are fetched as everywhere else and not by Spark, so that nothing depends on which file
systems it was set up with.
"""

from __future__ import annotations

import os
import pickle
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from monitor import wheels
from monitor.job import run_job, told
from monitor.storage import Storage, StoredFile

if TYPE_CHECKING:
    from model_analyzer.inputs import InputReport

Result = TypeVar("Result")

#: Shares for each processor of the cluster, so that a slow one does not keep the others waiting.
SHARES_PER_PROCESSOR = 3


def main() -> int:
    """Carry out the run; returns the exit code."""
    began = time.monotonic()
    variables = told()
    wheels.activate(variables)
    session = spark_session()
    try:
        return run_job(variables, began, SparkSpread(session, variables))
    finally:
        session.stop()


def spark_session() -> Any:
    """The session; executors get what boto3 finds the job's credentials by."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("monitor")
    for name, value in os.environ.items():
        if name.startswith("AWS_"):
            builder = builder.config(f"spark.executorEnv.{name}", value)
    return builder.getOrCreate()


class SparkSpread:
    """Summarises files on the executors. ``variables`` are the job's, which say where its packages lie."""

    def __init__(self, session: Any, variables: dict[str, str]) -> None:
        self._context = session.sparkContext
        self._variables = {name: value for name, value in variables.items() if name.startswith("WHEELS")}

    def __call__(
        self,
        files: Sequence[StoredFile],
        of_files: Callable[[Storage, Sequence[StoredFile], InputReport], Result],
        merge: Callable[[Result, Result], Result],
        report: InputReport,
    ) -> Result:
        """The summary of all files; ``of_files`` summarises some of them on an executor, and counts."""
        shares = shared_out(files, SHARES_PER_PROCESSOR * self._context.defaultParallelism)
        variables = self._variables

        def on_executor(share: Sequence[StoredFile]) -> bytes:
            wheels.activate(variables)
            return pickle.dumps(_summary(share, of_files))

        merged: Result | None = None
        for summary in self._context.parallelize(shares, len(shares)).map(on_executor).toLocalIterator():
            # These bytes come from our own executors.
            result, counts = pickle.loads(summary)  # noqa: S301
            report.absorb(counts)
            merged = result if merged is None else merge(merged, result)
        assert merged is not None  # noqa: S101  (a window without files is not analysed)
        return merged


def shared_out(files: Sequence[StoredFile], most: int) -> list[list[StoredFile]]:
    """The files in at most so many shares of about equal size, in order."""
    total, count = sum(item.size for item in files), max(1, min(most, len(files)))
    shares: list[list[StoredFile]] = [[] for _ in range(count)]
    before = 0
    for item in files:
        shares[min(count - 1, before * count // max(total, 1))].append(item)
        before += item.size
    return [share for share in shares if share]


def _summary(
    share: Sequence[StoredFile], of_files: Callable[[Storage, Sequence[StoredFile], InputReport], Result]
) -> tuple[Result, InputReport]:
    from model_analyzer.inputs import InputReport
    from shared.clients import client

    report = InputReport()
    return of_files(Storage(client("s3")), share, report), report


if __name__ == "__main__":
    sys.exit(main())
