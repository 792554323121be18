"""Loose rows, by position or by name, gathered into frames of text columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from ._csv import positional_names
from ._json import Row

ROWS_PER_FRAME = 50_000


def frames_of(rows: Iterable[Row], columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
    """Frames of rows with equal columns; rows of another shape start a frame of their own."""
    gathered: dict[tuple[str, ...], list[list[str | None]]] = {}
    count = 0
    for row in rows:
        if isinstance(row, dict):
            names, values = tuple(row), list(row.values())
        else:
            names, values = tuple(positional_names(len(row), columns)), row
        gathered.setdefault(names, []).append(values)
        count += 1
        if count >= ROWS_PER_FRAME:
            yield from _flush(gathered)
            count = 0
    yield from _flush(gathered)


def _flush(gathered: dict[tuple[str, ...], list[list[str | None]]]) -> Iterator[pl.DataFrame]:
    for names, rows in gathered.items():
        if names:
            yield pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    gathered.clear()
