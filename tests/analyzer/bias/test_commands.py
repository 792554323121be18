"""`model-analyzer bias`, and the page of its runs."""

from __future__ import annotations

import json

import polars as pl
import pytest

from model_analyzer.bias import BiasConfig, Facet, analysis, summarize
from model_analyzer.cli import main
from model_analyzer.cli.bias import parse_facet
from model_analyzer.report import bias_html


@pytest.fixture
def files(applicants, tmp_path):
    frame = applicants(1200)
    frame.write_csv(tmp_path / "validation.csv")
    frame.with_columns(
        predicted=pl.when((pl.col("gender") == "f") & (pl.col("age") > 30)).then(0).otherwise(pl.col("predicted"))
    ).write_csv(tmp_path / "now.csv")
    return tmp_path


def bias(files, name: str, out: str, *options: str) -> int:
    arguments = ["bias", str(files / name), "--label", "label", "--prediction", "predicted", "--out", str(files / out)]
    return main([*arguments, *options])


FACETS = ("--facet", "gender=f,x", "--facet", "age>60")


def test_a_baseline_and_a_check(files, capsys):
    assert bias(files, "validation.csv", "baseline", *FACETS, "--quiet") == 0
    assert sorted(path.name for path in (files / "baseline").iterdir()) == [
        "analysis.json", "input_report.json", "report.html",
    ]  # fmt: skip
    assert bias(files, "validation.csv", "same", *FACETS, "--baseline", str(files / "baseline"), "--quiet") == 0
    assert bias(files, "now.csv", "report", *FACETS, "--baseline", str(files / "baseline"), "--json") == 3
    answer = json.loads(capsys.readouterr().out)
    found = {(v["facet"], v["metric_name"]) for v in answer["violations"]}
    assert {("gender", "DI"), ("gender", "DPPL")} <= found
    assert set(answer["analysis"]["post_training_bias_metrics"]["facets"]) == {"gender", "age"}
    assert json.loads((files / "report" / "constraint_violations.json").read_text())["version"] == "1.0"
    assert main(["report", str(files / "report"), "--baseline", str(files / "baseline"), "--quiet"]) == 0
    page = (files / "report" / "report.html").read_text()
    assert "Disparate Impact" in page and "(60, 89]" in page and "off-text" in page


def test_settings_of_clarify(files, tmp_path):
    config = {"label": "label", "label_values_or_threshold": [1], "facet": [{"name_or_index": "gender"}]}
    (tmp_path / "analysis_config.json").write_text(json.dumps(config))
    arguments = ["bias", str(files / "now.csv"), "--prediction", "predicted", "--out", str(files / "out"), "--quiet"]
    assert main([*arguments, "--analysis-config", str(tmp_path / "analysis_config.json")]) == 0
    body = json.loads((files / "out" / "analysis.json").read_text())
    groups = body["pre_training_bias_metrics"]["facets"]["gender"]
    assert [group["value_or_threshold"] for group in groups] == ["f", "m", "x"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "no facet is named: add --facet"),
        (("--facet", "age>old"), "'old' is no number"),
        (("--facet", "height=1"), "no column height"),
        (("--facet", "income"), "facet income has more than 1,000 values"),
        (("--facet", "gender", "--analysis-config", "x.json"), "give one of them"),
        (("--analysis-config", "x.json"), "x.json: cannot be read"),
        (("--facet", "gender", "--baseline", "nowhere"), "nowhere/analysis.json: no such file"),
        (("--facet", "gender", "--probability", "income"), "predicted_label and probability are both given"),
        (("--facet", "gender", "--start", "2025-01-01"), "add --ground-truth"),
    ],
)
def test_mistakes_are_explained(files, capsys, options, message):
    assert bias(files, "now.csv", "out", *options) == 1
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error


def test_facets_as_they_are_written():
    assert parse_facet("gender = f, x") == Facet("gender", values=("f", "x"))
    assert parse_facet("age > 60") == Facet("age", threshold=60)
    assert parse_facet("score>0.5") == Facet("score", threshold=0.5)
    assert parse_facet("region") == Facet("region")


def test_the_page_escapes_and_draws_infinities():
    frame = pl.DataFrame({"<b>": ["<i>f", "<i>f", "m", "m"], "label": [1, 0, 1, 0], "guess": [1, 0, 0, 0]})
    body = analysis(summarize(frame, BiasConfig((Facet("<b>"),), label="label", predicted_label="guess")))
    page = bias_html(body, {"violations": []}, body, title="<u>")
    assert "<b><" not in page and "<i>f" not in page and "<u>" not in page
    assert "∞" in page and ": inf" not in page
