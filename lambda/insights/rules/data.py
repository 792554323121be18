"""Rules about the data that the model is asked about, from statistics of captured traffic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from insights.facts import ModelFacts
from insights.quantiles import may_be_far_apart, quantiles_of
from insights.recommendation import Recommendation

from .table import Rule

_ENOUGH = 100
_NEAR_CONSTANT = 0.99
_OUTLIER_DEVIATIONS = 10
_OUTLIER_REACH, _TAIL = 10, 0.05
_MOSTLY = 0.5
_TWO, _TWO_VALUES = 2, 1e-3


def missing_values(facts: ModelFacts) -> Iterator[Recommendation]:
    """Values are missing more often than the baseline allows, or without a baseline in most records."""
    lines = [item for item in _violations(facts) if item.check == "completeness_check"]
    if not lines:
        yield from _mostly_missing(facts)
    else:
        names = ", ".join(item.feature for item in lines[:5])
        yield Recommendation(
            "missing-values",
            f"Values are missing in {names}",
            "act",
            "high",
            tuple(item.description for item in lines[:5]),
            "Ask the callers of the endpoint what they stopped sending; the model fills gaps in its own way.",
        )


def _mostly_missing(facts: ModelFacts) -> Iterator[Recommendation]:
    found = []
    for feature in _features(facts):
        common = (feature.get("numerical_statistics") or feature.get("string_statistics") or {}).get("common") or {}
        present, missing = int(common.get("num_present", 0)), int(common.get("num_missing", 0))
        if present + missing >= _ENOUGH and missing / (present + missing) > _MOSTLY:
            found.append(f"{feature['name']}: missing in {missing / (present + missing):.0%} of the records")
    if found:
        yield Recommendation(
            "missing-values",
            f"{len(found)} features are missing in most records",
            "note",
            "medium",
            tuple(found[:5]),
            "If they always were, leave them out of the model; if not, find out since when.",
        )


def new_categories(facts: ModelFacts) -> Iterator[Recommendation]:
    """Categories arrived that the training data did not have."""
    lines = [item for item in _violations(facts) if item.check == "categorical_values_check"]
    if lines:
        names = ", ".join(item.feature for item in lines[:5])
        yield Recommendation(
            "new-categories",
            f"Unknown categories in {names}",
            "watch",
            "high",
            tuple(item.description for item in lines[:5]),
            "See whether it is a new product, a spelling or a language; train anew once there are labels for them.",
        )


def wrong_types(facts: ModelFacts) -> Iterator[Recommendation]:
    """Columns are missing, new, or of another type."""
    kinds = {"data_type_check", "missing_column_check", "extra_column_check"}
    lines = [item for item in _violations(facts) if item.check in kinds]
    if lines:
        yield Recommendation(
            "schema-changed",
            f"{len(lines)} columns are not what the model was trained on",
            "act",
            "high",
            tuple(item.description for item in lines[:5]),
            "A caller changed its request; find out which one by the inference id in the captured records.",
        )


def constant_features(facts: ModelFacts) -> Iterator[Recommendation]:
    """A feature has one value, or nearly: it tells the model nothing."""
    constant, nearly = [], []
    for feature in _features(facts):
        numerical = feature.get("numerical_statistics") or {}
        text = feature.get("string_statistics") or {}
        present = _present(numerical or text)
        if present < _ENOUGH:
            continue
        if numerical and numerical.get("min") == numerical.get("max"):
            constant.append(feature["name"])
        elif numerical and (share := _commonest(numerical) or 0.0) >= _NEAR_CONSTANT:
            nearly.append(f"{feature['name']}: one value in {share:.1%} of the records")
        elif text:
            counts = [
                bucket["count"] for bucket in (text.get("distribution") or {}).get("categorical", {}).get("buckets", [])
            ]
            top = max(counts, default=0) / present
            if len(counts) == 1:
                constant.append(feature["name"])
            elif top >= _NEAR_CONSTANT:
                nearly.append(f"{feature['name']}: one value in {top:.1%} of the records")
    count = len(constant) + len(nearly)
    if count:
        yield Recommendation(
            "constant-features",
            f"{count} {'feature hardly varies' if count == 1 else 'features hardly vary'}",
            "watch" if constant else "note",
            "high",
            (*(f"{name}: the same in every record" for name in constant), *nearly)[:8],
            "A feature that used to vary points to a broken source; one that never did can leave the model.",
        )


def outliers(facts: ModelFacts) -> Iterator[Recommendation]:
    """Values lie more than ten standard deviations from the mean, or ten times as far as nine tenths of the others."""
    found = []
    for feature in _features(facts):
        numbers = feature.get("numerical_statistics") or {}
        low, high, mean, deviation = (_number(numbers.get(key)) for key in ("min", "max", "mean", "std_dev"))
        if _present(numbers) < _ENOUGH or not deviation:
            continue
        far = max(high - mean, mean - low) / deviation
        words = f"{feature['name']}: from {low:.4g} to {high:.4g}, mean {mean:.4g}"
        # Where nearly all values are the same, every other one is far away: rare flags are no outliers.
        if far > _OUTLIER_DEVIATIONS and _commonest(numbers) is None:
            found.append(f"{words}, {far:.0f} standard deviations")
        elif share := _far_apart(numbers):
            found.append(f"{words}, {share:.1%} of the values far from all others")
    if found:
        yield Recommendation(
            "outliers",
            f"Extreme values in {len(found)} {'feature' if len(found) == 1 else 'features'}",
            "note",
            "medium",
            tuple(found[:5]),
            "Check for placeholders such as 999999 and for changed units; cut or encode them at the source.",
        )


def _far_apart(numbers: Mapping[str, Any]) -> float:
    """The share of values that lie many times as far out as the middle nine tenths are wide; 0 if there are none.

    Many placeholders widen the standard deviation so far that none of them stands out of it; quantiles do not move.
    """
    if not may_be_far_apart(numbers) or (quantiles := quantiles_of(numbers)) is None:
        return 0.0
    low, high = quantiles.at(_TAIL), quantiles.at(1 - _TAIL)
    reach = _OUTLIER_REACH * (high - low)
    return quantiles.share_outside(low - reach, high + reach) if reach else 0.0


def _number(value: Any) -> float:
    """Numbers beyond JSON's stand in the file as text, such as `Infinity`; what is missing is 0."""
    return float(value or 0.0)


def _violations(facts: ModelFacts) -> Iterator[Any]:
    monitor = facts.monitor("DataQuality")
    yield from monitor.violations if monitor else ()


def _features(facts: ModelFacts) -> tuple[Mapping[str, Any], ...]:
    monitor = facts.monitor("DataQuality")
    return monitor.statistics if monitor else ()


def _commonest(numbers: Mapping[str, Any]) -> float | None:
    """Share of the commoner value of a feature that has two, such as a flag; None if it has more.

    A variance is largest for given extremes and mean if there is nothing but the extremes (Bhatia and Davis), which is
    how two values are told without having counted any.
    """
    low, high, mean = (float(numbers.get(key) or 0.0) for key in ("min", "max", "mean"))
    most = (mean - low) * (high - mean)
    if most <= 0 or abs(float(numbers.get("std_dev") or 0.0) ** 2 / most - 1) > _TWO_VALUES:
        return None
    quantiles = quantiles_of(numbers)
    if quantiles is not None and quantiles.different > _TWO:
        # Beside a placeholder all other values look like one.
        return None
    return max(mean - low, high - mean) / (high - low)


def _present(statistics: Mapping[str, Any]) -> int:
    return int((statistics.get("common") or {}).get("num_present", 0))


RULES = (
    Rule("missing-values", missing_values),
    Rule("new-categories", new_categories),
    Rule("schema-changed", wrong_types),
    Rule("constant-features", constant_features),
    Rule("outliers", outliers),
)
