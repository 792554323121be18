"""Pages drawn from files alone."""

from __future__ import annotations

import pytest

from model_analyzer.report._data_quality import _figures


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
