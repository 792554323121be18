"""Every metric equals AWS's open implementation, in healthy tables and in degenerate ones."""

from __future__ import annotations

import math

import polars as pl
import pytest

from model_analyzer.bias import BiasAnalysis, BiasConfig, Facet, analysis, summarize

FEATURES = ["income", "wealth"]


def case(frame: pl.DataFrame, facet: str, values: list | None, labels: list, group: str | None = "region") -> dict:
    columns = [facet, *[name for name in FEATURES if name in frame.columns and name != facet], "label", "predicted"]
    columns += [group] if group else []
    return {
        "data": frame.select(columns).to_dict(as_series=False),
        "facet": facet,
        "facet_values": values,
        "label_values": labels,
        "group": group,
    }


def ours(question: dict) -> dict[tuple[str, str], dict[str, float | None]]:
    values, labels = question["facet_values"], question["label_values"]
    continuous = values is not None and len(values) == 1 and not isinstance(values[0], str)
    facet = Facet(
        question["facet"],
        threshold=values[0] if continuous else None,
        values=tuple(values) if values and not continuous else None,
    )
    label_threshold = labels[0] if isinstance(labels[0], float) else None
    config = BiasConfig(
        (facet,),
        label="label",
        predicted_label="predicted",
        label_values=None if label_threshold is not None else tuple(map(str, labels)),
        label_threshold=label_threshold,
        group_variable=question["group"],
    )
    body = analysis(summarize(pl.DataFrame(question["data"]), config))
    found: dict[tuple[str, str], dict[str, float | None]] = {}
    for entry in BiasAnalysis(body).entries:
        found.setdefault((entry.section, entry.group), {})[entry.name] = entry.value
    return found


def few(frame: pl.DataFrame) -> pl.DataFrame:
    """Twelve rows, six of each prediction. Labels are text, as numbers in so few rows pass for continuous there."""
    rows = pl.concat([frame.filter(pl.col("predicted") == guess).head(6) for guess in (0, 1)])
    return rows.with_columns(pl.col("label", "predicted").replace_strict({0: "no", 1: "yes"}))


def theirs(answer: dict) -> dict[tuple[str, str], dict[str, float | None]]:
    return {
        (f"{stage}_bias_metrics", group["value_or_threshold"]): {
            metric["name"]: None if metric["value"] is None else float(metric["value"]) for metric in group["metrics"]
        }
        for stage, groups in answer.items()
        for group in groups
    }


def all_cases(applicants) -> dict[str, dict]:
    frame = applicants(1500)
    small = frame[:60]
    one_sided = small.with_columns(label=pl.when(pl.col("gender") == "f").then(0).otherwise(pl.col("label")))
    never = small.with_columns(predicted=pl.when(pl.col("gender") == "f").then(0).otherwise(pl.col("predicted")))
    scores = frame.with_columns(label=pl.col("income") * 1.5, predicted=pl.col("income") * 1.4 + pl.col("wealth"))
    fewer = applicants(800)
    return {
        "values": case(frame, "gender", ["f", "x"], [1]),
        "value by value": case(frame, "gender", None, [1]),
        "threshold": case(frame[:1000], "age", [60], [1]),
        "threshold with decimals": case(frame, "income", [55.5], [1]),
        "without group": case(frame, "gender", ["f", "x"], [1], group=None),
        "negative label is the good one": case(frame, "gender", ["f", "x"], [0]),
        "no positive label among the disadvantaged": case(one_sided, "gender", ["f", "x"], [1]),
        "nobody of the disadvantaged is accepted": case(never, "gender", ["f", "x"], [1]),
        "few neighbours": case(few(frame), "gender", ["f", "x"], ["yes"]),
        "label threshold": case(scores.drop("income")[:1000], "age", [60], [80.0]),
        "flip test": case(fewer, "gender", ["f", "x"], [1], group=None),
        "flip test with few neighbours": case(few(fewer), "gender", ["f", "x"], ["yes"], group=None),
        "flip test by threshold": case(fewer, "age", [60], [1], group=None),
        "flip test value by value": case(fewer, "gender", None, [1], group=None),
    }


@pytest.mark.oracle
def test_every_metric_equals_the_open_implementation(applicants, oracle):
    cases = all_cases(applicants)
    answers = oracle("reference", "clarify_bias.py", list(cases.values()))
    for name, question, answer in zip(cases, cases.values(), answers, strict=True):
        expected, found = theirs(answer), ours(question)
        assert set(found) == set(expected), name
        for key, metrics in expected.items():
            assert set(found[key]) == set(metrics), (name, key)
            assert not name.startswith("flip test") or metrics.get("FT", 0.0) is not None
            for metric, value in metrics.items():
                if metric == "FT" and question["group"] is not None:
                    continue
                mine = found[key][metric]
                if value is None or mine is None or math.isinf(value):
                    assert mine == value, (name, key, metric)
                else:
                    assert mine == pytest.approx(value, rel=1e-9, abs=1e-12), (name, key, metric)
