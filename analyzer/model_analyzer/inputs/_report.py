"""What happened while data was read: counts, and samples of what did not fit."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

SAMPLE_LIMIT = 20
SAMPLE_CHARACTERS = 200


@dataclass(frozen=True)
class Problem:
    """One line or file that could not be used: where it is, why, and how it begins."""

    source: str
    line: int | None
    reason: str
    text: str


@dataclass
class InputReport:
    """Counts of one reading; readers add to the report that they are given, so several readings may share one.

    Attributes:
        files: Files opened.
        empty_files: Files without a single byte.
        records: Captured records, or lines of a table, that were usable.
        rows: Rows handed on (a captured record may carry several).
        broken: Lines, records or files left out, by reason.
        replaced_lines: Lines kept although some of their characters are not UTF-8 and had to be replaced.
        passed_over: Files of other formats inside the folders.
        samples: The first of those, at most twenty, cut to 200 characters.
        skipped_shadow: Records of shadow traffic, which are no production traffic.
        outside_window: Records whose inference time lies outside the window asked for.
        encodings: Captured sides by encoding (CSV, JSON, BASE64).
        widths: Rows by number of columns; more than one entry means that the schema changed on the way.
    """

    files: int = 0
    empty_files: int = 0
    records: int = 0
    rows: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    replaced_lines: int = 0
    passed_over: int = 0
    samples: list[Problem] = field(default_factory=list)
    skipped_shadow: int = 0
    outside_window: int = 0
    encodings: Counter[str] = field(default_factory=Counter)
    widths: Counter[int] = field(default_factory=Counter)

    @property
    def broken_lines(self) -> int:
        """How many lines, records or files were left out."""
        return self.broken.total()

    def add_problem(self, source: str, line: int | None, reason: str, text: str = "") -> None:
        """Count something that was left out and keep it as a sample while there is room."""
        self.broken[reason] += 1
        if len(self.samples) < SAMPLE_LIMIT:
            self.samples.append(Problem(source, line, reason, text[:SAMPLE_CHARACTERS]))

    def add_rows(self, rows: int, width: int) -> None:
        """Count rows handed on."""
        self.rows += rows
        self.widths[width] += rows

    def absorb(self, other: InputReport) -> None:
        """Add the counts of another reading, and its samples while there is room."""
        self.files += other.files
        self.empty_files += other.empty_files
        self.records += other.records
        self.rows += other.rows
        self.broken += other.broken
        self.replaced_lines += other.replaced_lines
        self.passed_over += other.passed_over
        self.samples += other.samples[: max(0, SAMPLE_LIMIT - len(self.samples))]
        self.skipped_shadow += other.skipped_shadow
        self.outside_window += other.outside_window
        self.encodings += other.encodings
        self.widths += other.widths

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {
            "files": self.files,
            "empty_files": self.empty_files,
            "records": self.records,
            "rows": self.rows,
            "broken_lines": self.broken_lines,
            "broken_by_reason": dict(self.broken.most_common()),
            "replaced_lines": self.replaced_lines,
            "passed_over": self.passed_over,
            "samples": [asdict(sample) for sample in self.samples],
            "skipped_shadow": self.skipped_shadow,
            "outside_window": self.outside_window,
            "encodings": dict(self.encodings.most_common()),
            "widths": {str(width): count for width, count in self.widths.most_common()},
        }
