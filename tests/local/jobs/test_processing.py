"""Processing jobs run scripts of their own with SageMaker's folders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sagemaker_local.errors import AwsError
from sagemaker_local.jobs import enter, images

COPY = """
    import json, os, pathlib, sys
    import boto3
    source, target = pathlib.Path("/opt/ml/processing/input/data"), pathlib.Path("/opt/ml/processing/output")
    lines = [path.read_text() for path in sorted(source.rglob("*")) if path.is_file()]
    (target / "sub").mkdir()
    (target / "sub" / "joined.txt").write_text("".join(lines))
    config = json.loads(pathlib.Path("/opt/ml/config/processingjobconfig.json").read_text())
    resources = json.loads(pathlib.Path("/opt/ml/config/resourceconfig.json").read_text())
    print("arguments", *sys.argv[1:])
    print("greeting", os.environ["GREETING"], config["Environment"]["GREETING"], config["ProcessingJobArn"])
    print("hosts", resources["current_host"], resources["hosts"])
    print("caller", boto3.client("sts").get_caller_identity()["Arn"], file=sys.stderr)
    pathlib.Path("/opt/ml/output/message").write_text("Completed: all is well.")
"""


@pytest.mark.parametrize("mode", ["namespace", "links", "rewrite"])
def test_a_script_finds_its_inputs_and_leaves_its_outputs(lab: Any, mode: str, monkeypatch: Any) -> None:
    # Whatever this machine allows is tested; "rewrite" has to do without names in the script.
    if mode != "rewrite" and lab.jobs.mapping.mode != "namespace":
        pytest.skip("this machine does not allow user namespaces")
    monkeypatch.setattr(lab.jobs.options, "opt_ml", mode)
    script = COPY
    environment = {"GREETING": "hello"}
    if mode == "rewrite":
        script = script.replace('"/opt/ml', 'os.environ["ROOT"] + "')
        environment["ROOT"] = "/opt/ml"
    before = Path("/opt/ml").exists()
    lab.put(f"in-{mode}/a.txt", "one\n")
    lab.put(f"in-{mode}/deep/b.txt", "two\n")
    described = lab.processing(
        script,
        AppSpecification={
            "ImageUri": lab.sklearn,
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/app.py"],
            "ContainerArguments": ["--threshold", "0.5"],
        },
        Environment=environment,
        ProcessingInputs=[lab.input("data", lab.uri(f"in-{mode}"), "/opt/ml/processing/input/data")],
        ProcessingOutputConfig={"Outputs": [lab.output("out", f"out-{mode}", "/opt/ml/processing/output")]},
    )
    name = described["ProcessingJobName"]
    [(stream, lines)] = lab.log("/aws/sagemaker/ProcessingJobs", name).items()
    assert described["ProcessingJobStatus"] == "Completed", lines
    assert described["ExitMessage"] == "Completed: all is well."
    assert described["ProcessingEndTime"] >= described["ProcessingStartTime"] >= described["CreationTime"]
    assert lab.text(f"out-{mode}/sub/joined.txt") == "one\ntwo\n"
    assert stream.startswith(f"{name}/algo-1-")
    assert "arguments --threshold 0.5" in lines
    assert f"greeting hello hello {described['ProcessingJobArn']}" in lines
    assert "hosts algo-1 ['algo-1']" in lines
    assert any(line.endswith(":assumed-role/job/local") for line in lines)
    assert any("cannot give the job its own /opt/ml" in line for line in lines) == (mode == "rewrite")
    assert Path("/opt/ml").exists() is before


def test_the_calls_of_a_job_are_recorded_under_its_role(lab: Any) -> None:
    described = lab.processing("import boto3; boto3.client('s3').list_buckets()")
    assert described["ProcessingJobStatus"] == "Completed"
    recorder = lab.aws.recorder
    assert recorder.select(service="s3", operation="ListBuckets", caller=lab.role)
    assert recorder.select(service="s3", operation="GetObject", caller=lab.role)
    assert recorder.select(service="logs", operation="PutLogEvents", caller=lab.role)


def test_events_tell_the_beginning_and_the_end(lab: Any) -> None:
    lab.events()
    described = lab.processing("print('nothing')")
    name = described["ProcessingJobName"]
    found = [event for event in lab.events() if event["detail"].get("ProcessingJobName") == name]
    assert [event["detail-type"] for event in found] == ["SageMaker Processing Job State Change"] * 2
    assert {event["detail"]["ProcessingJobStatus"] for event in found} == {"InProgress", "Completed"}
    assert all(event["resources"] == [described["ProcessingJobArn"]] for event in found)
    assert all("ExitMessage" not in event["detail"] for event in found)


def test_a_failing_script_fails_the_job_with_its_message(lab: Any) -> None:
    outputs = {
        "Outputs": [
            lab.output("end", "failed-end", "/opt/ml/processing/end"),
            lab.output("live", "failed-live", "/opt/ml/processing/live", "Continuous"),
        ]
    }
    described = lab.processing(
        """
        import pathlib, sys
        for name in ("end", "live"):
            pathlib.Path(f"/opt/ml/processing/{name}/file").write_text("x")
        pathlib.Path("/opt/ml/output/message").write_text("column age is missing")
        sys.exit(3)
        """,
        ProcessingOutputConfig=outputs,
    )
    assert described["ProcessingJobStatus"] == "Failed"
    assert described["FailureReason"] == "AlgorithmError: column age is missing, exit code: 3"
    assert described["ExitMessage"] == "column age is missing"
    assert lab.keys("failed-end/") == []
    assert lab.keys("failed-live/") == ["file"]


def test_several_instances_share_the_objects(lab: Any) -> None:
    for number in range(4):
        lab.put(f"shards/{number}.txt", f"{number}")
    cluster = {"InstanceCount": 2, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30}
    described = lab.processing(
        """
        import json, os, pathlib
        host = json.loads(pathlib.Path("/opt/ml/config/resourceconfig.json").read_text())["current_host"]
        print("I am", host)
        names = sorted(path.name for path in pathlib.Path("/opt/ml/processing/shard").iterdir())
        everything = sorted(path.name for path in pathlib.Path("/opt/ml/processing/all").iterdir())
        pathlib.Path(f"/opt/ml/processing/out/{host}.json").write_text(json.dumps([names, everything]))
        """,
        ProcessingResources={"ClusterConfig": cluster},
        ProcessingInputs=[
            lab.input("shard", lab.uri("shards/"), "/opt/ml/processing/shard", S3DataDistributionType="ShardedByS3Key"),
            lab.input("all", lab.uri("shards/"), "/opt/ml/processing/all"),
        ],
        ProcessingOutputConfig={"Outputs": [lab.output("out", "sharded", "/opt/ml/processing/out")]},
    )
    assert described["ProcessingJobStatus"] == "Completed", described
    everything = [f"{number}.txt" for number in range(4)]
    assert json.loads(lab.text("sharded/algo-1.json")) == [["0.txt", "2.txt"], everything]
    assert json.loads(lab.text("sharded/algo-2.json")) == [["1.txt", "3.txt"], everything]
    assert len(lab.log("/aws/sagemaker/ProcessingJobs", described["ProcessingJobName"])) == 2


def test_manifests_name_objects_one_by_one(lab: Any) -> None:
    lab.put("listed/x/1.txt", "first ")
    lab.put("listed/y.txt", "second ")
    lab.put("listed/z.txt", "not listed")
    manifest = lab.put("manifest.json", json.dumps([{"prefix": lab.uri("listed/")}, "x/1.txt", "y.txt"]))
    described = lab.processing(
        """
        import pathlib
        root = pathlib.Path("/opt/ml/processing/in")
        found = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
        pathlib.Path("/opt/ml/output/message").write_text(" ".join(found))
        """,
        ProcessingInputs=[lab.input("in", manifest, "/opt/ml/processing/in", "ManifestFile")],
    )
    assert described["ExitMessage"] == "x/1.txt y.txt"


def test_a_job_without_data_fails_with_sagemakers_words(lab: Any) -> None:
    described = lab.processing(
        "raise SystemExit('never started')",
        ProcessingInputs=[lab.input("in", lab.uri("nothing/here"), "/opt/ml/processing/in")],
    )
    assert described["ProcessingJobStatus"] == "Failed"
    assert described["FailureReason"].startswith("ClientError: No S3 objects found under S3 URL")


def test_jobs_can_be_stopped_and_have_a_limit(lab: Any) -> None:
    waiting = "import time; print('begun', flush=True); time.sleep(60)"
    described = lab.processing(waiting, wait=False)
    name = described["ProcessingJobName"]
    lab.eventually(lambda: lab.sm.describe_processing_job(ProcessingJobName=name).get("ProcessingStartTime"))
    lab.sm.stop_processing_job(ProcessingJobName=name)
    stopped = lab.ended(lambda: lab.sm.describe_processing_job(ProcessingJobName=name), "ProcessingJobStatus")
    assert stopped["ProcessingJobStatus"] == "Stopped"
    with pytest.raises(ClientError, match="is in status Stopped"):
        lab.sm.stop_processing_job(ProcessingJobName=name)
    limited = lab.processing(waiting, StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert limited["ProcessingJobStatus"] == "Stopped"
    assert "MaxRuntimeInSeconds (1)" in limited["ExitMessage"]


def test_moving_the_clock_waits_for_jobs_and_gives_them_their_time(lab: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(lab.jobs.options, "minimum_seconds", 300.0)
    name = lab.processing("import time; time.sleep(0.3)", wait=False)["ProcessingJobName"]
    lab.aws.clock.advance(120)
    assert lab.sm.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] == "InProgress"
    lab.aws.clock.advance(240)
    described = lab.sm.describe_processing_job(ProcessingJobName=name)
    assert described["ProcessingJobStatus"] == "Completed"
    assert (described["ProcessingEndTime"] - described["ProcessingStartTime"]).total_seconds() >= 300


def test_names_are_used_once_and_jobs_are_listed(lab: Any) -> None:
    described = lab.processing("pass")
    name = described["ProcessingJobName"]
    with pytest.raises(ClientError, match="Job name must be unique") as caught:
        lab.sm.create_processing_job(
            ProcessingJobName=name,
            RoleArn=lab.role,
            AppSpecification=described["AppSpecification"],
            ProcessingResources=described["ProcessingResources"],
        )
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"
    listed = lab.sm.list_processing_jobs(NameContains=name, StatusEquals="Completed")["ProcessingJobSummaries"]
    assert [item["ProcessingJobArn"] for item in listed] == [described["ProcessingJobArn"]]
    with pytest.raises(ClientError, match="Could not find requested job"):
        lab.sm.describe_processing_job(ProcessingJobName="never-made")


def test_what_cannot_be_run_is_refused_at_once_and_altogether(lab: Any) -> None:
    with pytest.raises(ClientError) as caught:
        lab.processing(
            "pass",
            ProcessingInputs=[
                lab.input("a", lab.uri("x"), "/data/in"),
                {"InputName": "b"},
            ],
            ProcessingOutputConfig={"Outputs": [lab.output("a", "x", "/opt/ml/processing/a")]},
        )
    text = str(caught.value)
    assert "input a has LocalPath /data/in" in text
    assert "input b has no S3Input" in text
    assert "the name a is used twice" in text
    unknown = {"ImageUri": "111111111111.dkr.ecr.eu-west-1.amazonaws.com/own:1"}
    with pytest.raises(ClientError, match=r"cannot run the image .*/own:1 by its own entrypoint"):
        lab.processing("pass", AppSpecification=unknown)
    with pytest.raises(ClientError, match='no container here to run "/usr/local/bin/tool"'):
        lab.processing("pass", AppSpecification={**unknown, "ContainerEntrypoint": ["/usr/local/bin/tool"]})


def test_sparks_own_entrypoint_is_a_local_spark_submit(tmp_path: Path, monkeypatch: Any) -> None:
    found = ModuleSpec("pyspark", None, is_package=True)
    found.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(images.importlib.util, "find_spec", lambda name: found)
    monkeypatch.setenv("JAVA_HOME", "/java")
    given = ["smspark-submit", "--local-spark-event-logs-dir", "/logs", "--py-files", "a.zip", "/opt/ml/app.py"]
    launch = images.spark(given, ["--rows", "5"])
    assert launch.command[1] == str(tmp_path / "bin" / "spark-submit")
    assert launch.command[4:] == ["--py-files", "a.zip", "/opt/ml/app.py", "--rows", "5"]
    assert launch.leader_only and launch.environment["JAVA_HOME"] == "/java"
    monkeypatch.setattr(images.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AwsError, match="pyspark of its own interpreter, which is not installed"):
        images.spark(given, [])


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1", "sagemaker-xgboost"),
        (
            "468650794304.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-model-monitor-analyzer",
            "sagemaker-model-monitor-analyzer",
        ),
        ("host/own/tool@sha256:abc", "own/tool"),
    ],
)
def test_repositories_of_images(uri: str, name: str) -> None:
    assert images.repository(uri) == name


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.getuid() != 0 or not Path("/usr/bin/python3").exists(),
    reason="becomes another user to see what users without privileges get",
)
def test_a_namespace_needs_no_privileges_and_leaves_nothing_behind(lab: Any) -> None:
    if lab.jobs.mapping.mode != "namespace":
        pytest.skip("this machine does not allow user namespaces")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "ml"
        folder.mkdir()
        (folder / "file").write_text("inside\n")
        for path in (Path(scratch), folder):
            path.chmod(0o777)
        code = Path(scratch, "enter.py")
        code.write_text(Path(enter.__file__).read_text())
        before = {path.name for path in Path("/opt").iterdir()}
        done = subprocess.run(
            ["/usr/bin/python3", "-I", "-S", str(code), str(folder), "sh", "-c", "id -u; cat /opt/ml/file; ls /opt"],
            user=65534,
            group=65534,
            extra_groups=[],
            capture_output=True,
            text=True,
        )
    if done.returncode == enter.FAILED:
        pytest.skip(done.stderr)
    user, content, *there = done.stdout.split()
    assert (user, content) == ("65534", "inside")
    assert {"ml", *before} == set(there)
    assert {path.name for path in Path("/opt").iterdir()} == before
