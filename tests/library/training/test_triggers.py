"""What starts a pipeline by itself: patterns of new data, and everything that would start it by its own doing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops import training as tr
from cdk_sagemaker_mlops.training.patterns import object_created, pattern_problems
from sagemaker_local.moto_events import pattern_matches

EXECUTIONS = "SageMaker Model Building Pipeline Execution Status Change"
PACKAGES = "SageMaker Model Package State Change"
APPROVED = {"ModelApprovalStatus": ["Approved"]}
OWN = "arn:aws:sagemaker:eu-west-1:111111111111:pipeline/churn-training"
OTHER = "arn:aws:sagemaker:eu-west-1:111111111111:pipeline/features"
DOCUMENT = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "InputData", "Type": "String", "DefaultValue": "s3://data/"}],
    "Steps": [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}],
}


@pytest.fixture
def pipeline(define: Callable[..., tr.TrainingPipeline]) -> tr.TrainingPipeline:
    return define(tr.PipelineDefinition.from_document(DOCUMENT))


def created(key: str, bucket: str = "data", size: int = 3) -> dict[str, Any]:
    detail = {"bucket": {"name": bucket}, "object": {"key": key, "size": size}}
    return {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}


@pytest.mark.parametrize(
    ("prefix", "suffix", "matched", "passed_over"),
    [
        ("in/", None, ["in/a.csv", "in/b/c.csv"], ["out/a.csv"]),
        ("in/", "_SUCCESS", ["in/_SUCCESS", "in/day=1/_SUCCESS"], ["in/a.csv", "out/_SUCCESS"]),
        ("", ".csv", ["a.csv", "in/a.csv"], ["a.csv.gz"]),
        ("", None, ["anything"], []),
        ("odd*\\name/", ".csv", ["odd*\\name/a.csv"], ["oddly/name/a.csv"]),
    ],
)
def test_new_objects_are_those_of_the_place(
    prefix: str, suffix: str | None, matched: list[str], passed_over: list[str]
) -> None:
    pattern = object_created("data", prefix, suffix)
    assert pattern_problems(pattern) == []
    text = json.dumps(pattern)
    assert [key for key in matched + passed_over if pattern_matches(text, created(key))] == matched
    assert not pattern_matches(text, created(matched[0], bucket="another"))
    # A marker is empty; an object without content and without a name that was asked for stands for a folder.
    assert pattern_matches(text, created(matched[0], size=0)) is (suffix is not None)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ({}, "is empty, which would match every event"),
        (
            {"source": ["a"], "detail_type": ["b"]},
            'has a field detail_type, events have .*; did you mean "detail-type"?',
        ),
        ({"source": "shop.etl"}, r'source is "shop.etl", and EventBridge takes lists of values: \["shop.etl"\]'),
        ({"source": ["a"], "detail": {"n": 1}}, r"detail.n is 1, and EventBridge takes lists of values: \[1\]"),
        ({"source": []}, "source is an empty list, which matches nothing"),
        ({"source": ["a"], "detail": {}}, "detail is an empty mapping"),
        ({"source": [{"begins": "shop."}]}, "source has a filter begins, EventBridge knows anything-but"),
        ({"$or": [{"source": "a"}, {"source": ["b"]}]}, r'\$or.source is "a"'),
        ({"source": ["a"], "detail": [1]}, "detail is no mapping; write its fields"),
        ({"source": ["a"], "detail": "oops"}, "detail is no mapping"),
        ({"source": {"prefix": "shop."}}, "source is a mapping, and EventBridge takes a list here"),
        ({"source": ["a"], "detail": {"n": [[1]]}}, r"detail.n holds \[1\], allowed are values and filters"),
        ({"$or": [3]}, r"\$or holds 3, allowed are patterns"),
        ({"account": ["111111111111"]}, "names neither source nor detail-type"),
        ({"source": ["a"], "detail": {"n": ["x" * 2100]}}, "has 21.. characters, allowed are 2048"),
        ({"source": ["aws.sagemaker"]}, "its own steps, jobs and versions; say which by detail"),
        ({"source": [{"prefix": "aws."}]}, "its own steps, jobs and versions"),
        ({"source": ["aws.s3"], "detail-type": ["Object Created"]}, "the files that it writes itself"),
        ({"source": ["aws.sagemaker"], "detail-type": [EXECUTIONS], "detail": {"x": ["y"]}}, "by its own executions"),
        ({"detail-type": [EXECUTIONS]}, "by its own executions"),
        ({"detail-type": ["Object Created"]}, "the files that it writes itself"),
        ({"source": ["aws.s3"], "detail": {"reason": ["PutObject"]}}, "the files that it writes itself"),
        ({"source": ["aws.sagemaker"], "detail-type": [PACKAGES], "detail": APPROVED}, "its own steps, jobs and vers"),
        ({"source": [{"wildcard": "aws.*"}]}, "its own steps, jobs and versions"),
        (
            {"source": ["aws.sagemaker"], "detail-type": [EXECUTIONS], "detail": {"pipelineArn": [OWN]}},
            "would start pipeline churn-training by its own executions; name another one",
        ),
    ],
)
def test_patterns_that_match_too_much_or_nothing_are_refused(pattern: dict[str, Any], said: str) -> None:
    (problem,) = pattern_problems(pattern, pipeline_name="churn-training")
    assert re.search(said, problem), problem


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["shop.etl"], "detail-type": ["Load Finished"], "detail": {"rows": [{"numeric": [">", 1000]}]}},
        {"source": ["aws.sagemaker"], "detail-type": [EXECUTIONS], "detail": {"pipelineArn": [OTHER]}},
        {"source": [{"anything-but": ["aws.sagemaker", "aws.s3"]}]},
        {"$or": [{"source": ["a"]}, {"source": ["b"]}]},
        {"detail-type": ["Load Finished"]},
        {"source": [{"equals-ignore-case": "Shop.Etl"}]},
        {"source": [{"wildcard": "shop.*"}]},
        {"source": [{"prefix": {"equals-ignore-case": "Shop."}}]},
        {"source": [{"anything-but": {"prefix": "aws."}}]},
        {"source": ["aws.s3"], "detail-type": ["Object Deleted"]},
        {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Endpoint State Change"]},
        {
            "source": ["aws.sagemaker"],
            "detail-type": [PACKAGES],
            "detail": {**APPROVED, "ModelPackageGroupName": ["x"]},
        },
    ],
)
def test_others_are_taken(pattern: dict[str, Any]) -> None:
    assert pattern_problems(pattern, pipeline_name="churn-training") == []


def test_new_data_start_the_pipeline(pipeline: tr.TrainingPipeline, stack: cdk.Stack, synthesise: Any) -> None:
    data = s3.Bucket.from_bucket_name(stack, "Data", "the-data")
    pipeline.start_on_new_data("NewData", data, "in/", suffix=".csv", parameters={"InputData": "$.detail.object.key"})
    template = synthesise()
    (rule,) = (item["Properties"] for key, item in template.of_type("Events::Rule").items() if "NewData" in key)
    assert rule["EventPattern"] == object_created("the-data", "in/", ".csv")
    assert rule["Targets"][0]["SageMakerPipelineParameters"]["PipelineParameterList"] == [
        {"Name": "InputData", "Value": "$.detail.object.key"}
    ]


def test_who_waits_for_no_name_is_told_that_each_object_starts_an_execution(
    pipeline: tr.TrainingPipeline, stack: cdk.Stack
) -> None:
    data = s3.Bucket.from_bucket_name(stack, "Data", "the-data")
    pipeline.start_on_new_data("Marked", data, "in/", suffix="_SUCCESS")
    warnings = assertions.Annotations.from_stack(stack)
    warnings.has_no_warning("*", assertions.Match.any_value())
    pipeline.start_on_new_data("All", data, "in/")
    said = assertions.Match.string_like_regexp(
        "each new object below in/ starts an execution of its own: a hundred files"
    )
    assertions.Annotations.from_stack(stack).has_warning("*", said)


def test_a_pipeline_does_not_start_itself(pipeline: tr.TrainingPipeline, bucket: s3.IBucket) -> None:
    for prefix in ("", "training/", "training/churn-training/Prepare/"):
        with pytest.raises(mlops.ConstructError, match="so each execution would start the next one"):
            pipeline.start_on_new_data("NewData", bucket, prefix)
    pipeline.start_on_new_data("Beside", bucket, "training-data/")


def test_wrong_triggers_are_named(pipeline: tr.TrainingPipeline, bucket: s3.IBucket, stack: cdk.Stack) -> None:
    with pytest.raises(mlops.ConstructError) as caught:
        pipeline.start_on("Odd", {"source": "shop", "detale": ["x"]}, parameters={"InputDate": "x"})
    assert len(caught.value.problems) == 3
    assert 'parameters: InputDate is none of the pipeline\'s, which are InputData; did you mean "InputData"?' in str(
        caught.value
    )
    with pytest.raises(mlops.ConstructError, match="suffix is empty"):
        pipeline.start_on_new_data("Odd", bucket, "in/", suffix="")
    # Of a pipeline from elsewhere, the parameters are not known.
    tr.TrainingPipeline.from_pipeline_name(stack, "Elsewhere", "other").start_on(
        "Loaded", {"source": ["shop"]}, parameters={"Anything": "x"}
    )
