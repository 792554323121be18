"""The operations on endpoints."""

from __future__ import annotations

from typing import Any

from .endpoint_configs import find_config
from .endpoint_view import announce_status, described
from .faults import already_exists, invalid, not_found
from .fleet import Fleet, Routes
from .fleet_loading import build
from .paging import page
from .rollout import Rollout
from .rollout_plan import plan
from .scaling import deregister, refuse_if_scaled
from .service import SageMaker, Scope, register
from .state import Endpoint, Store
from .timeline import Process

Params = dict[str, Any]


def install(sagemaker: SageMaker) -> None:
    """Answer the operations on endpoints."""
    register(
        sagemaker,
        {
            "CreateEndpoint": create_endpoint,
            "DescribeEndpoint": describe_endpoint,
            "ListEndpoints": list_endpoints,
            "UpdateEndpoint": update_endpoint,
            "UpdateEndpointWeightsAndCapacities": update_weights,
            "DeleteEndpoint": delete_endpoint,
        },
    )


def find_endpoint(store: Store, name: str) -> Endpoint:
    """Return an endpoint, whatever the case of its name.

    Raises:
        AwsError: if it does not exist.
    """
    endpoint = store.endpoints.get(name.lower())
    if endpoint is None:
        raise not_found("endpoint", store.arn(f"endpoint/{name}"))
    return endpoint


def create_endpoint(scope: Scope, params: Params) -> Params:
    """CreateEndpoint: Creating at first, then InService or Failed."""
    name, store = params["EndpointName"], scope.store
    arn = store.arn(f"endpoint/{name}")
    config = find_config(store, params["EndpointConfigName"])
    fleet = build(scope, config)
    plan(params.get("DeploymentConfig"), fleet.instances)
    with store.lock:
        if name.lower() in store.endpoints:
            raise already_exists("endpoint", arn)
        routes = Routes(seed=f"{arn}/{config.name}")
        endpoint = Endpoint(name, arn, store.account, store.region, scope.now, config.name, routes)
        endpoint.deployment_config = params.get("DeploymentConfig")
        store.endpoints[name.lower()] = endpoint
        store.tag(arn, params.get("Tags"))
    scope.sagemaker.timeline.start(Rollout(scope.sagemaker, store, endpoint, fleet).create())
    return {"EndpointArn": arn}


def describe_endpoint(scope: Scope, params: Params) -> Params:
    """DescribeEndpoint."""
    endpoint = find_endpoint(scope.store, params["EndpointName"])
    return described(endpoint, scope.store.configs.get(endpoint.config_name))


def list_endpoints(scope: Scope, params: Params) -> Params:
    """ListEndpoints, newest first by default."""
    found, token = page(
        scope.store.endpoints.values(),
        params,
        name=lambda item: item.name,
        created=lambda item: item.created,
        modified=lambda item: item.modified,
        status=lambda item: item.status,
    )
    endpoints = [
        {
            "EndpointName": item.name,
            "EndpointArn": item.arn,
            "CreationTime": item.created,
            "LastModifiedTime": item.modified,
            "EndpointStatus": item.status,
        }
        for item in found
    ]
    return {"Endpoints": endpoints, "NextToken": token}


def update_endpoint(scope: Scope, params: Params) -> Params:
    """UpdateEndpoint: a deployment of another configuration, with DeploymentConfig's guardrails."""
    store = scope.store
    endpoint = find_endpoint(store, params["EndpointName"])
    config = find_config(store, params["EndpointConfigName"])
    # SageMaker needs the running configuration too, which is why it must not be deleted before the update.
    find_config(store, endpoint.config_name)
    retain = bool(params.get("RetainAllVariantProperties"))
    excluded = {entry["VariantPropertyType"] for entry in params.get("ExcludeRetainedVariantProperties", [])}
    if excluded and not retain:
        raise invalid("ExcludeRetainedVariantProperties requires RetainAllVariantProperties to be true.")
    fleet = build(scope, config, endpoint.fleet if retain else None, excluded)
    deployment = params.get("DeploymentConfig")
    if deployment is None and params.get("RetainDeploymentConfig"):
        deployment = endpoint.deployment_config
    steps = plan(deployment, fleet.instances)
    if endpoint.fleet is not None:
        _check_modes(endpoint, fleet, deployment)
        if deployment and set(fleet.variants) != set(endpoint.fleet.variants):
            raise invalid(
                "A deployment with guardrails needs the same variants in both configurations: the endpoint has "
                f"{', '.join(endpoint.fleet.variants)}, {config.name} has {', '.join(fleet.variants)}."
            )
        refuse_if_scaled(scope, endpoint.name, _changed_variants(endpoint.fleet, fleet))
    with store.lock:
        _claim(scope, endpoint, "Updating")
    rollout = Rollout(scope.sagemaker, store, endpoint, fleet)
    scope.sagemaker.timeline.start(rollout.update(steps, deployment))
    return {"EndpointArn": endpoint.arn}


def _check_modes(endpoint: Endpoint, fleet: Fleet, deployment: Params | None) -> None:
    old = endpoint.fleet
    assert old is not None  # noqa: S101 - only called for endpoints that have been in service
    now, then = (any(variant.gate is not None for variant in part.variants.values()) for part in (old, fleet))
    if then and not now:
        raise invalid(
            f"Endpoint {endpoint.name} has instances and cannot become serverless; only the opposite is possible."
        )
    if old.hosts_components != fleet.hosts_components:
        raise invalid(f"Endpoint {endpoint.name} cannot change between models and inference components.")
    if (old.asynchronous is None) != (fleet.asynchronous is None):
        raise invalid(f"Endpoint {endpoint.name} cannot change between real-time and asynchronous inference.")
    if (deployment or {}).get("RollingUpdatePolicy") and (then or len(fleet.variants) > 1):
        raise invalid("RollingUpdatePolicy is supported neither for serverless variants nor for several variants.")


def _changed_variants(old: Fleet, new: Fleet) -> list[str]:
    return [
        name
        for name, variant in old.variants.items()
        if name not in new.variants
        or variant.definition.get("InstanceType") != new.variants[name].definition.get("InstanceType")
    ]


def update_weights(scope: Scope, params: Params) -> Params:
    """UpdateEndpointWeightsAndCapacities."""
    endpoint = find_endpoint(scope.store, params["EndpointName"])
    if endpoint.fleet is None:
        raise invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')
    changes = params["DesiredWeightsAndCapacities"]
    unknown = [change["VariantName"] for change in changes if change["VariantName"] not in endpoint.fleet.variants]
    if unknown:
        known = ", ".join(endpoint.fleet.variants)
        raise invalid(f"Could not find variant(s) {', '.join(unknown)} of endpoint {endpoint.name}; it has {known}.")
    for change in changes:
        _check_capacity(endpoint, endpoint.fleet, change)
    with scope.store.lock:
        _claim(scope, endpoint, "Updating")
        for change in changes:
            variant = endpoint.fleet.variants[change["VariantName"]]
            variant.desired_weight = float(change.get("DesiredWeight", variant.desired_weight))
            variant.desired_instances = int(change.get("DesiredInstanceCount", variant.desired_instances))
            serverless = change.get("ServerlessUpdateConfig") or {}
            if variant.gate is not None:
                variant.gate.most = serverless.get("MaxConcurrency", variant.gate.most)
                variant.gate.provisioned = serverless.get("ProvisionedConcurrency", variant.gate.provisioned)
    scope.sagemaker.timeline.start(_scale(scope, endpoint, endpoint.fleet))
    return {"EndpointArn": endpoint.arn}


def _check_capacity(endpoint: Endpoint, fleet: Fleet, change: Params) -> None:
    variant = fleet.variants[change["VariantName"]]
    wanted = change.get("DesiredInstanceCount")
    if wanted is not None and variant.gate is not None:
        raise invalid(f"Variant {variant.name} of endpoint {endpoint.name} is serverless and has no instances.")
    if wanted == 0 and fleet.asynchronous is None:
        raise invalid(
            f"DesiredInstanceCount of variant {variant.name} must be at least 1: only asynchronous endpoints can do "
            "without instances."
        )
    serverless = change.get("ServerlessUpdateConfig")
    if serverless and variant.gate is None:
        raise invalid(f"Variant {variant.name} of endpoint {endpoint.name} is not serverless.")


def _scale(scope: Scope, endpoint: Endpoint, fleet: Fleet) -> Process:
    announce_status(scope.sagemaker, scope.store, endpoint)
    yield scope.sagemaker.options.update_endpoint_seconds
    for variant in fleet.variants.values():
        variant.weight, variant.instances = variant.desired_weight, variant.desired_instances
    endpoint.modified = scope.now
    endpoint.status = "InService"
    announce_status(scope.sagemaker, scope.store, endpoint)
    scope.sagemaker.backlog.work_off(endpoint)


def _claim(scope: Scope, endpoint: Endpoint, status: str) -> None:
    if endpoint.status == "Failed":
        raise invalid(f'Cannot update failed endpoint "{endpoint.arn}". It can only be deleted.')
    if endpoint.status != "InService":
        raise invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')
    endpoint.status = status
    endpoint.modified = scope.now


def delete_endpoint(scope: Scope, params: Params) -> Params:
    """DeleteEndpoint; its variants are no scalable targets any more afterwards."""
    store = scope.store
    endpoint = find_endpoint(store, params["EndpointName"])
    with store.lock:
        if endpoint.status not in ("InService", "Failed"):
            raise invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')
        left = [item.name for item in store.components.values() if item.host is endpoint]
        if left:
            raise invalid(
                f"Cannot delete endpoint {endpoint.name} while it hosts inference components: {', '.join(left)}."
            )
        endpoint.status = "Deleting"
        store.endpoints.pop(endpoint.name.lower(), None)
    deregister(scope, endpoint.name, list(endpoint.fleet.variants) if endpoint.fleet is not None else [])
    announce_status(scope.sagemaker, store, endpoint)
    store.tags.pop(endpoint.arn, None)
    endpoint.routes.set()
    scope.sagemaker.backlog.forget(endpoint)
    if endpoint.fleet is not None:
        endpoint.fleet.retire()
    return {}
