"""Training from environment files: the stack, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

import cdk_sagemaker_mlops as mlops
from stacks.settings import SettingsError, load
from stacks.stage import EnvironmentStage

COMMON = """\
account: "111111111111"
region: eu-west-1
feature_groups:
  customers:
    record_id: id
    event_time: at
    features: {id: string, at: string, minutes: fractional}
    offline: glue
  online-only:
    record_id: id
    event_time: at
    features: {id: string, at: string}
    online: true
models:
  churn:
    registry: {group: churn}
    endpoint: {instance_type: ml.m5.large}
    monitors: {data_quality: {schedule: hourly}}
"""
READY = """\
    training:
      data: training-data/churn
      label: left
      problem: binary-classification
      positive_label: "yes"
      hyperparameters: {eta: 0.1}
      tuning: {strategy: random, max_jobs: 6, max_parallel_jobs: 3}
      facet: {column: plan, disadvantaged: [world]}
      gates: {bias: {register_baseline: false}}
      minimum: 0.8
      approval: automatic
      schedule: weekly
      start_on:
        new_data: {suffix: _SUCCESS}
        events:
          nightly-load:
            pattern: {source: [shop.etl], detail-type: [Load Finished]}
            parameters: {InputData: $.detail.location}
    on_drift: {weekly_budget: 4}
"""

STARTING = "    training: {label: a, problem: regression, data: x, start_on: %s}\n"

Load = Callable[[str], Any]


@pytest.fixture
def environment(tmp_path: Path) -> Load:
    def read(text: str) -> Any:
        file = tmp_path / "test.yaml"
        file.write_text(COMMON + text)
        return load(file)

    return read


def templates(settings: Any, folder: Path) -> dict[str, dict[str, Any]]:
    """Templates by the last part of the stack's name."""
    app = cdk.App()
    stage = EnvironmentStage(app, "test", settings, folder=folder)
    assembly = app.synth().get_nested_assembly(f"assembly-{stage.stage_name}")
    return {stack.stack_name.rpartition("-")[2]: stack.template for stack in assembly.stacks}


def training_template(settings: Any, folder: Path) -> dict[str, Any]:
    return templates(settings, folder)["Training"]


def of_type(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [item["Properties"] for item in template["Resources"].values() if item["Type"] == kind]


def test_a_ready_pipeline_what_starts_it_and_its_retraining(environment: Load, tmp_path: Path) -> None:
    all_templates = templates(environment(READY), tmp_path)
    template = all_templates["Training"]
    (pipeline,) = of_type(template, "AWS::SageMaker::Pipeline")
    assert pipeline["PipelineName"] == "mlops-test-churn-training"
    parts = pipeline["PipelineDefinition"]["PipelineDefinitionBody"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "x" for part in parts)
    document = json.loads(text)
    defaults = {parameter["Name"]: parameter["DefaultValue"] for parameter in document["Parameters"]}
    assert defaults["ModelApprovalStatus"] == "Approved"
    assert defaults["InputData"] == "s3://x/training-data/churn/"
    tuning = document["Steps"][1]["Arguments"]
    assert tuning["HyperParameterTuningJobConfig"]["Strategy"] == "Random"
    names = [
        item["Name"] for item in tuning["HyperParameterTuningJobConfig"]["ParameterRanges"]["ContinuousParameterRanges"]
    ]
    assert "eta" not in names
    (schedule,) = of_type(template, "AWS::Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "cron(0 2 ? * SUN *)"
    (function,) = of_type(template, "AWS::Lambda::Function")
    assert function["Environment"]["Variables"]["WEEKLY_BUDGET"] == "4"
    assert function["Environment"]["Variables"]["ENDPOINT_NAME"] == "mlops-test-churn"
    starting = [rule for rule in of_type(template, "AWS::Events::Rule") if rule["Targets"][0]["Id"] == "Pipeline"]
    new, load = sorted(starting, key=lambda rule: str(rule["EventPattern"]["source"]))
    detail = new["EventPattern"]["detail"]
    assert detail["object"] == {"key": [{"wildcard": "training-data/churn/*_SUCCESS"}]}
    # The environment's own bucket, which tells EventBridge of its objects, and no other does.
    assert "StorageModels" in detail["bucket"]["name"][0]["Fn::ImportValue"]
    buckets = of_type(all_templates["Foundation"], "AWS::S3::Bucket")
    assert sum("NotificationConfiguration" in bucket for bucket in buckets) == 1
    assert load["EventPattern"] == {"source": ["shop.etl"], "detail-type": ["Load Finished"]}
    assert load["Targets"][0]["SageMakerPipelineParameters"]["PipelineParameterList"] == [
        {"Name": "InputData", "Value": "$.detail.location"}
    ]


def test_sagemakers_own_checks_mlflow_and_a_vpc(environment: Load, tmp_path: Path) -> None:
    more = """\
      gate_engine: model-monitor
      mlflow: {arn: "arn:aws:sagemaker:eu-west-1:111111111111:mlflow-app/app-1", experiment: churn}
"""
    network = "network: {vpc_id: vpc-0a1b2c3d, subnet_ids: [subnet-0a1b2c3d]}\n"
    text = READY.replace("      minimum", f"{more}      minimum") + network
    template = training_template(environment(text), tmp_path)
    (pipeline,) = of_type(template, "AWS::SageMaker::Pipeline")
    # Jobs get a security group if the file names none.
    (group,) = of_type(template, "AWS::EC2::SecurityGroup")
    assert group["VpcId"] == "vpc-0a1b2c3d" and "SecurityGroupIngress" not in group
    parts = pipeline["PipelineDefinition"]["PipelineDefinitionBody"]["Fn::Join"][1]
    steps = json.loads("".join(part if isinstance(part, str) else "x" for part in parts))["Steps"]
    vpc = {"SecurityGroupIds": ["x"], "Subnets": ["subnet-0a1b2c3d"]}
    assert steps[0]["Arguments"]["NetworkConfig"]["VpcConfig"] == vpc
    assert steps[1]["Arguments"]["TrainingJobDefinition"]["VpcConfig"] == vpc
    text = json.dumps(pipeline["PipelineDefinition"])
    assert "MODEL_EXPLAINABILITY" in text
    assert "MlflowConfig" in text
    assert "mlflow-app/app-1" in json.dumps(of_type(template, "AWS::IAM::Role"))
    shown = [output["Value"] for name, output in template["Outputs"].items() if name.startswith("LargestTraining")]
    assert shown == ["6 instance hours of ml.m5.xlarge in one execution, at spot prices"]


def test_a_query_over_feature_groups_brings_their_permissions(environment: Load, tmp_path: Path) -> None:
    settings = environment(
        """\
    training:
      query: {sql: "SELECT * FROM t", feature_groups: [customers]}
      label: left
      problem: regression
      tuning: false
    on_drift: retrain
"""
    )
    template = training_template(settings, tmp_path)
    text = json.dumps(of_type(template, "AWS::IAM::Role"))
    assert "athena:StartQueryExecution" in text
    assert "glue:GetTable" in text


def test_a_definition_of_one_s_own(environment: Load, tmp_path: Path) -> None:
    step = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
    (tmp_path / "own.json").write_text(json.dumps({"Version": "2020-12-01", "Steps": [step]}))
    events = "start_on: {new_data: {location: s3://elsewhere/churn}}"
    settings = environment(f"    training: {{definition: own.json, schedule: rate(3 days), {events}}}\n")
    template = training_template(settings, tmp_path)
    # Another's bucket is left to its owner.
    (rule,) = of_type(template, "AWS::Events::Rule")
    detail = {
        "bucket": {"name": ["elsewhere"]},
        "object": {"key": [{"prefix": "churn"}], "size": [{"numeric": [">", 0]}]},
    }
    assert rule["EventPattern"]["detail"] == detail
    assert not settings.watches_models()
    (pipeline,) = of_type(template, "AWS::SageMaker::Pipeline")
    assert json.loads(pipeline["PipelineDefinition"]["PipelineDefinitionBody"])["Steps"] == [step]


def test_a_pipeline_that_would_start_itself_is_refused(environment: Load, tmp_path: Path) -> None:
    circle = environment(READY.replace("data: training-data/churn", "data: training"))
    with pytest.raises(mlops.ConstructError, match="the pipeline writes below training/churn/ of the same bucket"):
        EnvironmentStage(cdk.App(), "test", circle, folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("    training: {}\n", ["models.churn.training.label", "is missing; the ready pipeline needs it"]),
        ("    training: {label: a, problem: regression}\n", ["give the training data: one of data and query"]),
        ("    training: {label: a, problem: guess, data: x}\n", ["binary-classification"]),
        ("    training: {definition: own.json, label: a}\n", ["says everything itself; remove label"]),
        ("    training: {definition: /own.json}\n", ["a relative path that ends in .json"]),
        ("    training: {label: a, problem: regression, data: x, gates: {bias: {}}}\n", ["add facet"]),
        (
            "    training: {label: a, problem: regression, data: x, tuning: {max_jobs: 2}}\n",
            ["max_parallel_jobs", "max_jobs is 2"],
        ),
        (
            "    training: {label: a, problem: multiclass-classification, data: x, gate_engine: model-monitor}\n",
            ["gate_engine", "several classes have one each"],
        ),
        (
            "    training: {label: a, problem: regression, data: x, mlflow: {arn: my-server}}\n",
            ["mlflow.arn", "the ARN of an mlflow-app or an mlflow-tracking-server"],
        ),
        ("    training: {label: a, problem: regression, data: x, schedule: often}\n", ["daily, weekly, monthly"]),
        (
            STARTING % "{}",
            ["models.churn.training.start_on.new_data", "new_data: true, add events"],
        ),
        (
            STARTING % "{new_data: always}",
            ["start_on.new_data", '"always" (text)'],
        ),
        (
            STARTING % "{new_data: {suffix: ''}}",
            ["new_data.suffix", "at least 1 character"],
        ),
        (
            STARTING % "{new_data: {location: 's3://b u/'}}",
            ["new_data.location", "an S3 URI"],
        ),
        (
            STARTING % "{new_data: {location: x/*.csv}}",
            ["new_data.location", "a prefix, which needs no *"],
        ),
        (
            STARTING % "{events: {Load: {pattern: {source: [a]}}}}",
            ["events.Load", "lower-case letters"],
        ),
        (
            STARTING % "{events: {load: {}}}",
            ["events.load.pattern", "is missing", "{source: [shop.etl]"],
        ),
        (
            STARTING % "{events: {load: {pattern: [a]}}}",
            ["events.load.pattern", "a list of 1"],
        ),
        (
            STARTING % "{events: {load: {pattern: {source: a, detail_type: [b]}}}}",
            ["events.load.pattern: source is", "takes lists of values", 'did you mean "detail-type"?', "2 mistakes"],
        ),
        (
            "    training: {label: a, problem: regression, query: {sql: s, feature_groups: [customers]}, "
            "start_on: {new_data: true}}\n",
            ["training.start_on", "there is none here; add location"],
        ),
        ("    on_drift: retrain\n", ["models.churn.on_drift", "there is nothing to start"]),
        ("    on_drift: relax\n", ["models.churn.on_drift"]),
        (
            "    training: {label: a, problem: regression, query: {sql: s, feature_groups: [gone]}}\n",
            ["training.query reads gone; feature groups here are customers, online-only"],
        ),
        (
            "    training: {label: a, problem: regression, query: {sql: s, feature_groups: [online-only]}}\n",
            ["reads online-only, which has no offline store"],
        ),
    ],
)
def test_mistakes_are_told_with_their_place(environment: Load, text: str, said: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        environment(text)
    for part in said:
        assert part in str(caught.value), str(caught.value)


def test_training_belongs_where_the_registry_is(environment: Load, tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    file.write_text((COMMON + READY).replace("{group: churn}", '{group: churn, account: "222222222222"}'))
    with pytest.raises(SettingsError, match="train in the environment that owns the group"):
        load(file)
    file.write_text((COMMON + READY).replace("    monitors: {data_quality: {schedule: hourly}}\n", ""))
    with pytest.raises(SettingsError, match="no monitor could find drift"):
        load(file)
