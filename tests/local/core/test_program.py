"""`python -m sagemaker_local` and the pytest fixture, each in a process of its own."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import boto3
import pytest

LOCAL = Path(__file__).parents[3] / "local"


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(LOCAL), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_how_to_use_it_and_stops_on_a_signal(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
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
        try:
            # Nothing but the lines that it prints, as boto3 reads them.
            for name in [name for name in os.environ if name.startswith("AWS_")]:
                monkeypatch.delenv(name)
            for name, value in re.findall(r"(AWS_\w+)=(\S+)", guide):
                monkeypatch.setenv(name, value)
            assert boto3.session.Session().client("sts").get_caller_identity()["Account"] == "222222222222"
            invoke_a_function(found[1])
            children = children_of(process.pid)
            assert children, "the function's process is kept warm"
            process.send_signal(number)
            assert process.wait(timeout=20) == 0
            assert not [child for child in children if Path(f"/proc/{child}").exists()]
        finally:
            process.kill()


def invoke_a_function(url: str) -> None:
    keys = {"aws_access_key_id": "AKIA222222222222LOCL", "aws_secret_access_key": "local"}
    place = {"endpoint_url": url, "region_name": "eu-west-1", **keys}
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = boto3.client("iam", **place).create_role(RoleName="r", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return event")
    client = boto3.client("lambda", **place)
    code = {"ZipFile": packed.getvalue()}
    client.create_function(FunctionName="f", Role=role, Runtime="python3.13", Handler="app.handler", Code=code)
    assert json.loads(client.invoke(FunctionName="f", Payload=b"[1]")["Payload"].read()) == [1]


def children_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


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
