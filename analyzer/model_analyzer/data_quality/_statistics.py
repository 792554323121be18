"""statistics.json: writing a profile as Model Monitor did, and reading either's file as a baseline.

Format: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-interpreting-statistics.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ._feature import FeatureProfile
from ._kll import SHRINKING_FACTOR, K, Ranks
from ._profile import Profile

BUCKETS = 10
CATEGORY_LIMIT = 1_000
"""Categories written per column, most frequent first. A rarer one cannot move a distance past any useful threshold."""


def statistics(profile: Profile) -> dict[str, Any]:
    """A profile in the shape of statistics.json.

    Numbers beyond the range of JSON (a sum that overflows) are written as the text `Infinity`.
    """
    return {
        "version": 0.0,
        "dataset": {"item_count": profile.rows},
        "features": [_feature(profile, feature) for feature in profile.ordered()],
    }


def _feature(profile: Profile, feature: FeatureProfile) -> dict[str, Any]:
    kind = feature.inferred_type
    common = {"num_present": feature.present, "num_missing": profile.missing(feature)}
    entry: dict[str, Any] = {"name": feature.name, "inferred_type": kind}
    if kind in ("Integral", "Fractional"):
        moments = feature.moments
        entry["numerical_statistics"] = {
            "common": common,
            "mean": _number(moments.mean),
            "sum": _number(moments.sum),
            "std_dev": _number(moments.std_dev),
            "min": _number(moments.minimum),
            "max": _number(moments.maximum),
            "distribution": {"kll": _kll(feature)},
        }
        return entry
    text: dict[str, Any] = {"common": common, "distinct_count": float(distinct_count(feature))}
    if (counts := categories(feature, CATEGORY_LIMIT)) is not None:
        buckets = [{"value": value, "count": count} for value, count in counts]
        text["distribution"] = {"categorical": {"buckets": buckets}}
    entry["string_statistics"] = text
    return entry


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _kll(feature: FeatureProfile) -> dict[str, Any]:
    return {
        "buckets": equal_width_buckets(feature),
        "sketch": {
            "parameters": {"c": SHRINKING_FACTOR, "k": float(K)},
            "data": [level.tolist() for level in feature.sketch.compressed()],
        },
    }


def equal_width_buckets(feature: FeatureProfile) -> list[dict[str, float]]:
    """Ten buckets of equal width between minimum and maximum; their counts come from the sketch.

    The upper bound is part of the last bucket only. Counts add up to the number of values.
    """
    if not feature.moments.count:
        return []
    low, high = feature.moments.minimum, feature.moments.maximum
    shares = np.arange(BUCKETS + 1) / BUCKETS
    edges = low * (1 - shares) + high * shares
    edges[0], edges[-1] = low, high
    edges = np.maximum.accumulate(edges)
    ranks = feature.sketch.ranks()
    below = ranks.below(edges)
    below[0], below[-1] = 0, ranks.count
    return [
        {"lower_bound": float(edges[n]), "upper_bound": float(edges[n + 1]), "count": float(below[n + 1] - below[n])}
        for n in range(BUCKETS)
    ]


def categories(feature: FeatureProfile, limit: int | None = None) -> list[tuple[str, int]] | None:
    """Values of a column with their counts, most frequent first; None if there were too many to count."""
    if not (feature.texts.complete and feature.numbers.complete):
        return None
    if not feature.numbers.distinct():
        return feature.texts.most_common(limit)
    both = feature.texts.most_common(limit) + feature.numbers.most_common(limit)
    return sorted(both, key=lambda pair: (-pair[1], pair[0]))[:limit]


def counts_of(feature: FeatureProfile, values: Iterable[str]) -> dict[str, int] | None:
    """Counts of the values asked for, where they occur; None if there were too many to count."""
    if not (feature.texts.complete and feature.numbers.complete):
        return None
    return feature.texts.count_of(values) | feature.numbers.count_of(values)


def distinct_count(feature: FeatureProfile) -> int:
    """Number of distinct values, exact until there are too many to count (then within about 1 %)."""
    return feature.texts.distinct() + feature.numbers.distinct()


@dataclass(frozen=True)
class FeatureStatistics:
    """One column of a statistics.json."""

    entry: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.entry["name"])

    @property
    def inferred_type(self) -> str:
        return str(self.entry.get("inferred_type", "Unknown"))

    @property
    def numerical(self) -> Mapping[str, Any] | None:
        return self.entry.get("numerical_statistics")

    @property
    def text(self) -> Mapping[str, Any] | None:
        return self.entry.get("string_statistics")

    @property
    def present(self) -> int:
        part = self.numerical or self.text or {}
        return int(part.get("common", {}).get("num_present", 0))

    @property
    def missing(self) -> int:
        part = self.numerical or self.text or {}
        return int(part.get("common", {}).get("num_missing", 0))

    @cached_property
    def ranks(self) -> Ranks | None:
        """The numeric distribution, from the sketch; from the buckets where a file carries no sketch."""
        kll = ((self.numerical or {}).get("distribution") or {}).get("kll") or {}
        data = (kll.get("sketch") or {}).get("data")
        if data and any(data):
            return Ranks.of_levels(data)
        buckets = kll.get("buckets") or []
        counts = np.array([float(bucket["count"]) for bucket in buckets])
        if not counts.sum():
            return None
        edges = np.array([float(bucket["upper_bound"]) for bucket in buckets])
        return Ranks(edges, counts.round().astype(np.int64).cumsum())

    @cached_property
    def categories(self) -> dict[str, float] | None:
        """Counts by category; None if the file has none."""
        buckets = (((self.text or {}).get("distribution") or {}).get("categorical") or {}).get("buckets")
        return None if buckets is None else {str(bucket["value"]): float(bucket["count"]) for bucket in buckets}


class Statistics:
    """A statistics.json, ours or Model Monitor's."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        """Take a parsed file.

        Raises:
            ValueError: The document has no list `features` with named members.
        """
        features = body.get("features") if isinstance(body, Mapping) else None
        if not isinstance(features, list) or not all(isinstance(f, Mapping) and "name" in f for f in features):
            raise ValueError("statistics: expected an object with a list 'features' whose members have a 'name'")
        self.body = body
        self.features = {str(feature["name"]): FeatureStatistics(feature) for feature in features}

    @classmethod
    def from_json(cls, text: str | bytes) -> Statistics:
        """Parse a file.

        Raises:
            ValueError: It is no statistics.json.
        """
        return cls(json.loads(text))

    @property
    def item_count(self) -> int:
        return int((self.body.get("dataset") or {}).get("item_count", 0))
