"""Labels, scores and groups of any text and any float: a file of strict JSON, and the same from any parts."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_analyzer import bias, model_quality, report

anything = st.one_of(
    st.none(),
    st.text(max_size=5),
    st.sampled_from(["0", "1", "1.0", "true", "False", " 1 ", "NaN", "inf", "-inf", "1e400", "1_0", "0.7"]),
    st.floats().map(repr),
    st.integers().map(str),
)
rows = st.lists(st.tuples(anything, anything, anything), min_size=1, max_size=60)
NOW = datetime(2025, 3, 1, tzinfo=UTC)
TASKS = [
    model_quality.Task("BinaryClassification", ground_truth="a", probability="b"),
    model_quality.Task("BinaryClassification", ground_truth="a", inference="b", positive_label="ja"),
    model_quality.Task("MulticlassClassification", ground_truth="a", inference="b"),
    model_quality.Task("Regression", ground_truth="a", inference="b"),
]
CONFIGS = [
    bias.BiasConfig((bias.Facet("c"),), label="a", predicted_label="b"),
    bias.BiasConfig((bias.Facet("c", values=("1", "true")),), label="a", probability="b", group_variable="c"),
    bias.BiasConfig((bias.Facet("c", threshold=0.5),), label="a", label_threshold=0, predicted_label="b"),
]


def frame_of(cells: list[tuple[str | None, ...]]) -> pl.DataFrame:
    # Half a surrogate pair is no text; readers replace them.
    clean = [tuple(None if cell is None else cell.encode(errors="replace").decode() for cell in row) for row in cells]
    return pl.DataFrame(clean, schema=dict.fromkeys("abc", pl.String), orient="row")


def strict(body: object) -> str:
    return json.dumps(body, allow_nan=False, ensure_ascii=False)


def alike(first: object, second: object) -> None:
    """Equal but for the last digits of numbers."""
    if isinstance(first, dict) and isinstance(second, dict):
        assert list(first) == list(second)
        for key in first:
            alike(first[key], second[key])
    elif isinstance(first, list) and isinstance(second, list):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            alike(one, other)
    elif isinstance(first, float) and isinstance(second, float):
        assert math.isclose(first, second, rel_tol=1e-9, abs_tol=1e-9)
    else:
        assert first == second


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.problem_type)
@given(rows, st.integers(0, 60))
def test_model_quality(task, cells, cut):
    frame = frame_of(cells)
    cut = min(cut, frame.height)
    whole = model_quality.summarize(frame, task)
    assert whole.rows + sum(whole.unusable.values()) == frame.height
    body = model_quality.statistics(whole, NOW)
    strict(body)
    report.model_quality_html(body)
    parts = model_quality.summarize(frame[cut:], task, cut), model_quality.summarize(frame[:cut], task)
    alike(model_quality.statistics(model_quality.merge(*parts), NOW), body)


@pytest.mark.parametrize("config", CONFIGS, ids=["values in turn", "values", "thresholds"])
@given(rows, st.integers(0, 60))
def test_bias(config, cells, cut):
    frame = frame_of(cells)
    cut = min(cut, frame.height)
    whole = bias.summarize(frame, config)
    assert whole.rows + sum(whole.unusable.values()) == frame.height
    body = bias.analysis(whole)
    strict(body)
    report.bias_html(body)
    assert (
        bias.analysis(bias.merge(bias.summarize(frame[cut:], config, cut), bias.summarize(frame[:cut], config))) == body
    )
