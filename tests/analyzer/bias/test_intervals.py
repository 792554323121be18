"""Confidence intervals of metrics of bias, and the rule on drift that uses them."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from model_analyzer import bias
from model_analyzer.cli import main

CONFIG = bias.BiasConfig(
    (bias.Facet("sex", values=("f",)),), label="label", predicted_label="guess", group_variable="site"
)


def frame(rows: int, share: float, seed: int = 0) -> pl.DataFrame:
    """People of whom a share of the women, and half of the men, have the positive label."""
    chance = np.random.default_rng(seed)
    sex = chance.choice(["f", "m"], rows)
    label = (chance.random(rows) < np.where(sex == "f", share, 0.5)).astype(int)
    guess = np.where(chance.random(rows) < 0.8, label, 1 - label)
    return pl.DataFrame({"sex": sex, "label": label, "guess": guess, "site": chance.choice(["x", "y", "z"], rows)})


def test_intervals_are_those_of_resampled_rows():
    data = frame(600, 0.3)
    found = bias.intervals(bias.summarize(data, CONFIG), replicates=1_000)
    chance = np.random.default_rng(1)
    values: dict[tuple, list[float]] = {}
    for _ in range(80):
        sample = data[chance.integers(0, data.height, data.height)]
        for entry in bias.BiasAnalysis(bias.analysis(bias.summarize(sample, CONFIG))).entries:
            values.setdefault(entry.key, []).append(entry.value)
    checked = 0
    for key, interval in found.items():
        error = np.std(values[key], ddof=1)
        assert (interval.high - interval.low) / 2 / 1.959964 == pytest.approx(error, rel=0.45, abs=1e-9), key
        checked += 1
    assert checked >= 15 and not any(key[3] == "FT" for key in found)


def test_intervals_hold_the_true_value_as_often_as_they_say():
    held = 0
    for seed in range(50):
        found = bias.intervals(bias.summarize(frame(400, 0.3, seed), CONFIG), 0.9, replicates=100)
        interval = next(value for key, value in found.items() if key[3] == "DPL")
        held += interval.low <= 0.2 <= interval.high
    assert 39 <= held <= 50


def test_small_samples_do_not_cry_wolf_and_large_ones_speak_up():
    baseline = bias.analysis(bias.summarize(frame(20_000, 0.5), CONFIG))
    few, many = (bias.summarize(frame(rows, 0.3, seed=5), CONFIG) for rows in (20, 4_000))
    for summary, drifted in ((few, False), (many, True)):
        current = bias.analysis(summary)
        assert "DPL" in {v.entry.name for v in bias.check(current, baseline)}
        violations = bias.check(current, baseline, intervals=bias.intervals(summary))
        assert ("DPL" in {v.entry.name for v in violations}) is drifted
    found = next(v for v in violations if v.entry.name == "DPL")
    assert found.interval.low < found.value < found.interval.high
    assert "confidence interval (" in found.to_dict()["description"]


def test_the_same_every_time_and_merged():
    data = frame(500, 0.3)
    whole = bias.summarize(data, CONFIG)
    halves = bias.merge(bias.summarize(data[:200], CONFIG), bias.summarize(data[200:], CONFIG, 200))
    assert bias.intervals(whole) == bias.intervals(whole) == bias.intervals(halves)


def test_what_has_no_value_has_no_interval():
    only_men = bias.summarize(frame(100, 0.3).filter(pl.col("sex") == "m"), CONFIG)
    assert {key[3] for key in bias.intervals(only_men)} == {"CDDL", "CDDPL", "GE"}  # they need no groups
    assert bias.intervals(bias.Summary(CONFIG)) == {}
    nobody_positive = bias.summarize(frame(100, 0.3).with_columns(guess=pl.lit(0)), CONFIG)
    assert all(np.isfinite([i.low, i.high]).all() for i in bias.intervals(nobody_positive).values())


def test_mistakes_come_together():
    with pytest.raises(ValueError, match=r"confidence is 1.5.*replicates is 1"):
        bias.intervals(bias.Summary(CONFIG), 1.5, 1)


def test_on_the_command_line(tmp_path, capsys):
    frame(5_000, 0.5).write_csv(tmp_path / "then.csv")
    frame(40, 0.45, seed=3).write_csv(tmp_path / "now.csv")
    common = ["--facet", "sex=f", "--prediction", "guess", "--json"]
    assert main(["bias", str(tmp_path / "then.csv"), *common, "--out", str(tmp_path / "b")]) == 0
    check = [
        "bias",
        str(tmp_path / "now.csv"),
        *common,
        "--baseline",
        str(tmp_path / "b"),
        "--out",
        str(tmp_path / "r"),
    ]
    assert main(check) == 3
    capsys.readouterr()
    assert main([*check, "--confidence", "0.99"]) in (0, 3)
    answer = json.loads(capsys.readouterr().out)
    assert {"section", "facet", "facet_value", "metric_name", "low", "high"} == set(answer["intervals"][0])
    assert "DPL" not in {item["metric_name"] for item in answer["violations"]}
    assert main([*check, "--confidence", "95"]) == 1
    assert "confidence is 95.0" in capsys.readouterr().err
