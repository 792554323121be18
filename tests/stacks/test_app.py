"""app.py as a program: what it reads, what it says, that it is deterministic."""

from __future__ import annotations

import filecmp
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from app import main, selected

ROOT = Path(__file__).resolve().parents[2]


HEAVY = {"sagemaker", "boto3", "botocore", "numpy", "polars", "pandas", "moto", "model_analyzer", "sagemaker_local"}


def run(
    outdir: Path,
    *,
    cwd: Path = ROOT,
    context: dict[str, str] | None = None,
    variables: dict[str, str] | None = None,
    command: Sequence[str] = (str(ROOT / "app.py"),),
) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "CDK_OUTDIR": str(outdir),
        "CDK_VALIDATION": "false",
        # Whoever asks a proxy gets no answer: synth must not need the network.
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    environment.pop("MLOPS_ENV", None)
    # As the CDK CLI passes it: cdk.json's context and what -c adds.
    flags = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    environment["CDK_CONTEXT_JSON"] = json.dumps(flags | (context or {}))
    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=environment | (variables or {}),
        capture_output=True,
        text=True,
        check=False,
    )


def stages(outdir: Path) -> list[str]:
    return sorted(folder.name.removeprefix("assembly-") for folder in outdir.glob("assembly-*"))


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_two_runs_are_byte_equal_from_anywhere(tmp_path: Path) -> None:
    """Every file of the assembly: templates, manifests, archives. These two have every kind of stack between them."""
    first = run(tmp_path / "a", variables={"MLOPS_ENV": "local,prod", "PYTHONHASHSEED": "1", "TZ": "UTC"})
    elsewhere = {"MLOPS_ENV": "local,prod", "PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo"}
    second = run(tmp_path / "b", cwd=tmp_path, variables=elsewhere)

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert stages(tmp_path / "a") == ["mlops-local", "mlops-prod"]
    assert files(tmp_path / "a") == files(tmp_path / "b")
    _, different, unreadable = filecmp.cmpfiles(tmp_path / "a", tmp_path / "b", files(tmp_path / "a"), shallow=False)
    assert (different, unreadable) == ([], [])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (None, ["dev.yaml", "local.yaml", "prod.yaml", "staging.yaml"]),
        ("", ["dev.yaml", "local.yaml", "prod.yaml", "staging.yaml"]),
        ("prod", ["prod.yaml"]),
        ("dev, staging,", ["dev.yaml", "staging.yaml"]),
    ],
)
def test_selection_by_name(names: str | None, expected: list[str]) -> None:
    assert selected(names) == [ROOT / "environments" / name for name in expected]


def test_a_file_anywhere_can_be_selected_context_wins_and_nothing_heavy_is_imported(tmp_path: Path) -> None:
    file = tmp_path / "trial.yaml"
    file.write_text((ROOT / "environments" / "dev.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    program = (
        "import runpy, sys\n"
        "try:\n"
        f"    runpy.run_path({str(ROOT / 'app.py')!r}, run_name='__main__')\n"
        "except SystemExit as stop:\n"
        "    assert stop.code == 0, stop.code\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}"
        f" & {HEAVY}))\n"
    )

    result = run(
        tmp_path / "out",
        context={"env": str(file)},
        variables={"MLOPS_ENV": "prod", "PYTHONPATH": str(ROOT)},
        command=["-c", program],
    )

    assert stages(tmp_path / "out") == ["mlops-trial"], result.stderr
    assert result.stdout.splitlines()[-1:] == ["[]"], result.stdout + result.stderr


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """What the program says of a selection that it refuses; an exception would leave it and fail the test."""

    def said(names: str) -> str:
        monkeypatch.setenv("MLOPS_ENV", names)
        assert main() == 2
        return capsys.readouterr().err

    return said


def test_mistakes_are_reported_together(tmp_path: Path, report: Callable[[str], str]) -> None:
    file = tmp_path / "trial.yaml"
    file.write_text('account: "1"\nregion: here\nmodels: {}\n', encoding="utf-8")

    said = report(f"{file},prdo")

    assert f"{file}:1: account" in said
    assert "prdo.yaml: does not exist" in said
    assert "dev.yaml, local.yaml, prod.yaml, staging.yaml" in said
    assert "4 mistakes in 2 environment files" in said
    assert _page_of_messages(said).is_file()


def test_what_only_the_library_knows_is_reported_as_well(tmp_path: Path, report: Callable[[str], str]) -> None:
    text = (ROOT / "environments" / "dev.yaml").read_text(encoding="utf-8")
    file = tmp_path / "trial.yaml"
    file.write_text(text.replace("data_quality: {", "data_quality: {alarm_features: [größe], "), encoding="utf-8")

    said = report(str(file))

    assert "environment trial: " in said
    assert "printable ASCII" in said
    assert _page_of_messages(said).is_file()


def _page_of_messages(report: str) -> Path:
    """What the last line of a report names."""
    begin, _, page = report.strip().splitlines()[-1].rpartition(": ")
    assert begin == "Every message with its way out"
    return Path(page)
