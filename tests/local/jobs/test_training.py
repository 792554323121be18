"""Training jobs: scripts, the built-in XGBoost algorithm, checkpoints and interruptions."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest
import xgboost
from botocore.exceptions import ClientError

SCRIPT = """
    import argparse, json, os, pathlib
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float)
    parser.add_argument("--label")
    arguments = parser.parse_args()
    import helper
    assert os.environ["SM_HP_RATE"] == "0.5" and os.environ["SM_HP_LABEL"] == "age group"
    assert json.loads(os.environ["SM_HPS"]) == {"label": "age group", "rate": 0.5}
    assert json.loads(os.environ["SM_CHANNELS"]) == ["train"]
    assert os.environ["SM_MODEL_DIR"] == "/opt/ml/model"
    assert json.loads(pathlib.Path("/opt/ml/input/config/hyperparameters.json").read_text())["rate"] == "0.5"
    data = pathlib.Path(os.environ["SM_CHANNEL_TRAIN"], "a.csv").read_text()
    for epoch in range(3):
        print(f"epoch={epoch} loss={1 / (epoch + 1):.3f}")
    pathlib.Path("/opt/ml/model/weights.txt").write_text(f"{data.strip()} {arguments.rate} {helper.NAME}")
    pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"], "notes.txt").write_text("done")
"""
RESUMABLE = """
    import pathlib, time
    folder = pathlib.Path("/opt/ml/checkpoints")
    done = sorted(int(path.name) for path in folder.iterdir())
    total = sum(done)
    for epoch in range(len(done), 4):
        total += epoch
        (folder / str(epoch)).write_text("x")
        print(f"epoch {epoch} total={total}", flush=True)
        if len(done) == 0 and epoch == 1:
            time.sleep(30)
    pathlib.Path("/opt/ml/model/total").write_text(str(total))
"""


@pytest.fixture(scope="module")
def table(lab: Any) -> dict[str, str]:
    """Training and validation data as CSV without header, the label first."""
    rng = np.random.default_rng(5)
    features = rng.normal(size=(400, 3))
    label = (features[:, 0] + 0.5 * features[:, 1] > 0).astype(float)
    rows = np.column_stack([label, features])
    text = ["\n".join(",".join(f"{value:.5f}" for value in row) for row in part) for part in (rows[:300], rows[300:])]
    return {"train": lab.put("table/train/a.csv", text[0]), "validation": lab.put("table/validation/a.csv", text[1])}


def xgboost_job(lab: Any, table: dict[str, str], **hyperparameters: Any) -> dict[str, Any]:
    values = {"num_round": "6", "objective": "binary:logistic", "eval_metric": "logloss", "max_depth": "3"}
    values |= {name: str(value) for name, value in hyperparameters.items()}
    channels = [lab.channel(name, uri.rpartition("/")[0]) for name, uri in table.items()]
    return lab.training_request(lab.xgboost, values, InputDataConfig=channels)


def booster(lab: Any, described: dict[str, Any]) -> xgboost.Booster:
    files = lab.unpacked(described["ModelArtifacts"]["S3ModelArtifacts"])
    return xgboost.Booster(model_file=bytearray(files["xgboost-model"]))


def test_a_script_trains_with_sagemakers_variables(lab: Any) -> None:
    lab.events()
    lab.put("data/train/a.csv", "1,2,3\n")
    request = lab.script_job(
        SCRIPT,
        {"rate": 0.5, "label": "age group"},
        files={"helper.py": "NAME = 'helped'\n", "requirements.txt": "boto3\n"},
        metrics=[{"Name": "loss", "Regex": r"loss=([0-9.]+)"}],
        InputDataConfig=[lab.channel("train", lab.uri("data/train"))],
    )
    described = lab.train(request)
    name = request["TrainingJobName"]
    lines = next(iter(lab.log("/aws/sagemaker/TrainingJobs", name).values()))
    assert described["TrainingJobStatus"] == "Completed", lines
    assert lines[0] == "[local] requirements.txt: this interpreter has everything that it asks for"
    artifacts = described["ModelArtifacts"]["S3ModelArtifacts"]
    assert artifacts == lab.uri(f"trained/{name}/output/model.tar.gz")
    assert lab.unpacked(artifacts) == {"weights.txt": b"1,2,3 0.5 helped"}
    assert lab.unpacked(lab.uri(f"trained/{name}/output/output.tar.gz")) == {"notes.txt": b"done"}
    [metric] = described["FinalMetricDataList"]
    assert (metric["MetricName"], round(metric["Value"], 3)) == ("loss", 0.333)
    statuses = [item["Status"] for item in described["SecondaryStatusTransitions"]]
    assert statuses == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert described["BillableTimeInSeconds"] == described["TrainingTimeInSeconds"] >= 1
    events = [event for event in lab.events() if event["detail"].get("TrainingJobName") == name]
    assert {event["detail-type"] for event in events} == {"SageMaker Training Job State Change"}
    assert {event["detail"]["TrainingJobStatus"] for event in events} == {"InProgress", "Completed"}


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        ("raise ValueError('no rows')", 'ErrorMessage "ValueError: no rows"'),
        ("open('/opt/ml/output/failure', 'w').write('told by the script'); raise SystemExit(2)", "told by the script"),
    ],
)
def test_a_failing_script_tells_why(lab: Any, ending: str, reason: str) -> None:
    described = lab.train(lab.script_job(f"import sys\n{ending}"))
    assert described["TrainingJobStatus"] == "Failed"
    assert described["FailureReason"].startswith("AlgorithmError: ")
    assert reason in described["FailureReason"]
    assert "ModelArtifacts" not in described


def test_the_built_in_xgboost_trains_a_real_model(lab: Any, table: dict[str, str]) -> None:
    described = lab.train(xgboost_job(lab, table, early_stopping_rounds=2, num_round=60))
    assert described["TrainingJobStatus"] == "Completed", described
    metrics = {item["MetricName"]: item["Value"] for item in described["FinalMetricDataList"]}
    assert set(metrics) == {"train:logloss", "validation:logloss"}
    assert metrics["validation:logloss"] < 0.3
    rounds = booster(lab, described).num_boosted_rounds()
    lines = next(iter(lab.log("/aws/sagemaker/TrainingJobs", described["TrainingJobName"]).values()))
    assert lines[0].startswith("[0]#011train-logloss:")
    assert 5 < rounds == len(lines) - 2 < 60  # the last two rounds were not better


def test_an_interrupted_spot_job_resumes_from_its_checkpoint_with_the_same_model(
    lab: Any, table: dict[str, str]
) -> None:
    spot = {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 900},
    }
    undisturbed = lab.train(xgboost_job(lab, table, subsample=0.6, num_round=24))
    request = {
        **xgboost_job(lab, table, subsample=0.6, num_round=24),
        **spot,
        "CheckpointConfig": {"S3Uri": lab.uri(f"checkpoints/{lab.name('job')}")},
    }
    lab.jobs.spot.interrupt_when(r"^\[13\]", request["TrainingJobName"])
    described = lab.train(request)
    statuses = [item["Status"] for item in described["SecondaryStatusTransitions"]]
    attempt = ["Starting", "Downloading", "Training"]
    if "Interrupted" in statuses:  # a job this small may be over before the instance is gone
        assert statuses == [*attempt, "Interrupted", *attempt, "Uploading", "Completed"]
        streams = lab.log("/aws/sagemaker/TrainingJobs", described["TrainingJobName"])
        lines = [line for lines in streams.values() for line in lines]
        assert any(line.startswith("Resuming from the checkpoint of round ") for line in lines)
    assert booster(lab, described).save_raw("json") == booster(lab, undisturbed).save_raw("json")
    script = {**lab.script_job(RESUMABLE), **spot, "CheckpointConfig": {"S3Uri": lab.uri("checkpoints/script")}}
    lab.aws.recorder.clear()
    lab.jobs.spot.interrupt_when("epoch 1", script["TrainingJobName"])
    described = lab.train(script)
    statuses = [item["Status"] for item in described["SecondaryStatusTransitions"]]
    assert statuses == [*attempt, "Interrupted", *attempt, "Uploading", "Completed"]
    assert lab.unpacked(described["ModelArtifacts"]["S3ModelArtifacts"]) == {"total": b"6"}
    assert described["BillableTimeInSeconds"] <= described["TrainingTimeInSeconds"]


def _control(lab: Any, control: str, document: Any) -> Any:
    try:
        with urlopen(f"{lab.aws.url}/_local/jobs/{control}", json.dumps(document).encode()) as answer:
            return json.loads(answer.read())
    except HTTPError as error:
        return json.loads(error.read())


def test_faults_can_be_ordered_over_http(lab: Any) -> None:
    request = lab.script_job("pass")
    reason = "CapacityError: no ml.m5.xlarge is to be had"
    assert "fails" in _control(lab, "fail", {"reason": reason, "name_contains": request["TrainingJobName"]})
    described = lab.train(request)
    assert (described["TrainingJobStatus"], described["FailureReason"]) == ("Failed", reason)
    _control(lab, "fail", {"reason": "InternalServerError: a bad day", "name_contains": "again"})
    described = lab.train(
        {**lab.script_job("pass", RetryStrategy={"MaximumRetryAttempts": 1}), "TrainingJobName": "again"}
    )
    assert described["TrainingJobStatus"] == "Completed"
    lab.sm.delete_training_job(TrainingJobName="again")
    with pytest.raises(ClientError, match="Could not find requested job"):
        lab.sm.describe_training_job(TrainingJobName="again")
    assert "interrupts" in _control(lab, "interrupt", {"line": "never printed", "name_contains": "nobody"})
    assert "is no running training job" in _control(lab, "interrupt", {"job": "nobody"})["error"]
    assert "is not a regular expression" in _control(lab, "interrupt", {"line": "("})["error"]
    for control in ("fail", "interrupt"):
        assert f"POST /_local/jobs/{control} wants" in _control(lab, control, [])["error"]


def test_a_job_that_waits_for_its_turn_can_be_stopped(lab: Any) -> None:
    busy = [lab.train(lab.script_job("import time; time.sleep(30)"), wait=False) for _ in range(lab.jobs.options.slots)]
    waiting = lab.train(lab.script_job("pass"), wait=False)["TrainingJobName"]
    lab.sm.stop_training_job(TrainingJobName=waiting)
    described = lab.ended(lambda: lab.sm.describe_training_job(TrainingJobName=waiting), "TrainingJobStatus")
    assert described["TrainingJobStatus"] == "Stopped" and "TrainingStartTime" not in described
    for job in busy:
        lab.sm.stop_training_job(TrainingJobName=job["TrainingJobName"])


def test_a_stopped_or_overlong_job_leaves_its_model(lab: Any) -> None:
    waiting = """
        import pathlib, time
        pathlib.Path("/opt/ml/model/half").write_text("done")
        print("half done", flush=True)
        time.sleep(60)
    """
    request = lab.script_job(waiting)
    name = lab.train(request, wait=False)["TrainingJobName"]
    lab.eventually(lambda: lab.sm.describe_training_job(TrainingJobName=name)["SecondaryStatus"] == "Training")
    lab.sm.stop_training_job(TrainingJobName=name)
    described = lab.ended(lambda: lab.sm.describe_training_job(TrainingJobName=name), "TrainingJobStatus")
    assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("Stopped", "Stopped")
    overlong = lab.train(lab.script_job(waiting, StoppingCondition={"MaxRuntimeInSeconds": 1}))
    assert (overlong["TrainingJobStatus"], overlong["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert lab.unpacked(overlong["ModelArtifacts"]["S3ModelArtifacts"]) == {"half": b"done"}


def test_wrong_data_is_the_jobs_failure_and_wrong_requests_are_refused(lab: Any, table: dict[str, str]) -> None:
    header = lab.put("header/train/a.csv", "label,a,b\n1,2,3\n")
    described = lab.train(xgboost_job(lab, {"train": header}))
    assert "a.csv is not CSV of numbers without a header" in described["FailureReason"]
    bad = xgboost_job(lab, table)
    bad["AlgorithmSpecification"] |= {"TrainingInputMode": "Pipe", "MetricDefinitions": [{"Name": "x", "Regex": "("}]}
    bad |= {"EnableManagedSpotTraining": True, "CheckpointConfig": {"S3Uri": lab.uri("x"), "LocalPath": "/tmp/x"}}
    with pytest.raises(ClientError) as caught:
        lab.train(bad)
    for text in ("TrainingInputMode Pipe", "Regex (,", "MaxWaitTimeInSeconds of at least", "LocalPath /tmp/x"):
        assert text in str(caught.value)
    own = lab.training_request("111111111111.dkr.ecr.eu-west-1.amazonaws.com/own:1", {})
    with pytest.raises(ClientError, match="cannot run the image"):
        lab.train(own)
