"""Seconds and cost of a monitoring run by engine, for the captured traffic of an hour.

    python benchmarks/monitoring/run.py
    python benchmarks/monitoring/run.py --spark-python .venv-oracles/spark/bin/python --write docs/monitoring-cost.md

Measured here: start and analysis of a data quality run (reading captures, profile, check, report) as whole processes,
on one processor for `lambda`, on all for `processing`, inside a local Spark for `spark`. Taken from elsewhere: the
constants below and `prices.py`. The largest window is computed from the two largest that are measured, whose time
grows in proportion.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import prices

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent / "analyzer"), str(ROOT / "lambda"), str(ROOT / "analyzer")]

from generate import write_capture  # noqa: E402 - a program of the neighbouring folder
from run import measure, prepare  # noqa: E402

from monitor.choice import Room, choose  # noqa: E402
from monitor.storage import MAX_IN_MEMORY, StoredFile  # noqa: E402
from shared.s3 import S3Uri  # noqa: E402

WINDOWS = (1_000, 100_000, 10_000_000)
MEASURED = (1_000, 100_000, 1_000_000)
RUNS_PER_MONTH = 730
LAMBDA_MEMORY_MB = 1769
LAMBDA_MEMORY_GB = LAMBDA_MEMORY_MB / 1024
LAMBDA_LIMIT_SECONDS = 900
#: One processor of Lambda against one of the machine that measures: assumed, not measured.
LAMBDA_SLOWDOWN = 2.0
#: What S3 gives one connection: AWS's performance guidelines name 85 to 90 MB/s.
S3_MB_PER_SECOND = 85.0
#: AWS's data quality job over 2,333 rows on one ml.m5.xlarge, from its published log: 326 s from creation to the end,
#: 244 of them until the first line of its container.
AWS_RUN_SECONDS = 326.0
PROVISIONING_SECONDS = 244.0
INSTANCE_PROCESSORS = 4
SPARK_INSTANCES = 2
#: What a processor of a cluster gives against one of a local Spark: assumed, not measured.
SPARK_EFFICIENCY = 0.7
CAPTURE_FILES = 24
REPORT_FILES = 4
METRIC_CALLS = 2

START = """

import monitor.handler
from model_analyzer import data_quality, inputs, report
import boto3
for service in ("s3", "cloudwatch", "events"):
    boto3.client(service, region_name="us-east-1")
print(0)
"""
ANALYSIS = """
import json, sys
from pathlib import Path
from model_analyzer import data_quality as dq, inputs, report
data, known = sys.argv[1], Path(sys.argv[2])
read = inputs.InputReport()
profile = dq.profile_all(inputs.read_capture(data, report=read, numbers=True))
statistics = dq.statistics(profile)
constraints = dq.Constraints.from_json((known / "constraints.json").read_bytes())
baseline = dq.Statistics.from_json((known / "statistics.json").read_bytes())
violations = dq.check(profile, constraints, baseline)
report.data_quality_html(statistics, constraints, violations, baseline, read)
print(profile.rows)
"""
SPARK = """
import os, sys, time
os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
from model_analyzer import spark
began = time.perf_counter()
session = spark.session("benchmark", "local[*]", spark__ui__enabled="false", spark__driver__host="127.0.0.1")
spark.profile_captures(session, sys.argv[1])
started = time.perf_counter() - began
times = []
for folder in sys.argv[2:]:
    began = time.perf_counter()
    spark.profile_captures(session, folder)
    times.append(time.perf_counter() - began)
print(started, *times)
"""


@dataclass(frozen=True)
class Run:
    """A run of an engine: seconds until the answer, dollars, and whether anything of it is extrapolated."""

    engine: str
    records: int
    seconds: float
    dollars: float
    note: str = ""


Line = Callable[[float], float]


def best(command: str, arguments: list[str], repeat: int, alone: bool) -> float:
    """Seconds of the fastest of some processes. On one processor its own time counts, which others do not lengthen."""
    if not alone:
        return min(min(measure(sys.executable, command, arguments, None)[:2]) for _ in range(repeat))
    os.environ["POLARS_MAX_THREADS"] = "1"
    try:
        pinned = f"import os; os.sched_setaffinity(0, [0])\n{command}"
        return min(measure(sys.executable, pinned, arguments, None)[1] for _ in range(repeat))
    finally:
        del os.environ["POLARS_MAX_THREADS"]


def through(points: dict[int, float]) -> Line:
    """Measured points, a line beyond the last two."""
    (n1, t1), (n2, t2) = sorted(points.items())[-2:]
    slope = (t2 - t1) / (n2 - n1)
    return lambda records: points.get(int(records), t2 + slope * (records - n2))


def spark_line(python: str, folders: list[Path]) -> tuple[float, Line]:
    """Seconds until a Spark session has answered for the first time, and of further windows."""
    command = [python, "-c", SPARK, str(folders[0]), *map(str, folders)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "analyzer")}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=True)
    start, *times = (float(word) for word in done.stdout.split())
    return start, through(dict(zip(MEASURED, times, strict=True)))


def small_change() -> float:
    """Requests of any run: objects read and written, metrics, schedule, event."""
    return (
        CAPTURE_FILES * prices.S3_GET
        + (REPORT_FILES + 1) * prices.S3_PUT_OR_LIST
        + METRIC_CALLS * prices.CLOUDWATCH_PUT_CALL
        + prices.SCHEDULER_INVOCATION
        + prices.EVENT
    )


#: What the goal is about, and what it is: so many times faster, and cheaper, than AWS's own run.
USUAL, GOAL = 100_000, 50


def decision(megabytes: float) -> tuple[bool, str]:
    """Whether `auto` leaves a window to the function, and why: by the code that decides in a run."""
    each = int(megabytes * 1e6 / CAPTURE_FILES)
    files = [StoredFile(S3Uri("bucket", str(number)), each) for number in range(CAPTURE_FILES)]
    # Files of a size that a captured hour has; a longer window has more of them, not larger ones.
    if each > MAX_IN_MEMORY:
        files = [
            StoredFile(S3Uri("bucket", str(n)), MAX_IN_MEMORY) for n in range(int(megabytes * 1e6 / MAX_IN_MEMORY))
        ]
    choice = choose("DataQuality", files, [], Room(LAMBDA_MEMORY_MB, LAMBDA_LIMIT_SECONDS), None)
    return choice.here, choice.reason


def runs(data: Path, repeat: int, spark_python: str | None) -> list[Run]:
    """Measure and compute."""
    data.mkdir(parents=True, exist_ok=True)
    baseline = prepare(data, [], [])
    folders = []
    for records in MEASURED:
        folder = data / f"capture-{records}"
        if not folder.exists():
            write_capture(folder, records)
        folders.append(folder)
    megabytes = sum(file.stat().st_size for file in folders[-1].rglob("*.jsonl")) / 1e6 / MEASURED[-1]
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    start = best(START, [], repeat, alone=True)
    alone, together = (
        through(
            {
                records: best(ANALYSIS, [str(folder), str(baseline)], repeat if records < MEASURED[-1] else 1, single)
                for records, folder in zip(MEASURED, folders, strict=True)
            }
        )
        for single in (True, False)
    )
    hour = prices.PROCESSING_M5_XLARGE_HOUR / 3600
    spark = spark_line(spark_python, folders) if spark_python else None
    found = []
    for records in WINDOWS:
        beyond = "extrapolated" if records > MEASURED[-1] else ""
        fetch = records * megabytes / S3_MB_PER_SECOND
        seconds = LAMBDA_SLOWDOWN * (start + alone(records)) + fetch
        gigabytes = seconds * LAMBDA_MEMORY_GB * prices.LAMBDA_ARM_GB_SECOND + prices.LAMBDA_REQUEST + small_change()
        fits = "" if seconds <= LAMBDA_LIMIT_SECONDS else f"beyond Lambda's {LAMBDA_LIMIT_SECONDS} s"
        found.append(Run("lambda", records, seconds, gigabytes, fits or beyond))
        function = found[-1]
        seconds = PROVISIONING_SECONDS + start + together(records) + fetch
        job = Run("processing", records, seconds, seconds * hour + small_change(), beyond)
        found.append(job)
        here, reason = decision(records * megabytes)
        done = function if here else replace(job, seconds=job.seconds + function.seconds)
        found.append(replace(done, engine="auto", note=f"the {'function' if here else 'job'}: {reason}"))
        if spark is not None:
            share = (os.cpu_count() or 1) / (SPARK_INSTANCES * INSTANCE_PROCESSORS * SPARK_EFFICIENCY)
            seconds = PROVISIONING_SECONDS + spark[0] + (spark[1](records) + fetch) * min(share, 1.0)
            dollars = SPARK_INSTANCES * seconds * hour + small_change()
            found.append(Run("spark", records, seconds, dollars, "modelled"))
        lower = "" if records == WINDOWS[0] else "at least; its time for larger windows is not published"
        found.append(Run("model-monitor", records, AWS_RUN_SECONDS, AWS_RUN_SECONDS * hour + small_change(), lower))
    return found


def table(found: list[Run]) -> list[str]:
    """Rows of a Markdown table, with ratios to AWS's own run."""
    aws = {run.records: run for run in found if run.engine == "model-monitor"}
    lines = [
        "| records per hour | engine | seconds per run | $ per run | $ per month | faster | cheaper | |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for run in found:
        reference = aws[run.records]
        faster, cheaper = reference.seconds / run.seconds, reference.dollars / run.dollars
        lines.append(
            f"| {run.records:,} | {run.engine} | {run.seconds:,.1f} | {run.dollars:.6f} | "
            f"{run.dollars * RUNS_PER_MONTH:,.2f} | {faster:,.1f}x | {cheaper:,.1f}x | {run.note} |"
        )
    return lines


def ratios(found: list[Run], engine: str, records: int) -> tuple[float, float]:
    """How many times faster and cheaper than AWS's own run."""
    ours, aws = (
        next(run for run in found if (run.engine, run.records) == (name, records)) for name in (engine, "model-monitor")
    )
    return aws.seconds / ours.seconds, aws.dollars / ours.dollars


def verdict(found: list[Run]) -> str:
    """What became of the goal, line by line."""
    lines = []
    for records in WINDOWS:
        faster, cheaper = ratios(found, "auto", records)
        reached = "reached" if min(faster, cheaper) >= GOAL else "not reached"
        lines.append(f"* {records:,} records: {faster:,.1f} times faster, {cheaper:,.1f} times cheaper: {reached}")
    return "\n".join(lines)


def document(lines: list[str], found: list[Run]) -> str:
    """The page for docs/."""
    machine = f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}"
    return (
        (HERE / "page.md")
        .read_text(encoding="utf-8")
        .format(
            table="\n".join(lines),
            goal=GOAL,
            usual=f"{USUAL:,}",
            verdict=verdict(found),
            machine=machine,
            region=prices.REGION,
            as_of=prices.AS_OF,
            slowdown=f"{LAMBDA_SLOWDOWN:g}",
            s3=f"{S3_MB_PER_SECOND:g}",
            aws=f"{AWS_RUN_SECONDS:g}",
            provisioning=f"{PROVISIONING_SECONDS:g}",
            efficiency=f"{SPARK_EFFICIENCY:g}",
            instances=SPARK_INSTANCES,
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--data", type=Path, default=ROOT / "build" / "benchmarks")
    parser.add_argument("--spark-python", metavar="PATH", help="interpreter with pyspark (default: Spark is left out)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="also write the page for docs/")
    options = parser.parse_args()
    found = runs(options.data, options.repeat, options.spark_python)
    lines = table(found)
    print("\n".join(lines))
    if options.write:
        options.write.write_text(document(lines, found), encoding="utf-8")


if __name__ == "__main__":
    main()
