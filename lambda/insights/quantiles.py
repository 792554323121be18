"""Quantiles of a feature out of a file of statistics. The function has no numpy; a sketch holds few thousand values."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

#: Share of the values that two neighbouring buckets of ten hold if the middle nine tenths are a tenth as wide as all.
_CROWDED = 0.9


class Quantiles:
    """Values in order, with the number of values up to each of them."""

    def __init__(self, levels: list[list[float]]) -> None:
        """``levels`` are those of a KLL sketch: a value of level n stands for 2^n."""
        weighted = sorted((float(value), 1 << height) for height, level in enumerate(levels) for value in level)
        self._values = [value for value, _ in weighted]
        self._upto = list(accumulate(weight for _, weight in weighted))

    @property
    def different(self) -> int:
        """How many different values it holds."""
        return len(set(self._values))

    @property
    def count(self) -> int:
        """How many values there are."""
        return self._upto[-1] if self._upto else 0

    def at(self, share: float) -> float:
        """The value that this share of the values does not exceed."""
        return self._values[min(bisect_left(self._upto, share * self.count), len(self._values) - 1)]

    def share_outside(self, low: float, high: float) -> float:
        """The share of the values below the one or above the other."""
        below = bisect_left(self._values, low)
        upto = bisect_right(self._values, high)
        inside = (self._upto[upto - 1] if upto else 0) - (self._upto[below - 1] if below else 0)
        return 1 - inside / self.count


def quantiles_of(numbers: Mapping[str, Any]) -> Quantiles | None:
    """Those of a feature's numerical statistics; None without a sketch."""
    kll = (numbers.get("distribution") or {}).get("kll") or {}
    levels = (kll.get("sketch") or {}).get("data") or []
    return Quantiles(levels) if any(levels) else None


def may_be_far_apart(numbers: Mapping[str, Any]) -> bool:
    """Whether nearly all values lie in a tenth of the range: a look at ten buckets, before thousands of values are."""
    counts = [
        float(bucket["count"]) for bucket in (numbers.get("distribution") or {}).get("kll", {}).get("buckets", [])
    ]
    most = max((one + other for one, other in zip(counts, [*counts[1:], 0.0], strict=False)), default=0.0)
    return most >= _CROWDED * sum(counts) > 0
