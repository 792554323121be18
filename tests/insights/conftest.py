"""A model with a history, as facts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from insights.facts import Drift, EndpointFacts, Job, ModelFacts, MonitorFacts, Series, TrainingData, Version, Violation

UNTIL = datetime(2026, 11, 16, 6, tzinfo=UTC)
SINCE = UNTIL - timedelta(days=7)
FEATURES = ("age", "balance", "calls", "charge", "day", "minutes", "plan", "state")


def line(name: str, *values: float) -> Series:
    """A series with values at equal distances over the period."""
    step = (UNTIL - SINCE) / max(len(values), 1)
    return Series(name, tuple((SINCE + step * position, float(value)) for position, value in enumerate(values)))


def version(number: int, **changes: Any) -> Version:
    """A version that nothing is wrong with."""
    sound = Version(
        arn=f"arn:aws:sagemaker:eu-west-1:111111111111:model-package/churn/{number}",
        number=number,
        created=UNTIL - timedelta(days=30 - number),
        approval="Approved",
        metrics={"auc": 0.9, "f1": 0.8},
        training={"train": 0.92, "validation": 0.9},
        metric="auc",
        curve={"train": (0.7, 0.85, 0.92), "validation": (0.7, 0.84, 0.9)},
        data=TrainingData(rows=5000, duplicates=3, missing={"balance": 0.04}),
        job=Job(name="churn-train-7", instance_type="ml.m5.large", seconds=300, billed=90, spot=True),
        importance={name: 1 / len(FEATURES) for name in FEATURES},
    )
    return replace(sound, **changes)


def monitor(kind: str = "DataQuality", **changes: Any) -> MonitorFacts:
    """A monitor that found nothing."""
    slug = {"DataQuality": "data-quality", "ModelQuality": "model-quality"}.get(kind, kind.lower())
    sound = MonitorFacts(
        schedule=f"mlops-churn-{slug}",
        kind=kind,
        completed=line("RunsCompleted", *[1] * 24),
        failed=line("RunsFailed", *[0] * 24),
        baseline_missing=line("BaselineMissing", 0, 0),
        found=line("Violations", 0, 0, 0),
        drifts=tuple(Drift(name, 0.02, line(name, 0.02)) for name in FEATURES),
        report="s3://reports/mlops-churn/report.html",
    )
    return replace(sound, **changes)


@pytest.fixture
def healthy() -> ModelFacts:
    """A model that nothing is wrong with."""
    live = version(2)
    return ModelFacts(
        name="churn",
        since=SINCE,
        until=UNTIL,
        endpoint=EndpointFacts(
            name="mlops-churn",
            status="InService",
            instance_type="ml.m5.large",
            instances=2,
            invocations=line("Invocations", *[5000, 9000, 7000, 4000, 8000] * 5),
            client_errors=line("Invocation4XXErrors", *[0] * 25),
            server_errors=line("Invocation5XXErrors", *[0, 1] * 12),
            latency_ms=line("ModelLatency p90", *[12, 18, 14, 11] * 6),
            cpu=line("CPUUtilization", *[30, 45, 40] * 8),
            memory=line("MemoryUtilization", *[50, 52] * 12),
        ),
        live=live,
        versions=(live, version(1, metrics={"auc": 0.85}, importance=dict.fromkeys(FEATURES, 1 / len(FEATURES)))),
        monitors=(monitor(), monitor("ModelQuality", drifts=(), metrics=(line("auc", 0.9, 0.91, 0.9, 0.9),))),
    )


@pytest.fixture
def with_monitor(healthy: ModelFacts) -> Callable[..., ModelFacts]:
    """The model, with changes to its monitor of a kind."""

    def build(kind: str = "DataQuality", **changes: Any) -> ModelFacts:
        others = tuple(item for item in healthy.monitors if item.kind != kind)
        return replace(healthy, monitors=(*others, monitor(kind, **changes)))

    return build


@pytest.fixture
def with_endpoint(healthy: ModelFacts) -> Callable[..., ModelFacts]:
    """The model, with changes to its endpoint."""
    return lambda **changes: replace(healthy, endpoint=replace(healthy.endpoint, **changes))


@pytest.fixture
def with_live(healthy: ModelFacts) -> Callable[..., ModelFacts]:
    """The model, with changes to its live version."""

    def build(**changes: Any) -> ModelFacts:
        live = version(2, **changes)
        return replace(healthy, live=live, versions=(live, *healthy.versions[1:]))

    return build


@pytest.fixture
def troubled(with_monitor: Callable[..., ModelFacts]) -> ModelFacts:
    """A model in trouble of several kinds."""
    drifts = (
        Drift("minutes", 0.6, line("minutes", *[0.05] * 10, 0.3, 0.6)),
        Drift("charge", 0.4, line("charge", *[0.05] * 10, 0.2, 0.4)),
        *(Drift(name, 0.03, line(name, 0.03)) for name in FEATURES if name not in ("minutes", "charge")),
    )
    facts = with_monitor(
        drifts=drifts,
        found=line("Violations", 0, 0, 1, 3),
        violations=(
            Violation("minutes", "baseline_drift_check", "distance 0.6 is above 0.1"),
            Violation("plan", "completeness_check", "completeness 0.8 is below 1.0"),
            Violation("state", "categorical_values_check", "unknown <b>category</b>"),
        ),
    )
    rolled_back = version(3)
    return replace(
        facts,
        versions=(rolled_back, *facts.versions),
        quarantine=({"model_package_arn": rolled_back.arn, "reason": "alarm ServerErrors"},),
        alarms=("mlops-churn-data-quality-Drift minutes",),
        unread=("s3://models/evaluation.json: Access Denied",),
    )
