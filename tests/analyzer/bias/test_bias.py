"""Tables, settings, files and drift of bias."""

from __future__ import annotations

import itertools
import json
import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from model_analyzer.bias import BiasAnalysis, BiasConfig, Facet, Summary, analysis, check, merge, summarize
from model_analyzer.bias import _flip as flip_module
from model_analyzer.bias._analysis import interval

CONFIG = BiasConfig(
    (Facet("gender", values=("f", "x")), Facet("age", threshold=60), Facet("region")),
    label="label",
    predicted_label="predicted",
    group_variable="region",
)


def value(body: dict, section: str, facet: str, group: str, name: str) -> float | None:
    entries = {entry.key: entry for entry in BiasAnalysis(body).entries}
    return entries[(f"{section}_training_bias_metrics", facet, group, name)].value


def test_metrics_by_hand():
    frame = pl.DataFrame(
        {
            "sex": ["f"] * 4 + ["m"] * 6,
            "label": [1, 0, 0, 0, 1, 1, 1, 0, 0, 0],
            "guess": [1, 1, 0, 0, 1, 1, 0, 1, 0, 0],
        }
    )
    config = BiasConfig((Facet("sex", values=("f",)),), label="label", predicted_label="guess")
    body = analysis(summarize(frame, config))
    expected = {
        ("pre", "CI"): (6 - 4) / 10,
        ("pre", "DPL"): 3 / 6 - 1 / 4,
        ("pre", "TVD"): 0.25,
        ("pre", "KS"): 0.25,
        ("pre", "KL"): 0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75),
        ("post", "DPPL"): 3 / 6 - 2 / 4,
        ("post", "DI"): (2 / 4) / (3 / 6),
        ("post", "AD"): 4 / 6 - 3 / 4,
        ("post", "RD"): 2 / 3 - 1,
        ("post", "SD"): 2 / 3 - 2 / 3,
        ("post", "DCA"): 3 / 3 - 1 / 2,
        ("post", "DCR"): 3 / 2 - 3 / 3,
        ("post", "DAR"): 2 / 3 - 1 / 2,
        ("post", "DRR"): 2 / 2 - 2 / 3,
        ("post", "TE"): 0 / 1 - 1 / 1,
    }
    for (section, name), number in expected.items():
        assert value(body, section, "sex", "f", name) == pytest.approx(number), name
    assert value(body, "pre", "sex", "f", "CDDL") is None


@given(st.integers(1, 200), st.lists(st.integers(0, 200), max_size=5), st.integers(0, 2**32))
def test_any_split_order_and_grouping(applicants, rows, cuts, seed):
    chance = random.Random(seed)
    frame = applicants(rows, seed=rows)
    edges = sorted({0, rows, *(min(cut, rows) for cut in cuts)})
    parts = [summarize(frame[a:b], CONFIG, a) for a, b in itertools.pairwise(edges)]
    chance.shuffle(parts)
    while len(parts) > 1:
        first = parts.pop(chance.randrange(len(parts)))
        second = parts.pop(chance.randrange(len(parts)))
        parts.append(merge(first, second))
    assert analysis(merge(Summary(CONFIG), parts[0])) == analysis(summarize(frame, CONFIG))


def test_the_sample_of_the_flip_test_is_bounded_and_merges(applicants, monkeypatch):
    monkeypatch.setattr(flip_module, "ROW_CAP", 50)
    frame = applicants(400)
    whole = summarize(frame, CONFIG).flip
    parts = [summarize(frame[n : n + 100], CONFIG, n).flip for n in (200, 0, 300, 100)]
    merged = parts[0].merged(parts[1]).merged(parts[2].merged(parts[3]))
    assert (whole.order.size, whole.seen, merged.seen) == (50, 400, 400)
    assert merged.order.tolist() == whole.order.tolist()
    assert np.array_equal(merged.features, whole.features, equal_nan=True)


@pytest.mark.parametrize("rows", [8, 300])
def test_flip_test_against_scikit_learn(applicants, rows):
    frame = applicants(rows, seed=4).drop("region", "age")
    config = BiasConfig((Facet("gender", values=("f", "x")),), label="label", predicted_label="predicted")
    found = value(analysis(summarize(frame, config)), "post", "gender", "f,x", "FT")
    features, guess = frame.select("income", "wealth").to_numpy(), frame["predicted"].to_numpy()
    here = (frame["gender"] != "m").to_numpy()
    neighbours = KNeighborsClassifier(5 if (~here).sum() > 9 else 1).fit(features[~here], guess[~here])
    expected = (guess[here] - neighbours.predict(features[here])).sum() / here.sum()
    assert found == pytest.approx(expected)


def test_the_flip_test_needs_numbers(applicants):
    body = analysis(summarize(applicants(50), CONFIG))
    metrics = body["post_training_bias_metrics"]["facets"]["age"][0]["metrics"]
    (flip,) = (metric for metric in metrics if metric["name"] == "FT")
    assert flip["value"] is None and "column gender" in flip["error"]


def test_the_threshold_of_the_model_decides():
    frame = pl.DataFrame({"sex": ["f", "f", "m", "m"], "label": [1, 0, 1, 0], "score": [0.7, 0.2, 0.9, 0.4]})
    facet = (Facet("sex", values=("f",)),)
    for threshold, impact in ((0.5, 1.0), (0.8, 0.0), (0.3, 0.5)):
        config = BiasConfig(facet, label="label", probability="score", probability_threshold=threshold)
        assert value(analysis(summarize(frame, config)), "post", "sex", "f", "DI") == impact


def test_without_predictions_there_are_only_metrics_of_labels(applicants):
    config = BiasConfig((Facet("gender", values=("f",)),), label="label")
    body = analysis(summarize(applicants(80), config))
    assert set(body) == {"version", "pre_training_bias_metrics"}
    assert value(body, "pre", "gender", "f", "CI") is not None


def test_rows_that_cannot_be_used_are_counted():
    frame = pl.DataFrame({"sex": ["f", None, "m", "m"], "label": ["1", "0", None, "1"], "guess": ["1", "1", "1", " "]})
    config = BiasConfig((Facet("sex", values=("f",)),), label="label", predicted_label="guess")
    summary = summarize(frame, config)
    assert summary.rows == 2
    assert summary.unusable == {"label missing or unusable": 1, "prediction missing or unusable": 1}
    assert summary.facets["sex"].missing == 1
    body = analysis(summary)
    metrics = body["pre_training_bias_metrics"]["facets"]["sex"][0]["metrics"]
    assert {metric["error"] for metric in metrics if metric["value"] is None} >= {
        "every row is in the disadvantaged group"
    }
    assert summarize(frame.drop("sex"), config).unusable == {"no column sex": 4}


def test_an_empty_summary_gives_a_whole_file():
    body = analysis(Summary(CONFIG))
    assert all(entry.value is None and entry.error for entry in BiasAnalysis(body).entries)
    json.dumps(body, allow_nan=False)


def test_infinite_values_are_text():
    frame = pl.DataFrame({"sex": ["f", "f", "m", "m"], "label": [1, 0, 1, 0], "guess": [1, 0, 0, 0]})
    config = BiasConfig((Facet("sex", values=("f",)),), label="label", predicted_label="guess")
    body = analysis(summarize(frame, config))
    metrics = {m["name"]: m["value"] for m in body["post_training_bias_metrics"]["facets"]["sex"][0]["metrics"]}
    assert metrics["DI"] == "Infinity"
    assert value(body, "post", "sex", "f", "DI") == np.inf


def test_intervals_are_written_as_clarify_writes_them():
    assert interval(45, 94.0, False) == "(45, 94]"
    assert interval(100.0, 2278.0, True) == "(100.0, 2278.0]"
    assert interval(0.5, 7.0, False) == "(0.5, 7.0]"


def test_a_facet_with_too_many_values_is_refused():
    frame = pl.DataFrame({"id": [str(n) for n in range(1001)], "label": [1] * 1001})
    with pytest.raises(ValueError, match=r"facet id has more than 1,000 values: name the values"):
        summarize(frame, BiasConfig((Facet("id"),), label="label"))
    with pytest.raises(ValueError, match=r"group variable id has more than 1,000 values"):
        summarize(frame, BiasConfig((Facet("label"),), label="label", group_variable="id"))


def test_settings_of_clarify_are_read():
    body = {
        "headers": ["sex", "age", "y", "region"],
        "label": "y",
        "label_values_or_threshold": [1],
        "facet": [
            {"name_or_index": 0, "value_or_threshold": ["f"]},
            {"name_or_index": "age", "value_or_threshold": [40]},
        ],
        "group_variable": 3,
    }
    config = BiasConfig.from_analysis_config(body, probability="score", probability_threshold=0.3)
    assert config.facets == (Facet("sex", values=("f",)), Facet("age", threshold=40))
    assert (config.label, config.label_values, config.group_variable) == ("y", ("1",), "region")
    assert (config.probability, config.probability_threshold) == ("score", 0.3)
    with pytest.raises(ValueError, match="expected a list 'facet'"):
        BiasConfig.from_analysis_config({"facet": [{}]})


def test_settings_say_all_that_is_wrong():
    with pytest.raises(ValueError, match=r"facets is empty.*label_values and label_threshold.*is 3"):
        BiasConfig((), label_values=("1",), label_threshold=2, probability="p", probability_threshold=3)
    with pytest.raises(ValueError, match="values or a threshold, not both"):
        Facet("a", values=("x",), threshold=1)
    with pytest.raises(ValueError, match="name a column twice"):
        BiasConfig((Facet("a"), Facet("a")))


def test_farther_from_neutral_than_the_baseline_is_drift(applicants):
    config = BiasConfig((Facet("gender", values=("f",)),), label="label", predicted_label="predicted")
    frame = applicants(900)
    baseline = analysis(summarize(frame, config))
    assert not check(baseline, baseline)
    harsher = frame.with_columns(
        predicted=pl.when((pl.col("gender") == "f") & (pl.col("age") > 30)).then(0).otherwise(pl.col("predicted"))
    )
    current = analysis(summarize(harsher, config))
    found = check(current, baseline)
    names = [violation.entry.name for violation in found]
    assert {"DI", "DPPL"} <= set(names) and "CI" not in names
    first = next(violation for violation in found if violation.entry.name == "DI")
    assert first.value < first.baseline < 1
    assert first.to_dict() == {
        "facet": "gender",
        "facet_value": "f",
        "metric_name": "DI",
        "constraint_check_type": "bias_drift_check",
        "description": (
            f"Metric value {first.value!r} doesn't meet the baseline constraint requirement {first.baseline!r}"
        ),
    }
    assert json.loads(found.to_json())["version"] == "1.0"
    assert len(check(current, baseline, tolerance=20.0)) == 0
    with pytest.raises(ValueError, match="tolerance is -1"):
        check(current, baseline, tolerance=-1)


def test_a_threshold_facet_keeps_its_baseline_when_the_largest_value_moves(applicants):
    config = BiasConfig((Facet("age", threshold=60),), label="label")
    frame = applicants(500)
    baseline = analysis(summarize(frame, config))
    older = analysis(summarize(frame.with_columns(pl.col("age") + 5.5), config))
    assert older["pre_training_bias_metrics"]["facets"]["age"][0]["value_or_threshold"].startswith("(60.0, ")
    found = check(older, baseline)
    assert not found.not_computable


def test_metrics_that_have_no_value_any_more_are_named(applicants):
    config = BiasConfig((Facet("gender", values=("f",)),), label="label")
    baseline = analysis(summarize(applicants(100), config))
    window = applicants(100).filter(pl.col("gender") == "f")
    found = check(analysis(summarize(window, config)), baseline)
    assert not found and {entry.name for entry in found.not_computable} == {"CI", "DPL", "JS", "KL", "KS", "LP", "TVD"}
