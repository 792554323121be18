"""Captured traffic with its labels: what the types that compare predictions with ground truth share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.analysis import LabelCounts, NoData, Traffic, UnreadableCaptures, unreadable
from monitor.settings import LabelledSettings

if TYPE_CHECKING:
    import polars


class UnreadableLabels(ValueError):
    """There are files of labels, but not one record in them can be read; shows why, with a sample."""


class UnusableRecords(ValueError):
    """Captures found their labels, but not one row has all that the analysis needs; says what is lacking."""


class LabelledTraffic:
    """One reading of captures and labels.

    A label belongs to the record whose inference id, or else event id, it carries. Of several labels for one id the
    last one uploaded counts, of several captures with one id the first, so that repeats on either side change nothing.

    A label is late when it took longer than the offset between window and run: it was found because its prediction was
    made early in the window, and one made at the end would have missed the run. Late ones are used and counted.
    """

    def __init__(
        self, traffic: Traffic, settings: LabelledSettings, *, columns: Sequence[str] | None, with_input: bool
    ) -> None:
        from model_analyzer import inputs

        self._traffic = traffic
        self._settings = settings
        self._columns = columns
        self._with_input = with_input
        self._read_labels = inputs.InputReport()
        #: Counts of reading captures.
        self.read = inputs.InputReport()
        #: Counts of joining.
        self.join = inputs.JoinReport()

    def frames(self) -> Iterator[polars.DataFrame]:
        """Joined rows, batch by batch; the label is in the column `ground_truth`.

        Raises :class:`UnreadableLabels`.
        """
        from model_analyzer import inputs

        labels = inputs.read_ground_truth(self._traffic.labels, report=self._read_labels)
        if not labels.records and self._read_labels.broken_lines:
            raise UnreadableLabels(unreadable(self._read_labels, "label records"))
        frames = inputs.read_joined(
            self._traffic.captures,
            labels,
            columns=self._columns,
            with_input=self._with_input,
            report=self.read,
            join=self.join,
            allowed_delay=timedelta(hours=self._settings.offset_hours),
        )
        member = f"{inputs.GROUND_TRUTH}_{self._settings.ground_truth_attribute}"
        for frame in frames:
            if member in frame.columns and inputs.GROUND_TRUTH not in frame.columns:
                yield frame.rename({member: inputs.GROUND_TRUTH})
            else:
                yield frame

    def nothing(self, rows: int, unusable: Mapping[str, int]) -> NoData | None:
        """Why there is nothing to analyse, after all frames were read; None if there is something.

        Raises :class:`UnreadableCaptures` and :class:`UnusableRecords`.
        """
        if not self.join.captures:
            if self.read.broken_lines:
                raise UnreadableCaptures(unreadable(self.read, "captured records"))
            return NoData("NoCaptures")
        if not self.join.matched:
            return NoData("NoLabels", self.join.captures, self.broken, self.counts(0))
        if not rows:
            reasons = [f"{reason} ({count})" for reason, count in [*unusable.items(), *self.read.broken.most_common(3)]]
            raise UnusableRecords(
                f"{self.join.matched} captured records found their labels, but none of their rows can be used: "
                f"{', '.join(reasons)}; check the names of the monitor's columns"
            )
        return None

    @property
    def broken(self) -> int:
        """Captured records that cannot be read."""
        return self.read.broken_lines - self.join.unusable

    def counts(self, unusable_rows: int) -> LabelCounts:
        """What became of the labels; rows without a usable label or prediction count as unusable."""
        join = self.join
        return LabelCounts(
            matched=join.matched,
            unlabelled=join.captures_without_label,
            late=join.late_labels,
            duplicates=join.duplicate_labels,
            conflicting=join.conflicting_labels,
            without_capture=join.labels_without_capture,
            broken=self._read_labels.broken_lines,
            unusable=join.unusable + unusable_rows,
            median_delay_hours=join.delay(0.5),
            longest_delay_hours=join.delay(1.0),
        )
