"""Checking a profile against constraints and a baseline; constraint_violations.json.

Checks: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-interpreting-violations.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, overload

from ._constraints import Constraints, FeatureConstraints, MonitoringConfig
from ._distance import categorical_l_infinity, chi_squared_p_value, l_infinity, robust
from ._feature import FeatureProfile
from ._kll import Ranks
from ._profile import Profile
from ._statistics import CATEGORY_LIMIT, FeatureStatistics, Statistics, categories, counts_of

CheckType = Literal[
    "data_type_check",
    "completeness_check",
    "baseline_drift_check",
    "missing_column_check",
    "extra_column_check",
    "categorical_values_check",
    "non_negative_check",
]

MISSING_COLUMNS = "Missing columns"
EXTRA_COLUMNS = "Extra columns"
_NAMED_COLUMNS = 10
_COMPLETENESS_ERRORS = 3.0


@dataclass(frozen=True)
class Violation:
    """One constraint that does not hold.

    Attributes:
        feature_name: The column, or `Missing columns` / `Extra columns`.
        constraint_check_type: Which check failed; the key to act on, as descriptions are prose.
        description: What was expected and what was found.
        value: The number found, where the check compares one.
        threshold: The number that it was compared with.
    """

    feature_name: str
    constraint_check_type: CheckType
    description: str
    value: float | None = None
    threshold: float | None = None

    def to_dict(self) -> dict[str, str]:
        return {
            "feature_name": self.feature_name,
            "constraint_check_type": self.constraint_check_type,
            "description": self.description,
        }


@dataclass(frozen=True)
class Distance:
    """How far a column is from its baseline.

    Attributes:
        value: The distance, 0 to 1.
        threshold: The largest one allowed.
        method: `Robust` or `Simple` for numbers, `LInfinity` or `ChiSquared` for categories.
    """

    value: float
    threshold: float
    method: str

    @property
    def exceeded(self) -> bool:
        return self.value > self.threshold


@dataclass(frozen=True)
class Violations(Sequence[Violation]):
    """The violations of a check, in the order of the columns, and the distance of every column compared."""

    items: tuple[Violation, ...] = ()
    distances: Mapping[str, Distance] = field(default_factory=dict)

    @overload
    def __getitem__(self, index: int) -> Violation: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Violation]: ...
    def __getitem__(self, index: int | slice) -> Violation | Sequence[Violation]:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Violation]:
        return iter(self.items)

    def to_dict(self) -> dict[str, Any]:
        return {"violations": [violation.to_dict() for violation in self.items]}

    def to_json(self, indent: int | None = 2) -> str:
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)


def check(
    profile: Profile, constraints: Constraints, baseline: Statistics | Mapping[str, Any] | None = None
) -> Violations:
    """Check a profile.

    Args:
        profile: The data.
        constraints: What it must satisfy.
        baseline: The statistics that distributions are compared with. Default: no comparison.

    Returns:
        Violations; none for a profile without rows, because no data is no evidence of drift.
    """
    if not profile.rows:
        return Violations()
    if baseline is not None and not isinstance(baseline, Statistics):
        baseline = Statistics(baseline)
    found: list[Violation] = []
    distances: dict[str, Distance] = {}
    if constraints.config.evaluate_constraints:
        found += _columns(profile, constraints)
    for expected in constraints.features:
        feature = profile.features.get(expected.name)
        if feature is None:
            continue
        config = constraints.config_of(expected)
        if baseline is not None and config.perform_comparison and expected.name in baseline.features:
            distance = _distance_of(feature, baseline.features[expected.name], config)
            if distance is not None:
                distances[expected.name] = distance
        if config.evaluate_constraints:
            reference = baseline.item_count if baseline is not None else 0
            found += _feature_checks(profile, feature, expected, config, distances.get(expected.name), reference)
    return Violations(tuple(found), distances)


def _columns(profile: Profile, constraints: Constraints) -> Iterator[Violation]:
    expected = [feature.name for feature in constraints.features]
    observed = [feature.name for feature in profile.ordered()]
    missing = [name for name in expected if name not in profile.features]
    extra = [name for name in observed if name not in set(expected)]
    counts = (
        f"Number of columns in current dataset: {len(observed)}, "
        f"Number of columns in baseline constraints: {len(expected)}"
    )
    if missing:
        text = f"There are missing columns in current dataset. {counts}. Missing: {_listed(missing)}"
        yield Violation(MISSING_COLUMNS, "missing_column_check", text, float(len(observed)), float(len(expected)))
    if extra:
        text = f"There are extra columns in current dataset. {counts}. Extra: {_listed(extra)}"
        yield Violation(EXTRA_COLUMNS, "extra_column_check", text, float(len(observed)), float(len(expected)))


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED_COLUMNS
    return ", ".join(names[:_NAMED_COLUMNS]) + (f" and {more} more" if more > 0 else "")


def _feature_checks(
    profile: Profile,
    feature: FeatureProfile,
    expected: FeatureConstraints,
    config: MonitoringConfig,
    distance: Distance | None,
    baseline_rows: int,
) -> Iterator[Violation]:
    name = feature.name
    match = feature.types.share_of(expected.inferred_type)
    if match < config.datatype_check_threshold:
        text = (
            "Data type match requirement is not met. "
            f"Expected data type: {expected.inferred_type}, "
            f"Expected match: {_percent(config.datatype_check_threshold)}. "
            f"Observed: Only {_percent(match)} of data is {expected.inferred_type}."
        )
        yield Violation(name, "data_type_check", text, match, config.datatype_check_threshold)
    completeness = profile.completeness(feature)
    if expected.completeness is not None and completeness < _lowest_completeness(
        expected.completeness, profile.rows, baseline_rows, config
    ):
        text = (
            f"Value: {completeness!r} does not meet the constraint requirement! "
            f"Expected completeness: at least {expected.completeness!r}."
        )
        yield Violation(name, "completeness_check", text, completeness, expected.completeness)
    if distance is not None and distance.exceeded:
        text = f"Baseline drift distance: {distance.value!r} exceeds threshold: {distance.threshold!r}"
        yield Violation(name, "baseline_drift_check", text, distance.value, distance.threshold)
    inside = _share_in_domain(feature, expected)
    if inside is not None and inside < config.domain_content_threshold:
        text = (
            f"Value: {inside!r} does not meet the constraint requirement! "
            f"Expected share of values in the domain: at least {config.domain_content_threshold!r}."
        )
        yield Violation(name, "categorical_values_check", text, inside, config.domain_content_threshold)
    if expected.is_non_negative and feature.negative:
        text = (
            f"Value: {feature.moments.minimum!r} does not meet the constraint requirement! "
            f"Expected no negative values, observed {feature.negative} of {feature.present}."
        )
        yield Violation(name, "non_negative_check", text, feature.moments.minimum, 0.0)


def _lowest_completeness(expected: float, rows: int, baseline_rows: int, config: MonitoringConfig) -> float:
    """The completeness below which a window breaks its constraint.

    A column with gaps has a few more or fewer of them in every window. As for distances, `Robust` allows for what
    sampling explains (three standard errors of the difference of two shares); `Simple` allows nothing, and neither
    allows any gap in a column that had none.
    """
    if config.comparison_method == "Simple":
        return expected
    inverse_sizes = 1 / rows + (1 / baseline_rows if baseline_rows else 0.0)
    return expected - _COMPLETENESS_ERRORS * math.sqrt(expected * (1 - expected) * inverse_sizes)


def _percent(share: float) -> str:
    return f"{share * 100!r}%"


def _share_in_domain(feature: FeatureProfile, expected: FeatureConstraints) -> float | None:
    if expected.domains is None or not feature.present:
        return None
    # Too many distinct values to count are certainly not those of a domain.
    inside = counts_of(feature, expected.domains) or {}
    return sum(inside.values()) / feature.present


def compare(
    current: Statistics | Mapping[str, Any],
    baseline: Statistics | Mapping[str, Any],
    constraints: Constraints | None = None,
) -> dict[str, Distance]:
    """Distances between two statistics files, by column, for the columns that both have.

    Columns without constraints are compared by the general configuration.
    """
    current = current if isinstance(current, Statistics) else Statistics(current)
    baseline = baseline if isinstance(baseline, Statistics) else Statistics(baseline)
    constraints = constraints or Constraints(())
    configs = {feature.name: constraints.config_of(feature) for feature in constraints.features}
    found: dict[str, Distance] = {}
    for name, feature in current.features.items():
        if name in baseline.features:
            config = configs.get(name, constraints.config)
            counts = feature.categories
            distance = _distance(feature.ranks, counts, feature.present, baseline.features[name], config)
            if distance is not None:
                found[name] = distance
    return found


def _distance_of(feature: FeatureProfile, baseline: FeatureStatistics, config: MonitoringConfig) -> Distance | None:
    if baseline.numerical is not None:
        return _distance(feature.sketch.ranks(), None, feature.present, baseline, config)
    counts = categories(feature, CATEGORY_LIMIT)
    if counts is not None and baseline.categories:
        counts += (counts_of(feature, baseline.categories) or {}).items()
    return _distance(None, dict(counts) if counts else None, feature.present, baseline, config)


def _distance(
    ranks: Ranks | None,
    counts: Mapping[str, float] | None,
    present: int,
    baseline: FeatureStatistics,
    config: MonitoringConfig,
) -> Distance | None:
    if baseline.ranks is not None and ranks is not None:
        if not ranks.count:
            return None
        value = l_infinity(baseline.ranks, ranks)
        if config.comparison_method == "Robust":
            value = robust(value, baseline.ranks.count, ranks.count)
        return Distance(value, config.comparison_threshold, config.comparison_method)
    reference = baseline.categories
    if not reference or not counts:
        return None
    threshold = config.categorical_threshold
    if config.categorical_drift_method == "ChiSquared":
        return Distance(1 - chi_squared_p_value(counts, reference), 1 - threshold, "ChiSquared")
    value = categorical_l_infinity(reference, counts, baseline.present, present)
    if config.comparison_method == "Robust":
        value = robust(value, baseline.present, present)
    return Distance(value, threshold, "LInfinity")
