"""Several processes give what one gives."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from model_analyzer.cli import main
from model_analyzer.inputs import InputReport
from model_analyzer.processes import shared_out, summarize_files


def total(factor: int, files: list[Path]) -> int:
    return factor * sum(len(file.read_bytes()) for file in files)


def added(first: int, second: int) -> int:
    return first + second


@pytest.fixture
def captured(tmp_path, capture_line) -> Path:
    chance = np.random.default_rng(0)
    folder = tmp_path / "captured"
    folder.mkdir()
    for part in range(5):
        lines = [
            capture_line(f"{chance.normal():.6f},{chance.choice(['a', 'b'])}", f"{chance.random():.4f}")
            for _ in range(200 * (part + 1))
        ]
        (folder / f"part-{part}.jsonl").write_bytes(b"".join([*lines, b"broken\n"]))
    return folder


def test_the_command_line_gives_the_same_files(captured, tmp_path):
    for processes in ("1", "3"):
        arguments = ["baseline", str(captured), "--out", str(tmp_path / processes), "--processes", processes, "--quiet"]
        assert main(arguments) == 0
    for name in ("constraints.json", "input_report.json", "records.json"):
        one, three = (json.loads((tmp_path / n / name).read_text()) for n in ("1", "3"))
        assert {k: v for k, v in one.items() if k != "samples"} == {k: v for k, v in three.items() if k != "samples"}
    one, three = (json.loads((tmp_path / n / "statistics.json").read_text()) for n in ("1", "3"))
    assert one["dataset"] == three["dataset"] == {"item_count": 3000}
    for before, after in zip(one["features"], three["features"], strict=True):
        assert (before["name"], before["inferred_type"]) == (after["name"], after["inferred_type"])
        if "numerical_statistics" in before:
            first, second = before["numerical_statistics"], after["numerical_statistics"]
            assert first["mean"] == pytest.approx(second["mean"], rel=1e-9)
            assert first["std_dev"] == pytest.approx(second["std_dev"], rel=1e-9)
            assert first["distribution"]["kll"]["buckets"] == second["distribution"]["kll"]["buckets"]
        else:
            assert before == after


def test_a_check_by_processes(captured, tmp_path):
    assert main(["baseline", str(captured), "--out", str(tmp_path / "b"), "--quiet"]) == 0
    arguments = ["check", str(captured), "--baseline", str(tmp_path / "b"), "--out", str(tmp_path / "r"), "--quiet"]
    assert main([*arguments, "--processes", "2"]) == 0


def test_mistakes_are_explained(captured, tmp_path, capsys):
    for options, message in (
        (["--processes", "0"], "--processes is 0"),
        (["--processes", "2", "--preprocessor", str(tmp_path / "none.py")], "none.py: no such script"),
    ):
        assert main(["baseline", str(captured), "--out", str(tmp_path / "x"), *options]) == 1
        assert message in capsys.readouterr().err
    assert main(["baseline", str(tmp_path / "nothing"), "--out", str(tmp_path / "x"), "--processes", "2"]) == 1
    assert "no such file or folder" in capsys.readouterr().err


def test_files_are_dealt_by_size(tmp_path):
    files = []
    for number, size in enumerate((10, 1000, 20, 990, 30)):
        files.append(tmp_path / str(number))
        files[-1].write_bytes(bytes(size))
    assert all(share == sorted(share) for share in shared_out(files, 2))
    loads = [sum(file.stat().st_size for file in share) for share in shared_out(files, 2)]
    assert abs(loads[0] - loads[1]) <= 50
    assert shared_out(files, 9) == [[file] for file in sorted(files, key=lambda f: -f.stat().st_size)]
    assert shared_out([], 3) == [[]]


def test_any_summary_can_be_shared_out(tmp_path):
    files = [tmp_path / str(n) for n in range(3)]
    for number, file in enumerate(files):
        file.write_bytes(bytes(number))
    assert summarize_files(files, partial(total, 2), added, 1) == 6
    with pytest.raises(ValueError, match="processes is 0"):
        summarize_files(files, partial(total, 2), added, 0)


def test_reports_add_up():
    first, second = InputReport(), InputReport()
    for report in (first, second):
        for number in range(15):
            report.add_problem("f", number, "broken")
        report.add_rows(7, 3)
        report.files, report.records, report.encodings["CSV"] = 1, 8, 2
    first.absorb(second)
    assert (first.files, first.records, first.rows, first.broken_lines, len(first.samples)) == (2, 16, 14, 30, 20)
    assert (first.widths, first.encodings) == ({3: 14}, {"CSV": 4})
