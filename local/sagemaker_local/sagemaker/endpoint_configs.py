"""Endpoint configurations: immutable descriptions of variants and data capture."""

from __future__ import annotations

import re
from typing import Any

from .faults import already_exists, invalid, not_found
from .models import find_model
from .paging import page
from .service import SageMaker, Scope, register
from .state import Record, Store

Params = dict[str, Any]

_LOCAL_STORAGE = re.compile(r"ml\.(?:[a-z]+\d+[a-z]*d[a-z]*|g4dn|g5|g6e?|p4de?|p5e?n?|i\d\w*|trn\d\w*)\.")
_NOT_SERVED = ("ShadowProductionVariants", "AsyncInferenceConfig", "ExplainerConfig")


def install(sagemaker: SageMaker) -> None:
    """Answer the operations on endpoint configurations."""
    register(
        sagemaker,
        {
            "CreateEndpointConfig": create_config,
            "DescribeEndpointConfig": describe_config,
            "ListEndpointConfigs": list_configs,
            "DeleteEndpointConfig": delete_config,
        },
    )


def find_config(store: Store, name: str) -> Record:
    """Return an endpoint configuration.

    Raises:
        AwsError: if it does not exist.
    """
    config = store.configs.get(name)
    if config is None:
        raise not_found("endpoint configuration", store.arn(f"endpoint-config/{name}"))
    return config


def create_config(scope: Scope, params: Params) -> Params:
    """CreateEndpointConfig."""
    name = params["EndpointConfigName"]
    arn = scope.store.arn(f"endpoint-config/{name}")
    for variant in params["ProductionVariants"]:
        _check_variant(scope.store, variant)
    _check_together(params)
    kept = {key: value for key, value in params.items() if key not in ("EndpointConfigName", "Tags")}
    kept["ProductionVariants"] = [_with_defaults(variant) for variant in params["ProductionVariants"]]
    with scope.store.lock:
        if any(key.lower() == name.lower() for key in scope.store.configs):
            raise already_exists("endpoint configuration", arn)
        scope.store.configs[name] = Record(name, arn, scope.now, kept)
        scope.store.tag(arn, params.get("Tags"))
    return {"EndpointConfigArn": arn}


def _check_variant(store: Store, variant: Params) -> None:
    name = variant["VariantName"]
    if "ModelName" not in variant:
        raise invalid(
            f"Variant {name} has no ModelName: the embedded AWS does not serve inference components, every variant "
            "needs a model."
        )
    find_model(store, variant["ModelName"])
    if variant.get("ServerlessConfig") and variant.get("InstanceType"):
        raise invalid(f"Variant {name} cannot have both InstanceType and ServerlessConfig.")
    if not variant.get("ServerlessConfig") and not variant.get("InstanceType"):
        raise invalid(f"Variant {name} must have either InstanceType or ServerlessConfig.")


def _check_together(params: Params) -> None:
    variants = params["ProductionVariants"]
    names = [variant["VariantName"] for variant in variants]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise invalid(f"Production variant names must be unique in an endpoint configuration: {', '.join(repeated)}.")
    missing = [name for name in _NOT_SERVED if params.get(name)]
    if missing:
        raise invalid(f"The embedded AWS cannot serve endpoints with {', '.join(missing)}.")
    capture = params.get("DataCaptureConfig") or {}
    captures = bool(capture) and capture.get("EnableCapture") is not False
    if captures and any(variant.get("ServerlessConfig") for variant in variants):
        raise invalid("DataCaptureConfig is not supported for serverless variants.")
    if params.get("KmsKeyId"):
        local = [item["InstanceType"] for item in variants if _LOCAL_STORAGE.match(item.get("InstanceType") or "")]
        if local:
            raise invalid(
                f"KmsKeyId cannot be specified with instance types that use local storage: {', '.join(local)}."
            )


def _with_defaults(variant: Params) -> Params:
    defaults: Params = {"InitialVariantWeight": 1.0}
    if not variant.get("ServerlessConfig"):
        defaults["InitialInstanceCount"] = 1
    return {**defaults, **variant}


def describe_config(scope: Scope, params: Params) -> Params:
    """DescribeEndpointConfig."""
    config = find_config(scope.store, params["EndpointConfigName"])
    return {
        "EndpointConfigName": config.name,
        "EndpointConfigArn": config.arn,
        "CreationTime": config.created,
        **config.definition,
    }


def list_configs(scope: Scope, params: Params) -> Params:
    """ListEndpointConfigs, newest first by default."""
    found, token = page(
        scope.store.configs.values(), params, name=lambda item: item.name, created=lambda item: item.created
    )
    configs = [
        {"EndpointConfigName": item.name, "EndpointConfigArn": item.arn, "CreationTime": item.created} for item in found
    ]
    return {"EndpointConfigs": configs, "NextToken": token}


def delete_config(scope: Scope, params: Params) -> Params:
    """DeleteEndpointConfig. Like SageMaker, it does not ask whether an endpoint uses the configuration."""
    config = find_config(scope.store, params["EndpointConfigName"])
    with scope.store.lock:
        scope.store.configs.pop(config.name, None)
        scope.store.tags.pop(config.arn, None)
    return {}
