"""Inference components: models with copies of their own on the instances of an endpoint.

Copies share one loaded model here, and there is always room for them: which instance a copy is on says nothing about
the model. See https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-deploy-models.html
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from . import invocation_metrics
from .component_rollout import ComponentRollout, adjust_instances
from .endpoint_metrics import Source
from .faults import already_exists, invalid, not_found
from .fleet import Fleet, Routes, Variant
from .invocation_metrics import Outcome
from .invocations import Invocation, refused
from .models import containers, find_model
from .paging import page
from .rollout_plan import plan
from .scaling import deregister_component
from .service import SageMaker, Scope, register
from .serving.containers import Container
from .serving.predictor import Answer
from .state import Component, Endpoint, Store

if TYPE_CHECKING:
    from sagemaker_local.front import Context

Params = dict[str, Any]


def install(sagemaker: SageMaker) -> None:
    """Answer the operations on inference components."""
    register(
        sagemaker,
        {
            "CreateInferenceComponent": create_component,
            "DescribeInferenceComponent": describe_component,
            "ListInferenceComponents": list_components,
            "UpdateInferenceComponent": update_component,
            "UpdateInferenceComponentRuntimeConfig": update_copies,
            "DeleteInferenceComponent": delete_component,
        },
    )


def find_component(store: Store, name: str) -> Component:
    """Return an inference component, whatever the case of its name.

    Raises:
        AwsError: if it does not exist.
    """
    component = store.components.get(name.lower())
    if component is None:
        raise not_found("inference component", store.arn(f"inference-component/{name}"))
    return component


def create_component(scope: Scope, params: Params) -> Params:
    """CreateInferenceComponent: Creating at first, then InService or Failed."""
    name, store = params["InferenceComponentName"], scope.store
    arn = store.arn(f"inference-component/{name}")
    host = store.endpoints.get(params["EndpointName"].lower())
    if host is None:
        raise not_found("endpoint", store.arn(f"endpoint/{params['EndpointName']}"))
    if host.fleet is None or host.status == "Creating":
        raise invalid(f'Cannot create an inference component on in-progress endpoint "{host.arn}".')
    variant = params.get("VariantName")
    hosts = [item.name for item in host.fleet.variants.values() if item.hosts_components]
    if variant is None or variant not in hosts:
        having = ", ".join(hosts) or "none"
        raise invalid(
            f"VariantName is {variant}; variants of endpoint {host.name} that host inference components: {having}."
        )
    copies = _copies(params.get("RuntimeConfig"))
    if copies < 1:
        raise invalid("RuntimeConfig.CopyCount must be at least 1 when an inference component is created.")
    specification = _specification(params)
    fleet = _fleet(scope, host, variant, specification, copies)
    with store.lock:
        if name.lower() in store.components:
            raise already_exists("inference component", arn)
        component = Component(
            name, arn, store.account, store.region, scope.now, "", Routes(seed=arn), host=host, variant=variant
        )
        component.definition, component.copies = specification, copies
        store.components[name.lower()] = component
        store.tag(arn, params.get("Tags"))
    adjust_instances(store, host, variant)
    scope.sagemaker.timeline.start(ComponentRollout(scope.sagemaker, store, component, fleet).create())
    return {"InferenceComponentArn": arn}


def describe_component(scope: Scope, params: Params) -> Params:
    """DescribeInferenceComponent."""
    component = find_component(scope.store, params["InferenceComponentName"])
    serving = component.fleet is not None and component.status != "Failed"
    current = component.fleet.instances if component.fleet is not None and serving else 0
    answer: Params = {
        **_summary(component),
        "Specification": _described(component.definition),
        "RuntimeConfig": {"DesiredCopyCount": component.copies, "CurrentCopyCount": current},
    }
    if component.failure_reason:
        answer["FailureReason"] = component.failure_reason
    if component.deployment_config:
        answer["LastDeploymentConfig"] = component.deployment_config
    return answer


def list_components(scope: Scope, params: Params) -> Params:
    """ListInferenceComponents, newest first by default."""
    wanted = (params.get("EndpointNameEquals"), params.get("VariantNameEquals"))
    found, token = page(
        [
            item
            for item in scope.store.components.values()
            if wanted[0] in (None, item.host.name) and wanted[1] in (None, item.variant)
        ],
        params,
        name=lambda item: item.name,
        created=lambda item: item.created,
        modified=lambda item: item.modified,
        status=lambda item: item.status,
    )
    return {"InferenceComponents": [_summary(item) for item in found], "NextToken": token}


def update_component(scope: Scope, params: Params) -> Params:
    """UpdateInferenceComponent: a rolling deployment of another specification, or another number of copies."""
    store = scope.store
    component = find_component(store, params["InferenceComponentName"])
    copies = _copies(params.get("RuntimeConfig"), component.copies)
    if "Specification" not in params and "Specifications" not in params:
        return _scale(scope, component, copies)
    specification = {**component.definition, **_specification(params)}
    if "ModelName" in _specification(params):
        specification.pop("Container", None)
    elif "Container" in _specification(params):
        specification.pop("ModelName", None)
    fleet = _fleet(scope, component.host, component.variant, specification, copies)
    deployment = params.get("DeploymentConfig")
    steps = plan(deployment, copies)
    with store.lock:
        _claim(scope, component)
        component.copies = copies
    rollout = ComponentRollout(scope.sagemaker, store, component, fleet, specification)
    scope.sagemaker.timeline.start(rollout.update(steps, deployment))
    return {"InferenceComponentArn": component.arn}


def update_copies(scope: Scope, params: Params) -> Params:
    """UpdateInferenceComponentRuntimeConfig."""
    component = find_component(scope.store, params["InferenceComponentName"])
    return _scale(scope, component, _copies(params["DesiredRuntimeConfig"]))


def _scale(scope: Scope, component: Component, copies: int) -> Params:
    with scope.store.lock:
        _claim(scope, component)
        component.copies = copies
    adjust_instances(scope.store, component.host, component.variant)
    rollout = ComponentRollout(scope.sagemaker, scope.store, component, component.fleet or Fleet("", [], None))
    scope.sagemaker.timeline.start(rollout.scale())
    return {"InferenceComponentArn": component.arn}


def delete_component(scope: Scope, params: Params) -> Params:
    """DeleteInferenceComponent."""
    component = find_component(scope.store, params["InferenceComponentName"])
    with scope.store.lock:
        if component.status not in ("InService", "Failed"):
            raise invalid(f'Cannot delete in-progress inference component "{component.arn}".')
        component.status = "Deleting"
        scope.store.components.pop(component.name.lower(), None)
        scope.store.tags.pop(component.arn, None)
    deregister_component(scope, component.name)
    component.routes.set()
    if component.fleet is not None:
        component.fleet.retire()
    adjust_instances(scope.store, component.host, component.variant)
    return {}


def serve(
    sagemaker: SageMaker,
    context: Context,
    endpoint: Endpoint,
    name: str | None,
    invocation: Invocation,
    started: float,
) -> tuple[str, Answer]:
    """Answer a request that names an inference component; return its variant and the answer.

    Raises:
        AwsError: ValidationError if there is none that can answer.
    """
    if endpoint.fleet is None or not endpoint.fleet.hosts_components:
        raise refused(f"Endpoint {endpoint.name} does not host inference components.")
    if name is None:
        raise refused(
            "Inference Component Name header is required for endpoints to which you plan to deploy inference "
            "components. Please include Inference Component Name header or consider using SageMaker models."
        )
    component = sagemaker.store(context.account, context.region).components.get(name.lower())
    if component is None or component.host is not endpoint:
        raise refused(f"Inference component {name} of endpoint {endpoint.name} not found.")
    role = next((variant.role_arn for variant in endpoint.fleet.variants.values()), None)
    source = Source(endpoint.account, endpoint.region, role, endpoint.name, component.variant, component=component.name)
    chosen = component.routes.enter(None) if component.fleet and component.fleet.instances else None
    if chosen is None or chosen[1].loaded is None:
        sagemaker.metrics.add(source, [("NoCapacityInvocationFailures", 1.0)])
        raise refused(
            "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress "
            "(if configured) or try to increase the capacity by invoking UpdateInferenceComponentRuntimeConfig API."
        )
    fleet, variant = chosen
    running = variant.in_flight.enter()
    begun = time.perf_counter()
    try:
        answer = chosen[1].loaded.predict(invocation.request)
    finally:
        variant.in_flight.leave()
        fleet.leave()
    model = (time.perf_counter() - begun) * 1e6
    captured_as = Source(endpoint.account, endpoint.region, role, endpoint.name, component.variant)
    sagemaker.invocations.record(captured_as, endpoint, endpoint.fleet, invocation, answer)
    outcome = Outcome(answer.status, model, (time.perf_counter() - started) * 1e6 - model, running)
    sagemaker.metrics.add(source, invocation_metrics.in_component(outcome, variant.instances))
    return component.variant, answer


def _claim(scope: Scope, component: Component) -> None:
    if component.status != "InService":
        raise invalid(f'Cannot update in-progress inference component "{component.arn}".')
    component.status = "Updating"
    component.modified = scope.now


def _copies(config: Params | None, default: int = 1) -> int:
    return int((config or {}).get("CopyCount", default))


def _specification(params: Params) -> Params:
    if "Specifications" in params:
        raise invalid("The embedded AWS serves inference components with one Specification, not with Specifications.")
    specification: Params = params.get("Specification") or {}
    if specification.get("BaseInferenceComponentName"):
        raise invalid("The embedded AWS does not serve adapters: BaseInferenceComponentName cannot be given.")
    return specification


def _fleet(scope: Scope, host: Endpoint, variant: str, specification: Params, copies: int) -> Fleet:
    """A fleet of one variant, whose instances are the component's copies."""
    name, container = specification.get("ModelName"), specification.get("Container") or {}
    if bool(name) == bool(container.get("Image")):
        raise invalid("Specification must have either ModelName or Container with an Image.")
    definition = {"VariantName": variant, "ModelName": name or ""}
    made = Variant(variant, definition, 1.0, copies)
    if name:
        model = find_model(scope.store, name)
        made.containers, made.role_arn = containers(scope, model), model.definition.get("ExecutionRoleArn")
    else:
        environment = container.get("Environment") or {}
        made.containers = [Container(container["Image"], container.get("ArtifactUrl"), environment)]
    if made.role_arn is None and host.fleet is not None:
        made.role_arn = host.fleet.variants[variant].role_arn
    return Fleet("", [made], None)


def _described(specification: Params) -> Params:
    container = specification.get("Container")
    if not container:
        return specification
    shown = {key: value for key, value in container.items() if key != "Image"}
    return {**specification, "Container": {**shown, "DeployedImage": {"SpecifiedImage": container["Image"]}}}


def _summary(component: Component) -> Params:
    return {
        "InferenceComponentName": component.name,
        "InferenceComponentArn": component.arn,
        "EndpointName": component.host.name,
        "EndpointArn": component.host.arn,
        "VariantName": component.variant,
        "InferenceComponentStatus": component.status,
        "CreationTime": component.created,
        "LastModifiedTime": component.modified,
    }
