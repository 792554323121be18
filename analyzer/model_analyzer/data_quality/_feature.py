"""What is known about one column, in a form that merges."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from model_analyzer._arrays import Floats

from ._distinct import ValueCounts
from ._kll import Sketch
from ._moments import Moments
from ._types import Cells, CountedCells, InferredType, TypeCounts

TEXT_CAP = 100_000
TEXT_CAP_BYTES = 64 * 1024 * 1024
NUMBER_CAP = 1_000
NUMBER_CAP_BYTES = 1024 * 1024


@dataclass
class FeatureProfile:
    """What is known about one column.

    Attributes:
        name: The column's name.
        position: The leftmost position at which it was seen.
        types: Present values by written form.
        moments: Of the numeric values.
        sketch: Quantiles of the numeric values.
        numbers: Counts of the numeric values in their written form, which matter once text turns up as well.
        texts: Counts of the other values.
        negative: How many numeric values are below zero.
        overflowing: Numeric values beyond the range of a double, which moments and sketch leave out.
    """

    name: str
    position: int
    types: TypeCounts = field(default_factory=TypeCounts)
    moments: Moments = field(default_factory=Moments)
    sketch: Sketch = field(default_factory=Sketch)
    numbers: ValueCounts = field(default_factory=lambda: ValueCounts(NUMBER_CAP, NUMBER_CAP_BYTES, numeric=True))
    texts: ValueCounts = field(default_factory=lambda: ValueCounts(TEXT_CAP, TEXT_CAP_BYTES))
    negative: int = 0
    overflowing: int = 0

    @property
    def present(self) -> int:
        """Values that are not missing."""
        return self.types.present

    @property
    def inferred_type(self) -> InferredType:
        return self.types.inferred

    def add(self, cells: Cells) -> None:
        """Add values one by one; sorts their numbers in place."""
        self.types += cells.counts
        self.overflowing += cells.overflowing
        self.numbers.add(cells.numeric, cells.numbers)
        self.texts.add(cells.text)
        cells.numbers.sort()
        self._add_sorted(cells.numbers)

    def add_many(self, counts: TypeCounts, numbers: Floats) -> None:
        """Add numbers in order to a column whose numbers are too many to count each."""
        assert self.numbers.sketch is not None  # noqa: S101 - that is what tells that they are too many
        self.types += counts
        self.numbers.sketch.add_numbers(numbers)
        self._add_sorted(numbers)

    def _add_sorted(self, numbers: Floats) -> None:
        if numbers.size:
            self.moments += Moments.of(numbers)
            self.negative += int(np.searchsorted(numbers, 0.0, side="left"))
            self.sketch.add_sorted(numbers)

    def add_counted(self, cells: CountedCells) -> None:
        """Add distinct values, each as often as it was counted."""
        self.types += cells.counts
        self.overflowing += cells.overflowing
        self.numbers.add_counted(cells.numeric)
        self.texts.add_counted(cells.text)
        numbers, weights = cells.numbers, cells.weights
        if numbers.size:
            self.moments += Moments.of_counted(numbers, weights)
            self.negative += int(weights[: np.searchsorted(numbers, 0.0, side="left")].sum())
            self.sketch.add_counted(numbers, weights)

    def merged(self, other: FeatureProfile) -> FeatureProfile:
        """The profile of both parts; neither changes."""
        return FeatureProfile(
            self.name,
            min(self.position, other.position),
            self.types + other.types,
            self.moments + other.moments,
            self.sketch.merged(other.sketch),
            self.numbers.merged(other.numbers),
            self.texts.merged(other.texts),
            self.negative + other.negative,
            self.overflowing + other.overflowing,
        )
