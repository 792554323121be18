"""Executions: order, references, conditions, failures, retries, caching, stopping, callbacks, events."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

SCORE = """
    import json, pathlib, sys
    pathlib.Path("/opt/ml/processing/out/evaluation.json").write_text(
        json.dumps({"metrics": {"auc": {"value": float(sys.argv[1])}}, "list": [{"a b": "deep"}]}))
"""
TRAIN = """
    import os, pathlib
    rows = pathlib.Path(os.environ["SM_CHANNEL_TRAIN"], "evaluation.json").read_text()
    print("loss=0.25")
    pathlib.Path(os.environ["SM_MODEL_DIR"], "model.txt").write_text(os.environ["SM_HP_DEPTH"] + rows[:1])
"""


def _auc() -> dict[str, Any]:
    return {
        "Std:JsonGet": {"PropertyFile": {"Get": "Steps.Score.PropertyFiles.Evaluation"}, "Path": "metrics.auc.value"}
    }


def _failing(name: str = "Refused", **more: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": "not good enough"}, **more}


def _score(lab: Any, value: Any, **more: Any) -> dict[str, Any]:
    files = [{"PropertyFileName": "Evaluation", "OutputName": "out", "FilePath": "evaluation.json"}]
    return lab.processing("Score", SCORE, [value], PropertyFiles=files, **more)


def _training(lab: Any) -> dict[str, Any]:
    import io
    import tarfile
    import textwrap

    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        member = tarfile.TarInfo("train.py")
        data = textwrap.dedent(TRAIN).encode()
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    lab.s3.put_object(Bucket=lab.bucket, Key="source/sourcedir.tar.gz", Body=stream.getvalue())
    hyperparameters = {
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": json.dumps(lab.uri("source/sourcedir.tar.gz")),
        "depth": {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Depth"}]}},
    }
    channel = {
        "ChannelName": "train",
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": {"Get": "Steps.Score.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"},
            }
        },
    }
    arguments = {
        "AlgorithmSpecification": {
            "TrainingImage": lab.image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
        },
        "HyperParameters": hyperparameters,
        "InputDataConfig": [channel],
        "OutputDataConfig": {"S3OutputPath": lab.uri("models")},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "RoleArn": lab.role,
    }
    return {"Name": "Train", "Type": "Training", "Arguments": arguments}


def _register(lab: Any, group: str) -> dict[str, Any]:
    artifacts = {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}
    arguments = {
        "ModelPackageGroupName": group,
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {
            "Containers": [{"Image": lab.image, "ModelDataUrl": artifacts}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        "CustomerMetadataProperties": {
            "loss": {"Std:Join": {"On": "", "Values": [{"Get": "Steps.Train.FinalMetricDataList['loss'].Value"}]}}
        },
    }
    return {"Name": "Register", "Type": "RegisterModel", "Arguments": arguments}


def _gate(then: list[Any], otherwise: list[Any], least: Any = 0.8) -> dict[str, Any]:
    check = {"Type": "GreaterThanOrEqualTo", "LeftValue": _auc(), "RightValue": least}
    return {
        "Name": "Gate",
        "Type": "Condition",
        "Arguments": {"Conditions": [check], "IfSteps": then, "ElseSteps": otherwise},
    }


PARAMETERS = [
    {"Name": "Auc", "Type": "String", "DefaultValue": "0.9"},
    {"Name": "Depth", "Type": "Integer", "DefaultValue": 3},
    {"Name": "Least", "Type": "Float", "DefaultValue": 0.8},
]


@pytest.fixture(scope="module")
def flow(lab: Any) -> str:
    """Score, train, gate, register: the shape of every training pipeline."""
    steps = [
        _score(lab, {"Get": "Parameters.Auc"}),
        _training(lab),
        _gate([_register(lab, "models")], [_failing()], {"Get": "Parameters.Least"}),
    ]
    return lab.create(steps, PARAMETERS)


def test_a_good_model_goes_through_all_steps(lab: Any, flow: str) -> None:
    lab.events()
    token = uuid4().hex
    arn = lab.start(flow, {"Depth": "7"}, ClientRequestToken=token)
    assert lab.start(flow, {"Depth": "7"}, ClientRequestToken=token) == arn
    described = lab.ended(arn)
    steps = lab.steps(arn)
    assert described["PipelineExecutionStatus"] == "Succeeded", steps
    assert next(iter(steps)) == "Score" and set(steps) == {"Score", "Train", "Gate", "Register"}
    assert steps["Gate"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    package = lab.sm.describe_model_package(ModelPackageName=steps["Register"]["Metadata"]["RegisterModel"]["Arn"])
    assert package["MetadataProperties"]["GeneratedBy"] == arn
    assert package["CustomerMetadataProperties"] == {"loss": "0.25"}
    job = lab.sm.describe_training_job(
        TrainingJobName=steps["Train"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    )
    assert job["HyperParameters"]["depth"] == "7"
    [container] = package["InferenceSpecification"]["Containers"]
    assert container["ModelDataUrl"] == job["ModelArtifacts"]["S3ModelArtifacts"]
    identifier = arn.rpartition("/")[2]
    assert job["TrainingJobName"].startswith(f"pipelines-{identifier}-Train-")
    assert lab.aws.recorder.select(service="sagemaker", operation="CreateTrainingJob", caller=lab.role)
    listed = lab.sm.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)["PipelineParameters"]
    assert {item["Name"]: item["Value"] for item in listed} == {"Auc": "0.9", "Depth": "7", "Least": "0.8"}
    events = [event for event in lab.events() if event["detail"].get("pipelineExecutionArn") == arn]
    whole = [event["detail"] for event in events if event["detail-type"].endswith("Execution Status Change")]
    assert {item["currentPipelineExecutionStatus"] for item in whole} == {"Executing", "Succeeded"}
    parts = [event["detail"] for event in events if event["detail-type"].endswith("Step Status Change")]
    assert {item["currentStepStatus"] for item in parts if item["stepName"] == "Train"} == {
        "Starting",
        "Executing",
        "Succeeded",
    }


def test_a_poor_model_is_not_registered(lab: Any, flow: str) -> None:
    def registered() -> int:
        return len(lab.aws.recorder.select(service="sagemaker", operation="CreateModelPackage"))

    before = registered()
    arn = lab.start(flow, {"Auc": "0.5"})
    described = lab.ended(arn)
    assert described["PipelineExecutionStatus"] == "Failed"
    assert described["FailureReason"] == "Step failure: One or multiple steps failed."
    steps = lab.steps(arn)
    assert steps["Gate"]["Metadata"] == {"Condition": {"Outcome": "False"}}
    assert steps["Refused"]["FailureReason"] == "not good enough"
    assert steps["Refused"]["Metadata"] == {"Fail": {"ErrorMessage": "not good enough"}}
    assert registered() == before
    with pytest.raises(ClientError, match="ended in a Fail step"):
        lab.sm.retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=uuid4().hex)
    namespace = "AWS/Sagemaker/ModelBuildingPipeline"
    metrics = lab.client("cloudwatch").list_metrics(Namespace=namespace)["Metrics"]
    assert {"ExecutionStarted", "ExecutionFailed", "ExecutionDuration", "StepFailed"} <= {
        item["MetricName"] for item in metrics
    }


def test_parameters_are_checked_when_an_execution_starts(lab: Any, flow: str) -> None:
    with pytest.raises(ClientError) as caught:
        lab.start(flow, {"Depth": "deep", "Wrong": "1", "Least": "0.5x"})
    for text in ("'deep', which is no Integer", "Wrong is no parameter", "'0.5x', which is no Float"):
        assert text in str(caught.value)


def test_a_failing_step_ends_the_execution_and_can_be_retried(lab: Any) -> None:
    marker = lab.uri("retry/marker")
    first = lab.processing("First", "print('first')")
    second = lab.processing(
        "Second",
        """
        import boto3, sys
        keys = boto3.client("s3").list_objects_v2(Bucket="pipes", Prefix="retry/").get("KeyCount")
        sys.exit(0 if keys else "there is no marker yet")
        """,
        DependsOn=["First"],
    )
    third = lab.processing("Third", "print('third')", DependsOn=["Second"])
    arn = lab.start(lab.create([first, second, third]))
    assert lab.ended(arn)["PipelineExecutionStatus"] == "Failed"
    steps = lab.steps(arn)
    assert list(steps) == ["First", "Second"]
    assert steps["Second"]["FailureReason"].startswith("ClientError: AlgorithmError: ")
    started = steps["First"]["StartTime"]
    lab.put("retry/marker", "now")
    lab.sm.retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=uuid4().hex)
    assert lab.ended(arn)["PipelineExecutionStatus"] == "Succeeded", marker
    steps = lab.steps(arn)
    assert list(steps) == ["First", "Second", "Third"] and steps["First"]["StartTime"] == started


def test_an_unresolvable_reference_and_a_refused_call_fail_their_step(lab: Any) -> None:
    score = _score(lab, "0.7")
    path = {"PropertyFile": {"Get": "Steps.Score.PropertyFiles.Evaluation"}, "Path": "metrics.f1.value"}
    check = {"Type": "Equals", "LeftValue": {"Std:JsonGet": path}, "RightValue": 1}
    gate = {**_gate([], []), "Arguments": {"Conditions": [check], "IfSteps": [], "ElseSteps": []}}
    model = {
        "Name": "Model",
        "Type": "Model",
        "Arguments": {
            "ExecutionRoleArn": lab.role,
            "PrimaryContainer": {"Image": lab.image, "ModelDataUrl": lab.uri("not/there.tar.gz")},
        },
    }
    remote = {"Name": "Cluster", "Type": "EMR", "Arguments": {}}
    status, steps = lab.run(lab.create([score, gate]))
    assert status == "Failed"
    assert "has no metrics.f1.value" in steps["Gate"]["FailureReason"]
    status, steps = lab.run(lab.create([model]))
    assert "Failed to invoke CreateModel" in steps["Model"]["FailureReason"]
    status, steps = lab.run(lab.create([remote]))
    assert "cannot run step Cluster: EMR steps need a service" in steps["Cluster"]["FailureReason"]


def test_results_are_taken_from_the_cache_until_they_expire(lab: Any) -> None:
    cached = {"CacheConfig": {"Enabled": True, "ExpireAfter": "PT1H"}}
    name = lab.create([_score(lab, {"Get": "Parameters.Auc"}, fixed=True, **cached)], PARAMETERS[:1])
    first = lab.start(name)
    lab.ended(first)
    _, steps = lab.run(name)
    assert steps["Score"]["CacheHitResult"] == {"SourcePipelineExecutionArn": first}
    assert steps["Score"]["Metadata"] == lab.steps(first)["Score"]["Metadata"]
    _, steps = lab.run(name, {"Auc": "0.4"})
    assert "CacheHitResult" not in steps["Score"]
    lab.aws.clock.advance(3700)
    _, steps = lab.run(name)
    assert "CacheHitResult" not in steps["Score"]


def test_a_retry_policy_tries_again_on_the_virtual_clock(lab: Any) -> None:
    policy = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 600, "BackoffRate": 2, "MaxAttempts": 2}
    name = lab.create([_score(lab, "0.7", RetryPolicies=[policy])])
    for _ in range(2):
        lab.jobs.faults.fail_next("CapacityError: no ml.m5.large is to be had", "Score")
    arn = lab.start(name)
    lab.eventually(lambda: lab.steps(arn).get("Score", {}).get("AttemptCount") == 2)
    lab.aws.clock.advance(660)
    lab.eventually(lambda: lab.steps(arn)["Score"]["AttemptCount"] == 3)
    assert lab.sm.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"] == "Executing"
    lab.aws.clock.advance(1260)
    assert lab.ended(arn)["PipelineExecutionStatus"] == "Succeeded"
    lab.jobs.faults.fail_next("CapacityError: no ml.m5.large is to be had", "Score")
    without = lab.create([_score(lab, "0.7")])
    status, steps = lab.run(without)
    assert (status, steps["Score"]["FailureReason"]) == (
        "Failed",
        "ClientError: CapacityError: no ml.m5.large is to be had",
    )


def test_stopping_stops_what_runs_and_begins_nothing(lab: Any) -> None:
    wait = lab.processing("Wait", "import time; print('begun', flush=True); time.sleep(60)")
    arn = lab.start(lab.create([wait, lab.processing("Later", "pass", DependsOn=["Wait"])]))
    lab.eventually(lambda: lab.steps(arn).get("Wait", {}).get("StepStatus") == "Executing")
    lab.sm.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=uuid4().hex)
    assert lab.ended(arn)["PipelineExecutionStatus"] == "Stopped"
    assert {name: step["StepStatus"] for name, step in lab.steps(arn).items()} == {"Wait": "Stopped"}
    with pytest.raises(ClientError, match="can be stopped"):
        lab.sm.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=uuid4().hex)


def test_lambda_and_callback_steps_hand_over(lab: Any) -> None:
    function = lab.function(
        "double",
        """
        def handler(event, context):
            if event["number"] < 0:
                raise ValueError("negative")
            return {"doubled": event["number"] * 2, "text": "fine"}
    """,
    )
    url = lab.client("sqs").create_queue(QueueName="callbacks")["QueueUrl"]
    outputs = [{"OutputName": "doubled", "OutputType": "Integer"}, {"OutputName": "text", "OutputType": "String"}]
    call = {
        "Name": "Double",
        "Type": "Lambda",
        "Arguments": {"number": {"Get": "Parameters.Number"}},
        "FunctionArn": function,
        "OutputParameters": outputs,
    }
    ask = {
        "Name": "Ask",
        "Type": "Callback",
        "Arguments": {"number": {"Get": "Steps.Double.OutputParameters['doubled']"}},
        "SqsQueueUrl": url,
        "OutputParameters": [{"OutputName": "answer", "OutputType": "Float"}],
    }
    message = {"Std:Join": {"On": "=", "Values": ["answer", {"Get": "Steps.Ask.OutputParameters['answer']"}]}}
    end = {"Name": "End", "Type": "Fail", "Arguments": {"ErrorMessage": message}}
    name = lab.create([call, ask, end], [{"Name": "Number", "Type": "Integer", "DefaultValue": 4}])
    arn = lab.start(name)
    sqs = lab.client("sqs")
    messages = lab.eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
    body = json.loads(messages[0]["Body"])
    assert (body["arguments"], body["pipelineExecutionArn"], body["status"]) == ({"number": 8}, arn, "Executing")
    with pytest.raises(ClientError, match="no answer"):
        lab.sm.send_pipeline_execution_step_success(CallbackToken=body["token"])
    lab.sm.send_pipeline_execution_step_success(
        CallbackToken=body["token"], OutputParameters=[{"Name": "answer", "Value": "4.5"}]
    )
    lab.ended(arn)
    assert lab.steps(arn)["End"]["FailureReason"] == "answer=4.5"
    status, steps = lab.run(name, {"Number": "-1"})
    assert status == "Failed" and "ValueError: negative" in steps["Double"]["FailureReason"]
    arn = lab.start(name)
    lab.eventually(lambda: lab.steps(arn).get("Ask", {}).get("Metadata", {}).get("Callback"))
    token = lab.steps(arn)["Ask"]["Metadata"]["Callback"]["CallbackToken"]
    lab.sm.send_pipeline_execution_step_failure(CallbackToken=token, FailureReason="nobody knows")
    lab.ended(arn)
    assert lab.steps(arn)["Ask"]["FailureReason"] == "nobody knows"


def test_a_model_is_made_served_and_asked_for_a_batch(lab: Any) -> None:
    script = """
        def model_fn(folder):
            return None
        def transform_fn(model, body, content_type, accept):
            return "".join(f"{len(line)}\\n" for line in body.splitlines()), "text/csv"
    """
    container = {"Image": lab.image, "ModelDataUrl": lab.archive("lengths", script)}
    name = {"Get": "Steps.Model.ModelName"}
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
        "InitialVariantWeight": 1,
    }
    lab.put("words/a.csv", "one\nthree\n")
    batch = {
        "ModelName": name,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": lab.uri("words")}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        "TransformOutput": {"S3OutputPath": lab.uri("lengths-of-words"), "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    config = {"Get": "Steps.Config.EndpointConfigName"}
    steps = [
        {
            "Name": "Model",
            "Type": "Model",
            "Arguments": {"ExecutionRoleArn": lab.role, "PrimaryContainer": container},
        },
        {"Name": "Batch", "Type": "Transform", "Arguments": batch},
        {"Name": "Config", "Type": "EndpointConfig", "Arguments": {"ProductionVariants": [variant]}},
        {
            "Name": "Serve",
            "Type": "Endpoint",
            "Arguments": {"EndpointName": "lengths", "EndpointConfigName": config},
        },
    ]
    pipeline = lab.create(steps)
    for _ in range(2):  # the second execution updates the endpoint
        status, found = lab.run(pipeline)
        assert status == "Succeeded", found
    assert set(found["Serve"]["Metadata"]) == {"Endpoint"}
    assert lab.text("lengths-of-words/a.csv.out") == "3\n5\n"
    answer = lab.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="lengths", ContentType="text/csv", Accept="text/csv", Body="seven"
    )
    assert answer["Body"].read() == b"5\n"


def _tuning(lab: Any) -> dict[str, Any]:
    training = _training(lab)["Arguments"]
    hyperparameters = {**training.pop("HyperParameters"), "depth": "3"}
    source = {"S3DataType": "S3Prefix", "S3Uri": lab.uri("code")}
    training["InputDataConfig"] = [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}]
    config = {
        "Strategy": "Random",
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
        "ParameterRanges": {"IntegerParameterRanges": [{"Name": "width", "MinValue": "1", "MaxValue": "9"}]},
    }
    arguments = {
        "HyperParameterTuningJobConfig": config,
        "TrainingJobDefinition": {**training, "StaticHyperParameters": hyperparameters},
    }
    return {"Name": "Try", "Type": "Tuning", "Arguments": arguments}


def _broken(lab: Any, kind: str) -> dict[str, Any]:
    """Return a step of a type that is going to fail."""
    if kind == "Tuning":
        lab.jobs.faults.fail_next("AlgorithmError: no convergence", "-Try-")
        return _tuning(lab)
    if kind == "Training":
        lab.jobs.faults.fail_next("AlgorithmError: no convergence", "-Try-")
        training = _tuning(lab)["Arguments"]["TrainingJobDefinition"]
        training["HyperParameters"] = training.pop("StaticHyperParameters")
        return {"Name": "Try", "Type": "Training", "Arguments": training}
    arguments: dict[str, Any] = {
        "RegisterModel": {"ModelPackageGroupName": "never", "ModelApprovalStatus": "Perhaps"},
        "Endpoint": {"EndpointName": "never", "EndpointConfigName": "not-there"},
        "EndpointConfig": {
            "ProductionVariants": [
                {
                    "VariantName": "AllTraffic",
                    "ModelName": "not-there",
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": 1,
                }
            ]
        },
        "Transform": {
            "ModelName": "not-there",
            "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": lab.uri("code")}}},
            "TransformOutput": {"S3OutputPath": lab.uri("out")},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        },
    }
    return {"Name": "Try", "Type": kind, "Arguments": arguments[kind]}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("Training", "ClientError: AlgorithmError: no convergence"),
        ("Tuning", "ClientError: All training jobs failed."),
        ("Transform", "Could not find model"),
        ("RegisterModel", "modelApprovalStatus"),
        ("EndpointConfig", "Could not find model"),
        ("Endpoint", "Could not find endpoint configuration"),
    ],
)
def test_a_failure_of_any_step_says_why_and_nothing_comes_after_it(lab: Any, kind: str, reason: str) -> None:
    later = {**_failing("Later"), "DependsOn": ["Try"]}
    status, steps = lab.run(lab.create([_broken(lab, kind), later]))
    assert (status, list(steps)) == ("Failed", ["Try"])
    assert reason in steps["Try"]["FailureReason"]
