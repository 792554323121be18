"""Errors name the construct and everything that is wrong; names are legal whatever they are made of."""

from __future__ import annotations

import re
from typing import Any

import aws_cdk as cdk
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops import ConstructError, ModelPackageGroup
from cdk_sagemaker_mlops._errors import Problems, did_you_mean
from cdk_sagemaker_mlops._instances import has_local_nvme, is_burstable
from cdk_sagemaker_mlops._naming import LOWER_NAME_PATTERN, fit, pascal
from cdk_sagemaker_mlops._refs import is_token


def test_one_problem_is_one_line(stack: cdk.Stack) -> None:
    with pytest.raises(ConstructError) as raised:
        ModelPackageGroup(stack, "Registry", name="churn_model")
    assert str(raised.value) == (
        'Serving/Registry: name is "churn_model", allowed are 1 to 63 letters, digits and hyphens, '
        "the first and the last one no hyphen"
    )


def test_several_problems_are_reported_together(stack: cdk.Stack) -> None:
    with pytest.raises(ConstructError) as raised:
        ModelPackageGroup(stack, "Registry", name="-", consumer_accounts=["12"], approver_accounts=["x"])
    assert len(raised.value.problems) == 3
    assert str(raised.value).startswith("Serving/Registry: 3 problems\n  - name is ")
    assert 'consumer_accounts is "12", allowed are account numbers of 12 digits' in str(raised.value)


def test_nothing_is_added_to_the_tree_when_the_properties_are_wrong(stack: cdk.Stack) -> None:
    with pytest.raises(ConstructError):
        ModelPackageGroup(stack, "Registry", name="-")
    assert stack.node.try_find_child("Registry") is None


def test_unresolved_values_are_not_judged() -> None:
    problems = Problems()
    number = cdk.Token.as_number({"Ref": "Count"})
    text = cdk.Token.as_string({"Ref": "Name"})
    problems.between("count", number, 1, 3)
    problems.one_of("mode", text, ["a"])
    problems.matches("name", f"prefix-{text}", "[a-z]+", "letters")
    assert problems.found() == ()
    assert is_token(number) and is_token([text]) and not is_token(3) and not is_token("plain")


def test_bounds_and_words_say_what_is_allowed() -> None:
    problems = Problems()
    problems.between("bake", 99, 0, 60, "minutes")
    problems.between("bake", None, 0, 60, "minutes")
    problems.one_of("status", "Aproved", ["Approved", "Rejected"])
    assert problems.found() == (
        "bake is 99, allowed are 0 to 60 minutes",
        'status is "Aproved", allowed are Approved, Rejected; did you mean "Approved"?',
    )
    assert did_you_mean("zzz", ["Approved"]) == ""


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_any_text_with_a_letter_becomes_a_legal_name(text: str) -> None:
    name = fit(f"a{text}")
    assert re.fullmatch(LOWER_NAME_PATTERN, name)
    assert fit(name) == name


@given(st.text(alphabet="ab", min_size=1, max_size=9), st.text(alphabet="ab", min_size=1, max_size=9))
def test_long_texts_with_one_beginning_stay_apart(one: str, other: str) -> None:
    first, second = (fit(f"{'x' * 80}{end}") for end in (one, other))
    assert (first == second) == (one == other)


def test_pascal_joins_words() -> None:
    assert pascal("my-variant_2") == "MyVariant2"


@pytest.mark.parametrize(
    "kind", ["ml.m5d.large", "ml.c6gd.xlarge", "ml.g4dn.xlarge", "ml.g5.2xlarge", "ml.p4d.24xlarge"]
)
def test_types_with_local_disks_are_known(kind: str) -> None:
    assert has_local_nvme(kind)


@pytest.mark.parametrize(
    "kind", ["ml.m5.large", "ml.c6g.xlarge", "ml.inf2.xlarge", "ml.t2.medium", "ml.p3.2xlarge", "x"]
)
def test_types_without_local_disks_are_known(kind: str) -> None:
    assert not has_local_nvme(kind)


def test_burstable_types_are_known() -> None:
    assert is_burstable("ml.t2.medium") and is_burstable("ml.t3.large") and not is_burstable("ml.trn1.2xlarge")


@pytest.mark.parametrize(
    ("construct", "props", "said"),
    [
        (mlops.Endpoint, {"model": "churn"}, ['model is "churn"; give Model.latest_approved(...)']),
        (mlops.VpcEndpoints, {"vpc": "vpc-1"}, ['vpc is "vpc-1"; give an object of the CDK: ec2.IVpc']),
        (
            mlops.VpcEndpoints,
            {"allow_from": ["10.0.0.0/16"]},
            ['allow_from holds "10.0.0.0/16"; give an object of the'],
        ),
        (mlops.Notifications, {"emails": "a@b.de"}, ['emails is "a@b.de"; give a list: ["a@b.de"]']),
        (mlops.EndpointDashboard, {"endpoint": "churn"}, ['endpoint is "churn"; give an object: EndpointBase']),
        (
            mlops.TrainingPipeline,
            {"definition": {"Steps": []}, "artifacts": "bucket", "schedule": "weekly"},
            [
                "definition is a dict; give an object: PipelineSource",
                'artifacts is "bucket"; give an object of the CDK: IBucket',
                'schedule is "weekly"; give TrainingSchedule.daily(...), TrainingSchedule.weekly(...)',
            ],
        ),
    ],
)
def test_a_text_in_the_place_of_an_object_is_told_what_to_give(
    stack: cdk.Stack, construct: Any, props: dict[str, Any], said: list[str]
) -> None:
    with pytest.raises(mlops.ConstructError) as caught:
        construct(stack, "Wrong", **props)
    assert caught.value.path == "Serving/Wrong"
    assert len(caught.value.problems) == len(said)
    for problem, part in zip(caught.value.problems, said, strict=True):
        assert problem.startswith(part)


def test_a_value_says_the_same_of_its_parts() -> None:
    with pytest.raises(mlops.ConstructError) as caught:
        mlops.DataCapture(bucket="captures")  # type: ignore[arg-type]
    assert str(caught.value) == 'DataCapture: bucket is "captures"; give an object of the CDK: IBucket'


def test_texts_that_may_be_meant_pass(stack: cdk.Stack) -> None:
    """Members of enumerations are texts, too, and a mapping may be a dict."""
    mlops.Notifications(stack, "People", emails=["a@b.de"])
    mlops.FeatureDatabase(stack, "Database", name="features")
    with pytest.raises(mlops.ConstructError, match="neither model nor variants"):
        mlops.Endpoint(stack, "Endpoint", endpoint_name="churn")
