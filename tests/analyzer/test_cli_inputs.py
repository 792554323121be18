"""The command line and files as people have them: separators, other formats among them, lines for scripts, Ctrl-C."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from model_analyzer.cli import _progress, main
from model_analyzer.data_quality import Statistics

ROWS = [(n / 100, n % 70, ("basic", "plus")[n % 2]) for n in range(200)]


def table(separator: str = ",", header: bool = True) -> str:
    names = separator.join(("score", "age", "plan")) + "\n" if header else ""
    return names + "".join(separator.join(map(str, row)) + "\n" for row in ROWS)


def columns_of(folder: Path) -> list[str]:
    return list(Statistics.from_json((folder / "statistics.json").read_bytes()).features)


@pytest.mark.parametrize(
    ("name", "text", "options"),
    [
        ("t.csv", table(";"), []),
        ("t.tsv", table("\t"), []),
        ("t.csv", table("|"), []),
        ("t.csv", table(";").replace("age", "age,years"), ["--separator", ";"]),
        ("t.txt", table("\t"), ["--separator", "tab"]),
        ("t.csv", "\ufeff" + table(";"), []),
    ],
)
def test_separators(name, text, options, tmp_path):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert main(["baseline", str(tmp_path / name), "--out", str(tmp_path / "o"), "--quiet", *options]) == 0
    assert columns_of(tmp_path / "o") == ["score", "age,years" if options == ["--separator", ";"] else "age", "plan"]


def test_separators_are_the_same_in_every_process(tmp_path):
    for number in range(2):
        (tmp_path / f"{number}.csv").write_text(table(";"))
    arguments = ["baseline", *(str(tmp_path / f"{n}.csv") for n in range(2)), "--out", str(tmp_path / "o"), "--quiet"]
    assert main([*arguments, "--processes", "2"]) == 0
    assert columns_of(tmp_path / "o") == ["score", "age", "plan"]


def test_utf_16_and_a_line_of_another_encoding(tmp_path, capsys):
    (tmp_path / "wide.csv").write_text(table(), encoding="utf-16")
    assert main(["baseline", str(tmp_path / "wide.csv"), "--out", str(tmp_path / "wide"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["columns"] == 3
    (tmp_path / "old.csv").write_bytes(table().encode() + b"0.1,5,pl\xfcs\n")
    assert main(["baseline", str(tmp_path / "old.csv"), "--out", str(tmp_path / "old")]) == 0
    assert "1 line with characters that are not UTF-8, which were replaced" in capsys.readouterr().out
    assert json.loads((tmp_path / "old" / "input_report.json").read_text())["broken_lines"] == 0


def test_files_of_other_formats_in_a_folder_are_counted(tmp_path, capsys):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.csv").write_text(table())
    (folder / "b.parquet").write_bytes(b"PAR1")
    (folder / "_SUCCESS").touch()
    for processes in ("1", "2"):
        options = ["--out", str(tmp_path / processes), "--processes", processes]
        assert main(["baseline", str(folder), *options]) == 0
        assert "1 file of other formats passed over" in capsys.readouterr().out


def test_what_was_left_out_is_said_by_every_command(tmp_path, capsys):
    (tmp_path / "t.csv").write_text(table() + "1,2\n")
    base = str(tmp_path / "b")
    assert main(["baseline", str(tmp_path / "t.csv"), "--out", base]) == 0
    assert main(["check", str(tmp_path / "t.csv"), "--baseline", base, "--out", str(tmp_path / "c")]) == 0
    task = ["--problem", "regression", "--label", "age", "--prediction", "score"]
    assert main(["quality", str(tmp_path / "t.csv"), *task, "--out", str(tmp_path / "q")]) == 0
    assert capsys.readouterr().out.count("1 line left out (line has 2 fields, not 3)") == 3


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_scripts_take_lines_of_csv_and_of_json(kind, tmp_path):
    script = tmp_path / "pre.py"
    if kind == "csv":
        (tmp_path / "t.csv").write_text(table())
        reading = "score, age, plan = inference_record.split(',')"
    else:
        lines = [json.dumps(dict(zip(("score", "age", "plan"), row, strict=True))) for row in ROWS]
        (tmp_path / "t.jsonl").write_text("\n".join([*lines, "broken"]))
        reading = "score, age, plan = inference_record['score'], inference_record['age'], inference_record['plan']"
    script.write_text(
        "def preprocess_handler(inference_record, logger):\n"
        f"    {reading}\n"
        "    return {'a_score': score, 'b_old': int(age) > 30} if plan == 'plus' else []\n"
    )
    arguments = ["baseline", str(tmp_path / f"t.{kind}"), "--out", str(tmp_path / "o"), "--preprocessor", str(script)]
    assert main([*arguments, "--quiet"]) == 0
    body = json.loads((tmp_path / "o" / "statistics.json").read_text())
    assert body["dataset"]["item_count"] == 100
    assert columns_of(tmp_path / "o") == ["a_score", "b_old"]
    report = json.loads((tmp_path / "o" / "input_report.json").read_text())
    assert (report["records"], report["broken_lines"]) == (200, int(kind == "jsonl"))
    script.write_text("def preprocess_handler(inference_record):\n    return 5\n")
    assert main(arguments) == 1


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("model-analyzer ")


def feed(path: Path, reading: threading.Event) -> None:
    """Write lines until nobody reads them any more."""
    with contextlib.suppress(BrokenPipeError), path.open("wb", buffering=0) as pipe:
        pipe.write(b"a,b\n")
        while True:
            pipe.write(b"1,2\n" * 100_000)
            reading.set()


@pytest.mark.parametrize("processes", ["1", "2"])
def test_interrupted(processes, tmp_path):
    """Ctrl-C ends the command and its processes soon, without a traceback."""
    files = [tmp_path / "0.csv", tmp_path / "1.csv"]
    command = [sys.executable, "-m", "model_analyzer.cli", "baseline", *map(str, files), "--processes", processes]
    started = [threading.Event() for _ in files]
    for file, event in zip(files, started, strict=True):
        os.mkfifo(file)  # a file that never ends
        threading.Thread(target=feed, args=(file, event), daemon=True).start()
    process = subprocess.Popen(
        [*command, "--separator", ",", "--out", str(tmp_path / "o")],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "analyzer")},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for event in started[: int(processes)]:
        assert event.wait(30)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == "model-analyzer: interrupted\n"


@pytest.mark.parametrize("terminal", [True, False])
def test_progress(terminal, monkeypatch):
    """A line that is written over in a terminal, whole lines and few of them in a log; nothing for short work."""
    clock, stderr = [0.0], io.StringIO()
    monkeypatch.setattr(_progress.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(stderr, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr(sys, "stderr", stderr)
    progress = _progress.Progress(quiet=False)
    for second in range(1, 21):
        clock[0] = float(second)
        progress.show(second * 1_000, "explained")
    progress.end()
    shown = stderr.getvalue()
    if terminal:
        assert shown.count("\r") == 19 and shown.endswith("\r20,000 rows explained, 1,000 rows/s \n")
    else:
        assert shown == "2,000 rows explained, 1,000 rows/s\n17,000 rows explained, 1,000 rows/s\n"
    _progress.Progress(quiet=True).show(1, "explained")
    assert stderr.getvalue() == shown
