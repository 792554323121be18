"""`model-analyzer quality`, and the page of its runs."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest

from model_analyzer.cli import main
from model_analyzer.model_quality import QualityStatistics, Task, statistics, suggest, summarize
from model_analyzer.report import model_quality_html


@pytest.fixture
def baseline(scored, tmp_path):
    scored(2000).write_csv(tmp_path / "validation.csv")
    assert main([
        "quality", str(tmp_path / "validation.csv"), "--problem", "binary", "--probability", "score",
        "--out", str(tmp_path / "baseline"), "--quiet",
    ]) == 0  # fmt: skip
    return tmp_path / "baseline"


@pytest.fixture
def window(scored, capture_line, truth_line, tmp_path):
    """Captures and labels of a model that has become worse; every tenth label is missing."""
    frame = scored(600, seed=9).with_columns(score=(0.3 * pl.col("score") + 0.3).round(4))
    captures, labels = [], []
    for number, (label, score) in enumerate(frame.select("label", "score").iter_rows()):
        captures.append(capture_line("1,2", str(score), meta={"eventId": f"e{number}"}))
        if number % 10:
            labels.append(truth_line(f"e{number}", str(label)))
    for name, lines in (("captured/2025/03/01/10", captures), ("truth/2025/03/03/11", labels)):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "part.jsonl").write_bytes(b"".join(lines))
    return tmp_path


def quality(window, *options: str) -> int:
    arguments = ["quality", str(window / "captured"), "--ground-truth", str(window / "truth"), "--problem", "binary"]
    return main([*arguments, "--probability", "0", "--out", str(window / "report"), *options])


def test_a_baseline_writes_its_files(baseline):
    assert sorted(path.name for path in baseline.iterdir()) == [
        "constraints.json", "input_report.json", "report.html", "statistics.json",
    ]  # fmt: skip
    body = QualityStatistics.from_json((baseline / "statistics.json").read_bytes())
    assert body.item_count == 2000 and 0.8 < body.metrics["auc"].value < 1


def test_captures_with_ground_truth_against_a_baseline(window, baseline, capsys):
    assert quality(window, "--baseline", str(baseline), "--allowed-delay", "P1D", "--json") == 3
    answer = json.loads(capsys.readouterr().out)
    assert answer["rows"] == 540 and answer["metrics"]["recall"] < 0.7
    assert answer["join"]["captures_without_label"] == 60
    assert answer["join"]["late_labels"] == 540
    assert "recall" in {violation["metric_name"] for violation in answer["violations"]}
    report = window / "report"
    written = json.loads((report / "constraint_violations.json").read_text())
    assert written == {"violations": answer["violations"]}
    assert json.loads((report / "join_report.json").read_text()) == answer["join"]
    page = (report / "report.html").read_text()
    assert "ROC curve" in page and "Captured predictions" in page and "violated" in page
    before = (report / "report.html").read_bytes()
    assert main(["report", str(report), "--baseline", str(baseline), "--quiet"]) == 0
    assert b"ROC curve" in (report / "report.html").read_bytes() and before


def test_the_summary_for_people(window, baseline, capsys):
    assert quality(window, "--baseline", str(baseline)) == 3
    text = capsys.readouterr().out
    assert re.search(r"540 rows, \d+ violations; written to", text)
    assert "Metric recall with" in text


def test_a_window_without_labels_is_no_data(window, baseline, capsys):
    assert quality(window, "--baseline", str(baseline), "--end", "2025-03-01") == 4
    assert json.loads((window / "report" / "constraint_violations.json").read_text()) == {"violations": []}
    assert quality(window, "--start", "2025-03-02") == 1
    assert "not one usable row" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--start", "yesterday"), "'yesterday' is no time"),
        (("--allowed-delay", "1 day"), "'1 day' is no duration"),
        (("--probability-threshold", "7"), "probability_threshold is 7"),
        (("--baseline", "nowhere"), "nowhere/constraints.json: no such file"),
        (("--format", "csv"), "add --format capture"),
        (("--tolerance", "-1"), "tolerance is -1"),
    ],
)
def test_mistakes_are_explained(window, capsys, options, message):
    assert quality(window, *options) == 1
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error


def test_the_wrong_baseline_is_named(window, baseline, scored, capsys):
    regression = Task("Regression", ground_truth="truth", inference="forecast")
    limits = suggest(statistics(summarize(scored(50), regression)))
    (baseline / "constraints.json").write_text(limits.to_json())
    assert quality(window, "--baseline", str(baseline)) == 1
    assert "same problem type" in capsys.readouterr().err


class Balance(HTMLParser):
    """Counts open elements."""

    open: int = 0

    def handle_starttag(self, tag, attrs):
        self.open += tag not in ("meta", "br", "line", "rect", "circle", "polyline", "polygon")

    def handle_startendtag(self, tag, attrs):
        return

    def handle_endtag(self, tag):
        self.open -= tag not in ("line", "rect", "circle", "polyline", "polygon")


def test_pages_are_whole_and_escaped():
    chance = np.random.default_rng(0)
    label = "<b>&bad</b>"
    frame = pl.DataFrame(
        {"label": chance.choice([label, "x", "y", "z"], 300), "guess": chance.choice([label, "x"], 300)}
    )
    body = statistics(summarize(frame, Task("MulticlassClassification", ground_truth="label", inference="guess")))
    page = model_quality_html(body, suggest(body), {"violations": []}, body, title="<i>", subtitle="<u>")
    assert "<b>&bad" not in page and "<i>" not in page.replace("<i style", "") and "<u>" not in page
    assert "script" not in page and "http" not in page
    parser = Balance()
    parser.feed(page)
    assert parser.open == 0 and "<rect" in page


def test_many_labels_become_a_list():
    chance = np.random.default_rng(0)
    frame = pl.DataFrame({"label": chance.integers(0, 30, 3000), "guess": chance.integers(0, 30, 3000)})
    body = statistics(summarize(frame, Task("MulticlassClassification", ground_truth="label", inference="guess")))
    assert "most frequent confusions of 30 labels" in model_quality_html(body)
