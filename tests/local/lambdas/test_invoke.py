"""Invoking deployed functions: results, errors, logs, identity, processes."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sagemaker_local.lambdas.process import Image, Pool
from sagemaker_local.server import LocalAws


def call(bench: Any, name: str, event: Any = None, **options: Any) -> tuple[Any, dict[str, Any]]:
    answer = bench.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event or {}), **options)
    body = answer["Payload"].read()
    return (json.loads(body) if body else None), answer


def test_result_context_and_environment(bench: Any) -> None:
    arn = bench.function(
        "context",
        """
        import os
        def handler(event, context):
            return {"event": event, "arn": context.invoked_function_arn, "name": context.function_name,
                    "left": context.get_remaining_time_in_millis(), "color": os.environ["COLOR"],
                    "region": os.environ["AWS_REGION"], "task": os.environ["LAMBDA_TASK_ROOT"] == os.getcwd(),
                    "leaked": sorted(set(os.environ) & {"HOME", "PYTHONPATH", "VIRTUAL_ENV"})}
        """,
        Environment={"Variables": {"COLOR": "green"}},
    )
    result, answer = call(bench, "context", {"n": 1})
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert result["event"] == {"n": 1}
    assert result["arn"] == arn
    assert result["name"] == "context"
    assert 0 < result["left"] <= 20_000
    assert (result["color"], result["region"], result["task"], result["leaked"]) == ("green", "eu-west-1", True, [])


def test_calls_carry_the_role_of_the_function(bench: Any) -> None:
    bench.function(
        "caller",
        """
        import boto3
        def handler(event, context):
            boto3.client("sqs").list_queues()
            return boto3.client("sts").get_caller_identity()["Arn"]
        """,
    )
    result, _ = call(bench, "caller")
    assert result.startswith("arn:aws:sts::123456789012:assumed-role/caller-role/")
    calls = bench.aws.recorder.select(service="sqs", operation="ListQueues")
    assert [item.caller_arn for item in calls] == ["arn:aws:iam::123456789012:role/caller-role"]


def test_error_has_the_shape_of_lambda(bench: Any) -> None:
    bench.function("broken", "def handler(event, context):\n    raise KeyError('absent')\n")
    result, answer = call(bench, "broken", LogType="Tail")
    assert answer["FunctionError"] == "Unhandled"
    assert result["errorType"] == "KeyError"
    assert result["errorMessage"] == "'absent'"
    assert len(result["stackTrace"]) == 1
    assert "raise KeyError('absent')" in result["stackTrace"][0]
    log = base64.b64decode(answer["LogResult"]).decode()
    assert "[ERROR] KeyError: 'absent'" in log
    assert "REPORT RequestId:" in log


@pytest.mark.parametrize(
    ("name", "code", "kind"),
    [
        ("no-module", "import nothing_like_this\ndef handler(event, context): pass\n", "Runtime.ImportModuleError"),
        ("no-handler", "def other(event, context): pass\n", "Runtime.HandlerNotFound"),
        ("unserialisable", "def handler(event, context):\n    return object()\n", "Runtime.MarshalError"),
        ("exits", "import os\ndef handler(event, context):\n    os._exit(3)\n", "Runtime.ExitError"),
    ],
)
def test_runtime_errors(bench: Any, name: str, code: str, kind: str) -> None:
    bench.function(name, code)
    result, answer = call(bench, name)
    assert answer["FunctionError"] == "Unhandled"
    assert result["errorType"] == kind


def test_timeout_ends_the_process_and_its_children(bench: Any, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    bench.function(
        "sleeper",
        f"""
        import pathlib, subprocess, time
        def handler(event, context):
            child = subprocess.Popen(["sleep", "60"])
            pathlib.Path({str(pid_file)!r}).write_text(str(child.pid))
            time.sleep(60)
        """,
        Timeout=1,
    )
    started = time.monotonic()
    result, answer = call(bench, "sleeper")
    assert time.monotonic() - started < 10
    assert answer["FunctionError"] == "Unhandled"
    assert result["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in result["errorMessage"]
    assert any("Task timed out after 1.00 seconds" in line for line in bench.log("/aws/lambda/sleeper"))
    bench.eventually(lambda: not is_running(int(pid_file.read_text())))


def test_warm_process_is_reused_until_the_code_changes(bench: Any) -> None:
    code = "import os\nSTARTED = os.getpid()\ndef handler(event, context):\n    return [STARTED, {version}]\n"
    bench.function("warm", code.format(version=1))
    first, _ = call(bench, "warm")
    second, _ = call(bench, "warm")
    assert first == second
    bench.client("lambda").update_function_code(
        FunctionName="warm", ZipFile=bench.zipped({"app.py": code.format(version=2)})
    )
    third, _ = call(bench, "warm")
    assert third[1] == 2
    assert third[0] != first[0]
    bench.eventually(lambda: not is_running(first[0]))


def test_versions_and_aliases_keep_their_code(bench: Any) -> None:
    client = bench.client("lambda")
    bench.function("versioned", "def handler(event, context):\n    return 'one'\n")
    version = client.publish_version(FunctionName="versioned")["Version"]
    client.create_alias(FunctionName="versioned", Name="live", FunctionVersion=version)
    client.update_function_code(
        FunctionName="versioned",
        ZipFile=bench.zipped({"app.py": "def handler(event, context):\n    return 'two'\n"}),
    )
    assert call(bench, "versioned")[0] == "two"
    result, answer = call(bench, "versioned", Qualifier="live")
    assert (result, answer["ExecutedVersion"]) == ("one", version)


def test_settings_can_be_taken_away(bench: Any) -> None:
    client = bench.client("lambda")
    code = "import os\ndef handler(event, context):\n    return os.environ.get('COLOR')\n"
    bench.function("emptied", code, Environment={"Variables": {"COLOR": "red"}})
    assert call(bench, "emptied")[0] == "red"
    client.update_function_configuration(
        FunctionName="emptied", Environment={}, VpcConfig={"SubnetIds": [], "SecurityGroupIds": []}, Layers=[]
    )
    assert call(bench, "emptied")[0] is None
    assert "VpcConfig" not in client.get_function_configuration(FunctionName="emptied")


def test_log_group_and_json_format_of_logging_config(bench: Any) -> None:
    bench.client("logs").create_log_group(logGroupName="/custom/group")
    bench.function(
        "logger",
        """
        import logging
        def handler(event, context):
            logging.getLogger("shop").info("sold %d", 3)
            print("plain line")
        """,
        LoggingConfig={"LogGroup": "/custom/group", "LogFormat": "JSON", "ApplicationLogLevel": "INFO"},
    )
    call(bench, "logger")
    lines = bench.log("/custom/group")
    assert lines[0].startswith("START RequestId:")
    record = json.loads(next(line for line in lines if "sold 3" in line))
    assert (record["level"], record["logger"]) == ("INFO", "shop")
    assert "plain line" in lines
    assert lines[-1].startswith("REPORT RequestId:")
    config = bench.client("lambda").get_function_configuration(FunctionName="logger")
    assert config["LoggingConfig"]["LogGroup"] == "/custom/group"


def test_metrics_of_invocations_and_embedded_metrics(bench: Any) -> None:
    bench.function(
        "metered",
        """
        import json, time
        def handler(event, context):
            print(json.dumps({"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [
                {"Namespace": "Shop", "Dimensions": [["Store"]], "Metrics": [{"Name": "Sold", "Unit": "Count"}]}]},
                "Store": "north", "Sold": [2, 5]}))
            if event.get("fail"):
                raise ValueError
        """,
    )
    call(bench, "metered")
    call(bench, "metered", {"fail": True})
    totals = {name: total(bench, "AWS/Lambda", name, FunctionName="metered") for name in ("Invocations", "Errors")}
    assert totals == {"Invocations": 2, "Errors": 1}
    assert total(bench, "Shop", "Sold", Store="north") == 14


def test_concurrency_limit_throttles(bench: Any) -> None:
    bench.function("limited", "def handler(event, context): pass\n")
    bench.client("lambda").put_function_concurrency(FunctionName="limited", ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError) as refused:
        call(bench, "limited")
    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_unknown_function_dry_run_bad_payload_and_other_runtimes(bench: Any) -> None:
    with pytest.raises(ClientError) as unknown:
        call(bench, "nobody")
    assert unknown.value.response["Error"]["Code"] == "ResourceNotFoundException"
    bench.function("plain", "def handler(event, context): return 1\n")
    assert call(bench, "plain", InvocationType="DryRun")[1]["StatusCode"] == 204
    with pytest.raises(ClientError) as malformed:
        bench.client("lambda").invoke(FunctionName="plain", Payload=b"{not json")
    assert malformed.value.response["Error"]["Code"] == "InvalidRequestContentException"
    bench.function("noddy", "exports.handler = async () => 1\n", Runtime="nodejs22.x")
    result, answer = call(bench, "noddy")
    assert answer["FunctionError"] == "Unhandled"
    assert "runs Python functions from zips only" in result["errorMessage"]


def test_clock_offset_is_told_and_not_forced(bench: Any) -> None:
    bench.function(
        "clocked",
        """
        import os, time
        def handler(event, context):
            return [time.time(), int(os.environ["SAGEMAKER_LOCAL_CLOCK_OFFSET_SECONDS"])]
        """,
    )
    before = call(bench, "clocked")[0][1]
    bench.advance(7200)
    seconds, offset = call(bench, "clocked")[0]
    assert abs(seconds - time.time()) < 60
    assert abs(offset - before - 7200) <= 1


def test_no_process_is_left_behind_when_the_server_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "serve.py"
    script.write_text(
        """
import io, json, sys, zipfile
from sagemaker_local.server import LocalAws
aws = LocalAws(features=("lambdas",)).start()
trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
         "Action": "sts:AssumeRole"}]}
role = aws.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
code = io.BytesIO()
with zipfile.ZipFile(code, "w") as archive:
    archive.writestr("app.py", "import os, subprocess\\ndef handler(e, c):\\n"
                     "    return [os.getpid(), subprocess.Popen(['sleep', '60']).pid]\\n")
client = aws.client("lambda")
client.create_function(FunctionName="f", Role=role, Runtime="python3.13", Handler="app.handler", Timeout=20,
                       Code={"ZipFile": code.getvalue()})
print(client.invoke(FunctionName="f")["Payload"].read().decode(), flush=True)
sys.stdin.read()
"""
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "local"), "TMPDIR": str(tmp_path)}
    server = subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    assert server.stdout is not None
    pids = json.loads(server.stdout.readline())
    assert all(is_running(pid) for pid in pids)
    server.kill()
    server.wait()
    deadline = time.monotonic() + 10
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still running: {pids}"
        time.sleep(0.05)


def test_pauses_take_a_share_of_their_time(tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text(
        "import time\ndef handler(event, context):\n    time.sleep(60)\n    return 'up'\n"
    )
    names = ("NAME", "VERSION", "MEMORY_SIZE")
    variables = {f"AWS_LAMBDA_FUNCTION_{name}": "1" for name in names} | {"_HANDLER": "sleeper.handler"}
    variables |= {"AWS_LAMBDA_LOG_GROUP_NAME": "g", "AWS_LAMBDA_LOG_STREAM_NAME": "s"}
    pool = Pool(pause_scale=0.001)
    try:
        worker = pool.take(Image("sleeper", tmp_path, (str(tmp_path),), tuple(variables.items())))
        worker.load()
        answer = worker.call({"event": {}, "request_id": "1", "arn": "a", "clock_offset": 0, "trace_id": "t"}, 10)
    finally:
        pool.close()
    assert answer["result"] == '"up"'
    with pytest.raises(ValueError, match="pause_scale is a share of the time from 0 to 1, got 2"):
        LocalAws(pause_scale=2)


def is_running(pid: int) -> bool:
    """Return whether a process runs; one that is dead but not yet waited for does not."""
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def total(bench: Any, namespace: str, name: str, **dimensions: str) -> float:
    now = bench.aws.clock.now()
    points = bench.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now.timestamp() - 86400,
        EndTime=now.timestamp() + 60,
        Period=172800,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in points))
