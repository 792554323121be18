"""Attribute paths into captured JSON bodies."""

from __future__ import annotations

import json

import pytest

from model_analyzer import inputs
from model_analyzer.cli import main
from model_analyzer.inputs import Attributes, InputReport, PathError
from model_analyzer.inputs._attributes import Path

VALUE = {"predictions": [{"score": 0.1, "label": "a"}, {"score": 0.9, "label": "b"}], "x y": {"z": [[1, 2], [3]]}}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("predictions[*].score", [0.1, 0.9]),
        ("$.predictions[*].score", [0.1, 0.9]),
        ("@.predictions[].label", ["a", "b"]),
        ("predictions[1].label", ["b"]),
        ("predictions[-1].label", ["b"]),
        ("$['predictions'][0]['score']", [0.1]),
        ('$["x y"].z[*][0]', [1, 3]),
        ('"x y".z[1]', [[3]]),
        ("predictions.*.score", [0.1, 0.9]),
        ("$", [VALUE]),
        ("predictions[7].label", []),
        ("predictions.score", []),
        ("nothing[*]", []),
    ],
)
def test_paths(path, found):
    assert Path(path).find(VALUE) == found


@pytest.mark.parametrize("path", ["$..score", "predictions[?score > 1]", "predictions[", "a b", "predictions[0:2]"])
def test_what_is_not_understood_is_said(path):
    with pytest.raises(PathError, match="not understood"):
        Attributes(inference=path)


def read(line: bytes, **options) -> tuple[list[dict], InputReport]:
    report = InputReport()
    frames = inputs.read_capture(("c.jsonl", line), report=report, **options)
    return [row for frame in frames for row in frame.iter_rows(named=True)], report


def test_captured_bodies(capture_line):
    given = json.dumps({"meta": 1, "instances": [{"features": [1, "a"]}, {"features": [2.25, "b"]}]})
    line = capture_line(given, json.dumps(VALUE), encoding="JSON", content_type="application/json")
    attributes = Attributes("instances[*].features", "predictions[*].label", "predictions[*].score")
    rows, report = read(line, attributes=attributes)
    assert rows == [
        {"prediction": "a", "probability": "0.1", "_c2": "1", "_c3": "a"},
        {"prediction": "b", "probability": "0.9", "_c2": "2.25", "_c3": "b"},
    ]
    assert report.records == 1 and not report.broken


def test_one_list_of_answers_and_a_body_of_base64(capture_line):
    import base64

    body = base64.b64encode(b'{"outputs": {"p": [0.25, 0.75]}}').decode()
    line = capture_line(None, body, encoding="BASE64", content_type="application/json")
    assert read(line, attributes=Attributes(probability="outputs.p"))[0] == [
        {"probability": "0.25"},
        {"probability": "0.75"},
    ]


def test_csv_bodies_are_read_as_ever(capture_line):
    line = capture_line("1,2", "0.5")
    assert read(line, attributes=Attributes(inference="$.label"))[0] == [{"_c0": "0.5", "_c1": "1", "_c2": "2"}]


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        (Attributes(inference="label"), "output has nothing at label"),
        (Attributes(features="rows"), "input has nothing at rows"),
        (
            Attributes(inference="predictions[0].label", probability="predictions[*].score"),
            "output has 1 at predictions[0].label and 2 at predictions[*].score",
        ),
    ],
)
def test_a_body_without_the_attribute_is_counted(attributes, reason, capture_line):
    line = capture_line('{"x": 1}', json.dumps(VALUE), encoding="JSON", content_type="application/json")
    rows, report = read(line, attributes=attributes)
    assert not rows and report.broken == {reason: 1} and report.records == 0


@pytest.fixture
def labelled(tmp_path, capture_line):
    """Captured JSON of forty records with labels, in four files, and the folder of the labels."""
    captures, labels = tmp_path / "captures", tmp_path / "labels" / "2025" / "03" / "01" / "12"
    captures.mkdir()
    labels.mkdir(parents=True)
    truth = []
    for part in range(4):
        lines = []
        for number in range(part * 10, part * 10 + 10):
            output = json.dumps({"out": [{"p": (number % 10) / 10, "label": int(number % 10 > 4)}]})
            given = json.dumps({"rows": [[number, "fm"[number % 2]]]})
            meta = {"eventId": f"e{number}"}
            lines.append(capture_line(given, output, encoding="JSON", content_type="application/json", meta=meta))
            label = {"data": str(int(number % 10 > 5)), "encoding": "CSV"}
            truth.append(json.dumps({"groundTruthData": label, "eventMetadata": meta, "eventVersion": "0"}))
        (captures / f"{part}.jsonl").write_bytes(b"".join(lines))
    (labels / "l.jsonl").write_text("\n".join(truth) + "\n")
    return captures, tmp_path / "labels"


def answer(capsys) -> dict:
    return json.loads(capsys.readouterr().out)


def test_commands_on_json_captures_in_any_number_of_processes(labelled, tmp_path, capsys):
    captures, labels = labelled
    common = [str(captures), "--ground-truth", str(labels), "--json", "--probability-attribute", "$.out[*].p"]
    quality = ["quality", *common, "--problem", "binary", "--inference-attribute", "$.out[*].label"]
    bias = ["bias", *common, "--facet", "_c2=f", "--features-attribute", "rows"]
    for command in (quality, bias):
        answers = []
        for processes in ("1", "3"):
            assert main([*command, "--out", str(tmp_path / command[0]), "--processes", processes]) == 0
            answers.append(answer(capsys))
        assert answers[0] == answers[1]
        assert answers[0]["rows"] == 40 and answers[0]["join"]["matched"] == 40
    assert main([*quality, "--out", str(tmp_path / "q")]) == 0
    assert answer(capsys)["metrics"]["accuracy"] == 0.9


def test_an_id_captured_twice_counts_once_in_any_number_of_processes(labelled, tmp_path, capsys):
    captures, labels = labelled
    (captures / "again.jsonl").write_bytes((captures / "2.jsonl").read_bytes())
    command = ["quality", str(captures), "--ground-truth", str(labels), "--json", "--problem", "binary"]
    command += ["--probability-attribute", "out[*].p", "--out", str(tmp_path / "q")]
    answers = []
    for processes in ("1", "2"):
        assert main([*command, "--processes", processes]) == 0
        answers.append(answer(capsys))
    assert answers[0] == answers[1]
    assert answers[0]["rows"] == 40 and answers[0]["join"]["duplicate_captures"] == 10


def test_a_script_sees_records_with_their_labels(labelled, tmp_path, capsys):
    captures, labels = labelled
    script = tmp_path / "script.py"
    script.write_text(
        "import json\n"
        "def preprocess_handler(inference_record):\n"
        "    number, sex = json.loads(inference_record.endpoint_input.data)['rows'][0]\n"
        "    if number >= 30 or inference_record.ground_truth.data not in ('0', '1'):\n"
        "        return []\n"
        "    best = json.loads(inference_record.endpoint_output.data)['out'][0]\n"
        "    return {'guess': best['label'], 'sex': sex}\n"
    )
    command = ["quality", str(captures), "--ground-truth", str(labels), "--json", "--problem", "binary"]
    command += ["--prediction", "guess", "--preprocessor", str(script), "--out", str(tmp_path / "q")]
    assert main(command) == 0
    found = answer(capsys)
    assert found["rows"] == 30 and found["metrics"]["accuracy"] == 0.9
    assert found["join"]["matched"] == 40 and found["join"]["unusable"] == 0
    bias = ["bias", *command[1:5], "--facet", "sex=f", "--prediction", "guess", *command[-4:]]
    assert main(bias) == 0
    assert answer(capsys)["rows"] == 30


def test_a_script_that_fails_with_labels(labelled, tmp_path, capsys):
    captures, labels = labelled
    script = tmp_path / "script.py"
    script.write_text("def preprocess_handler(inference_record):\n    raise KeyError('x')\n")
    command = ["quality", str(captures), "--ground-truth", str(labels), "--problem", "binary", "--prediction", "0"]
    assert main([*command, "--preprocessor", str(script), "--out", str(tmp_path / "q")]) == 1
    assert "preprocess_handler raised KeyError" in capsys.readouterr().err


def test_mistakes_come_together(tmp_path, capsys):
    table = tmp_path / "t.parquet"
    table.touch()
    options = ["--inference-attribute", "x", "--preprocessor", "s.py", "--inference-ids", "--out", str(tmp_path / "o")]
    assert main(["baseline", str(table), *options]) == 1
    said = capsys.readouterr().err
    assert "--inference-attribute" in said and "--preprocessor" in said and "--inference-ids" in said
    assert main(["baseline", str(table), "--format", "capture", "--inference-attribute", "x[", *options[-2:]]) == 1
    assert "'x['" in capsys.readouterr().err
