"""How many rows are different, and how often each occurs: exact up to `CAP` different rows, an estimate beyond.

The `CAP` smallest hashes of rows are kept, each with its count (bottom-k or KMV sketch: Bar-Yossef et al., 2002; Cohen
and Kaplan, 2007). A hash among the smallest of all rows is among the smallest of every part that it occurs in, so the
counts that are kept are exact, and the sketch is the same whatever the order and the grouping of the parts. Beyond the
cap the number of different rows is `(k - 1) / h` for the k-th smallest hash `h` as a share of its range; its relative
standard error is `1 / sqrt(k - 2)` (Beyer et al., 2007), 0.4 % here.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ._fingerprints import Hashes

CAP = 1 << 16
_RANGE = 2.0**64
_AGREEING_ERRORS = 2.0

Counts = npt.NDArray[np.int64]
Again = tuple[Hashes, Counts]
"""Hashes in order, and how often each came again after it was first seen."""

_NONE: Again = (np.empty(0, np.uint64), np.empty(0, np.int64))


class RepeatSketch:
    """The smallest hashes of rows with their counts."""

    __slots__ = ("_again", "_dropped", "_hashes", "_pending", "_pending_again", "_pending_rows", "cap", "rows")

    def __init__(self, cap: int = CAP) -> None:
        self.cap = cap
        self.rows = 0
        self._hashes: Hashes = np.empty(0, np.uint64)
        # Few rows repeat: how often they came again is kept apart, so that hashes alone are sorted.
        self._again = _NONE
        self._pending: list[Hashes] = []
        self._pending_again: list[Again] = []
        self._pending_rows = 0
        self._dropped = False

    def add(self, hashes: Hashes) -> None:
        """Add the hashes of some rows."""
        self.rows += hashes.size
        if self._hashes.size == self.cap:
            # What lies beyond the largest that is kept cannot be among the smallest any more.
            small = hashes[hashes <= self._hashes[-1]]
            self._dropped |= small.size < hashes.size
            hashes = small
        if not hashes.size:
            return
        different, again = _different(hashes)
        self._pending.append(different)
        self._pending_again.append(again)
        self._pending_rows += different.size
        if self._pending_rows > self.cap:
            self._settle()

    def merged(self, other: RepeatSketch) -> RepeatSketch:
        """The sketch of both; neither changes."""
        result = RepeatSketch(min(self.cap, other.cap))
        for part in (self, other):
            result.rows += part.rows
            result._dropped |= part._dropped
            result._pending += [part._hashes, *part._pending]
            result._pending_again += [part._again, *part._pending_again]
        result._settle()
        return result

    @property
    def exact(self) -> bool:
        """Whether every different row is counted."""
        self._settle()
        return not self._dropped

    @property
    def counts(self) -> Counts:
        """How often different rows occur: all of them while exact, else a random sample of them."""
        self._settle()
        counts = np.ones(self._hashes.size, np.int64)
        hashes, times = self._again
        counts[np.searchsorted(self._hashes, hashes)] += times
        return counts

    @property
    def error(self) -> float:
        """Relative standard error of the number of different rows; 0 while exact."""
        return 0.0 if self.exact else 1 / math.sqrt(self.cap - 2)

    def distinct(self) -> float:
        """How many different rows there are.

        Two estimates are at hand beyond the cap. The mean count of the sample is the better one for rows that hardly
        repeat, but blind to a few rows outside it that make up much of the data, which the smallest hashes are not: it
        is taken where both agree.
        """
        if self.exact:
            return float(self._hashes.size)
        by_hashes = (self.cap - 1) / (float(self._hashes[-1]) / _RANGE)
        by_counts = self.rows / float(self.counts.mean())
        agree = abs(by_counts - by_hashes) <= _AGREEING_ERRORS * self.error * by_hashes
        return by_counts if agree else min(by_hashes, float(self.rows))

    def _settle(self) -> None:
        """Put pending hashes together and keep the smallest."""
        if not self._pending:
            return
        different, between = _different(np.concatenate([self._hashes, *self._pending]))
        self._dropped |= different.size > self.cap
        self._hashes = different[: self.cap].copy()
        again = [self._again, *self._pending_again, between]
        self._again = _added(again, self._hashes[-1] if self._hashes.size else np.uint64(0))
        self._pending, self._pending_again, self._pending_rows = [], [], 0


def _different(hashes: Hashes) -> tuple[Hashes, Again]:
    """The different ones in order, and how often some of them come again."""
    ordered = np.sort(hashes)
    new = np.ones(ordered.size, np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    if new.all():
        return ordered, _NONE
    again, times = np.unique(ordered[~new], return_counts=True)
    return ordered[new], (again, times.astype(np.int64))


def _added(parts: list[Again], largest: np.uint64) -> Again:
    """The sums of what parts say of the hashes up to the largest."""
    hashes = np.concatenate([part for part, _ in parts])
    times = np.concatenate([part for _, part in parts])
    near = hashes <= largest
    different, positions = np.unique(hashes[near], return_inverse=True)
    sums = np.zeros(different.size, np.int64)
    np.add.at(sums, positions, times[near])
    return different, sums
