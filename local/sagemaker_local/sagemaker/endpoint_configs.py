"""Endpoint configurations: immutable descriptions of variants and data capture."""

from __future__ import annotations

from typing import Any

from . import config_rules
from .faults import already_exists, not_found
from .paging import page
from .service import SageMaker, Scope, register
from .state import Record, Store

Params = dict[str, Any]


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
    config_rules.check(scope.store, params)
    kept = {key: value for key, value in params.items() if key not in ("EndpointConfigName", "Tags")}
    for kind in ("ProductionVariants", "ShadowProductionVariants"):
        if kind in params:
            kept[kind] = [_with_defaults(variant) for variant in params[kind]]
    with scope.store.lock:
        if any(key.lower() == name.lower() for key in scope.store.configs):
            raise already_exists("endpoint configuration", arn)
        scope.store.configs[name] = Record(name, arn, scope.now, kept)
        scope.store.tag(arn, params.get("Tags"))
    return {"EndpointConfigArn": arn}


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
