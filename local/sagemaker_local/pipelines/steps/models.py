"""Steps that make a model or register a version."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from .base import Run

Params = dict[str, Any]


def create_model(run: Run, arguments: Params) -> None:
    """Model: CreateModel."""
    client = run.client("sagemaker")
    name = arguments.pop("ModelName", None) or run.name()
    arn = client.create_model(ModelName=name, **arguments)["ModelArn"]
    run.executing({"Model": {"Arn": arn}})
    described = client.describe_model(ModelName=name)
    run.succeed({key: value for key, value in described.items() if key != "ResponseMetadata"})


def register_model(run: Run, arguments: Params) -> None:
    """RegisterModel: CreateModelPackage in a group, which is made if it does not exist."""
    client = run.client("sagemaker")
    group = arguments.get("ModelPackageGroupName")
    if group and not group.startswith("arn:"):
        try:
            client.describe_model_package_group(ModelPackageGroupName=group)
        except ClientError:
            client.create_model_package_group(ModelPackageGroupName=group)
    metadata = {"GeneratedBy": run.execution.arn, **(arguments.get("MetadataProperties") or {})}
    arn = client.create_model_package(**{**arguments, "MetadataProperties": metadata})["ModelPackageArn"]
    run.executing({"RegisterModel": {"Arn": arn}})
    described = client.describe_model_package(ModelPackageName=arn)
    run.succeed({key: value for key, value in described.items() if key != "ResponseMetadata"})
