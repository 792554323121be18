"""A pipeline's surroundings: a registry group and a bucket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops import training as tr

IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:3.0-5"


@pytest.fixture
def image() -> str:
    return IMAGE


@pytest.fixture
def stack(app: cdk.App) -> cdk.Stack:
    return cdk.Stack(app, "Training", env=cdk.Environment(account="222222222222", region="eu-west-1"))


@pytest.fixture
def group(stack: cdk.Stack, bucket: s3.IBucket) -> mlops.ModelPackageGroupBase:
    return mlops.ModelPackageGroup.from_model_package_group_name(stack, "Group", "churn", artifacts=[bucket])


@pytest.fixture
def tabular(group: mlops.ModelPackageGroupBase) -> Callable[..., tr.TabularPipeline]:
    def make(**options: Any) -> tr.TabularPipeline:
        given = {
            "data": "s3://the-data/churn/",
            "label": "left",
            "problem": "binary-classification",
            "group": group,
            "minimum": 0.8,
            "facet": tr.BiasFacet(name="plan", values=["world"]),
        }
        return tr.TabularPipeline(**(given | options))

    return make


@pytest.fixture
def define(stack: cdk.Stack, bucket: s3.IBucket) -> Callable[..., tr.TrainingPipeline]:
    def make(definition: tr.PipelineSource, **options: Any) -> tr.TrainingPipeline:
        given: dict[str, Any] = {"artifacts": bucket, "name": "churn-training"}
        return tr.TrainingPipeline(stack, "Pipeline", definition=definition, **(given | options))

    return make
