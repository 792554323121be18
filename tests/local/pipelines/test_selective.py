"""Selective execution: some steps run, others lend what they made in an earlier execution."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

PARAMETERS = [{"Name": "Least", "Type": "Integer", "DefaultValue": 1}]


def _constant(name: str, value: int, **more: Any) -> dict[str, Any]:
    """A step that a stand-in answers for."""
    return {"Name": name, "Type": "EMR", "Arguments": {"value": value}, **more}


@pytest.fixture(scope="module")
def source(lab: Any) -> tuple[str, str]:
    """A pipeline of four steps and an execution of it that ended in a Fail step."""
    lab.substitutes.stand_in("EMR", lambda arguments: {"Value": arguments["value"]})
    check = {
        "Type": "GreaterThan",
        "LeftValue": {"Get": "Steps.Second.Value"},
        "RightValue": {"Get": "Parameters.Least"},
    }
    steps = [
        _constant("First", 1),
        _constant("Second", {"Get": "Steps.First.Value"}),
        {
            "Name": "Gate",
            "Type": "Condition",
            "Arguments": {
                "Conditions": [check],
                "IfSteps": [_constant("Then", 3)],
                "ElseSteps": [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "too little"}}],
            },
        },
    ]
    name = lab.create(steps, PARAMETERS)
    arn = lab.start(name)
    assert lab.ended(arn)["PipelineExecutionStatus"] == "Failed"
    return name, arn


def _selected(*names: str, source: str | None = None) -> dict[str, Any]:
    config: dict[str, Any] = {"SelectedSteps": [{"StepName": name} for name in names]}
    return {"SelectiveExecutionConfig": config | ({"SourcePipelineExecutionArn": source} if source else {})}


def test_a_condition_is_decided_again_with_what_was_made_before(lab: Any, source: tuple[str, str]) -> None:
    name, before = source
    arn = lab.start(name, {"Least": "0"}, **_selected("Gate", source=before))
    assert lab.ended(arn)["PipelineExecutionStatus"] == "Succeeded"
    steps = lab.steps(arn)
    assert set(steps) == {"Second", "Gate", "Then"}
    assert steps["Second"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": before}
    assert "SelectiveExecutionResult" not in steps["Gate"]
    described = lab.sm.describe_pipeline_execution(PipelineExecutionArn=arn)
    assert described["SelectiveExecutionConfig"]["SourcePipelineExecutionArn"] == before


def test_steps_that_need_no_others_need_no_source(lab: Any, source: tuple[str, str]) -> None:
    arn = lab.start(source[0], **_selected("First", "Second"))
    assert lab.ended(arn)["PipelineExecutionStatus"] == "Succeeded"
    assert set(lab.steps(arn)) == {"First", "Second"}


def test_what_failed_is_retried_within_the_selection(lab: Any, source: tuple[str, str]) -> None:
    lab.substitutes.fail_next("Second", "AlgorithmError: bad luck")
    arn = lab.start(source[0], **_selected("First", "Second"))
    assert lab.ended(arn)["PipelineExecutionStatus"] == "Failed"
    lab.sm.retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=uuid4().hex)
    assert lab.ended(arn)["PipelineExecutionStatus"] == "Succeeded"
    assert set(lab.steps(arn)) == {"First", "Second"}


@pytest.mark.parametrize(
    ("chosen", "with_source", "said"),
    [
        (("Thrid",), True, "no step Thrid"),
        (("Second",), False, "needs First, which is not selected"),
        (("First", "Gate"), True, "step Second lies between selected steps"),
        (("Second", "Then"), True, None),
    ],
)
def test_selections_that_cannot_be(
    lab: Any, source: tuple[str, str], chosen: tuple[str, ...], with_source: bool, said: str | None
) -> None:
    config = _selected(*chosen, source=source[1] if with_source else None)
    if said is None:
        assert lab.ended(lab.start(source[0], **config))["PipelineExecutionStatus"] == "Succeeded"
        return
    with pytest.raises(ClientError, match=said):
        lab.start(source[0], **config)
