"""Training from environment files: the stack, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

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
    on_drift: {weekly_budget: 4}
"""

Load = Callable[[str], Any]


@pytest.fixture
def environment(tmp_path: Path) -> Load:
    def read(text: str) -> Any:
        file = tmp_path / "test.yaml"
        file.write_text(COMMON + text)
        return load(file)

    return read


def training_template(settings: Any, folder: Path) -> dict[str, Any]:
    app = cdk.App()
    stage = EnvironmentStage(app, "test", settings, folder=folder)
    assembly = app.synth().get_nested_assembly(f"assembly-{stage.stage_name}")
    template: dict[str, Any] = assembly.get_stack_artifact(stage.training.artifact_id).template  # type: ignore[union-attr]
    return template


def of_type(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [item["Properties"] for item in template["Resources"].values() if item["Type"] == kind]


def test_a_ready_pipeline_and_its_retraining(environment: Load, tmp_path: Path) -> None:
    template = training_template(environment(READY), tmp_path)
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


def test_sagemakers_own_checks_and_mlflow(environment: Load, tmp_path: Path) -> None:
    more = """\
      gate_engine: model-monitor
      mlflow: {arn: "arn:aws:sagemaker:eu-west-1:111111111111:mlflow-app/app-1", experiment: churn}
"""
    template = training_template(environment(READY.replace("      minimum", f"{more}      minimum")), tmp_path)
    (pipeline,) = of_type(template, "AWS::SageMaker::Pipeline")
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
    template = training_template(
        environment("    training: {definition: own.json, schedule: rate(3 days)}\n"), tmp_path
    )
    (pipeline,) = of_type(template, "AWS::SageMaker::Pipeline")
    assert json.loads(pipeline["PipelineDefinition"]["PipelineDefinitionBody"])["Steps"] == [step]


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
