"""Lineage steps, notebooks, and stand-ins for steps that need services that are not here."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from sagemaker_local.pipelines.definition import STEP_TYPES
from sagemaker_local.pipelines.steps import STEPS


def _failing(message: Any) -> dict[str, Any]:
    return {"Name": "End", "Type": "Fail", "Arguments": {"ErrorMessage": message}}


def test_a_lineage_step_records_what_can_be_asked_for(lab: Any) -> None:
    def entity(kind: str, name: str, type_: str) -> dict[str, Any]:
        return {f"{kind}Name": name, f"{kind}Type": type_, "Source": {"SourceUri": f"s3://pipes/{name}"}}

    step = {
        "Name": "Record",
        "Type": "Lineage",
        "Arguments": {
            "Artifacts": [entity("Artifact", "raw", "DataSet"), entity("Artifact", "model", "Model")],
            "Actions": [entity("Action", "training", "Training")],
            "Associations": [
                {"Source": {"Name": "raw", "Type": "Artifact"}, "Destination": {"Name": "training", "Type": "Action"}},
                {
                    "Source": {"Name": "training", "Type": "Action"},
                    "Destination": {"Name": "model", "Type": "Artifact"},
                    "AssociationType": "Produced",
                },
            ],
        },
    }
    end = _failing({"Std:Join": {"On": " ", "Values": ["made", {"Get": "Steps.Record.ArtifactArns['model']"}]}})
    _, steps = lab.run(lab.create([step, end]))
    made = steps["Record"]["Metadata"]["Lineage"]
    raw, model = made["ArtifactArns"]["raw"], made["ArtifactArns"]["model"]
    assert steps["End"]["FailureReason"] == f"made {model}"
    found = lab.sm.query_lineage(StartArns=[model], Direction="Ascendants")
    assert {vertex["Arn"] for vertex in found["Vertices"]} == {raw, made["ActionArns"]["training"], model}
    assert [edge["AssociationType"] for edge in found["Edges"]] == ["Produced", "ContributedTo"]
    assert lab.sm.query_lineage(StartArns=[model], Direction="Descendants")["Edges"] == []
    assert lab.sm.describe_artifact(ArtifactArn=raw)["ArtifactType"] == "DataSet"
    (summary,) = lab.sm.list_artifacts(SourceUri="s3://pipes/model")["ArtifactSummaries"]
    assert summary["ArtifactName"] == "model"
    (association,) = lab.sm.list_associations(DestinationArn=model)["AssociationSummaries"]
    assert (association["SourceName"], association["SourceType"]) == ("training", "Training")
    with pytest.raises(ClientError, match="has associations"):
        lab.sm.delete_artifact(ArtifactArn=raw)
    lab.sm.delete_association(SourceArn=raw, DestinationArn=made["ActionArns"]["training"])
    lab.sm.delete_artifact(ArtifactArn=raw)
    with pytest.raises(ClientError, match="does not exist"):
        lab.sm.describe_artifact(ArtifactArn=raw)
    step["Arguments"]["Associations"] = [{"Source": {"Name": "x", "Type": "Action"}, "Destination": {"Arn": model}}]
    step["Arguments"] = {"Associations": step["Arguments"]["Associations"]}
    _, steps = lab.run(lab.create([step]))
    assert "names the Action x, which this step does not make" in steps["Record"]["FailureReason"]


def _notebook(lab: Any, *cells: str) -> dict[str, Any]:
    document = {
        "cells": [
            {"cell_type": "markdown", "metadata": {}, "source": ["# A note"]},
            *({"cell_type": "code", "metadata": {}, "outputs": [], "source": [cell]} for cell in cells),
        ],
        "metadata": {"language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    lab.put("notebooks/helper.py", "ANSWER = 42")
    lab.put("notebooks/explore.ipynb", json.dumps(document))
    channel = "sagemaker_headless_execution_pipelinestep"
    arguments = {
        "AlgorithmSpecification": {
            "TrainingImage": lab.image,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["amazon_sagemaker_scheduler"],
        },
        "Environment": {
            "SM_EXECUTION_INPUT_PATH": f"/opt/ml/input/data/{channel}",
            "SM_INPUT_NOTEBOOK_NAME": "explore.ipynb",
            "SM_KERNEL_NAME": "python3",
            "SM_OUTPUT_NOTEBOOK_NAME": "done.ipynb",
        },
        "InputDataConfig": [
            {
                "ChannelName": channel,
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": lab.uri("notebooks/")}},
            }
        ],
        "OutputDataConfig": {"S3OutputPath": lab.uri("notebook-output")},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "RoleArn": lab.role,
    }
    return {"Name": "Explore", "Type": "Training", "Arguments": arguments}


def test_a_notebook_runs_and_its_results_are_kept(lab: Any) -> None:
    status, steps = lab.run(lab.create([_notebook(lab, "from helper import ANSWER\nprint('hello')", "ANSWER + 1")]))
    assert status == "Succeeded", steps
    (stored,) = (
        item["Key"]
        for item in lab.s3.list_objects_v2(Bucket=lab.bucket, Prefix="notebook-output/")["Contents"]
        if item["Key"].endswith("/output/output.tar.gz")
    )
    archive = lab.s3.get_object(Bucket=lab.bucket, Key=stored)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        (member,) = (item for item in tar.getmembers() if item.name.endswith("done.ipynb"))
        cells = json.load(tar.extractfile(member))["cells"]  # type: ignore[arg-type]
    assert cells[1]["outputs"][0]["text"] == ["hello\n"]
    assert cells[2]["outputs"][0]["data"] == {"text/plain": ["43"]}


@pytest.mark.parametrize(
    ("cell", "said"),
    [("1 / 0", "cell 2: ZeroDivisionError: division by zero"), ("%pip install x", "the embedded AWS has no IPython")],
)
def test_a_notebook_that_fails_says_where(lab: Any, cell: str, said: str) -> None:
    status, steps = lab.run(lab.create([_notebook(lab, cell)]))
    assert status == "Failed"
    assert said in steps["Explore"]["FailureReason"]


@pytest.mark.parametrize("kind", sorted(STEP_TYPES - set(STEPS)))
def test_steps_that_cannot_run_say_so_and_can_be_answered_for(lab: Any, kind: str) -> None:
    step = {"Name": f"Other{kind}", "Type": kind, "Arguments": {"Input": "a"}}
    end = _failing({"Std:Join": {"On": " ", "Values": ["got", {"Get": f"Steps.Other{kind}.Output"}]}})
    name = lab.create([step, end])
    _, steps = lab.run(name)
    assert f"cannot run step Other{kind}: {kind} steps need a service" in steps[f"Other{kind}"]["FailureReason"]
    lab.substitutes.stand_in(f"Other{kind}", lambda arguments: {"Output": arguments["Input"] * 2})
    _, steps = lab.run(name)
    assert steps["End"]["FailureReason"] == "got aa"


def _control(lab: Any, document: Any) -> dict[str, Any]:
    try:
        with urlopen(f"{lab.aws.url}/_local/pipelines/step", json.dumps(document).encode()) as answer:
            return dict(json.load(answer))
    except HTTPError as error:
        return dict(json.load(error))


def test_steps_are_substituted_over_http_as_well(lab: Any) -> None:
    name = lab.create([{"Name": "Remote", "Type": "EMR", "Arguments": {}}, _failing({"Get": "Steps.Remote.Id"})])
    assert _control(lab, {"step": "Remote", "properties": {"Id": "s-1"}}) == {"answers": "for Remote"}
    assert lab.run(name)[1]["End"]["FailureReason"] == "s-1"
    assert _control(lab, {"step": "Remote", "reason": "CapacityError: none"})["fails"] == "the next attempt of Remote"
    assert lab.run(name)[1]["Remote"]["FailureReason"] == "CapacityError: none"
    lab.substitutes.dismiss("Remote")
    assert "EMR steps need a service" in lab.run(name)[1]["Remote"]["FailureReason"]
    assert "POST /_local/pipelines/step wants" in _control(lab, {"step": "Remote"})["error"]
