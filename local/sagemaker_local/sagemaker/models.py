"""Models: what an endpoint loads."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from .faults import already_exists, invalid, not_found
from .packages import find_package
from .paging import page
from .service import SageMaker, Scope, register
from .serving.archives import parse_s3_uri
from .serving.containers import Container
from .state import Record, Store

Params = dict[str, Any]


def install(sagemaker: SageMaker) -> None:
    """Answer the operations on models."""
    register(
        sagemaker,
        {
            "CreateModel": create_model,
            "DescribeModel": describe_model,
            "ListModels": list_models,
            "DeleteModel": delete_model,
        },
    )


def find_model(store: Store, name: str) -> Record:
    """Return a model.

    Raises:
        AwsError: if it does not exist.
    """
    model = store.models.get(name)
    if model is None:
        raise not_found("model", store.arn(f"model/{name}"))
    return model


def create_model(scope: Scope, params: Params) -> Params:
    """CreateModel. Model data must be in S3 by now, as in SageMaker."""
    name = params["ModelName"]
    arn = scope.store.arn(f"model/{name}")
    definitions = _definitions(params)
    for definition in definitions:
        _check_container(scope, definition, params.get("ExecutionRoleArn"))
    _check_together(params, definitions)
    with scope.store.lock:
        if any(key.lower() == name.lower() for key in scope.store.models):
            raise already_exists("model", arn)
        kept = {key: value for key, value in params.items() if key not in ("ModelName", "Tags")}
        scope.store.models[name] = Record(name, arn, scope.now, kept)
        scope.store.tag(arn, params.get("Tags"))
    _announce(scope, arn)
    return {"ModelArn": arn}


def _definitions(params: Params) -> list[Params]:
    primary, containers = params.get("PrimaryContainer"), params.get("Containers")
    if primary and containers:
        raise invalid("Either PrimaryContainer or Containers should be specified. Not both.")
    if not primary and not containers:
        raise invalid("One of PrimaryContainer or Containers must be specified.")
    return [primary] if primary else list(containers or [])


def _check_container(scope: Scope, definition: Params, role_arn: str | None) -> None:
    package, image = definition.get("ModelPackageName"), definition.get("Image")
    if package and (image or definition.get("ModelDataUrl")):
        raise invalid("ModelPackageName cannot be specified together with Image or ModelDataUrl in a container.")
    if package:
        find_package(scope, package)
        return
    if not image:
        raise invalid("A container definition must have either Image or ModelPackageName.")
    uri, packed = _data(definition)
    if definition.get("Mode") == "MultiModel":
        if uri is None or uri.endswith(".tar.gz"):
            raise invalid(
                "A container with Mode MultiModel needs a ModelDataUrl that is the S3 prefix of its model archives; "
                f"it is {uri}."
            )
        return
    if uri is None:
        return
    bucket, key = parse_s3_uri(uri)
    s3 = scope.sagemaker.client("s3", scope.store.account, scope.store.region, role_arn)
    try:
        if packed:
            s3.head_object(Bucket=bucket, Key=key)
        elif not s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents"):
            raise invalid(f"Could not find model data at {uri}.")
    except ClientError as error:
        raise invalid(f"Could not find model data at {uri}.") from error


def _check_together(params: Params, definitions: list[Params]) -> None:
    direct = is_direct(params)
    hostnames = [definition.get("ContainerHostname") for definition in definitions]
    repeated = sorted({name for name in hostnames if name and hostnames.count(name) > 1})
    if repeated:
        raise invalid(f"ContainerHostname values must be unique in a model: {', '.join(repeated)}.")
    if direct and None in hostnames:
        raise invalid("Every container of a model with InferenceExecutionConfig Mode Direct needs a ContainerHostname.")
    if any(definition.get("Mode") == "MultiModel" for definition in definitions) and len(definitions) > 1:
        raise invalid("The embedded AWS serves a multi-model container alone, not together with other containers.")


def is_direct(definition: Params) -> bool:
    """Whether requests name the container of the model that they are for."""
    return bool((definition.get("InferenceExecutionConfig") or {}).get("Mode") == "Direct")


def is_multi_model(model: Record) -> bool:
    """Whether a container of the model loads archives by request."""
    return any(part.get("Mode") == "MultiModel" for part in _definitions(model.definition))


def _data(definition: Params) -> tuple[str | None, bool]:
    """Where the model data is, and whether it is packed into one archive."""
    source = (definition.get("ModelDataSource") or {}).get("S3DataSource")
    if source is None:
        return definition.get("ModelDataUrl"), True
    kind, compression = source.get("S3DataType"), source.get("CompressionType")
    if (kind, compression) not in (("S3Object", "Gzip"), ("S3Prefix", "None")):
        raise invalid(
            "The embedded AWS loads model data from one archive (S3DataType S3Object, CompressionType Gzip) or from "
            f"the files below a prefix (S3Prefix, None); ModelDataSource has {kind}, {compression}."
        )
    return str(source["S3Uri"]), kind == "S3Object"


def containers(scope: Scope, model: Record) -> list[Container]:
    """Return the containers of a model, registry references resolved to images and archives.

    Raises:
        AwsError: if a model package is gone.
    """
    resolved: list[Container] = []
    for definition in _definitions(model.definition):
        if "ModelPackageName" not in definition:
            resolved.append(_container(definition))
            continue
        _, package = find_package(scope, definition["ModelPackageName"])
        specification = package.definition.get("InferenceSpecification") or {"Containers": []}
        extra = definition.get("Environment") or {}
        resolved += [
            _container({**part, "Environment": {**(part.get("Environment") or {}), **extra}})
            for part in specification["Containers"]
        ]
    return resolved


def _container(definition: Params) -> Container:
    uri, packed = _data(definition)
    return Container(
        image=definition["Image"],
        model_data_url=uri,
        environment=definition.get("Environment") or {},
        packed=packed,
        hostname=definition.get("ContainerHostname"),
        multi_model=definition.get("Mode") == "MultiModel",
        cached=(definition.get("MultiModelConfig") or {}).get("ModelCacheSetting") != "Disabled",
    )


def describe_model(scope: Scope, params: Params) -> Params:
    """DescribeModel."""
    model = find_model(scope.store, params["ModelName"])
    return {
        "ModelName": model.name,
        "ModelArn": model.arn,
        "CreationTime": model.created,
        "EnableNetworkIsolation": False,
        **model.definition,
    }


def list_models(scope: Scope, params: Params) -> Params:
    """ListModels, newest first by default."""
    found, token = page(
        scope.store.models.values(), params, name=lambda item: item.name, created=lambda item: item.created
    )
    models = [{"ModelName": item.name, "ModelArn": item.arn, "CreationTime": item.created} for item in found]
    return {"Models": models, "NextToken": token}


def delete_model(scope: Scope, params: Params) -> Params:
    """DeleteModel. Like SageMaker, it does not ask whether an endpoint uses the model."""
    model = find_model(scope.store, params["ModelName"])
    with scope.store.lock:
        scope.store.models.pop(model.name, None)
        scope.store.tags.pop(model.arn, None)
    _announce(scope, model.arn)
    return {}


def _announce(scope: Scope, arn: str) -> None:
    scope.sagemaker.announce(scope.store, "SageMaker Model State Change", arn, {"ModelArn": arn})
