"""Reading templates and evaluating their functions, without any AWS."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagemaker_local.cloudformation import parameters
from sagemaker_local.cloudformation.intrinsics import NO_VALUE, Resolver, Unknown
from sagemaker_local.cloudformation.template import Template
from sagemaker_local.errors import AwsError


class FakeScope:
    """Two parameters, one live resource, one that is not there yet."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {
            "Name": "churn",
            "Zones": ["a", "b"],
            "AWS::NoValue": NO_VALUE,
            "Queue": "https://q",
        }

    def reference(self, name: str) -> Any:
        return self.values.get(name, Unknown(frozenset({(name, None)})))

    def attribute(self, logical_id: str, name: str) -> Any:
        return f"{logical_id}.{name}" if logical_id == "Queue" else Unknown(frozenset({(logical_id, name)}))

    def import_value(self, name: str) -> Any:
        return f"imported {name}"

    def dynamic_reference(self, service: str, key: str) -> str:
        return f"<{service} {key}>"

    def availability_zones(self, region: str) -> list[str]:
        return [f"{region or 'here'}-1a", f"{region or 'here'}-1b"]


RESOURCES = {"Queue": {"Type": "AWS::SQS::Queue"}, "Later": {"Type": "AWS::SQS::Queue"}}


def template(**sections: Any) -> Template:
    return Template(json.dumps({"Resources": RESOURCES, **sections}))


def resolver(**sections: Any) -> Resolver:
    return Resolver(template(**sections), FakeScope())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Name"}, "churn"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "Queue.Arn"),
        ({"Fn::GetAtt": "Queue.Arn"}, "Queue.Arn"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Name"}, 1, True]]}, "a-churn-1-true"),
        ({"Fn::Sub": "${Name}/${Queue.Arn}/${!Literal}"}, "churn/Queue.Arn/${Literal}"),
        ({"Fn::Sub": ["${Who} ${Name}", {"Who": {"Ref": "Name"}}]}, "churn churn"),
        ({"Fn::Select": ["1", {"Ref": "Zones"}]}, "b"),
        ({"Fn::Select": [1, {"Fn::Split": ["/", "arn/name"]}]}, "name"),
        ({"Fn::Base64": "hello"}, "aGVsbG8="),
        ({"Fn::Cidr": ["10.0.0.0/16", 3, 8]}, ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]),
        ({"Fn::GetAZs": ""}, ["here-1a", "here-1b"]),
        ({"Fn::ImportValue": {"Fn::Sub": "${Name}-arn"}}, "imported churn-arn"),
        ({"Fn::FindInMap": ["Sizes", "large", "count"]}, 3),
        ({"Fn::FindInMap": ["Sizes", "huge", "count", {"DefaultValue": 9}]}, 9),
        ({"Fn::If": ["IsChurn", "yes", "no"]}, "yes"),
        ({"Fn::If": ["Both", "yes", "no"]}, "no"),
        ({"Fn::If": ["Either", "yes", "no"]}, "yes"),
        ({"Fn::Length": {"Ref": "Zones"}}, 2),
        ({"Fn::ToJsonString": {"a": {"Ref": "Name"}}}, '{"a":"churn"}'),
        ({"A": {"Ref": "AWS::NoValue"}, "B": [1, {"Ref": "AWS::NoValue"}]}, {"B": [1]}),
        (
            "x {{resolve:ssm:/a/b}} {{resolve:secretsmanager:s:SecretString:k}}",
            "x <ssm /a/b> <secretsmanager s:SecretString:k>",
        ),
    ],
)
def test_functions(value: Any, expected: Any) -> None:
    conditions = {
        "IsChurn": {"Fn::Equals": [{"Ref": "Name"}, "churn"]},
        "Both": {"Fn::And": [{"Condition": "IsChurn"}, {"Fn::Not": [{"Condition": "IsChurn"}]}]},
        "Either": {"Fn::Or": [{"Condition": "Both"}, {"Condition": "IsChurn"}]},
    }
    assert resolver(Conditions=conditions, Mappings={"Sizes": {"large": {"count": 3}}}).resolve(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "Later"},
        {"Fn::GetAtt": ["Later", "Arn"]},
        {"Fn::Sub": "a ${Later}"},
        {"Fn::Join": ["", ["a", {"Ref": "Later"}]]},
        {"Fn::Select": [0, {"Fn::Split": ["/", {"Ref": "Later"}]}]},
        {"Fn::Base64": {"Ref": "Later"}},
        {"Fn::ToJsonString": {"a": {"Ref": "Later"}}},
    ],
)
def test_what_is_not_known_yet_remembers_where_it_will_come_from(value: Any) -> None:
    result = resolver().resolve(value)
    assert isinstance(result, Unknown)
    assert {source for source, _ in result.sources} == {"Later"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"Fn::Transform": {}}, "Fn::Transform is not supported"),
        ({"Fn::Select": [5, ["a"]]}, "nonexistent value at index 5"),
        ({"Fn::FindInMap": ["No", "such", "map"]}, "Unable to get mapping for No::such::map"),
        ({"Fn::If": ["Nothing", 1, 2]}, r"Unresolved dependencies \[Nothing\]"),
    ],
)
def test_mistakes_are_named(value: Any, message: str) -> None:
    with pytest.raises(AwsError, match=message):
        resolver().resolve(value)


def test_short_forms_in_yaml() -> None:
    text = """
    Parameters: {Name: {Type: String, Default: 2020-01-31}}
    Conditions: {Named: !Not [!Equals [!Ref Name, ""]]}
    Resources:
      Queue: {Type: AWS::SQS::Queue}
      Topic:
        Type: AWS::SNS::Topic
        Properties:
          DisplayName: !Sub "${Queue.Arn}"
          TopicName: !GetAtt Queue.QueueName
          Tags: !If [Named, [], !Ref AWS::NoValue]
    """
    read = Template(text)
    assert read.parameters["Name"]["Default"] == "2020-01-31", "dates stay text"
    assert read.resources["Topic"].properties == {
        "DisplayName": {"Fn::Sub": "${Queue.Arn}"},
        "TopicName": {"Fn::GetAtt": ["Queue", "QueueName"]},
        "Tags": {"Fn::If": ["Named", [], {"Ref": "AWS::NoValue"}]},
    }
    assert read.order() == ["Queue", "Topic"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "At least one Resources member"),
        ({"Resources": {"A": {}}}, r"\[/Resources/A\] Every Resources object must contain a Type"),
        (
            {"Resources": {"A": {"Type": "T", "Properties": {"X": {"Ref": "Nope"}}}}},
            r"Unresolved resource dependencies \[Nope\]",
        ),
        ({"Resources": {"A": {"Type": "T", "DependsOn": "Nope"}}}, r"Unresolved resource dependencies \[Nope\]"),
        ({"Resources": {"A": {"Type": "T", "Condition": "Nope"}}}, "Unresolved condition Nope"),
        ("[]", "unsupported structure"),
        ("{", "Template format error"),
    ],
)
def test_broken_templates_are_refused(document: Any, message: str) -> None:
    with pytest.raises(AwsError, match=message):
        Template(document if isinstance(document, str) else json.dumps(document))


def test_circles_are_refused() -> None:
    resources = {"A": {"Type": "T", "DependsOn": "B"}, "B": {"Type": "T", "Properties": {"X": {"Ref": "A"}}}}
    with pytest.raises(AwsError, match=r"Circular dependency between resources: \[A, B\]"):
        Template(json.dumps({"Resources": resources})).order()


@given(
    st.integers(2, 12).flatmap(
        lambda n: st.tuples(st.just(n), st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))))
    )
)
def test_every_resource_comes_after_what_it_needs(graph: tuple[int, set[tuple[int, int]]]) -> None:
    count, edges = graph
    needs = {f"R{i}": sorted(f"R{b}" for a, b in edges if a == i and b < a) for i in range(count)}
    resources = {name: {"Type": "T", "DependsOn": others} for name, others in reversed(needs.items())}
    order = Template(json.dumps({"Resources": resources})).order()
    assert sorted(order) == sorted(needs)
    assert all(order.index(other) < order.index(name) for name, others in needs.items() for other in others)


def bound(
    definition: dict[str, Any], *given_values: dict[str, Any], previous: dict[str, str] | None = None
) -> dict[str, str]:
    return parameters.bind(
        template(Parameters={"P": {"Type": "String", **definition}}), list(given_values), previous or {}
    )


def test_parameters_take_the_given_the_previous_or_the_default_value() -> None:
    assert bound({"Default": "d"}) == {"P": "d"}
    assert bound({"Default": "d"}, {"ParameterKey": "P", "ParameterValue": ""}) == {"P": ""}
    assert bound({"Default": "d"}, {"ParameterKey": "P", "UsePreviousValue": True}, previous={"P": "old"}) == {
        "P": "old"
    }
    # The CDK's CLI sends parameters without a value for those that it wants to keep at their default.
    assert bound({"Default": "d"}, {"ParameterKey": "P"}) == {"P": "d"}


@pytest.mark.parametrize(
    ("definition", "entry", "message"),
    [
        ({}, None, r"Parameters: \[P\] must have values"),
        (
            {"Default": ""},
            {"ParameterKey": "X", "ParameterValue": ""},
            r"Parameters: \[X\] do not exist in the template",
        ),
        (
            {"AllowedValues": ["a", "b"]},
            {"ParameterKey": "P", "ParameterValue": "c"},
            r"must be one of AllowedValues \[a, b\]",
        ),
        ({"AllowedPattern": "[a-z]+"}, {"ParameterKey": "P", "ParameterValue": "C"}, "must match pattern"),
        ({"MinLength": 2}, {"ParameterKey": "P", "ParameterValue": "c"}, "at least 2 characters"),
        ({"MaxLength": "2"}, {"ParameterKey": "P", "ParameterValue": "abc"}, "at most 2 characters"),
        ({"Type": "Number"}, {"ParameterKey": "P", "ParameterValue": "abc"}, "must be a number"),
        ({"Type": "Number", "MaxValue": 3}, {"ParameterKey": "P", "ParameterValue": "4"}, "at most 3"),
        ({"Type": "Number", "MinValue": 3}, {"ParameterKey": "P", "ParameterValue": "2"}, "at least 3"),
        ({}, {"ParameterKey": "P", "UsePreviousValue": True}, "not in the previous template"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(definition: dict[str, Any], entry: Any, message: str) -> None:
    with pytest.raises(AwsError, match=message):
        bound(definition, *([entry] if entry else []))


def test_lists_and_stored_parameters_are_evaluated() -> None:
    kinds = {
        "L": {"Type": "CommaDelimitedList"},
        "S": {"Type": "AWS::SSM::Parameter::Value<List<String>>"},
        "N": {"Type": "Number"},
    }
    read = template(Parameters=kinds)
    found = parameters.evaluate(read, {"L": "a, b", "S": "/x", "N": "1"}, {"/x": "c,d"}.__getitem__)
    assert found == {"L": ["a", "b"], "S": ["c", "d"], "N": "1"}
