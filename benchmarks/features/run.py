"""Ingestion throughput and lookup latency, beside plain boto3, and what a million records cost.

    python -m benchmarks.features.run [--rows 5000] [--features 10] [--json FILE]

The service is the embedded AWS in a process of its own on this machine, so the numbers are the client's: how many
records per second this package can hand over, and what it adds to a lookup. SageMaker's latency and limits come on top.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import polars as pl

import sagemaker_features as features
from sagemaker_features.records import make
from sagemaker_features.writing import Settings

ROOT = Path(__file__).resolve().parents[2]
BUCKET = "benchmark"

PRICES = {"write_unit": 1.25e-6, "read_unit": 0.25e-6, "storage_gb_month": 0.45}
"""US dollars on demand for the Standard online store in us-east-1, as published; not checked against today's page."""


@contextmanager
def embedded() -> Iterator[None]:
    """Run the embedded AWS and point boto3 at it."""
    path = os.pathsep.join(str(ROOT / folder) for folder in ("local", "feature_store"))
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "sagemaker_local", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    try:
        assert process.stdout is not None
        text = ""
        while "Stop with Ctrl-C" not in text:
            line = process.stdout.readline()
            if not line:
                raise SystemExit("the embedded AWS did not start")
            text += line
        for name, value in re.findall(r"(AWS_\w+)=(\S+)", text):
            os.environ[name] = value
        os.environ["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"]
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def table(rows: int, width: int) -> pl.DataFrame:
    """Rows of text, whole numbers and fractions."""
    start = dt.datetime(2026, 1, 1)
    columns: dict[str, Any] = {
        "id": [f"customer-{number:08d}" for number in range(rows)],
        "at": [start + dt.timedelta(seconds=number) for number in range(rows)],
    }
    for index in range(width):
        columns[f"feature_{index:02d}"] = [
            (number * (index + 7)) % 9973 / (1 if index % 2 else 7) for number in range(rows)
        ]
    return pl.DataFrame(columns)


def group(name: str, width: int) -> str:
    """Create a feature group for such rows, without an offline store that would share the machine."""
    kinds = {"id": "String", "at": "String"} | {f"feature_{index:02d}": "Fractional" for index in range(width)}
    boto3.client("sagemaker").create_feature_group(
        FeatureGroupName=name,
        RecordIdentifierFeatureName="id",
        EventTimeFeatureName="at",
        FeatureDefinitions=[{"FeatureName": key, "FeatureType": kind} for key, kind in kinds.items()],
        OnlineStoreConfig={"EnableOnlineStore": True},
    )
    return name


def plain_loop(frame: pl.DataFrame, name: str) -> float:
    """One PutRecord after the other, as a first script does it; gives records per second."""
    client = boto3.client("sagemaker-featurestore-runtime")
    started = time.perf_counter()
    for row in frame.iter_rows(named=True):
        record = [
            {"FeatureName": key, "ValueAsString": f"{value:%Y-%m-%dT%H:%M:%SZ}" if key == "at" else str(value)}
            for key, value in row.items()
        ]
        client.put_record(FeatureGroupName=name, Record=record)
    return frame.height / (time.perf_counter() - started)


def percentiles(call: Callable[[int], Any], repetitions: int) -> dict[str, float]:
    """Milliseconds of calls, the first few left out."""
    times = []
    for number in range(repetitions + 5):
        started = time.perf_counter()
        call(number)
        times.append((time.perf_counter() - started) * 1000)
    ordered = sorted(times[5:])
    return {"p50": statistics.median(ordered), "p99": ordered[math.ceil(0.99 * len(ordered)) - 1]}


def cost_per_million(record_bytes: float) -> dict[str, float]:
    """US dollars: a write unit is 1 KB begun, a read unit 4 KB begun."""
    gigabytes = 1e6 * record_bytes / 2**30
    return {
        "writes": 1e6 * math.ceil(record_bytes / 1024) * PRICES["write_unit"],
        "reads": 1e6 * math.ceil(record_bytes / 4096) * PRICES["read_unit"],
        "online_storage_per_month": gigabytes * PRICES["storage_gb_month"],
    }


def measure(rows: int, width: int) -> dict[str, Any]:
    """Run everything."""
    frame = table(rows, width)
    row = {**frame.row(0, named=True), "at": "2026-01-01T00:00:00Z"}
    sample = make(features.describe(group("sizes", width)), row, 2**62)
    size = sum(len(name) + len(value) for name, value in sample.features)
    throughput = {"boto3, one after the other": plain_loop(frame.head(min(rows, 1000)), group("plain", width))}
    for label, settings in (
        ("ingest, 1 worker", Settings(workers=1)),
        ("ingest, 4 workers", Settings(workers=4)),
        ("ingest, 16 workers", Settings(workers=16)),
        ("ingest, 4 workers, batches of 25", Settings(workers=4, batch=True)),
    ):
        name = group(re.sub(r"[^a-z0-9]+", "-", label), width)
        report = features.ingest(frame, name, settings=settings)
        assert report.written == rows
        throughput[label] = rows / report.seconds
    store = features.OnlineStore("ingest-4-workers")
    client = boto3.client("sagemaker-featurestore-runtime")
    names = [f"customer-{number:08d}" for number in range(100)]
    one = {"FeatureGroupName": "ingest-4-workers"}
    batch = [{**one, "RecordIdentifiersValueAsString": names}]
    latency = {
        "boto3 get_record": percentiles(
            lambda n: client.get_record(**one, RecordIdentifierValueAsString=names[n % 100]), 300
        ),
        "OnlineStore.get": percentiles(lambda n: store.get(names[n % 100]), 300),
        "boto3 batch_get_record of 100": percentiles(lambda n: client.batch_get_record(Identifiers=batch), 50),
        "OnlineStore.get_many of 100": percentiles(lambda n: store.get_many(names), 50),
    }
    return {
        "rows": rows,
        "record_bytes": size,
        "records_per_second": throughput,
        "milliseconds": latency,
        "us_dollars_per_million_records": cost_per_million(size),
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--features", type=int, default=10)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with embedded():
        found = measure(options.rows, options.features)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    print(f"{found['rows']} records of {found['record_bytes']} bytes")
    for label, rate in found["records_per_second"].items():
        print(f"  {label:36} {rate:8.0f} records/s")
    for label, times in found["milliseconds"].items():
        print(f"  {label:36} p50 {times['p50']:6.2f} ms   p99 {times['p99']:6.2f} ms")
    for label, dollars in found["us_dollars_per_million_records"].items():
        print(f"  a million {label:26} {dollars:8.2f} US dollars")
    return 0


if __name__ == "__main__":
    sys.exit(main())
