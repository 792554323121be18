"""Captured batch transform jobs from the command line."""

from __future__ import annotations

import json

import pytest

from model_analyzer.cli import main


@pytest.fixture
def job(tmp_path):
    """A capture destination and the copies of a job's files, as SageMaker lays both out."""
    capture, copies = tmp_path / "capture", tmp_path / "copies"
    for side, prefix, name in (("input", "s3://data/in/", "part.csv"), ("output", "s3://data/out/", "part.csv.out")):
        folder = capture / side / "2025" / "03" / "01" / "10"
        folder.mkdir(parents=True)
        (folder / f"{side}.json").write_text(json.dumps([{"prefix": prefix}, name]))
        (copies / side.removesuffix("put")).mkdir(parents=True)
    (copies / "in" / "part.csv").write_text("".join(f"{n},{'ab'[n % 2]}\n" for n in range(30)))
    (copies / "out" / "part.csv.out").write_text("".join(f"{n / 30}\n" for n in range(30)))
    return capture, copies


def test_baseline_and_check(job, tmp_path, capsys):
    capture, copies = job
    data = [str(capture), "--transform-files", str(copies), "--columns", "score,age,plan", "--json"]
    assert main(["baseline", *data, "--out", str(tmp_path / "b")]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 30
    features = json.loads((tmp_path / "b" / "statistics.json").read_text())["features"]
    assert [(f["name"], f["inferred_type"]) for f in features] == [
        ("score", "Fractional"),
        ("age", "Integral"),
        ("plan", "String"),
    ]
    (copies / "in" / "part.csv").write_text("".join(f"{n},c\n" for n in range(30)))
    assert main(["check", *data, "--baseline", str(tmp_path / "b"), "--out", str(tmp_path / "r")]) == 3
    found = json.loads(capsys.readouterr().out)["violations"]
    assert {item["feature_name"] for item in found} == {"plan"}


def test_a_missing_file_is_reported_and_the_rest_is_read(job, tmp_path, capsys):
    capture, copies = job
    manifest = capture / "output" / "2025" / "03" / "01" / "10" / "more.json"
    manifest.write_text(json.dumps([{"prefix": "s3://data/out/"}, "lost.csv.out"]))
    data = [str(capture), "--transform-files", str(copies), "--json", "--out", str(tmp_path / "b")]
    assert main(["baseline", *data]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["rows"] == 30 and report["input"]["broken_lines"] == 1


def test_what_is_needed_is_said(job, tmp_path, capsys):
    capture, copies = job
    assert main(["baseline", str(capture), "--out", str(tmp_path / "b")]) == 1
    assert "--transform-files" in capsys.readouterr().err
    options = ["--transform-files", str(copies), "--processes", "2", "--out", str(tmp_path / "b")]
    assert main(["baseline", str(capture), *options]) == 1
    assert "--processes" in capsys.readouterr().err
