"""Runs about data that lies in S3 without any endpoint."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from monitor.kinds import settings_of
from shared.environment import ConfigurationError

NAME, HOUR = "customers", "year=2026/month=11/day=21/hour=07"
DATASET = {
    "INPUT_TYPE": "Dataset",
    "ENDPOINT_NAME": "",
    "CAPTURE_URI": "",
    "DATASET_NAME": NAME,
    "DATASET_URI": "s3://mlops-data/store",
    "DATASET_FORMAT": '{"parquet": {}}',
    "DATASET_PARTITIONS": "year=%Y/month=%m/day=%d/hour=%H",
    "MONITORING_SCHEDULE_NAME": "customers-data-quality",
}


def table(bench, shift: float = 0.0) -> pl.DataFrame:
    return pl.DataFrame(bench.traffic(shift=shift), schema=["score", "income", "age", "plan"], orient="row")


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


@pytest.fixture
def dataset(bench):
    bench.environment(**DATASET)
    return bench


def baseline(dataset) -> dict[str, str]:
    """What a run about clean data suggests."""
    dataset.put(f"store/{HOUR}/part-0.parquet", parquet(table(dataset)))
    dataset.run()
    files = {name.rpartition("/")[2]: content for name, content in dataset.reports().items()}
    dataset.calls.clear()
    return {
        kind: dataset.put(f"baselines/{kind}.json", files[f"{kind}.json"]) for kind in ("constraints", "statistics")
    }


def test_files_of_the_windows_folders_are_compared_with_the_baseline(dataset):
    files = baseline(dataset)
    dataset.put(f"store/{HOUR}/part-0.parquet", parquet(table(dataset, shift=40)))
    dataset.put("store/year=2026/month=11/day=21/hour=08/part-0.parquet", parquet(table(dataset)))
    dataset.put(f"store/{HOUR}/_SUCCESS", b"x")

    detail = dataset.run(files)

    assert (detail["status"], detail["records"], detail["brokenRecords"]) == ("CompletedWithViolations", 400, 0)
    assert {finding["feature"] for finding in detail["worstFeatures"]} == {"income"}
    assert (detail["endpointName"], detail["inputType"], detail["inputName"]) == (None, "Dataset", NAME)


def test_reports_and_metrics_are_filed_under_the_monitor_alone(dataset):
    baseline(dataset)
    detail = dataset.run()

    assert detail["reportUri"] == "s3://mlops-data/reports/customers-data-quality/2026/11/21/08/report.html"
    points = [call for name, call in dataset.calls if name == "PutMetricData"]
    assert {call["Namespace"] for call in points} == {
        "SageMakerMLOps/Monitoring",
        "aws/sagemaker/ModelMonitoring/data-metrics",
    }
    dimensions = [datum["Dimensions"] for call in points for datum in call["MetricData"]]
    assert all(item == [{"Name": "MonitoringSchedule", "Value": "customers-data-quality"}] for item in dimensions)


def test_a_window_without_files_has_no_data(dataset):
    dataset.put("store/year=2026/month=11/day=21/hour=06/part-0.parquet", parquet(table(dataset)))
    detail = dataset.run()
    assert (detail["status"], detail["noDataReason"]) == ("NoData", "NoCaptures")


def test_folders_of_days_belong_to_the_window_in_which_the_day_begins(dataset):
    dataset.environment(DATASET_PARTITIONS="dt=%Y-%m-%d", PERIOD_HOURS="24")
    dataset.put("store/dt=2026-11-20/a.parquet", parquet(table(dataset)))
    dataset.put("store/dt=2026-11-21/a.parquet", parquet(table(dataset).head(10)))
    assert dataset.run(scheduled_time="2026-11-21T00:05:00Z")["records"] == 400


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ('{"csv": {"header": true}}', "score,plan\n1,a\n2,b\n"),
        ('{"csv": {"header": false}}', "1,a\n2,b\n"),
        ('{"json": {"line": true}}', '{"score": 1, "plan": "a"}\n{"score": 2, "plan": "b"}\n'),
    ],
)
def test_files_without_folders_count_by_the_time_at_which_they_were_written(dataset, text, content):
    dataset.environment(DATASET_FORMAT=text, DATASET_PARTITIONS="")
    dataset.put("store/export-1", content)
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)

    def about(start: datetime) -> dict:
        return dataset.run(window={"start": start.isoformat(), "end": (start + timedelta(hours=1)).isoformat()})

    assert about(hour)["records"] == 2
    assert about(hour - timedelta(hours=1))["status"] == "NoData"
    names = [f["name"] for f in json.loads(dataset.s3_text(about(hour)["statisticsUri"]))["features"]]
    assert names == (["_c0", "_c1"] if "false" in text else ["score", "plan"])


def test_a_broken_file_is_counted_and_the_rest_is_analysed(dataset):
    dataset.put(f"store/{HOUR}/a.parquet", parquet(table(dataset))[:-200])
    dataset.put(f"store/{HOUR}/b.parquet", parquet(table(dataset)))
    detail = dataset.run()
    assert (detail["status"], detail["records"], detail["brokenRecords"]) == ("Completed", 400, 1)


@pytest.mark.parametrize("text", ["", "parquet", '{"orc": {}}', '{"csv": 1}', '{"csv": {}, "json": {}}'])
def test_a_format_that_cannot_be_read_is_refused(text):
    with pytest.raises(ConfigurationError, match="DATASET_FORMAT"):
        settings_of(DATASET | {"DATASET_FORMAT": text, "REPORTS_URI": "s3://mlops-data", "PERIOD_HOURS": "1"})
