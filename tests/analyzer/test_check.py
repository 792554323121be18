"""Each check fires when it should, says what it should, and can be switched off."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import polars as pl
import pytest

from model_analyzer.data_quality import (
    Constraints,
    FeatureConstraints,
    MonitoringConfig,
    check,
    compare,
    profile,
    statistics,
    suggest,
)

ALLOWANCE = 1.8 * (2 / 4_000) ** 0.5
"""What Robust takes off a distance between two samples of 4,000 rows."""


def reference(rows: int = 4_000, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "score": rng.random(rows),
            "age": rng.integers(18, 90, rows),
            "plan": rng.choice(["basic", "plus", "premium"], rows, p=[0.5, 0.3, 0.2]),
        }
    )


@pytest.fixture(scope="module")
def baseline() -> tuple[Constraints, dict[str, Any]]:
    known = profile(reference())
    return suggest(known), statistics(known)


def kinds(violations: Any) -> list[tuple[str, str]]:
    return [(violation.feature_name, violation.constraint_check_type) for violation in violations]


def test_more_of_the_same_has_no_violations(baseline):
    violations = check(profile(reference(seed=1)), *baseline)
    assert list(violations) == []
    assert json.loads(violations.to_json()) == {"violations": []}
    assert set(violations.distances) == {"score", "age", "plan"}


def test_drift_of_numbers_and_categories(baseline):
    moved = reference(seed=2).with_columns(pl.col("score") ** 3, plan=pl.lit("plus"))
    violations = check(profile(moved), *baseline)
    assert kinds(violations) == [("score", "baseline_drift_check"), ("plan", "baseline_drift_check")]
    for violation in violations:
        match = re.search("distance: (.+) exceeds threshold: (.+)", violation.description)
        assert match is not None
        assert float(match[1]) == violation.value == violations.distances[violation.feature_name].value
        assert float(match[2]) == 0.1
    assert violations.distances["plan"].value == pytest.approx(0.7 - ALLOWANCE, abs=0.03)
    # Of uniform numbers to the third power: max of x^(1/3) - x, in the tolerance what both samples explain
    assert violations.distances["score"].value == pytest.approx(0.3849, abs=0.07)


def test_simple_does_not_allow_for_small_samples(baseline):
    constraints, known = baseline
    few = profile(reference(rows=60, seed=3))
    assert {d.value for d in check(few, constraints, known).distances.values()} == {0}
    simple = Constraints(constraints.features, MonitoringConfig(comparison_method="Simple"))
    distances = check(few, simple, known).distances
    assert distances["score"].value > 0.03
    assert distances["plan"].value > 0.01


def test_chi_squared_tests_categories(baseline):
    constraints, known = baseline
    chi = Constraints(constraints.features, MonitoringConfig(categorical_drift_method="ChiSquared"))
    config = MonitoringConfig(categorical_drift_method="ChiSquared", categorical_comparison_threshold=0.001)
    strict = Constraints(constraints.features, config)
    assert kinds(check(profile(reference(seed=4)), strict, known)) == []
    moved = reference(seed=5).with_columns(plan=pl.lit("plus"))
    violations = check(profile(moved), chi, known)
    assert kinds(violations) == [("plan", "baseline_drift_check")]
    assert violations.distances["plan"].threshold == pytest.approx(0.9)


def test_data_type_wording(baseline):
    broken = pl.DataFrame({"score": ["0.5"] * 4, "age": ["20", "30", "40", "old"], "plan": ["plus"] * 4})
    constraints, _ = baseline
    violations = check(profile(broken), constraints)
    assert kinds(violations) == [("age", "data_type_check")]
    assert violations[0].description == (
        "Data type match requirement is not met. Expected data type: Integral, Expected match: 100.0%. "
        "Observed: Only 75.0% of data is Integral."
    )


def test_integers_fit_a_fractional_column_but_not_the_other_way(baseline):
    constraints, _ = baseline
    found = check(
        profile(pl.DataFrame({"score": ["1", "0"], "age": ["20.0", "30"], "plan": ["plus"] * 2})), constraints
    )
    assert kinds(found) == [("age", "data_type_check")]


def test_data_type_threshold_tolerates_a_share(baseline):
    constraints, _ = baseline
    tolerant = Constraints(constraints.features, MonitoringConfig(datatype_check_threshold=0.5))
    broken = pl.DataFrame({"score": ["0.5"] * 4, "age": ["20", "30", "40", "old"], "plan": ["plus"] * 4})
    assert kinds(check(profile(broken), tolerant)) == []


def test_completeness(baseline):
    holes = reference(seed=6).with_columns(pl.when(pl.col("age") > 85).then(None).otherwise("age").alias("age"))
    violations = check(profile(holes), *baseline)
    assert ("age", "completeness_check") in kinds(violations)
    assert violations[0].description.startswith("Value: 0.9")
    assert "does not meet the constraint requirement!" in violations[0].description


@pytest.mark.parametrize(("share", "broken"), [(0.095, False), (0.2, True)])
def test_ordinary_gaps_come_and_go(share, broken):
    def gaps(rows: int, part: float, seed: int) -> pl.DataFrame:
        present = np.random.default_rng(seed).random(rows) >= part
        return pl.DataFrame({"x": pl.Series([1 if there else None for there in present])})

    known = profile(gaps(10_000, 0.09, 0))
    found = check(profile(gaps(800, share, 1)), suggest(known), statistics(known))
    assert (kinds(found) == [("x", "completeness_check")]) is broken
    simple = Constraints(suggest(known).features, MonitoringConfig(comparison_method="Simple"))
    assert kinds(check(profile(gaps(800, 0.2, 1)), simple, statistics(known))) == [("x", "completeness_check")]


def test_missing_and_extra_columns(baseline):
    changed = reference(seed=7).rename({"age": "years"}).with_columns(more=pl.lit(1))
    violations = check(profile(changed), *baseline)
    assert kinds(violations) == [("Missing columns", "missing_column_check"), ("Extra columns", "extra_column_check")]
    counts = "Number of columns in current dataset: 4, Number of columns in baseline constraints: 3"
    assert all(counts in violation.description for violation in violations)
    assert violations[0].description.endswith("Missing: age")
    assert violations[1].description.endswith("Extra: years, more")


def test_unknown_categories(baseline):
    constraints, known = baseline
    new = reference(seed=8).with_columns(plan=pl.when(pl.col("age") > 88).then(pl.lit("free")).otherwise("plan"))
    assert kinds(check(profile(new), constraints, known)) == [("plan", "categorical_values_check")]
    tolerant = Constraints(constraints.features, MonitoringConfig(domain_content_threshold=0.9))
    assert kinds(check(profile(new), tolerant, known)) == []


def test_negative_numbers(baseline):
    below = reference(seed=9).with_columns(score=pl.col("score") - 0.001)
    violations = check(profile(below), *baseline)
    assert kinds(violations) == [("score", "non_negative_check")]
    assert "Expected no negative values" in violations[0].description


def test_switches(baseline):
    constraints, known = baseline
    moved = profile(reference(seed=2).with_columns(pl.col("score") ** 3, plan=pl.lit("free")))
    off = Constraints(constraints.features, MonitoringConfig(evaluate_constraints=False))
    assert list(check(moved, off, known)) == []
    assert check(moved, off, known).distances["score"].exceeded
    alone = Constraints(constraints.features, MonitoringConfig(perform_comparison=False))
    assert kinds(check(moved, alone, known)) == [("plan", "categorical_values_check")]
    assert check(moved, alone, known).distances == {}


def test_overrides_hold_for_one_column(baseline):
    constraints, known = baseline
    features = [
        FeatureConstraints(
            f.name, f.inferred_type, f.completeness, f.is_non_negative, f.domains,
            {"distribution_constraints": {"comparison_threshold": 0.9}} if f.name == "score" else {},
        )
        for f in constraints.features
    ]  # fmt: skip
    moved = profile(reference(seed=2).with_columns(pl.col("score") ** 3, pl.col("age") * 2))
    found = check(moved, Constraints.from_json(Constraints(tuple(features)).to_json()), known)
    assert kinds(found) == [("age", "baseline_drift_check")]
    assert found.distances["score"].threshold == 0.9


def test_no_data_is_no_evidence(baseline):
    assert list(check(profile(reference().clear()), *baseline)) == []


def test_without_a_baseline_nothing_is_compared(baseline):
    moved = profile(reference(seed=2).with_columns(pl.col("score") ** 3))
    found = check(moved, baseline[0])
    assert list(found) == []
    assert found.distances == {}


def test_files_compare_as_profiles_do(baseline):
    constraints, known = baseline
    current = profile(reference(rows=900, seed=11).with_columns(pl.col("score") ** 2))
    from_profile = check(current, constraints, known).distances
    from_files = compare(json.loads(json.dumps(statistics(current))), known, constraints)
    assert from_files == from_profile


def test_text_where_numbers_were_is_a_type_and_not_a_crash(baseline):
    words = pl.DataFrame({"score": ["a", "b"], "age": ["c", "d"], "plan": ["1", "2"]})
    found = kinds(check(profile(words), *baseline))
    assert ("score", "data_type_check") in found
    assert ("age", "data_type_check") in found
    assert ("plan", "categorical_values_check") in found


def test_twenty_columns_are_checked_quickly():
    import time

    rng = np.random.default_rng(0)
    frame = pl.DataFrame({f"f{n}": rng.normal(size=100_000) for n in range(20)})
    known = profile(frame)
    constraints, body = suggest(known), statistics(known)
    best = 1.0
    for _ in range(5):
        start = time.perf_counter()
        check(known, constraints, body)
        best = min(best, time.perf_counter() - start)
    assert best < 0.2
