"""The command line: files, exit codes, messages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from model_analyzer.cli import main
from model_analyzer.data_quality import Constraints, Statistics, check, profile, statistics, suggest
from model_analyzer.report import data_quality_html


@pytest.fixture
def train(tmp_path) -> Path:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "score": rng.random(3_000).round(4),
            "age": rng.integers(18, 90, 3_000),
            "plan": rng.choice(["basic", "plus"], 3_000),
        }
    )
    path = tmp_path / "train.csv"
    frame.write_csv(path)
    return path


@pytest.fixture
def baseline(train, tmp_path) -> Path:
    folder = tmp_path / "baseline"
    assert main(["baseline", str(train), "--out", str(folder), "--quiet"]) == 0
    return folder


def captured(folder: Path, capture_line, rows: int, shift: int = 0) -> Path:
    rng = np.random.default_rng(1)
    lines = [
        capture_line(f"{rng.integers(18, 90) + shift},{rng.choice(['basic', 'plus'])}", f"{rng.random():.4f}")
        for _ in range(rows)
    ]
    target = folder / "capture" / "2025/03/01/10"
    target.mkdir(parents=True)
    (target / "part.jsonl").write_bytes(b"".join(lines))
    return folder / "capture"


def test_baseline_writes_its_files(baseline):
    assert sorted(path.name for path in baseline.iterdir()) == [
        "constraints.json", "input_report.json", "records.json", "report.html", "statistics.json",
    ]  # fmt: skip
    known = Statistics.from_json((baseline / "statistics.json").read_bytes())
    assert list(known.features) == ["score", "age", "plan"]
    assert len(Constraints.from_json((baseline / "constraints.json").read_bytes()).features) == 3


def test_check_without_violations(baseline, tmp_path, capture_line, capsys):
    data = captured(tmp_path, capture_line, 1_500)
    assert main(["check", str(data), "--baseline", str(baseline), "--out", str(tmp_path / "out")]) == 0
    assert "1,500 rows, 0 violations" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "constraint_violations.json").read_text()) == {"violations": []}


def test_repeated_records_are_told_with_those_that_chance_explains(train, baseline, tmp_path, capsys):
    again = tmp_path / "again.csv"
    pl.concat([pl.read_csv(train)[:1_000]] * 3).with_columns(twice=pl.col("age") * 2).write_csv(again)
    arguments = ["check", str(again), "--baseline", str(baseline), "--out", str(tmp_path / "out"), "--json"]
    assert main(arguments) == 3
    found = json.loads(capsys.readouterr().out)["records"]
    assert found == json.loads((tmp_path / "out" / "records.json").read_text())
    assert found["repeated"]["rows"] >= 2_000
    assert found["repeated"]["most_frequent"] % 3 == 0
    assert found["repeated"]["expected_share"] is None, "the baseline has other columns"
    assert [pair["columns"] for pair in found["redundant"]] == [["age", "twice"]]
    page = (tmp_path / "out" / "report.html").read_text()
    for words in ("Whole records", "Equal to an earlier one", "twice", "rank correlation 1.0000"):
        assert words in page

    pl.concat([pl.read_csv(train)] * 2).write_csv(again)
    main(arguments)
    repeated = json.loads(capsys.readouterr().out)["records"]["repeated"]
    assert (repeated["rows"] >= 3_000, repeated["expected_share"] < 0.1) == (True, True)
    assert "Expected of records like the baseline" in (tmp_path / "out" / "report.html").read_text()
    (tmp_path / "out" / "report.html").unlink()
    assert main(["report", str(tmp_path / "out"), "--quiet"]) == 0
    assert "Equal to an earlier one" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize("wrong", ['{"repeated": 1}', "[]", '{"repeated": {}, "redundant": []}'])
def test_a_wrong_records_file_is_named(train, baseline, tmp_path, capsys, wrong):
    (baseline / "records.json").write_text(wrong)
    assert main(["check", str(train), "--baseline", str(baseline), "--out", str(tmp_path / "out")]) == 1
    assert f"{baseline / 'records.json'}: records: expected the numbers" in capsys.readouterr().err
    if wrong != "[]":
        assert main(["report", str(baseline)]) == 1
        assert "records: expected an object with 'repeated' and 'redundant'" in capsys.readouterr().err


def test_check_with_violations(baseline, tmp_path, capture_line, capsys):
    data = captured(tmp_path, capture_line, 1_500, shift=40)
    arguments = ["check", str(data), "--baseline", str(baseline), "--out", str(tmp_path / "out"), "--json"]
    assert main(arguments) == 3
    result = json.loads(capsys.readouterr().out)
    assert result["rows"] == 1_500
    assert [item["feature_name"] for item in result["violations"]] == ["age"]
    assert result["distances"]["age"]["value"] > 0.4
    assert result["input"]["records"] == 1_500
    assert main([*arguments[:-1], "--quiet", "--threshold", "0.9"]) == 0
    assert capsys.readouterr().out == ""


def test_no_data(baseline, tmp_path):
    (tmp_path / "empty").mkdir()
    assert main(["check", str(tmp_path / "empty"), "--baseline", str(baseline), "--out", str(tmp_path / "out")]) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["baseline", "{tmp}/none.csv", "--out", "{tmp}/o"], "none.csv: no such file or folder"),
        (
            ["check", "{train}", "--baseline", "{tmp}/none", "--out", "{tmp}/o"],
            "make it with `model-analyzer baseline`",
        ),
        (["check", "{train}", "--baseline", "{baseline}", "--out", "{tmp}/o", "--threshold", "7"], "from 0 to 1"),
        (["baseline", "{train}", "--out", "{train}/x"], "cannot be written"),
        (["baseline", "{train}", "--out", "{tmp}/o", "--separator", "ab"], "one ASCII character"),
        (["baseline", "{train}", "--out", "{tmp}/o", "--preprocessor", "x.py"], "x.py: no such script"),
        (["baseline", "{train}", "--out", "{train}"], "a file stands there"),
        (["baseline", "{train}", "--out", "{tmp}/o", "--columns", "a,b"], "add --no-header"),
        (["baseline", "{train}", "{tmp}/odd.jsonl", "--out", "{tmp}/o"], "files of several formats"),
        (["baseline", "{tmp}/mac.csv", "--out", "{tmp}/o"], "a carriage return alone"),
        (["baseline", "{tmp}/odd.xyz", "--out", "{tmp}/o"], "add --format"),
        (["report", "{tmp}"], "statistics.json: no such file"),
    ],
)
def test_mistakes_are_explained_without_a_traceback(arguments, message, train, baseline, tmp_path, capsys):
    (tmp_path / "odd.xyz").write_text("a\n1\n")
    (tmp_path / "odd.jsonl").write_text('{"a": 1}\n')
    (tmp_path / "mac.csv").write_bytes(b"a,b\r1,2\r")
    filled = [argument.format(tmp=tmp_path, train=train, baseline=baseline) for argument in arguments]
    assert main(filled) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_a_broken_baseline_is_named(train, baseline, tmp_path, capsys):
    (baseline / "constraints.json").write_text('{"features": 3}')
    assert main(["check", str(train), "--baseline", str(baseline), "--out", str(tmp_path / "o")]) == 1
    assert "expected an object with a list 'features'" in capsys.readouterr().err


def test_nothing_to_make_a_baseline_of(tmp_path, capsys):
    (tmp_path / "x.csv").write_text("a,b\n")
    assert main(["baseline", str(tmp_path / "x.csv"), "--out", str(tmp_path / "o")]) == 1
    assert "not one row" in capsys.readouterr().err


def test_no_header_and_names(tmp_path):
    (tmp_path / "x.csv").write_text("1,a\n2,b\n")
    for extra, names in (([], ["_c0", "_c1"]), (["--columns", "n, s"], ["n", "s"])):
        assert (
            main(["baseline", str(tmp_path / "x.csv"), "--no-header", "--out", str(tmp_path / "o"), "--quiet", *extra])
            == 0
        )
        assert list(Statistics.from_json((tmp_path / "o/statistics.json").read_bytes()).features) == names


def test_scripts(baseline, tmp_path, capture_line):
    pre, post, mark = tmp_path / "pre.py", tmp_path / "post.py", tmp_path / "mark"
    pre.write_text(
        "def preprocess_handler(inference_record):\n"
        "    age, plan = inference_record.endpoint_input.data.split(',')\n"
        "    return {'score': inference_record.endpoint_output.data, 'age': age, 'plan': plan}\n"
    )
    post.write_text(f"def postprocess_handler():\n    open({str(mark)!r}, 'w').write('done')\n")
    data = captured(tmp_path, capture_line, 800)
    arguments = ["check", str(data), "--baseline", str(baseline), "--out", str(tmp_path / "out"), "--quiet"]
    assert main([*arguments, "--preprocessor", str(pre), "--postprocessor", str(post)]) == 0
    assert mark.read_text() == "done"
    post.write_text("def postprocess_handler():\n    raise OSError('disk')\n")
    assert main([*arguments, "--postprocessor", str(post)]) == 1


def test_runs_are_reproducible(train, tmp_path):
    for name in ("one", "two"):
        main(["baseline", str(train), "--out", str(tmp_path / name), "--quiet"])
    for file in ("statistics.json", "constraints.json", "report.html"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from model_analyzer.cli import main\n"
        "try: main(['check', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit('polars' in sys.modules or 'numpy' in sys.modules)"
    )
    root = Path(__file__).parents[2] / "analyzer"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(root)})
    assert done.returncode == 0, done.stderr
    assert "examples:" in done.stdout


def test_report_from_files(baseline, tmp_path, capture_line):
    data = captured(tmp_path, capture_line, 500, shift=40)
    main(["check", str(data), "--baseline", str(baseline), "--out", str(tmp_path / "out"), "--quiet"])
    (tmp_path / "out" / "report.html").unlink()
    assert main(["report", str(tmp_path / "out"), "--baseline", str(baseline), "--title", "A & B", "--quiet"]) == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "A &amp; B" in page
    assert "Drift ranking" in page


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.outside += [value for name, value in attrs if name in ("src", "href") and value]


def test_the_page_is_self_contained_and_escapes_what_data_say():
    evil = '<script>alert("x")</script>'
    known = profile(pl.DataFrame({evil: [evil, "b"] * 300, "n": range(600), "gone": [None] * 600}))
    now = profile(pl.DataFrame({evil: ["b"] * 500, "n": [5] * 500}))
    found = check(now, suggest(known), statistics(known))
    page = data_quality_html(
        statistics(now),
        suggest(known),
        found,
        statistics(known),
        {
            "samples": [{"source": evil, "line": 1, "reason": evil, "text": evil}],
            "widths": {evil: 1, "2": 3},
            "encodings": {evil: 1},
        },
        title=evil,
        subtitle=evil,
    )
    links = _Links()
    links.feed(page)
    assert "script" not in links.tags
    assert links.outside == []
    assert not re.search(r"https?://", page)
    assert f"{len(found)} violations" in page


@pytest.mark.parametrize("rows", [0, 1, 2, 3_000])
def test_pages_of_any_size(rows):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {"x": rng.normal(size=rows), "huge": rng.random(rows) * 1e300, "s": [f"v{n}" for n in range(rows)]}
    )
    page = data_quality_html(statistics(profile(frame)))
    assert page.startswith("<!DOCTYPE html>")
    assert page.endswith("</html>\n")
    assert "nan" not in re.sub(r"<style>.*</style>", "", page, flags=re.S).lower().replace("nance", "")
