"""A quantile sketch in whole-array steps, with the parameters of Model Monitor's (k = 2048, c = 0.64).

Karnin, Lang, Liberty (2016), "Optimal quantile approximation in streams". Level h holds items that stand for 2^h values
each. A batch is sorted once and enters at the level where about 2k of it remain, which loses at most 1/(4k) of its
ranks; a full level is sorted and every second item moves up. Which half moves alternates level by level, so that the
same data in the same batches give the same sketch, always.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from model_analyzer._arrays import Floats

K = 2048
SHRINKING_FACTOR = 0.64
RANK_ERROR = 3 / K
"""Bound on the error of any rank, as a share of the count, that tests hold the sketch to."""

_MOST_PARTS = 64
_EMPTY = np.empty(0)


@dataclass
class Level:
    """Items of one weight: arrays not yet put together, and which half moves up next."""

    parts: list[Floats] = field(default_factory=list)
    size: int = 0
    odd: bool = False

    def items(self) -> Floats:
        """All items in order; puts the parts together."""
        if len(self.parts) != 1:
            self.parts = [np.concatenate(self.parts) if self.parts else _EMPTY]
        self.parts[0].sort()
        return self.parts[0]


class Sketch:
    """Quantiles of the values added, exact up to 2k values."""

    __slots__ = ("_ranks", "count", "levels")

    def __init__(self) -> None:
        self.count = 0
        self._ranks: Ranks | None = None
        self.levels: list[Level] = []

    def add_sorted(self, values: Floats) -> None:
        """Add a sorted array of finite values."""
        self._add(int(values.size), lambda ranks: values[ranks].copy())

    def add_counted(self, values: Floats, counts: npt.NDArray[np.int64]) -> None:
        """Add each of some finite values in order as often as its count says."""
        cumulative = counts.cumsum()
        size = int(cumulative[-1]) if cumulative.size else 0

        def at(ranks: slice) -> Floats:
            return values[np.searchsorted(cumulative, np.arange(ranks.start, ranks.stop, ranks.step), side="right")]

        self._add(size, at)

    def _add(self, size: int, at: Callable[[slice], Floats]) -> None:
        """Add a sorted sequence: of each run of 2^h values the middle one, at height h.

        The last values, too few for a run of that length, make up shorter ones.
        """
        self.count += size
        height = max(0, (size - 1).bit_length() - (2 * K).bit_length() + 1)
        start = 0
        while start < size:
            length = 1 << height
            end = size - (size - start) % length
            if end > start:
                self._push(height, at(slice(start + length // 2, end, length)))
            start, height = end, height - 1

    def _push(self, height: int, items: Floats) -> None:
        self._ranks = None
        while len(self.levels) <= height:
            self.levels.append(Level())
        level = self.levels[height]
        level.parts.append(items)
        level.size += int(items.size)
        if level.size > 2 * K:
            self._compact(height)
        elif len(level.parts) > _MOST_PARTS:
            level.items()

    def _compact(self, height: int) -> None:
        """Move every second item of a level up; of an odd number the largest stays."""
        level = self.levels[height]
        items = level.items()
        even = items.size - items.size % 2
        moved = items[int(level.odd) : even : 2].copy()
        level.parts = [items[even:].copy()]
        level.size = int(items.size - even)
        level.odd = not level.odd
        self._push(height + 1, moved)

    def merged(self, other: Sketch) -> Sketch:
        """A sketch of both; neither changes, and the order does not matter."""
        result = self.copy()
        result.count += other.count
        while len(result.levels) < len(other.levels):
            result.levels.append(Level())
        for mine, theirs in zip(result.levels, other.levels, strict=False):
            mine.parts.extend(theirs.parts)
            mine.size += theirs.size
            mine.odd ^= theirs.odd
        for height in range(len(other.levels) + 1):
            if height < len(result.levels) and result.levels[height].size > 2 * K:
                result._compact(height)
        return result

    def copy(self) -> Sketch:
        """An independent sketch of the same values."""
        result = Sketch()
        result.count = self.count
        result.levels = [Level([part.copy() for part in level.parts], level.size, level.odd) for level in self.levels]
        return result

    def compressed(self) -> list[Floats]:
        """Levels of Model Monitor's size: k items at the top, 0.64 of it at each level below."""
        small = self.copy()
        while small.levels and not small.levels[-1].size:
            small.levels.pop()
        while (height := small._first_above_capacity()) is not None:
            small._compact(height)
        return [level.items() for level in small.levels]

    def _first_above_capacity(self) -> int | None:
        top = len(self.levels) - 1
        for height, level in enumerate(self.levels):
            if level.size > max(2, int(K * SHRINKING_FACTOR ** (top - height))):
                return height
        return None

    def ranks(self) -> Ranks:
        """The cumulative distribution that the sketch holds."""
        if self._ranks is None:
            self._ranks = Ranks.of_levels([level.items() for level in self.levels])
        return self._ranks


@dataclass(frozen=True)
class Ranks:
    """A step function: how many values are at most `values[i]`."""

    values: Floats
    cumulative: npt.NDArray[np.int64]

    @classmethod
    def of_levels(cls, levels: Sequence[Floats | Sequence[float]]) -> Ranks:
        """From the items of each level, the lowest (weight 1) first."""
        arrays = [np.asarray(level, dtype=np.float64) for level in levels]
        if not arrays:
            return cls(_EMPTY, np.empty(0, np.int64))
        items = np.concatenate(arrays)
        if not items.size:
            return cls(_EMPTY, np.empty(0, np.int64))
        weights = np.repeat(np.left_shift(1, np.arange(len(arrays))), [a.size for a in arrays])
        order = np.argsort(items)
        items = items[order]
        last_of_its_value = np.append(items[1:] != items[:-1], True)
        return cls(items[last_of_its_value], weights[order].cumsum()[last_of_its_value])

    @property
    def count(self) -> int:
        return int(self.cumulative[-1]) if self.cumulative.size else 0

    def at_most(self, points: Floats) -> npt.NDArray[np.int64]:
        """How many values are at most each point."""
        return np.concatenate(([0], self.cumulative))[np.searchsorted(self.values, points, side="right")]

    def below(self, points: Floats) -> npt.NDArray[np.int64]:
        """How many values are below each point."""
        return np.concatenate(([0], self.cumulative))[np.searchsorted(self.values, points, side="left")]

    def quantile(self, share: float) -> float:
        """The smallest value with at least this share of all values at or below it."""
        position = np.searchsorted(self.cumulative, max(1, np.ceil(share * self.count)), side="left")
        return float(self.values[min(int(position), self.values.size - 1)])
