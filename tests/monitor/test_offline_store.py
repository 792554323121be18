"""Runs about the offline store of a feature group."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from monitor.kinds import settings_of
from shared.environment import ConfigurationError

FOLDER = "offline/customers/111111111111/sagemaker/eu-west-1/offline-store/customers-1760000000"
GROUP = {
    "INPUT_TYPE": "FeatureGroup",
    "ENDPOINT_NAME": "",
    "CAPTURE_URI": "",
    "FEATURE_GROUP_NAME": "customers",
    "OFFLINE_STORE_URI": "s3://mlops-data/offline/customers",
    "LEAVE_OUT": '["customer_id", "updated_at"]',
    "MONITORING_SCHEDULE_NAME": "customers-data-quality",
}
BASELINE = {
    "constraints": "s3://mlops-data/baseline/constraints.json",
    "statistics": "s3://mlops-data/baseline/statistics.json",
    "optional": True,
}


def written(bench: Any, *, shift: float = 0.0, deleted: int = 0) -> bytes:
    """A file as Feature Store writes it; the last records are deletions."""
    frame = pl.DataFrame(bench.traffic(shift=shift), schema=["score", "income", "age", "plan"], orient="row")
    gone = pl.int_range(pl.len()) >= frame.height - deleted
    frame = frame.with_columns(pl.when(~gone).then(pl.col(name)).alias(name) for name in frame.columns)
    moment = datetime(2026, 11, 1)
    frame = frame.with_columns(
        pl.int_range(pl.len()).cast(pl.String).alias("customer_id"),
        pl.lit("2026-11-01T00:00:00Z").alias("updated_at"),
        pl.lit(moment).alias("write_time"),
        pl.lit(moment).alias("api_invocation_time"),
        gone.alias("is_deleted"),
    )
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


@pytest.fixture
def group(bench: Any) -> Any:
    bench.environment(**GROUP)
    return bench


def run(group: Any) -> dict[str, Any]:
    """A run about this hour, in which the test writes its files."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    window = {"start": (hour - timedelta(hours=1)).isoformat(), "end": (hour + timedelta(hours=1)).isoformat()}
    detail: dict[str, Any] = group.run(BASELINE, window=window)
    return detail


def test_a_baseline_begins_when_its_files_are_there(group: Any) -> None:
    group.put(f"{FOLDER}/data/year=2026/month=11/day=01/hour=00/a.parquet", written(group, deleted=25))
    group.put(f"{FOLDER}/metadata/v1.metadata.json", "{}")

    first = run(group)

    assert (first["status"], first["baselineMissing"], first["records"]) == ("Completed", True, 375)
    assert (first["inputType"], first["inputName"], first["endpointName"]) == ("FeatureGroup", "customers", None)
    suggested = {name.rpartition("/")[2]: text for name, text in group.reports().items()}
    for name in (b"customer_id", b"is_deleted"):
        assert name not in suggested["statistics.json"]
    for name in ("constraints.json", "statistics.json"):
        group.put(f"baseline/{name}", suggested[name])

    same = run(group)
    assert (same["status"], same["baselineMissing"], same["violations"]) == ("Completed", False, 0)
    group.put(f"{FOLDER}/data/year=2026/month=11/day=02/hour=00/b.parquet", written(group, shift=200))
    other = run(group)
    assert other["status"] == "CompletedWithViolations"
    assert {finding["feature"] for finding in other["worstFeatures"]} == {"income"}

    for key in ("01/hour=00/a", "02/hour=00/b"):
        group.put(f"{FOLDER}/data/year=2026/month=11/day={key}.parquet", written(group, deleted=400))
    deletions = run(group)
    assert (deletions["records"], deletions["violations"]) == (0, 0)


def test_half_a_baseline_is_none(group: Any) -> None:
    group.put(f"{FOLDER}/data/year=2026/month=11/day=01/hour=00/a.parquet", written(group))
    group.put("baseline/constraints.json", "{}")
    assert run(group)["baselineMissing"] is True


def test_mistakes_are_named_together() -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings_of({"INPUT_TYPE": "FeatureGroup", "LEAVE_OUT": "x", "OFFLINE_STORE_URI": "store"})
    for name in ("FEATURE_GROUP_NAME", "LEAVE_OUT", "OFFLINE_STORE_URI"):
        assert name in str(caught.value)
