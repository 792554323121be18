"""Images of the user's own: on jobs of this library, and in Model Monitor's place."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops

IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/own:1"


@pytest.fixture
def stack(app: cdk.App) -> cdk.Stack:
    return cdk.Stack(app, "Serving", env=cdk.Environment(account="111122223333", region="eu-west-1"))


def plain(value: Any) -> str:
    return json.dumps(value).replace('{"Ref": "AWS::Partition"}', "aws")


def policies(template: Any) -> dict[str, dict[str, Any]]:
    """Statements by role's beginning and id."""
    found: dict[str, dict[str, Any]] = {}
    for name, resource in template.resources.items():
        if resource["Type"] == "AWS::IAM::Role" and name.startswith("DataQuality"):
            (policy,) = resource["Properties"]["Policies"]
            found[name[len("DataQuality") : -8]] = {s["Sid"]: s for s in policy["PolicyDocument"]["Statement"]}
    return found


def plain_variables(template: Any) -> dict[str, str]:
    function = template.only("Lambda::Function")
    return {
        name: "".join(part if isinstance(part, str) else "x" for part in value["Fn::Join"][1])
        if isinstance(value, dict) and "Fn::Join" in value
        else str(value)
        for name, value in function["Environment"]["Variables"].items()
    }


def test_a_job_reads_its_window_and_writes_its_report_and_nothing_else(
    monitor: Callable, synthesise: Callable, lint: Callable
) -> None:
    monitor(engine=mlops.ContainerEngine(image=IMAGE, arguments=["--strict"], environment={"LIMIT": "3"}))
    template = synthesise()
    job = json.loads(plain_variables(template)["JOB"])
    assert job["AppSpecification"] == {"ImageUri": IMAGE, "ContainerArguments": ["--strict"]}
    assert job["Environment"] == {"LIMIT": "3"}
    roles = policies(template)
    given = [statement["Action"] for statement in roles["JobRole"].values()]
    actions = {name for item in given for name in ([item] if isinstance(item, str) else item)}
    assert {action for action in actions if not action.startswith(("ecr:", "logs:", "kms:"))} == {
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
    }
    assert ":123456789012:repository/team/own" in plain(roles["JobRole"]["PullImage"]["Resource"])
    assert "ReadCapture" not in roles["Role"], "the function lists what was captured, it never reads it"
    rule = template.only("Events::Rule")["EventPattern"]["detail"]
    assert rule["ProcessingJobStatus"] == ["Completed", "Failed", "Stopped"]
    assert lint(template.template) == []


def test_the_function_reads_what_the_construct_writes(monitor: Callable, synthesise: Callable) -> None:
    from monitor.engine_settings import EngineSettings
    from monitor.kinds import settings_of

    monitor(engine=mlops.ContainerEngine(image=IMAGE))
    told = plain_variables(synthesise())
    assert (EngineSettings.read(told).engine, settings_of(told).name) == ("container", "mlops-dev-churn")


def test_baselines_of_fixed_files_are_listed_as_sagemaker_does(monitor: Callable, synthesise: Callable) -> None:
    files = mlops.Baseline.from_files(constraints="s3://base/c.json", statistics="s3://base/s.json")
    monitor(engine=mlops.ContainerEngine(image=IMAGE), baseline=files)
    roles = policies(synthesise())
    listed = roles["JobRole"]["ListBaselines"]
    assert listed["Condition"] == {"StringEquals": {"s3:prefix": ["c.json", "s.json"]}}
    assert "ListBaselines" not in roles["Role"]


def test_what_the_contract_has_no_words_for_is_said_at_once(
    monitor: Callable, stack: cdk.Stack, endpoint: mlops.Endpoint
) -> None:
    engine = mlops.ContainerEngine(
        image=" ", entrypoint=["python3", "-c", "x\n"], environment={"a-b": "1"}, instance_count=0
    )
    with pytest.raises(mlops.ConstructError) as error:
        mlops.AttributionMonitor(
            stack,
            "Attribution",
            endpoint=endpoint,
            headers=["age"],
            engine=engine,
            allow_pickle=True,
            shap=mlops.Shap(baseline=[[1.0]]),
            shadow_endpoint=mlops.ShadowEndpoint(),
        )
    text = str(error.value)
    for words in (
        "engine image is empty",
        "engine entrypoint has",
        "allowed are 1 to 256 on one line",
        'engine environment has "a-b"',
        "engine instance_count is 0",
        "shadow_endpoint cannot be used: the engine is container, whose image gets the model's archive",
        "allow_pickle cannot be used: the engine is container, whose image loads the model itself",
    ):
        assert words in text
    data = mlops.TrainingData(bucket=s3.Bucket.from_bucket_name(stack, "Features", "features"), prefix="train.csv")
    baseline = mlops.Baseline.from_registry(s3.Bucket.from_bucket_name(stack, "Bases", "baselines"), training_data=data)
    with pytest.raises(mlops.ConstructError, match="only its image knows"):
        monitor(engine=mlops.ContainerEngine(image=IMAGE), baseline=baseline)


def test_an_image_reads_transform_jobs_and_the_function_their_lists_alone(
    stack: cdk.Stack, bucket: s3.IBucket, synthesise: Callable
) -> None:
    from monitor.kinds import settings_of

    source = mlops.BatchTransformInput(
        transform="nightly",
        capture=mlops.TransformCapture(bucket=bucket, prefix="lists"),
        requests=mlops.TransformInput(bucket=bucket, prefix="in"),
        answers=mlops.TransformOutput(bucket=bucket, prefix="out"),
        format=mlops.DatasetFormat.json_lines(),
    )
    mlops.DataQualityMonitor(stack, "DataQuality", input=source, engine=mlops.ContainerEngine(image=IMAGE))
    template = synthesise()
    roles = policies(template)
    reads = {sid for sid in roles["Role"] if sid.startswith(("Read", "List"))}
    assert {"ReadCapture", "ListCapture", "ListRequests", "ListAnswers"} <= reads
    assert not {"ReadRequests", "ReadAnswers"} & reads
    assert {"ReadRequests", "ReadAnswers"} <= set(roles["JobRole"])
    assert settings_of(plain_variables(template)).source.contract["dataset_format"] == '{"json": {"line": true}}'


def test_an_image_reads_the_live_versions_model_and_the_function_looks_it_up(
    stack: cdk.Stack, endpoint: mlops.Endpoint, synthesise: Callable
) -> None:
    engine = mlops.ContainerEngine(image=IMAGE)
    rows = mlops.Shap(baseline="s3://rows/shap.csv")
    mlops.AttributionMonitor(stack, "DataQuality", endpoint=endpoint, shap=rows, engine=engine)
    roles = policies(synthesise())
    assert {"ReadArtifacts", "ReadShapBaseline"} <= set(roles["JobRole"])
    assert "DescribeVersion" not in roles["JobRole"]
    assert "DescribeVersion" in roles["Role"]
    assert "ReadArtifacts" not in roles["Role"]


def test_scripts_belong_into_the_image(monitor: Callable) -> None:
    scripts = mlops.Scripts(preprocessor="s3://code/rows.py")
    with pytest.raises(mlops.ConstructError, match="put it into the image"):
        monitor(engine=mlops.ContainerEngine(image=IMAGE), scripts=scripts)


def test_an_image_of_ones_own_takes_the_place_of_model_monitors(
    monitor: Callable, synthesise: Callable, lint: Callable
) -> None:
    engine = mlops.ModelMonitorEngine(image=IMAGE, entrypoint=["python3", "run.py"])
    monitor(engine=engine)
    template = synthesise()
    app = template.only("SageMaker::DataQualityJobDefinition")["DataQualityAppSpecification"]
    assert (app["ImageUri"], app["ContainerEntrypoint"]) == (IMAGE, ["python3", "run.py"])
    pull = policies(template)["RunRole"]["PullImages"]["Resource"]
    assert "team/own" in plain(pull) and "123456789012" in plain(pull)
    assert lint(template.template) == []


def test_clarify_takes_no_other_image(stack: cdk.Stack, endpoint: mlops.Endpoint) -> None:
    with pytest.raises(mlops.ConstructError) as error:
        mlops.AttributionMonitor(
            stack,
            "Attribution",
            endpoint=endpoint,
            headers=["age"],
            engine=mlops.ModelMonitorEngine(image=IMAGE),
        )
    assert "Clarify analyses it, and takes no other image" in str(error.value)
    with pytest.raises(mlops.ConstructError, match="are for an image of your own"):
        mlops.DataQualityMonitor(
            stack, "Quality", endpoint=endpoint, engine=mlops.ModelMonitorEngine(entrypoint=["python3"])
        )
