"""Reading definitions, resolving references, conditions, caching times: everything that needs no execution."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from sagemaker_local.pipelines import cache, conditions, definition, values


def _read(*steps: dict[str, Any], parameters: list[dict[str, Any]] | None = None) -> definition.Definition:
    document = {"Version": "2020-12-01", "Parameters": parameters or [], "Steps": list(steps)}
    return definition.read(json.dumps(document))


def _step(name: str, kind: str = "Model", **arguments: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Arguments": arguments}


def test_dependencies_come_from_references_wherever_they_are() -> None:
    joined = {"Std:Join": {"On": "/", "Values": ["x", {"Get": "Steps.A.ModelName"}]}}
    file = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.B.PropertyFiles.P"}, "Path": "a"}}
    check = _step(
        "C",
        "Condition",
        Conditions=[{"Type": "Equals", "LeftValue": file, "RightValue": 1}],
        IfSteps=[_step("D", x=joined)],
        ElseSteps=[],
    )
    read = _read(_step("A"), _step("B"), check, {**_step("E"), "DependsOn": ["A"]})
    assert read.top == ("A", "B", "C", "E")
    assert {name: set(step.needs) for name, step in read.steps.items()} == {
        "A": set(),
        "B": set(),
        "C": {"B"},
        "D": {"A"},
        "E": {"A"},
    }
    assert read.steps["C"].branches == (("D",), ())


def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(definition.Invalid) as caught:
        _read(
            _step("A", x={"Get": "Parameters.Missing"}),
            _step("A"),
            _step("B c"),
            _step("D", "Magic"),
            _step("E", x={"Get": "Steps.Nowhere.ModelName"}),
            _step("F", "Fail", ErrorMessage="x"),
            {**_step("G"), "DependsOn": ["F"]},
            _step("H", x={"Get": "Steps.I.y"}),
            _step("I", x={"Get": "Steps.H.y"}),
            _step("J", x={"Get": "Somewhere.Else"}),
            parameters=[
                {"Name": "n", "Type": "Integer", "DefaultValue": "one"},
                {"Name": "n", "Type": "String"},
                {"Name": "k", "Type": "Number"},
                {"Name": "e", "Type": "String", "DefaultValue": "c", "EnumValues": ["a", "b"]},
            ],
        )
    for text in (
        "step A refers to parameter Missing",
        "the step name A is used twice",
        "'B c'",
        "step D has Type 'Magic'",
        "step E refers to step Nowhere",
        "nothing may depend on a Fail step",
        "H -> I -> H",
        "Somewhere.Else",
        "DefaultValue 'one', which is no Integer",
        "used twice",
        "Type 'Number'",
        "not one of its EnumValues",
    ):
        assert text in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"Version": "2019-01-01", "Steps": []}'])
def test_what_is_no_definition_is_refused(text: str) -> None:
    with pytest.raises(definition.Invalid):
        definition.read(text)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".a.b[1]", 2),
        (".a['b'][0]", 1),
        (".Outputs['train'].S3Output.S3Uri", "s3://x"),
        (".Outputs[0].OutputName", "train"),
    ],
)
def test_paths_lead_through_objects_and_named_lists(path: str, found: Any) -> None:
    document = {"a": {"b": [1, 2]}, "Outputs": [{"OutputName": "train", "S3Output": {"S3Uri": "s3://x"}}]}
    assert values.follow(document, path) == found
    with pytest.raises(LookupError):
        values.follow(document, f"{path}.more")


@pytest.mark.parametrize(
    ("kind", "left", "right", "outcome"),
    [
        ("Equals", "a", "a", True),
        ("Equals", 1, "1", True),
        ("GreaterThan", 0.9, 0.8, True),
        ("GreaterThanOrEqualTo", "0.8", 0.8, True),
        ("LessThan", 2, 1, False),
        ("LessThanOrEqualTo", 1, 1, True),
    ],
)
def test_comparisons(kind: str, left: Any, right: Any, outcome: bool) -> None:
    comparison = {"Type": kind, "LeftValue": left, "RightValue": right}
    assert conditions.holds(comparison) is outcome
    assert conditions.holds({"Type": "Not", "Expression": comparison}) is not outcome
    assert conditions.holds(
        {"Type": "Or", "Conditions": [comparison, {"Type": "In", "QueryValue": 1, "Values": [2]}]}
    ) is (outcome)


def test_membership_and_what_cannot_be_decided() -> None:
    assert conditions.holds({"Type": "In", "QueryValue": "b", "Values": ["a", "b"]})
    assert not conditions.holds({"Type": "In", "Value": "c", "In": ["a", "b"]})
    for condition in ({"Type": "GreaterThan", "LeftValue": "x", "RightValue": 1}, {"Type": "Near"}):
        with pytest.raises(conditions.Undecidable):
            conditions.holds(condition)


@pytest.mark.parametrize(
    ("text", "seconds"), [("PT1H", 3600), ("P30D", 30 * 86_400), ("P1DT2H3M4S", 93_784), ("30d", 30 * 86_400)]
)
def test_durations(text: str, seconds: int) -> None:
    assert cache.duration(text) == timedelta(seconds=seconds)
    with pytest.raises(cache.NoDuration):
        cache.duration("soon")
