"""`python -m sagemaker_local` and the pytest fixture, each in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import urllib.request
from pathlib import Path

import pytest

LOCAL = Path(__file__).parents[3] / "local"


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(LOCAL), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_how_to_use_it_and_stops_on_a_signal(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "sagemaker_local", "--port", "0", "--account", "222222222222"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stdout is not None
        guide = ""
        while "Stop with" not in guide:
            line = process.stdout.readline()
            assert line, "the program ended by itself"
            guide += line
        assert "Permissions are not enforced" in guide
        assert "AKIA222222222222LOCL" in guide
        found = re.search(r"AWS_ENDPOINT_URL=(http://127\.0\.0\.1:\d+)", guide)
        assert found is not None
        with urllib.request.urlopen(f"{found[1]}/_local/health") as answer:
            assert answer.status == 200
        process.send_signal(number)
        assert process.wait(timeout=15) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--account", "12"], '--account: an AWS account id has 12 digits, got "12"'),
        (["--port", "99999"], "choose another --port"),
    ],
)
def test_arguments_that_cannot_work_are_refused(arguments: list[str], message: str) -> None:
    command = [sys.executable, "-m", "sagemaker_local", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=30, check=False)
    assert (result.returncode, message in result.stderr, "Traceback" in result.stderr) == (2, True, False)


def test_other_projects_get_a_fixture(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["sagemaker_local.pytest_plugin"]\n')
    (tmp_path / "test_other.py").write_text(
        textwrap.dedent(
            """
            def test_bucket(local_aws):
                local_aws.client("s3", "111111111111", "us-east-1").create_bucket(Bucket="abc")
            def test_same_server(local_aws):
                assert local_aws.client("s3", "111111111111", "us-east-1").list_buckets()["Buckets"]
            """
        )
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    result = subprocess.run(
        command, capture_output=True, text=True, env=environment(), cwd=tmp_path, timeout=60, check=False
    )
    assert "2 passed" in result.stdout, result.stdout + result.stderr
