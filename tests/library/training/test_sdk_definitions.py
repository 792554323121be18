"""Definitions of the SageMaker SDK itself: they go through as they are, and our steps say what its steps say."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pipeline_grammar
import pytest
from pipeline_templates import body, policies

from cdk_sagemaker_mlops import training as tr
from cdk_sagemaker_mlops.training import steps as st
from cdk_sagemaker_mlops.training.permissions import TABLE
from tools.oracles import OracleUnavailable, ask_once

Define = Callable[..., tr.TrainingPipeline]


@pytest.fixture(scope="module")
def sdk_definition() -> dict[str, Any]:
    try:
        document: dict[str, Any] = ask_once("reference", "sagemaker_pipelines.py")
    except OracleUnavailable as error:
        pytest.skip(str(error))
    return document


@pytest.mark.oracle
def test_what_the_sagemaker_sdk_emits_goes_through(
    define: Define, synthesise: Any, sdk_definition: dict[str, Any]
) -> None:
    """Definitions of the SDK itself, with every kind of step that it has for what SageMaker has here."""

    class Pipeline:
        """As the SDK's own class answers."""

        def definition(self) -> str:
            return json.dumps(sdk_definition)

    # The grammar that our own definitions are held against takes what the SDK writes.
    assert pipeline_grammar.problems(sdk_definition) == []
    define(tr.PipelineDefinition.from_sdk(Pipeline()))
    template = synthesise()
    assert body(template) == sdk_definition
    ran = {sid for sid in policies(template, "PipelineRole") if sid.startswith("Run")}
    kinds = {step["Type"] for step in sdk_definition["Steps"]}
    assert kinds >= {"AutoML", "Callback", "Condition", "EMR", "Lineage", "Model", "QualityCheck", "Tuning"}
    assert ran >= {f"Run{kind}" for kind in kinds & set(TABLE)} | {"RunOnClusters", "RunTransform"}
    assert {"MakeClusters", "PassInstanceRoles", "SendCallbacks"} <= set(policies(template, "PipelineRole"))


@pytest.mark.oracle
def test_steps_say_what_the_sagemaker_sdk_says(image: str, sdk_definition: dict[str, Any]) -> None:
    """A training and a processing step of ours and of the SDK, with the same settings, have the same arguments."""
    by_name = {step["Name"]: step for step in sdk_definition["Steps"]}
    notebook = st.NotebookStep(name="Notebook", notebook="s3://n/a.ipynb", image=image).to_json(_context())["Arguments"]
    sdk_notebook = by_name["Notebook"]["Arguments"]
    assert notebook["AlgorithmSpecification"].keys() == sdk_notebook["AlgorithmSpecification"].keys()
    # It names an environment of Studio besides, which is the default.
    assert sdk_notebook["Environment"].keys() - notebook["Environment"].keys() == {"SM_ENV_NAME"}
    names = [item["InputDataConfig"][0]["ChannelName"] for item in (notebook, sdk_notebook)]
    assert names[0] == names[1]
    assert set(by_name["Train"]["Arguments"]) - set(_ours_train(image)) <= {
        "DebugHookConfig",
        "ProfilerConfig",
        "HyperParameters",
    }
    assert by_name["Train"]["Arguments"]["ResourceConfig"].keys() <= {
        "InstanceType",
        "InstanceCount",
        "VolumeSizeInGB",
        "VolumeKmsKeyId",
    }
    processing = by_name["Prepare"]["Arguments"]
    assert processing["ProcessingInputs"][0]["S3Input"].keys() == {
        "S3Uri",
        "LocalPath",
        "S3DataType",
        "S3InputMode",
        "S3DataDistributionType",
        "S3CompressionType",
    }


def _ours_train(image: str) -> dict[str, Any]:
    step = st.TrainingStep(name="Train", trainer=st.Trainer(image=image, channels={"train": "s3://x"}))
    arguments: dict[str, Any] = step.to_json(_context())["Arguments"]
    return arguments


def _context() -> Any:
    from types import SimpleNamespace

    return SimpleNamespace(role_arn="r", artifacts_uri="s3://a", network=None, volume_key_arn=None, output_key_arn=None)
