"""What is wrong with a definition or with the props is said all at once, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import jsii
import pytest
from aws_cdk import aws_s3 as s3
from pipeline_templates import one_step

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops import training as tr
from cdk_sagemaker_mlops.training import steps as st

Define = Callable[..., tr.TrainingPipeline]


def test_says_everything_that_is_wrong_with_a_definition(define: Define, image: str) -> None:
    document = one_step(image)
    document["Version"] = "2021"
    document["Parameters"] = [
        {"Name": "Rate", "Type": "Number"},
        {"Name": "Rate", "Type": "Float", "DefaultValue": 3, "EnumValues": [1]},
    ]
    document["Steps"] += [
        {"Name": "Train", "Type": "Fail", "Arguments": {}},
        {
            "Name": "a b",
            "Type": "Training",
            "Arguments": {"RoleArn": "r", "OutputDataConfig": {"Get": "Steps.Trian.X"}},
        },
        {
            "Name": "One",
            "Type": "Lambda",
            "FunctionArn": "f",
            "Arguments": {"x": {"Get": "Parameters.Rat"}},
            "DependsOn": ["Two"],
        },
        {"Name": "Two", "Type": "Lambda", "Arguments": {"x": {"Get": "Execution.Nmae"}}, "DependsOn": ["One"]},
        {"Name": "Odd", "Type": "Quantum", "Arguments": {}},
        {
            "Name": "Reg",
            "Type": "RegisterModel",
            "Arguments": {
                "ModelPackageGroupName": "g",
                "InferenceSpecification": {"x": 1},
                "CustomerMetadataProperties": {"why": "a, b"},
            },
        },
        {
            "Name": "Proc",
            "Type": "Processing",
            "Arguments": {
                "ProcessingResources": {"x": {"Get": "Steps.Reg.PropertyFiles.Missing"}},
                "AppSpecification": {"y": {"Get": "Steps.One.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}},
                "RoleArn": {"Get": "Parameters.Rate"},
            },
        },
    ]
    with pytest.raises(mlops.ConstructError) as caught:
        define(tr.PipelineDefinition.from_document(document))
    said = str(caught.value)
    assert said.startswith("Training/Pipeline: ")
    for part in (
        'Version is "2021", allowed is 2020-12-01',
        'parameter Rate: Type is "Number", allowed are String, Integer, Float, Boolean',
        "parameter Rate is declared twice",
        "DefaultValue is 3, allowed are [1]",
        "two steps are called Train",
        'step is "a b", allowed are',
        'step a b refers to step Trian, which does not exist; did you mean "Train"?',
        "step One refers to parameter Rat, which is not declared",
        'Execution variable is "Nmae"',
        "step Two (Lambda) has no FunctionArn",
        "step Train (Fail) has no ErrorMessage",
        "steps wait for each other: ",
        "steps of type Quantum need",
        'metadata why is "a, b"',
        "reads property file Missing of Reg, which has none",
        "uses output out of One, which has none",
        "the role of step Proc is only known when the pipeline runs",
    ):
        assert part in said, part


def test_says_everything_that_is_wrong_with_the_props(
    stack: cdk.Stack, bucket: s3.IBucket, tabular: Callable[..., Any], group: Any
) -> None:
    with pytest.raises(mlops.ConstructError) as caught:
        tr.TrainingPipeline(
            stack,
            "Bad",
            name="-x",
            artifacts=bucket,
            max_parallel_steps=0,
            schedule=tr.TrainingSchedule(expression="every day", window_minutes=2000),
            alarms=tr.PipelineAlarms(max_hours=0, none_succeeded_for_days=9),
            network=st.JobNetwork(subnets=["subnet-1"]),
            definition=tabular(
                data="bucket/data",
                problem="guessing",
                split=(0.5, 0.5, 0.5),
                features=["left", "a"],
                exclude=["a"],
                hyperparameters={"eta": 0.1},
                gates={"fairness": tr.Gate()},
                gate_engine="clarify",
                debugger_rules={"Overfitting": "image"},
                approval="Maybe",
                threshold=2,
                tuning=tr.Tuning(
                    strategy="Bayes",
                    max_jobs=0,
                    ranges={"eta": st.Continuous(2, 1), "lambda": st.Continuous(0, 1, "Logarithmic")},
                ),
            ),
        )
    said = str(caught.value)
    for part in (
        'name is "-x"',
        "max_parallel_steps is 0",
        'schedule is "every day"',
        "window_minutes is 2000",
        "max_hours is 0",
        "none_succeeded_for_days is 9",
        "only one of subnets and security_groups",
        'data is "bucket/data"',
        'problem is "guessing"',
        "split is (0.5, 0.5, 0.5)",
        "features holds the label left",
        "both name a",
        "hyperparameters fixes eta, which tuning searches",
        'gates is "fairness"',
        'gate_engine is "clarify", allowed are analyzer, model-monitor',
        "tuning jobs have no Debugger",
        'debugger_rules is "Overfitting"',
        'approval is "Maybe"',
        "threshold is 2",
        'tuning.strategy is "Bayes"',
        "tuning.max_jobs is 0",
        "tuning.ranges.eta is 2 to 1",
        "a logarithmic scale needs more than 0",
    ):
        assert part in said, part


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (tr.PipelineDefinition.from_document("{"), "the definition is not JSON"),
        (tr.PipelineDefinition.from_document("[]"), "the definition is a JSON list"),
        (tr.PipelineDefinition.from_file("no/such.json"), r"no/such\.json cannot be read: No such file"),
        (tr.PipelineDefinition.from_sdk(object()), "the pipeline is object"),  # type: ignore[arg-type]
        (tr.PipelineDefinition.from_steps([]), "the definition has no steps"),
    ],
)
def test_sources_that_cannot_be_read_say_so(define: Define, source: tr.PipelineSource, said: str) -> None:
    with pytest.raises(mlops.ConstructError, match=said):
        define(source)


def test_a_missing_script_is_named(define: Define, image: str) -> None:
    step = st.ProcessingStep(name="A", image=image, code="gone/prepare.py")
    with pytest.raises(mlops.ConstructError, match=r"gone/prepare\.py does not exist"):
        define(tr.PipelineDefinition.from_steps([step]))


def test_numbers_that_come_at_deployment_are_refused(define: Define, image: str) -> None:
    document = one_step(image)
    document["Steps"][0]["Arguments"]["ResourceConfig"] = {"InstanceCount": cdk.Lazy.number(_Three())}
    with pytest.raises(mlops.ConstructError, match=r"Steps\[0\]\.Arguments\.ResourceConfig\.InstanceCount is a number"):
        define(tr.PipelineDefinition.from_document(document))


@jsii.implements(cdk.IStableNumberProducer)
class _Three:
    def produce(self) -> int:
        return 3
