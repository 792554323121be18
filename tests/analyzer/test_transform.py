"""Captured batch transform jobs."""

from __future__ import annotations

import json

import pytest

from model_analyzer.inputs import InputReport, manifest_entries, read_transform

PREFIX = "s3://bucket/data/"


def manifest(*names: str) -> tuple[str, bytes]:
    return ("m.json", json.dumps([{"prefix": PREFIX}, *names]).encode())


def rows(files: dict[str, str], outputs, inputs=(), **options) -> tuple[list[dict], InputReport]:
    report = InputReport()

    def locate(uri: str):
        name = uri.removeprefix(PREFIX)
        if name not in files:
            raise FileNotFoundError(f"{uri}: not there")
        return (uri, files[name].encode())

    frames = read_transform(outputs, inputs, locate=locate, report=report, **options)
    return [row for frame in frames for row in frame.iter_rows(named=True)], report


def test_entries_stand_below_the_prefix():
    assert manifest_entries('[{"prefix": "s3://b/p/"}, "a.csv", "b/c.csv"]') == ["s3://b/p/a.csv", "s3://b/p/b/c.csv"]


@pytest.mark.parametrize("text", ["{}", "[]", '["a"]', '[{"prefix": 3}]', '[{"prefix": "x"}, 4]'])
def test_other_documents_are_no_manifests(text):
    with pytest.raises(ValueError, match="prefix"):
        manifest_entries(text)


def test_answers_come_first():
    files = {"a.csv": "1,x\n2,y\n", "a.csv.out": "0.1\n0.2\n"}
    data, report = rows(files, [manifest("a.csv.out")], [manifest("a.csv")], columns=["score", "n", "s"])
    assert data == [{"score": "0.1", "n": "1", "s": "x"}, {"score": "0.2", "n": "2", "s": "y"}]
    assert (report.records, report.broken_lines) == (2, 0)


def test_answers_find_their_own_inputs_among_files_of_the_same_name():
    files = {"out/a/x.out": "1\n", "out/b/x.out": "2\n", "out/x.out": "3\n", "in/a/x": "10\n", "in/b/x": "20\n"}
    outputs = manifest("out/a/x.out", "out/b/x.out", "out/x.out")
    data, report = rows(files, [outputs], [manifest("in/a/x", "in/b/x"), manifest("in/b/x")])
    assert data == [{"_c0": "1", "_c1": "10"}, {"_c0": "2", "_c1": "20"}]
    assert dict(report.broken) == {"output with 2 inputs": 1}


def test_generated_ids_are_left_out():
    assert rows({"a.csv.out": "0.1,id-1,2025-01-01\n"}, [manifest("a.csv.out")], inference_ids=True)[0] == [
        {"_c0": "0.1"}
    ]
    body = '{"SageMakerOutput": {"score": 0.5}, "SageMakerInferenceId": "x", "SageMakerInferenceTime": "t"}\n' * 2
    assert rows({"a.json.out": body}, [manifest("a.json.out")], inference_ids=True)[0] == [{"score": "0.5"}] * 2


def test_what_does_not_fit_is_reported_and_the_rest_is_read():
    files = {"a.out": "1\n2\n", "a": "5\n", "b.out": "3\n", "c.out": "4\n", "c": "9\n", "e.out": "{broken"}
    outputs = [manifest("a.out", "b.out", "gone.out", "e.out", "c.out"), ("x.json", b"{}")]
    data, report = rows(files, outputs, [manifest("a", "c", "gone", "e")])
    assert data == [{"_c0": "4", "_c1": "9"}]
    assert report.broken_lines == 5
