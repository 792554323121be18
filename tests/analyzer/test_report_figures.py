"""Pages drawn from files alone."""

from __future__ import annotations

import re

import polars as pl
import pytest

from model_analyzer.data_quality import profile, statistics
from model_analyzer.report import data_quality_html
from model_analyzer.report._data_quality import _figures
from model_analyzer.report._distributions import BINS, _edges


@pytest.mark.parametrize(
    ("description", "figures"),
    [
        ("Baseline drift distance: 0.25 exceeds threshold: 0.1", {"value": 0.25, "threshold": 0.1}),
        (
            "Data type match requirement is not met. Expected data type: Integral, Expected match: 100.0%. "
            "Observed: Only 99.5% of data is Integral.",
            {"value": 0.995, "threshold": 1.0},
        ),
        ("Value: 0.0 does not meet the constraint requirement! ", {"value": 0.0}),
        (
            "Value: 0.8 does not meet the constraint requirement! Expected completeness: at least 0.97.",
            {"value": 0.8, "threshold": 0.97},
        ),
        ("There are extra columns in current dataset.", {}),
    ],
)
def test_value_and_threshold_are_read_from_the_wording(description, figures):
    assert _figures(description) == pytest.approx(figures)


@pytest.mark.parametrize(
    ("low", "high", "whole", "expected"),
    [
        (100, 119, True, [100 + number for number in range(21)]),
        (18, 89, True, [18 + 3 * number for number in range(25)]),
        (-5.5, 200.5, True, [-6 + 8 * number for number in range(27)]),
        (3, 3, True, [3, 4]),
        (0, 28, False, list(range(29))),
    ],
)
def test_bins_of_whole_numbers_hold_equally_many_of_them(low, high, whole, expected):
    edges = _edges(low, high, whole=whole).tolist()

    assert edges == expected
    assert len(edges) <= BINS + 1


def test_bars_of_whole_numbers_are_no_comb():
    series = pl.DataFrame({"code": [number % 20 for number in range(400)]})

    page = data_quality_html(statistics(profile(series)))

    shares = re.findall(r"<title>\d+ to \d+: ([\d.]+) %</title>", page)
    assert shares == ["5"] * 20
