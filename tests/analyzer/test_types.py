"""Type inference against the rules as the Java regular expressions of Deequ state them."""

from __future__ import annotations

import re
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_analyzer.data_quality import profile

FRACTIONAL = re.compile(r"(-|\+)? ?[0-9]+((\.[0-9]+)|((?:\.[0-9]+)?[Ee][-+]?[0-9]+))")
INTEGRAL = re.compile(r"(-|\+)? ?[0-9]+")
ODD_FORMS = ["1.", ".5", "NaN", "nan", "inf", "-inf", "1,000", " 1 ", "1 ", "1_000", "0x1f", "1e", "e5", "--1", "+"]
ODD_FORMS += ["-", "٣", "1.5.2", "Infinity", "1\n", "TRUE", "True", "", "- 5", " 5", "+ 5", "- 1.5", "1e999", "007"]
ODD_FORMS += ["9" * 25]

number_like = st.from_regex(r"\A[-+]? ?[0-9]{0,22}\.?[0-9]{0,4}([eE][-+]?[0-9]{1,3})?\Z")
cells = st.one_of(
    st.sampled_from([*ODD_FORMS, "true", "false"]),
    number_like,
    st.floats(allow_nan=True).map(repr),
    st.integers().map(str),
    st.text(max_size=8),
)


def kind_of(value: str) -> str:
    if FRACTIONAL.fullmatch(value):
        return "fractional"
    if INTEGRAL.fullmatch(value):
        return "integral"
    return "boolean" if value in ("true", "false") else "string"


@given(st.lists(st.one_of(st.none(), cells), max_size=60))
def test_every_value_is_counted_by_its_written_form(values):
    counts = profile(pl.DataFrame({"x": pl.Series(values, dtype=pl.String)})).features["x"].types
    expected = [kind_of(value) for value in values if value is not None]
    for kind in ("integral", "fractional", "boolean", "string"):
        assert getattr(counts, kind) == expected.count(kind), kind


@pytest.mark.parametrize("form", ODD_FORMS)
def test_odd_forms_among_many_ordinary_numbers(form):
    values = [f"{n}.25" for n in range(600)] + [form] + [str(n) for n in range(600)]
    counts = profile(pl.DataFrame({"x": values})).features["x"].types
    expected = [kind_of(value) for value in values]
    assert counts.string == expected.count("string")
    assert counts.fractional == expected.count("fractional")
    assert counts.integral == expected.count("integral")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([None, None], "Unknown"),
        ([], "Unknown"),
        (["1", "2"], "Integral"),
        (["1", "2.0"], "Fractional"),
        (["1", None], "Integral"),
        (["1", "a"], "String"),
        (["true", "false"], "String"),
        (["true", "1"], "String"),
        (["1.0", "NaN"], "String"),
    ],
)
def test_type_of_a_column(text_profile, values, expected):
    assert text_profile(values).features["x"].inferred_type == expected


@pytest.mark.parametrize(
    ("series", "expected", "present"),
    [
        (pl.Series([1, 2, None], dtype=pl.Int32), "Integral", 2),
        (pl.Series([1.0, float("nan"), float("inf"), None]), "Fractional", 1),
        (pl.Series([True, False, None]), "String", 2),
        (pl.Series([None, None], dtype=pl.Null), "Unknown", 0),
        (pl.Series(["a", "b"], dtype=pl.Categorical), "String", 2),
        (pl.Series([[1], [2, 3]]), "String", 2),
        (pl.Series([{"a": 1}, {"a": 2}]), "String", 2),
        (pl.Series([b"\xff", b"a"]), "String", 2),
        (pl.Series(["2024-01-01"]).str.to_date(), "String", 1),
        (pl.Series([timedelta(seconds=90), None], dtype=pl.Duration), "String", 1),
        (pl.Series(["1.50"]).str.to_decimal(scale=2), "Fractional", 1),
        (pl.Series([2**63 + 5], dtype=pl.UInt64), "Integral", 1),
    ],
)
def test_typed_columns(series, expected, present):
    feature = profile(pl.DataFrame({"x": series})).features["x"]
    assert (feature.inferred_type, feature.present) == (expected, present)


def test_share_of_a_type(text_profile):
    types = text_profile(["1", "2.5", "x", None]).features["x"].types
    assert types.share_of("Integral") == pytest.approx(1 / 3)
    assert types.share_of("Fractional") == pytest.approx(2 / 3)
    assert types.share_of("String") == 1.0
