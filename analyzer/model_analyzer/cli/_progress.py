"""Progress of long work on stderr: one line that is written over in a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from model_analyzer.inputs import InputReport

AFTER_SECONDS = 2.0
TERMINAL_SECONDS = 0.5
LOG_SECONDS = 15.0


class Progress:
    """Says how far the work is, once it takes long."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self._start = self._shown = time.monotonic()
        self._terminal = sys.stderr.isatty()
        self._drawn = False

    def show(self, rows: int, what: str) -> None:
        """Say that so many rows are done, if it is time to."""
        now = time.monotonic()
        every = TERMINAL_SECONDS if self._terminal else LOG_SECONDS if self._drawn else 0.0
        if self.quiet or now - self._start < AFTER_SECONDS or now - self._shown < every:
            return
        text = f"{rows:,} rows {what}, {rows / (now - self._start):,.0f} rows/s"
        sys.stderr.write(f"\r{text} " if self._terminal else f"{text}\n")
        sys.stderr.flush()
        self._shown, self._drawn = now, True

    def end(self) -> None:
        """Leave the line."""
        if self._drawn and self._terminal:
            sys.stderr.write("\n")


def with_progress(batches: Iterator[pl.DataFrame], report: InputReport, quiet: bool) -> Iterator[pl.DataFrame]:
    """The batches, with progress when it takes long."""
    progress = Progress(quiet)
    for batch in batches:
        yield batch
        progress.show(report.rows, f"from {report.files:,} file{'' if report.files == 1 else 's'}")
    progress.end()
