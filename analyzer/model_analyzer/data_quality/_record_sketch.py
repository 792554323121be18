"""Whole rows of a table, batch by batch: how often they occur, and some of them."""

from __future__ import annotations

import numpy as np
import polars as pl

from ._fingerprints import Sums, fingerprints
from ._repeats import RepeatSketch
from ._sample import RowSample

_ROWS_AT_ONCE = 20_000
_CELLS_AT_ONCE = 1 << 21
_FRAMES_AT_ONCE = 500
"""A frame of one row takes kilobytes for each of its columns."""


class RecordSketch:
    """What is known about whole rows: how often they occur, and a sample of them."""

    __slots__ = ("_pending", "_pending_rows", "_repeats", "_sample")

    def __init__(self) -> None:
        self._repeats = RepeatSketch()
        self._sample = RowSample()
        self._pending: list[tuple[pl.DataFrame, Sums]] = []
        self._pending_rows = 0

    def add(self, frame: pl.DataFrame, sums: Sums | None = None) -> None:
        """Add a batch, with what is known of its rows' sums; see `fingerprints`.

        Small ones are looked at together, because each column of each costs the same few calls.
        """
        sums = Sums(frame.height) if sums is None else sums
        if self._pending and (self._pending[0][0].schema, self._pending[0][1].names) != (frame.schema, sums.names):
            self.settle()
        self._pending.append((frame, sums))
        self._pending_rows += frame.height
        enough = self._pending_rows >= min(_ROWS_AT_ONCE, _CELLS_AT_ONCE / max(frame.width, 1))
        if enough or len(self._pending) >= _FRAMES_AT_ONCE:
            self.settle()

    def merged(self, other: RecordSketch) -> RecordSketch:
        """The sketch of both; neither changes."""
        result = RecordSketch()
        result._repeats = self.repeats.merged(other.repeats)
        result._sample = self.sample.merged(other.sample)
        return result

    @property
    def repeats(self) -> RepeatSketch:
        """How often rows occur."""
        self.settle()
        return self._repeats

    @property
    def sample(self) -> RowSample:
        """Some of the rows."""
        self.settle()
        return self._sample

    def settle(self) -> None:
        """Look at what is pending; afterwards the sketch can travel to other processes."""
        if not self._pending:
            return
        frame, sums = self._pending[0]
        if len(self._pending) > 1:
            frame = pl.concat([part for part, _ in self._pending])
            sums.total = np.concatenate([part.total for _, part in self._pending])
        self._pending, self._pending_rows = [], 0
        # Of rows without columns, all of which are equal, several frames together have no height.
        if sums.total.size:
            hashes = fingerprints(frame, sums)
            self._repeats.add(hashes)
            if frame.width:
                self._sample.add(frame, hashes)
