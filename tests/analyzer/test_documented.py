"""What docs/analyzer.md shows works on files: its commands, and its Python from top to bottom."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import tarfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from model_analyzer.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "analyzer.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def files(tmp_path_factory, capture_line) -> Path:
    """Captured traffic with its labels, tables, and a model, under the names that the page uses."""
    import xgboost

    folder = tmp_path_factory.mktemp("documented")
    chance = np.random.default_rng(0)
    rows, names = 600, ["age", "income", "tenure"]
    features = chance.normal(size=(rows, 3)).round(3)
    label = (features[:, 0] + 0.5 * chance.normal(size=rows) > 0).astype(int)
    matrix = xgboost.DMatrix(features, label, feature_names=names)
    model = xgboost.train({"objective": "binary:logistic", "max_depth": 3}, matrix, 5)
    scores = model.predict(matrix).round(4)
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        body = bytes(model.save_raw("json"))
        member = tarfile.TarInfo("model.json")
        member.size = len(body)
        archive.addfile(member, io.BytesIO(body))
    frame = pl.DataFrame({"score": scores, **dict(zip(names, features.T, strict=True))})
    frame.write_csv(folder / "train.csv")
    gender = chance.choice(["female", "male"], rows)
    guess = (scores > 0.5).astype(int)
    frame.with_columns(gender=pl.Series(gender), approved=label, guess=guess).write_csv(folder / "validation.csv")
    hour = "2025/03/01/10"
    (folder / "captured" / hour).mkdir(parents=True)
    (folder / "labels" / hour).mkdir(parents=True)
    with (
        (folder / "captured" / hour / "c.jsonl").open("wb") as captured,
        (folder / "labels" / hour / "l").with_suffix(".jsonl").open("w") as labels,
    ):
        for number in range(rows):
            given = ",".join(str(value) for value in features[number])
            captured.write(capture_line(given, str(scores[number]), meta={"eventId": f"id-{number}"}))
            truth = {"data": str(label[number]), "encoding": "CSV"}
            labels.write(json.dumps({"groundTruthData": truth, "eventMetadata": {"eventId": f"id-{number}"}}) + "\n")
    return folder


def run(command: str, *more: str) -> int:
    with contextlib.redirect_stdout(io.StringIO()):
        return main([*shlex.split(command)[1:], *more])


def test_commands_and_python(files, monkeypatch):
    monkeypatch.chdir(files)
    baselines = [
        "model-analyzer baseline train.csv --out baseline/",
        "model-analyzer quality captured/ --ground-truth labels/ --problem binary --probability 0 --out quality/",
        "model-analyzer attribution captured/ --model model.tar.gz --out attribution/",
    ]
    assert [run(command) for command in baselines] == [0, 0, 0]
    shown = re.findall(r"^model-analyzer (?:baseline|check|quality|bias|attribution|report) .*$", PAGE, re.MULTILINE)
    assert [command.split()[1] for command in shown] == [
        "baseline", "check", "quality", "bias", "attribution", "report",
    ]  # fmt: skip
    assert [run(command) for command in shown] == [0] * 6
    code = next(block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "load_model" in block)
    seen: dict[str, object] = {}
    exec(compile(code, "docs/analyzer.md", "exec"), seen)
    assert not seen["violations"] and str(seen["page"]).startswith("<!DOCTYPE html>")
    assert seen["metrics"]["binary_classification_metrics"]["auc"]["value"] > 0.8  # type: ignore[index]
    assert len(seen["drift"]) == 0 and seen["read"].records == 600  # type: ignore[arg-type, attr-defined]
    assert set(seen["ranking"]["explanations"]["kernel_shap"]) == {"label0"}  # type: ignore[index]


def test_merged_records_are_captures_and_labels(files, tmp_path):
    """What Model Monitor's merge has put together: one folder, given twice."""
    merged = tmp_path / "merge"
    merged.mkdir()
    hour = "2025/03/01/10"
    captures = (files / "captured" / hour / "c.jsonl").read_text().splitlines()
    labels = (files / "labels" / hour / "l.jsonl").read_text().splitlines()
    together = [json.loads(label) | json.loads(capture) for capture, label in zip(captures, labels, strict=True)]
    (merged / "part-00000.c000.jsonl").write_text("".join(json.dumps(record) + "\n" for record in together))
    task = f"--ground-truth {merged} --problem binary --probability 0 --out {tmp_path / 'out'}"
    assert run(f"model-analyzer quality {merged} {task}") == 0
    ours = json.loads((tmp_path / "out" / "statistics.json").read_text())
    assert ours["dataset"]["item_count"] == 600
    assert json.loads((tmp_path / "out" / "join_report.json").read_text())["matched"] == 600
