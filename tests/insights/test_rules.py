"""Every rule speaks when it should, with its evidence, and is silent otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from insights.facts import Drift, Job, ModelFacts, Series, TrainingData, Version, Violation
from insights.own_rules import OwnRule
from insights.quantiles import quantiles_of
from insights.rules import RULES, recommend
from model_analyzer import data_quality

Build = Callable[..., ModelFacts]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "insights.md"


def version(number: int, **changes: Any) -> Version:
    """A version that nothing is wrong with, registered day by day."""
    at = datetime(2026, 11, 1 + number, tzinfo=UTC)
    sound = {"metrics": {"auc": 0.9}, "metric": "auc", "training": {"train": 0.92, "validation": 0.9}}
    return Version(f"arn/{number}", number, at, "Approved", **{**sound, **changes})


def names(facts: ModelFacts) -> list[str]:
    return [item.rule for item in recommend(facts)]


def drift(feature: str, distance: float) -> Drift:
    return Drift(feature, distance, Series(feature))


def test_nothing_is_said_about_a_healthy_model(healthy: ModelFacts) -> None:
    assert recommend(healthy) == []


def test_the_most_urgent_comes_first(troubled: ModelFacts) -> None:
    found = recommend(troubled)

    order = [("act", "watch", "note").index(item.urgency) for item in found]
    assert order == sorted(order)
    assert {item.rule for item in found} >= {
        "drift-concentrated",
        "missing-values",
        "new-categories",
        "newer-version-not-live",
        "unread",
    }
    assert all(item.evidence and item.step for item in found)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"failed": Series("RunsFailed", ())}, None),
        ({"completed": Series("RunsCompleted"), "failed": Series("RunsFailed")}, "nothing-watched"),
    ],
)
def test_silent_monitors(with_monitor: Build, changes: dict[str, Any], rule: str | None) -> None:
    assert names(with_monitor(**changes)) == ([rule] if rule else [])


def test_an_endpoint_without_traffic_needs_no_runs(with_monitor: Build) -> None:
    facts = with_monitor(completed=Series("RunsCompleted"), failed=Series("RunsFailed"))

    assert "nothing-watched" not in names(replace(facts, endpoint=replace(facts.endpoint, invocations=Series("I"))))


def test_failed_runs_and_missing_baselines(with_monitor: Build, healthy: ModelFacts) -> None:
    at = healthy.until
    facts = with_monitor(failed=Series("f", ((at, 3.0),)), baseline_missing=Series("b", ((at, 1.0),)))

    found = {item.rule: item for item in recommend(facts)}
    assert found["runs-failed"].title == "3 runs of mlops-churn-data-quality failed"
    assert found["baseline-missing"].urgency == "act"


@pytest.mark.parametrize(("labelled", "unlabelled", "speaks"), [(40, 60, True), (60, 40, False), (0, 0, False)])
def test_label_delay(with_monitor: Build, healthy: ModelFacts, labelled: int, unlabelled: int, speaks: bool) -> None:
    at = healthy.until
    facts = with_monitor(
        "ModelQuality",
        drifts=(),
        labelled=Series("l", ((at, labelled),)),
        unlabelled=Series("u", ((at, unlabelled),)),
    )
    assert ("label-delay" in names(facts)) is speaks


def test_drift_in_few_features_is_told_from_drift_in_many(with_monitor: Build) -> None:
    quiet = [drift(name, 0.01) for name in "abcdef"]

    few = recommend(with_monitor(drifts=(drift("minutes", 0.5), *quiet)))
    many = recommend(
        with_monitor(drifts=tuple(drift(name, 0.5) for name in ("age", "balance", "calls", "charge", "day")))
    )

    assert [item.rule for item in few] == ["drift-concentrated"]
    assert "these features carry 12% of the model's decisions" in few[0].evidence
    assert few[0].urgency == "act"
    assert [item.rule for item in many] == ["drift-broad"]


def test_drift_of_a_feature_without_weight_hardly_matters(with_live: Build, with_monitor: Build) -> None:
    weights = {"age": 0.999, "noise": 0.001}
    live = with_live(importance=weights)
    facts = replace(
        live,
        versions=(live.versions[0],),
        monitors=with_monitor(drifts=(drift("noise", 0.9), *(drift(name, 0.0) for name in "abc"))).monitors,
    )

    assert names(facts) == ["drift-unimportant"]


@pytest.mark.parametrize(
    ("metric", "values", "speaks"),
    [
        ("auc", (0.9, 0.9, 0.7, 0.7), True),
        ("auc", (0.7, 0.7, 0.9, 0.9), False),
        ("rmse", (1.0, 1.0, 1.5, 1.5), True),
        ("rmse", (1.5, 1.5, 1.0, 1.0), False),
        ("auc", (0.9, 0.89, 0.9, 0.88), False),
        ("recall_best_constant_classifier", (1.0, 0.1), False),
    ],
)
def test_falling_quality(
    with_monitor: Build, healthy: ModelFacts, metric: str, values: tuple[float, ...], speaks: bool
) -> None:
    points = tuple((healthy.since + timedelta(days=day), value) for day, value in enumerate(values))

    facts = with_monitor("ModelQuality", drifts=(), metrics=(Series(metric, points),))

    assert ("quality-falls" in names(facts)) is speaks


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"training": {"train": 0.99, "validation": 0.8}}, "overfitting"),
        ({"training": {"train": 0.80, "validation": 0.99}}, None),
        ({"training": {"train": 0.1, "validation": 0.3}, "metric": "rmse"}, "overfitting"),
        ({"training": {"train": 0.3, "validation": 0.1}, "metric": "rmse"}, None),
        ({"training": {"train": 0.1, "validation": 0.3}, "metric": "my-own"}, None),
        ({"findings": ("overfit",)}, "overfitting"),
        ({"metrics": {"auc": 0.58}, "training": {"train": 0.6, "validation": 0.58}}, "underfitting"),
        ({"metrics": {"r2": 0.1}, "metric": "rmse", "training": {"train": 9.0, "validation": 9.1}}, "underfitting"),
        ({"metrics": {"weighted_f1": 0.3}, "metric": "mlogloss", "training": {}}, "underfitting"),
        ({"data": TrainingData(rows=1000, duplicates=40)}, "duplicates"),
        ({"data": TrainingData(rows=1000, in_both=40)}, "duplicates"),
        ({"data": TrainingData(rows=1000, constant=("currency",))}, "training-data-gaps"),
        ({"data": TrainingData(rows=1000, missing={"fax": 0.9})}, "training-data-gaps"),
        ({"job": Job("t", seconds=7200, billed=7200)}, "training-on-demand"),
        ({"job": Job("t", seconds=7200, billed=2000, spot=True)}, None),
        ({"findings": ("class_imbalance",)}, "class-imbalance"),
        ({"training": {}}, None),
    ],
)
def test_how_the_live_version_was_trained(with_live: Build, changes: dict[str, Any], rule: str | None) -> None:
    assert names(with_live(**changes)) == ([rule] if rule else [])


def test_almost_perfect_with_one_feature(with_live: Build) -> None:
    facts = with_live(metrics={"auc": 0.995}, importance={"closed_on": 0.8, "age": 0.2})

    assert names(replace(facts, versions=facts.versions[:1])) == ["leakage"]


def test_a_gap_that_grows_from_version_to_version_is_told_early(healthy: ModelFacts) -> None:
    def with_gaps(*gaps: float) -> ModelFacts:
        versions = [
            version(number, training={"train": 1.0, "validation": 1.0 - gap})
            for number, gap in enumerate(gaps, start=1)
        ]
        return replace(healthy, live=versions[-1], versions=tuple(reversed(versions)))

    (found,) = recommend(with_gaps(0.01, 0.04, 0.08))

    assert (found.rule, found.confidence) == ("overfitting", "medium")
    assert found.evidence == (
        "auc: train 1, validation 0.92, test 0.9, validation 8.0% worse",
        "gap by version: 1: 1.0%, 2: 4.0%, 3: 8.0%",
    )
    assert names(with_gaps(0.08, 0.04, 0.08)) == []


def test_labels_that_are_recorded_twice(with_monitor: Build, healthy: ModelFacts) -> None:
    at = healthy.until
    facts = with_monitor(
        "ModelQuality",
        drifts=(),
        labelled=Series("l", ((at, 1000.0),)),
        duplicate_labels=Series("d", ((at, 40.0),)),
    )

    assert names(facts) == ["duplicates"]


@pytest.mark.parametrize(
    ("now", "before", "speaks"),
    [
        ({"age": 0.8, "plan": 0.2}, {"age": 0.4, "plan": 0.6}, True),
        ({"age": 0.5, "plan": 0.5}, {"age": 0.4, "plan": 0.6}, False),
        ({"age": 0.8, "plan": 0.2}, {}, False),
    ],
)
def test_decisions_that_rest_on_other_features(
    with_monitor: Build, now: dict[str, float], before: dict[str, float], speaks: bool
) -> None:
    facts = with_monitor("ModelExplainability", drifts=(), attribution=now, attribution_before=before)

    found = recommend(facts)

    assert [item.rule for item in found] == (["importance-changed"] if speaks else [])
    assert [item.evidence for item in found] == ([("age: 40% to 80%", "plan: 60% to 20%")] if speaks else [])


def test_a_new_version_that_decides_otherwise(healthy: ModelFacts) -> None:
    before = version(1, importance={"age": 1.0})

    (found,) = recommend(replace(healthy, versions=(healthy.versions[0], before)))

    assert (found.rule, found.urgency) == ("importance-changed", "note")


def test_many_metrics_cost(with_monitor: Build) -> None:
    (found,) = recommend(with_monitor(published=200))

    assert found.rule == "watching-cost"
    assert found.evidence[0] == "about 60 US dollars a month at CloudWatch's list price"


def test_old_models_are_stale_only_if_their_data_drifted(
    with_live: Build, troubled: ModelFacts, healthy: ModelFacts
) -> None:
    old = with_live(created=healthy.until - timedelta(days=200))

    assert names(old) == []
    assert "stale-model" in names(replace(old, monitors=troubled.monitors))


def test_a_newer_version_that_is_not_live(healthy: ModelFacts, troubled: ModelFacts) -> None:
    known = {item.rule: item for item in recommend(troubled)}["newer-version-not-live"]
    unknown = {item.rule: item for item in recommend(replace(troubled, quarantine=()))}["newer-version-not-live"]

    assert known.evidence == ("version 3: alarm ServerErrors",)
    assert (known.urgency, unknown.urgency) == ("act", "watch")


@pytest.mark.parametrize(("kind", "rule"), [("ModelBias", "bias"), ("ModelExplainability", "attribution")])
def test_bias_and_attribution(with_monitor: Build, kind: str, rule: str) -> None:
    facts = with_monitor(kind, drifts=(), violations=(Violation("", "bias_drift_check", "DPPL is 0.3"),))

    assert names(facts) == [rule]


def feature(name: str, **parts: Any) -> dict[str, Any]:
    return {"name": name, **parts}


def numbers(minimum: float, maximum: float, mean: float, deviation: float, present: int = 1000) -> dict[str, Any]:
    common = {"num_present": present, "num_missing": 0}
    return {
        "numerical_statistics": {"common": common, "min": minimum, "max": maximum, "mean": mean, "std_dev": deviation}
    }


def categories(*counts: int) -> dict[str, Any]:
    buckets = [{"value": str(position), "count": count} for position, count in enumerate(counts)]
    return {
        "string_statistics": {
            "common": {"num_present": sum(counts), "num_missing": 0},
            "distribution": {"categorical": {"buckets": buckets}},
        }
    }


@pytest.mark.parametrize(
    ("statistics", "rule"),
    [
        (feature("f", **numbers(3, 3, 3, 0)), "constant-features"),
        (feature("f", **numbers(3, 3, 3, 0, present=20)), None),
        (feature("f", **categories(1000)), "constant-features"),
        (feature("f", **categories(998, 2)), "constant-features"),
        (feature("f", **categories(600, 400)), None),
        (feature("f", **numbers(0, 999_999, 40, 9000)), "outliers"),
        (feature("f", **numbers(0, 100, 40, 20)), None),
        # Two values: a rare flag is no outlier, and a placeholder is no flag.
        (feature("f", **numbers(0, 1, 0.005, (0.005 * 0.995) ** 0.5)), "constant-features"),
        (feature("f", **numbers(0, 1, 0.3, (0.3 * 0.7) ** 0.5)), None),
        (
            feature("f", numerical_statistics={"common": {"num_present": 100, "num_missing": 900}, "max": 9}),
            "missing-values",
        ),
        (feature("f"), None),
    ],
)
def test_what_statistics_show(with_monitor: Build, statistics: dict[str, Any], rule: str | None) -> None:
    assert names(with_monitor(statistics=(statistics,))) == ([rule] if rule else [])


def sketched(values: list[float]) -> dict[str, Any]:
    """A feature's statistics, as the engine writes them."""
    return data_quality.statistics(data_quality.profile(pl.DataFrame({"f": values})))["features"][0]


@pytest.mark.parametrize(
    ("odd", "speaks"),
    [
        ([999_999.0] * 3, "standard deviations"),
        # So many that they hide behind the standard deviation which they cause.
        ([999_999.0] * 30, "1.5% of the values far from all others"),
        ([-1.0e7] * 30, "1.5% of the values far from all others"),
        ([-1.0e9] * 3, "standard deviations"),
        ([], None),
    ],
)
def test_placeholders_do_not_hide_behind_each_other(with_monitor: Build, odd: list[float], speaks: str | None) -> None:
    chance = np.random.default_rng(4)

    found = recommend(with_monitor(statistics=(sketched([*chance.normal(50, 10, 2000), *odd]),)))

    assert [item.rule for item in found] == (["outliers"] if speaks else [])
    assert all(str(speaks) in item.evidence[0] for item in found)


@pytest.mark.parametrize("draw", ["exponential", "standard_normal", "standard_t", "uniform"])
def test_long_tails_are_no_outliers(with_monitor: Build, draw: str) -> None:
    chance = np.random.default_rng(4)
    values = chance.standard_t(5, 20_000) if draw == "standard_t" else getattr(chance, draw)(size=20_000)

    found = [
        item for item in recommend(with_monitor(statistics=(sketched(values.tolist()),))) if "far from" in str(item)
    ]

    assert found == []


def test_values_beyond_the_range_of_numbers_stop_no_report(with_monitor: Build) -> None:
    huge = sketched([1.0e300, -1.0e300, 5.0] * 100)
    huge["numerical_statistics"] |= {"sum": "Infinity", "mean": "Infinity", "std_dev": "NaN", "max": "Infinity"}
    assert isinstance(recommend(with_monitor(statistics=(huge,))), list)


def test_quantiles_are_those_of_the_values() -> None:
    values = sorted(np.random.default_rng(1).normal(size=20_000).tolist())
    found = quantiles_of(sketched(values)["numerical_statistics"])

    assert found is not None and found.count == 20_000
    for share in (0.01, 0.25, 0.5, 0.95):
        assert found.at(share) == pytest.approx(values[int(share * 20_000)], abs=0.02)
    assert found.share_outside(-1.96, 1.96) == pytest.approx(0.05, abs=0.005)
    assert quantiles_of({}) is None


def test_a_changed_schema(with_monitor: Build) -> None:
    lines = (Violation("a", "missing_column_check", "a is missing"), Violation("b", "data_type_check", "b is text"))

    (found,) = recommend(with_monitor(violations=lines))

    assert (found.rule, found.title) == ("schema-changed", "2 columns are not what the model was trained on")


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"server_errors": 2000.0}, "server-errors"),
        ({"client_errors": 2000.0}, "client-errors"),
        ({"cpu": 90.0}, "under-provisioned"),
        ({"cpu": 5.0, "memory": 20.0}, "over-provisioned"),
        ({"cpu": 5.0, "memory": 90.0}, None),
        ({"invocations": 12.0}, "rarely-asked"),
    ],
)
def test_endpoints(with_endpoint: Build, healthy: ModelFacts, changes: dict[str, float], rule: str | None) -> None:
    series = {name: Series(name, ((healthy.until, value),)) for name, value in changes.items()}
    if "invocations" not in changes:
        series["invocations"] = Series("Invocations", ((healthy.until, 100_000.0),))

    assert names(with_endpoint(**series)) == ([rule] if rule else [])


def test_own_rules(healthy: ModelFacts) -> None:
    slow = OwnRule("slow", "endpoint.latency_ms.highest", "Look at the container.", above=15.0, urgency="act")
    weak = OwnRule("weak", "live.metrics.auc", "Train anew.", below=0.95)
    others = OwnRule("others", "live.metrics.auc", "Train anew.", below=0.95, models=("fraud",))
    absent = OwnRule("absent", "live.metrics.nothing", "Never.", above=0.0)

    found = recommend(healthy, (weak, slow, others, absent))

    assert [(item.rule, item.urgency) for item in found] == [("slow", "act"), ("weak", "watch")]
    assert found[0].evidence == ("endpoint.latency_ms.highest is 18, above 15",)


@pytest.mark.parametrize("limits", [{}, {"above": 1.0, "below": 2.0}])
def test_own_rules_have_one_limit(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="either above or below"):
        OwnRule("x", "live.age_days", "step", **limits)


def test_every_rule_is_documented() -> None:
    text = PAGE.read_text(encoding="utf-8").partition("| Rule | Speaks when |")[2].partition("Add your own")[0]
    rows = dict(re.findall(r"^\| `([a-z, -]+)` \| (.+?) \|", text, re.M))

    assert list(rows) == [rule.name for rule in RULES]
    assert rows == {rule.name: rule.documentation for rule in RULES}
