"""Data quality in a real local Spark: the same findings, metrics and events as in a function."""

from __future__ import annotations

import json
import os
import random
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sagemaker_local.server import LocalAws
from tools.oracles import ROOT, OracleUnavailable, ask

pytestmark = [pytest.mark.slow, pytest.mark.oracle]
ACCOUNT, REGION, BUCKET = "111000000054", "eu-west-1", "spark-data"
HOUR = {"start": "2026-11-21T07:00:00Z", "end": "2026-11-21T08:00:00Z"}
SETTINGS = {
    "ENDPOINT_NAME": "churn",
    "MONITORING_SCHEDULE_NAME": "churn-data-quality",
    "CAPTURE_URI": f"s3://{BUCKET}/captured",
    "PERIOD_HOURS": "1",
}


def captured(seed: int, rows: int, shift: float) -> str:
    source = random.Random(seed)
    lines = []
    for number in range(rows):
        body = f"{source.gauss(50 + shift, 10):.4f},{source.randint(18, 90)},{source.choice(['basic', 'pro'])}"
        sides = {"endpointInput": ("INPUT", body), "endpointOutput": ("OUTPUT", f"{source.random():.6f}")}
        data = {
            name: {"observedContentType": "text/csv", "mode": mode, "data": text, "encoding": "CSV"}
            for name, (mode, text) in sides.items()
        }
        about = {"eventId": f"{seed}-{number}", "inferenceTime": "2026-11-21T07:00:01Z"}
        lines.append(json.dumps({"captureData": data, "eventMetadata": about, "eventVersion": "0"}))
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def told(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What a run in this process and one in Spark leave behind, by engine: event, violations, metrics."""
    from monitor import job
    from shared import clients

    s3 = aws.clients("s3", ACCOUNT, REGION)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for number in range(5):
        key = f"captured/churn/main/2026/11/20/07/{number}.jsonl"
        s3.put_object(Bucket=BUCKET, Key=key, Body=captured(number, 200, 0))
        key = f"captured/churn/main/2026/11/21/07/{number}.jsonl"
        s3.put_object(Bucket=BUCKET, Key=key, Body=captured(10 + number, 200, 8))
    s3.put_object(Bucket=BUCKET, Key="captured/churn/main/2026/11/21/07/broken.jsonl", Body=b"{half a rec")
    found: dict[str, list[Any]] = {}
    baseline: dict[str, str] = {}

    def run(engine: str, event: dict[str, Any]) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp(engine)
        reports = f"s3://{BUCKET}/{engine}"
        variables = {"RUN_ENGINE": engine, "RUN_EVENT": json.dumps(event), "REPORTS_URI": reports, **SETTINGS}
        before = len(aws.calls)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in aws.environ(ACCOUNT, REGION).items():
                if name.startswith("AWS_"):
                    patch.setenv(name, value)
            if engine == "spark":
                packages = Path(find_spec("boto3").origin).parents[1]  # type: ignore[union-attr, arg-type]
                path = [str(ROOT / "lambda"), str(ROOT / "analyzer"), str(packages)]
                question = {"environment": variables, "folder": str(folder), "job": "job-1"}
                try:
                    answer = ask("spark", "spark_run.py", question, PYTHONPATH=os.pathsep.join(path))
                except OracleUnavailable as reason:
                    pytest.skip(str(reason))
                assert answer["code"] == 0, answer
            else:
                clients.client.cache_clear()
                patch.setattr(job, "CONFIG_FILE", folder / "config.json")
                patch.setattr(job, "MESSAGE_FILE", folder / "message")
                (folder / "config.json").write_text('{"ProcessingJobName": "job-1"}')
                assert job.run_job(variables, 0.0) == 0
                clients.client.cache_clear()
        calls = aws.calls[before:]
        (entry,) = [e for call in calls if call.operation == "PutEvents" for e in call.params["Entries"]]
        data = {
            (datum["MetricName"], json.dumps(datum.get("StatisticValues") or datum["Value"], sort_keys=True))
            for call in calls
            if call.operation == "PutMetricData"
            for datum in call.params["MetricData"]
            if datum["MetricName"] != "RunSeconds"
        }
        detail = json.loads(entry["Detail"])
        key = detail["violationsUri"].partition(f"{BUCKET}/")[2]
        violations = json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
        found[engine] = [detail, violations, data]
        return detail

    day_before = {"start": "2026-11-20T07:00:00Z", "end": "2026-11-20T08:00:00Z"}
    first = run("processing", {"window": day_before})
    folder = first["reportUri"].rpartition("/")[0]
    baseline |= {name: f"{folder}/{name}.json" for name in ("constraints", "statistics")}
    for engine in ("processing", "spark"):
        run(engine, {"window": HOUR, "baseline": baseline})
    return found


def test_spark_finds_what_one_process_finds(told: dict[str, list[Any]]) -> None:
    assert told["spark"][1] == told["processing"][1]
    assert told["spark"][1]["violations"]


def test_spark_publishes_what_one_process_publishes(told: dict[str, list[Any]]) -> None:
    names = {name for name, _ in told["spark"][2]}
    assert {"feature_baseline_drift__c1", "feature_data__c1", "Records", "Violations"} <= names
    assert names == {name for name, _ in told["processing"][2]}
    different = told["spark"][2] ^ told["processing"][2]
    # Sums of floats depend on the order of adding in their last digits.
    assert {name for name, _ in different} <= {name for name in names if name.startswith("feature_data_")}


def test_spark_tells_what_one_process_tells(told: dict[str, list[Any]]) -> None:
    def plain(engine: str) -> dict[str, Any]:
        text = json.dumps({name: value for name, value in told[engine][0].items() if name != "engine"})
        return json.loads(text.replace(f"{BUCKET}/{engine}/", f"{BUCKET}/"))

    assert plain("spark") == plain("processing")
    assert (plain("spark")["records"], plain("spark")["brokenRecords"]) == (1000, 1)
