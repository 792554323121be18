"""Data quality, model quality and bias of one endpoint, from `cdk deploy` to the alarms of a bad hour."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from e2e_support import models
from e2e_support.deployment import Deployment
from e2e_support.site import Site, environment

from model_analyzer import bias, model_quality
from sagemaker_labels import GroundTruthClient
from sagemaker_local.server import LocalAws

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("monitor-kinds")]
REQUESTS = 250
FACET, RICH = models.FEATURES.index("balance"), 0.5
KINDS = {"DataQuality": "data-quality", "ModelQuality": "model-quality", "ModelBias": "bias"}


@dataclass
class Hour:
    """What is left of one hour: the runs by kind, and the alarms that were on afterwards."""

    window: datetime
    runs: dict[str, dict[str, Any]]
    alarms: set[str]


def truth(table: np.ndarray) -> np.ndarray:
    return (table[:, 0] + table[:, 1] > 0).astype(int)


def good() -> tuple[np.ndarray, np.ndarray]:
    """Customers as the model knows them, and what became of them."""
    table = models.rows(REQUESTS, seed=41)
    return table, truth(table)


def bad() -> tuple[np.ndarray, np.ndarray]:
    """Those with a high balance earn less, which the model holds against them, and a third turn out otherwise."""
    table = models.rows(REQUESTS, seed=12)
    table[table[:, FACET] > RICH, 1] -= 2
    labels = truth(table)
    surprising = np.random.default_rng(3).random(REQUESTS) < 0.35
    return table, np.where(surprising, 1 - labels, labels)


def baselines() -> dict[str, dict[str, str]]:
    """Model quality and bias of what the model was trained on, with some tolerance for the luck of an hour."""
    table = models.rows(2000, seed=2)
    columns = {name: table[:, number] for number, name in enumerate(models.FEATURES)}
    frame = pl.DataFrame({"prediction": models.answers(table).astype(float), **columns, "ground_truth": truth(table)})
    task = model_quality.Task("BinaryClassification", probability="prediction")
    statistics = model_quality.statistics(model_quality.summarize_all([frame], task))
    facet = bias.Facet("balance", threshold=RICH)
    measured = bias.summarize_all([frame], bias.BiasConfig((facet,), probability="prediction"))
    return {
        "ModelQuality": {
            "Statistics": json.dumps(statistics),
            "Constraints": model_quality.suggest(statistics, tolerance=0.4).to_json(),
        },
        "Bias": {"PostTrainingConstraints": json.dumps(bias.analysis(measured))},
    }


def spend(site: Site, name: str, traffic: tuple[np.ndarray, np.ndarray]) -> Hour:
    """An hour of requests with ids and labels for them, then the runs about it."""
    window = site.next_hour()
    runtime = site.client("sagemaker-runtime")
    table, labels = traffic
    for number, row in enumerate(table):
        runtime.invoke_endpoint(
            EndpointName=site.live.endpoint,
            ContentType="text/csv",
            Accept="text/csv",
            Body=",".join(f"{value:g}" for value in row),
            InferenceId=f"{name}-{number}",
        )["Body"].read()
    place = f"s3://{site.live.bucket('GroundTruth')}/{site.live.endpoint}"
    client = GroundTruthClient(place, s3=site.client("s3"), now=site.aws.clock.now)
    # The last ones are not known yet.
    known = [(f"{name}-{number}", int(label)) for number, label in enumerate(labels[:-30])]
    assert client.write_labels(known).labels == REQUESTS - 30
    client.write_labels(known)  # a repeated job changes nothing
    site.aws.clock.advance((window + timedelta(hours=1, minutes=6) - site.aws.clock.now()).total_seconds())
    start = f"{window:%Y-%m-%dT%H:%M:%SZ}"

    def runs() -> dict[str, dict[str, Any]]:
        events = site.events("Monitoring Execution")
        return {e["monitoringType"]: e for e in events if (e["window"] or {}).get("start") == start}

    site.until(lambda: set(runs()) == set(KINDS), f"three runs about {name}")
    site.aws.clock.advance(180)
    return Hour(window, runs(), site.live.alarms_in("ALARM"))


@pytest.fixture(scope="module")
def site(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Site:
    document = environment("111000000041")
    document["models"]["churn"]["endpoint"]["rollout"] = {"strategy": "all-at-once", "bake_minutes": 3}
    document["models"]["churn"]["monitors"] |= {
        "model_quality": {"schedule": "hourly", "problem": "binary-classification", "alarm_metrics": {"auc": 0.8}},
        "bias": {
            "schedule": "hourly",
            "facet": "balance",
            "disadvantaged_above": RICH,
            "columns": models.FEATURES,
            "tolerance": 0.25,
            "alarm_metrics": {"DPPL": 0.15},
        },
    }
    deployment = Deployment(aws, tmp_path_factory.mktemp("kinds"), {"kinds": document})
    deployed = Site(aws, "kinds", document)
    deployment.deploy()
    package = deployed.register(1, models.archive(), models.baseline(), checks=baselines())
    deployed.judge(package, "Approved")
    deployed.until_live(package)
    return deployed


@pytest.fixture(scope="module")
def good_hour(site: Site) -> Hour:
    return spend(site, "good", good())


@pytest.fixture(scope="module")
def bad_hour(site: Site, good_hour: Hour) -> Hour:
    return spend(site, "bad", bad())


def test_every_kind_has_the_baseline_of_the_live_version(site: Site, good_hour: Hour) -> None:
    baseline = {k: v.rpartition("/v1/")[2] for k, v in site.live.parameters().items() if k.endswith("Uri")}
    assert baseline == {
        "DataQualityConstraintsUri": "constraints.json",
        "DataQualityStatisticsUri": "statistics.json",
        "ModelQualityConstraintsUri": "ModelQuality/Constraints.json",
        "ModelQualityStatisticsUri": "ModelQuality/Statistics.json",
        "ModelBiasConstraintsUri": "Bias/PostTrainingConstraints.json",
    }
    assert not any(run["baselineMissing"] for run in good_hour.runs.values())


def test_a_good_hour_has_no_violations_and_no_alarm(good_hour: Hour) -> None:
    found = {kind: (run["status"], run["violations"], run["worstMetrics"]) for kind, run in good_hour.runs.items()}
    assert found == dict.fromkeys(KINDS, ("Completed", 0, []))
    assert good_hour.alarms == set()


@pytest.mark.parametrize("kind", ["ModelQuality", "ModelBias"])
def test_labels_find_their_predictions(good_hour: Hour, kind: str) -> None:
    labels = good_hour.runs[kind]["labels"]
    assert good_hour.runs[kind]["records"] == REQUESTS
    assert {name: labels[name] for name in ("matched", "unlabelled", "withoutCapture", "conflicting")} == {
        "matched": REQUESTS - 30,
        "unlabelled": 30,
        "withoutCapture": 0,
        "conflicting": 0,
    }


def test_a_bad_hour_violates_every_baseline(bad_hour: Hour) -> None:
    runs = bad_hour.runs
    assert {run["status"] for run in runs.values()} == {"CompletedWithViolations"}
    assert "income" in {finding["feature"] for finding in runs["DataQuality"]["worstFeatures"]}
    checks = {finding["metric"]: finding["check"] for finding in runs["ModelQuality"]["worstMetrics"]}
    assert checks["false_positive_rate"] == "GreaterThanThreshold"
    worst = runs["ModelBias"]["worstMetrics"]
    assert {finding["facet"] for finding in worst} == {"balance"}


def test_its_alarms_are_those_that_were_asked_for(site: Site, bad_hour: Hour) -> None:
    names = {site.live.alarms()[name]["AlarmName"].removeprefix(f"{site.live.endpoint}-") for name in bad_hour.alarms}
    assert names == {
        "data-quality-Violations",
        "data-quality-Drift income",
        "model-quality-Violations",
        "model-quality-Quality auc",
        "bias-Violations",
        "bias-Bias DPPL balance",
    }


def test_every_run_leaves_its_report(site: Site, bad_hour: Hour) -> None:
    for kind, slug in KINDS.items():
        run = bad_hour.runs[kind]
        hour = f"{bad_hour.window + timedelta(hours=1):%Y/%m/%d/%H}"
        assert run["reportUri"].endswith(f"/{site.live.endpoint}-{slug}/{hour}/report.html")
        for name in ("reportUri", "statisticsUri", "violationsUri"):
            bucket, _, key = run[name].removeprefix("s3://").partition("/")
            body = site.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
            assert body.startswith(b"<!") if name == "reportUri" else json.loads(body)


def test_runs_are_told_apart_in_the_metrics(site: Site, bad_hour: Hour) -> None:
    found = site.client("cloudwatch").list_metrics(Namespace="aws/sagemaker/Endpoints/bias-metrics")["Metrics"]
    dimensions = {item["Name"]: item["Value"] for item in found[0]["Dimensions"]}
    assert dimensions["MonitoringSchedule"] == f"{site.live.endpoint}-bias"
    assert dimensions["FacetValue"] == "(0.5, Infinity)"
    names = {
        metric["MetricName"]
        for metric in site.client("cloudwatch").list_metrics(Namespace="aws/sagemaker/Endpoints/model-metrics")[
            "Metrics"
        ]
    }
    assert {"auc", "accuracy", "f1"} <= names
