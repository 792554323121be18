"""Ranges of hyperparameters: between values and points of the unit cube that strategies think in."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Values = dict[str, str]
"""Hyperparameters as SageMaker hands them to training jobs: text."""
_WIDE = 100.0
"""Ranges with bounds further apart than this factor are searched logarithmically when the scaling is Auto."""


@dataclass(frozen=True)
class Numeric:
    """A range of numbers."""

    name: str
    low: float
    high: float
    scaling: str
    integer: bool

    def value(self, position: float) -> str:
        """Return the value at a position from 0 to 1."""
        position = min(max(position, 0.0), 1.0)
        if self.scaling == "Logarithmic":
            found = math.exp(math.log(self.low) + position * (math.log(self.high) - math.log(self.low)))
        elif self.scaling == "ReverseLogarithmic":
            low, high = math.log(1 - self.low), math.log(1 - self.high)
            found = 1 - math.exp(low + position * (high - low))
        else:
            found = self.low + position * (self.high - self.low)
        found = min(max(found, self.low), self.high)
        return str(round(found)) if self.integer else repr(found)


@dataclass(frozen=True)
class Categorical:
    """A choice."""

    name: str
    values: tuple[str, ...]

    def value(self, position: float) -> str:
        """Return the value at a position from 0 to 1."""
        return self.values[min(int(position * len(self.values)), len(self.values) - 1)]


class Space:
    """All ranges of a tuning job.

    Args:
        ranges: ParameterRanges.
    """

    def __init__(self, ranges: dict[str, Any]) -> None:
        numbers = [(item, True) for item in ranges.get("IntegerParameterRanges") or []]
        numbers += [(item, False) for item in ranges.get("ContinuousParameterRanges") or []]
        self.numeric = [_numeric(item, integer) for item, integer in numbers]
        self.categorical = [
            Categorical(item["Name"], tuple(item["Values"])) for item in ranges.get("CategoricalParameterRanges") or []
        ]

    @property
    def size(self) -> int:
        """Number of dimensions."""
        return len(self.numeric) + len(self.categorical)

    def values(self, point: list[float]) -> Values:
        """Return the hyperparameters at a point of the unit cube."""
        ranges: list[Numeric | Categorical] = [*self.numeric, *self.categorical]
        return {item.name: item.value(x) for item, x in zip(ranges, point, strict=True)}

    def features(self, point: list[float]) -> list[float]:
        """Return a point as a model sees it: numbers where they are, one column per choice."""
        numbers = point[: len(self.numeric)]
        for item, x in zip(self.categorical, point[len(self.numeric) :], strict=True):
            chosen = item.value(x)
            numbers += [float(value == chosen) for value in item.values]
        return numbers

    def grid(self) -> Iterator[Values]:
        """Return every combination of choices."""
        for combination in itertools.product(*(item.values for item in self.categorical)):
            yield dict(zip((item.name for item in self.categorical), combination, strict=True))


def problems(config: dict[str, Any]) -> list[str]:
    """Return what is wrong with the ranges of a tuning job."""
    ranges, found = config.get("ParameterRanges") or {}, []
    if ranges.get("AutoParameters"):
        found.append("ParameterRanges has AutoParameters, which the embedded AWS does not support")
    names = [item["Name"] for kind in ranges.values() if isinstance(kind, list) for item in kind]
    if not names:
        found.append("ParameterRanges is missing or empty")
    found += [f"the range {name} is given twice" for name in sorted(set(names)) if names.count(name) > 1]
    for kind in ("IntegerParameterRanges", "ContinuousParameterRanges"):
        for item in ranges.get(kind) or []:
            found += _number_problems(item)
    if config["Strategy"] == "Grid" and (
        ranges.get("IntegerParameterRanges") or ranges.get("ContinuousParameterRanges")
    ):
        found.append("Strategy Grid takes categorical ranges only")
    return found


def _number_problems(item: dict[str, str]) -> list[str]:
    name, scaling = item["Name"], item.get("ScalingType", "Auto")
    try:
        low, high = float(item["MinValue"]), float(item["MaxValue"])
    except ValueError:
        return [f"the range {name} goes from {item['MinValue']} to {item['MaxValue']}, which are no numbers"]
    if low > high:
        return [f"the range {name} has MinValue {low:g} above MaxValue {high:g}"]
    if scaling == "Logarithmic" and low <= 0:
        return [f"the range {name} has ScalingType Logarithmic, which needs a MinValue above 0, not {low:g}"]
    if scaling == "ReverseLogarithmic" and not 0 <= low <= high < 1:
        return [f"the range {name} has ScalingType ReverseLogarithmic, which needs 0 <= MinValue <= MaxValue < 1"]
    return []


def _numeric(item: dict[str, str], integer: bool) -> Numeric:
    low, high = float(item["MinValue"]), float(item["MaxValue"])
    scaling = item.get("ScalingType", "Auto")
    if scaling == "Auto":
        scaling = "Logarithmic" if low > 0 and high / low >= _WIDE else "Linear"
    return Numeric(item["Name"], low, high, scaling, integer)
