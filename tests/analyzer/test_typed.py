"""Columns read as numbers: the profile is the one that text gives, whatever the text."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_analyzer import data_quality, inputs
from model_analyzer.data_quality._feature import NUMBER_CAP
from model_analyzer.inputs import _sources
from model_analyzer.inputs._typed import LEAST_DISTINCT, Marks, NumberColumns, named_frame

ROWS = 6_000


def block(chance: np.random.Generator, rows: int = ROWS) -> pl.DataFrame:
    """Decimals, whole numbers, text with and without points, few distinct numbers."""
    return pl.DataFrame(
        {
            "decimal": [f"{value:.4f}" for value in chance.normal(0, 1000, rows)],
            "whole": [str(value) for value in chance.integers(-(10**9), 10**9, rows)],
            "few": [str(value) for value in chance.integers(0, 9, rows)],
            "text": [f"v{value}.{value % 7}" for value in chance.integers(0, 50, rows)],
        }
    )


def csv_of(*parts: pl.DataFrame) -> bytes:
    return b"".join(part.write_csv(include_header=not n, quote_style="never").encode() for n, part in enumerate(parts))


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks so small that files of a few thousand rows have several."""
    monkeypatch.setattr(_sources.blocks, "__defaults__", (False, 1 << 17, None))


def profiles(data: bytes, **options) -> list[data_quality.Profile]:
    return [
        data_quality.profile_all(inputs.read_table(("d.csv", data), numbers=numbers, **options))
        for numbers in (False, True)
    ]


def the_same(text: data_quality.Profile, typed: data_quality.Profile) -> None:
    assert text.rows == typed.rows
    assert data_quality.statistics(text) == data_quality.statistics(typed)
    for a, b in zip(text.ordered(), typed.ordered(), strict=True):
        assert (a.types, a.overflowing, a.negative) == (b.types, b.overflowing, b.negative)
        assert a.numbers.distinct() == b.numbers.distinct()
        assert a.texts.most_common() == b.texts.most_common()


ODD = {
    "as it is": None,
    "a whole number among decimals": ("decimal", "5"),
    "a point at the front": ("decimal", ".5"),
    "a point at the end": ("decimal", "5."),
    "an exponent without a point": ("decimal", "1e5"),
    "an exponent with a point": ("decimal", "1.5e5"),
    "an exponent behind a point": ("decimal", "1.e5"),
    "beyond a double": ("decimal", "1.5e400"),
    "not a number": ("decimal", "NaN"),
    "infinite": ("decimal", "-inf"),
    "a blank in front": ("decimal", " 5.0"),
    "a tab in front": ("whole", "\t5"),
    "missing": ("decimal", ""),
    "a plus and zeros": ("whole", "+0005"),
    "beyond 64 bits": ("whole", "99999999999999999999"),
    "text": ("whole", "unknown"),
    "a sign with a blank": ("whole", "- 5"),
    "text of points": ("text", "..."),
    "text with an inner point": ("text", "10.0.0.1"),
    "text with a blank in front": ("text", " x"),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_the_profile_is_the_same(odd, small_blocks):
    first, second = (block(np.random.default_rng(seed)) for seed in (1, 2))
    if odd is not None:
        column, value = odd
        values = second[column].to_list()
        values[4_000] = value
        second = second.with_columns(pl.Series(column, values))
    the_same(*profiles(csv_of(first, second)))


def test_numbers_come_as_numbers(small_blocks):
    data = csv_of(*(block(np.random.default_rng(seed)) for seed in (1, 2)))
    frames = list(inputs.read_table(("d.csv", data), numbers=True))
    assert frames[0].dtypes == [pl.String] * 4
    assert {tuple(frame.dtypes) for frame in frames[1:]} == {(pl.Float64, pl.Int64, pl.String, pl.String)}
    assert all(frame.dtypes == [pl.String] * 4 for frame in inputs.read_table(("d.csv", data)))


def test_line_ends_of_windows(small_blocks):
    data = csv_of(block(np.random.default_rng(1))).replace(b"\n", b"\r\n")
    the_same(*profiles(data))


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_empty_lines_of_a_single_column_are_no_rows(end, small_blocks):
    lines = [b"%d" % (7 * number) for number in range(60_000)]
    data = end.join([b"x", *lines[:50_000], b"", *lines[50_000:]]) + end
    text, typed = profiles(data)
    assert typed.rows == 60_000
    the_same(text, typed)


def test_captured_traffic(capture_line):
    chance = np.random.default_rng(3)
    files = []
    for name in "abc":
        rows = block(chance, 2_500).iter_rows()
        lines = [capture_line(",".join(row), f"{chance.random():.6f}") for row in rows]
        files.append((f"{name}.jsonl", b"".join(lines)))
    text, typed = (data_quality.profile_all(inputs.read_capture(files, numbers=numbers)) for numbers in (False, True))
    the_same(text, typed)
    dtypes = [frame.dtypes[0] for frame in inputs.read_capture(files, numbers=True)]
    assert dtypes == [pl.String, pl.Float64, pl.Float64]


def test_after_a_few_failures_it_is_left_alone():
    columns, good = NumberColumns(), block(np.random.default_rng(1))
    columns.learn(good)
    body = good.write_csv(include_header=False).encode()
    assert named_frame(body, good.columns, ",", columns).dtypes == [pl.Float64, pl.Int64, pl.String, pl.String]
    for _ in range(3):
        assert named_frame(b"x,1,1,a\n", good.columns, ",", columns).dtypes == [pl.String] * 4
    assert named_frame(body, good.columns, ",", columns).dtypes == [pl.String] * 4


def test_only_columns_beyond_the_cap_of_written_forms():
    assert LEAST_DISTINCT >= NUMBER_CAP


@given(st.lists(st.text(alphabet=".0 9,\t\na-", max_size=12), min_size=1, max_size=40), st.integers(0, 3))
def test_marks(lines, shift):
    from model_analyzer.inputs import _typed

    data = ("\n".join(lines) + "\n").encode()
    piece = _typed._PIECE
    try:
        _typed._PIECE = (1 << 18, 1, 3, 7)[shift]
        marks = Marks.of(data, ",")
    finally:
        _typed._PIECE = piece
    text = "\n" + data.decode()
    points = [n for n, character in enumerate(text) if character == "."]
    assert marks == Marks(
        data.count(b","),
        len(points),
        sum(text[n - 1].isdigit() and text[n + 1].isdigit() for n in points),
        any(text[n] in " \t" and text[n - 1] in ",\n" for n in range(1, len(text))),
    )
