"""Steps that make a model, register a version, or serve a model."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from .base import Halt, Run

Params = dict[str, Any]

_POLL_SECONDS = 1.0


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


def create_endpoint_config(run: Run, arguments: Params) -> None:
    """EndpointConfig: CreateEndpointConfig."""
    client = run.client("sagemaker")
    name = arguments.pop("EndpointConfigName", None) or run.name()
    arn = client.create_endpoint_config(EndpointConfigName=name, **arguments)["EndpointConfigArn"]
    run.executing({"EndpointConfig": {"Arn": arn}})
    described = client.describe_endpoint_config(EndpointConfigName=name)
    run.succeed({key: value for key, value in described.items() if key != "ResponseMetadata"})


def serve(run: Run, arguments: Params) -> None:
    """Endpoint: CreateEndpoint, or UpdateEndpoint where it exists; the step ends when it serves."""
    client = run.client("sagemaker")
    name, config = arguments["EndpointName"], arguments["EndpointConfigName"]
    try:
        client.describe_endpoint(EndpointName=name)
    except ClientError:
        arn = client.create_endpoint(**arguments)["EndpointArn"]
    else:
        changes = {key: value for key, value in arguments.items() if key != "Tags"}
        arn = client.update_endpoint(**changes)["EndpointArn"]
    run.executing({"Endpoint": {"Arn": arn}}, run.stopped)

    def look() -> None:
        if run.step.over:
            return
        described = client.describe_endpoint(EndpointName=name)
        status = described["EndpointStatus"]
        if status not in ("InService", "Failed", "UpdateRollbackFailed"):
            run.pipelines.later(lambda: run.engine.guard(run, look), _POLL_SECONDS)
        elif status == "InService" and described["EndpointConfigName"] == config:
            run.succeed({key: value for key, value in described.items() if key != "ResponseMetadata"})
        else:
            raise Halt(f"endpoint {name} is {status}: {described.get('FailureReason') or 'it was rolled back'}")

    look()
