"""Application Auto Scaling of what serves: targets, policies and scheduled actions, on the virtual clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagemaker_local.sagemaker.faults import invalid

from .api import Api
from .engine import Engine
from .resources import COMPONENTS, VARIANTS
from .state import State

if TYPE_CHECKING:
    from sagemaker_local.sagemaker.service import SageMaker, Scope

__all__ = ["deregister", "deregister_component", "install", "refuse_if_scaled"]


def install(sagemaker: SageMaker) -> None:
    """Answer Application Auto Scaling for SageMaker, and scale every minute. moto answers for other services."""
    state = State()
    api = Api(sagemaker, state)
    for operation, handler in api.handlers().items():
        sagemaker.aws.front.op("application-autoscaling", operation, handler)
    engine = Engine(sagemaker, state)
    # Alarms have been evaluated at that minute before: their feature is installed earlier.
    sagemaker.aws.clock.on_advance(lambda old, new: engine.run(new), ticks=True)


def _registered(scope: Scope, resources: list[str]) -> list[dict[str, Any]]:
    if not resources:
        return []
    client = scope.context.client("application-autoscaling")
    answer = client.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=resources)
    found: list[dict[str, Any]] = answer["ScalableTargets"]
    return found


def refuse_if_scaled(scope: Scope, endpoint: str, variants: list[str]) -> None:
    """Refuse an update that removes scaled variants or changes their instance type.

    Raises:
        AwsError: naming the targets to deregister first.
    """
    registered = _registered(scope, [f"endpoint/{endpoint}/variant/{variant}" for variant in variants])
    if registered:
        raise invalid(
            "Cannot remove a variant, or change its instance type, while it is registered as a scalable target with "
            "Application Auto Scaling. Deregister first: "
            f"{', '.join(target['ResourceId'] for target in registered)}."
        )


def deregister(scope: Scope, endpoint: str, variants: list[str]) -> None:
    """Deregister the variants of an endpoint that is deleted, as its caller: SageMaker asks for that permission."""
    _deregister(scope, [f"endpoint/{endpoint}/variant/{variant}" for variant in variants], VARIANTS)


def deregister_component(scope: Scope, component: str) -> None:
    """Deregister an inference component that is deleted, as its caller."""
    _deregister(scope, [f"inference-component/{component}"], COMPONENTS)


def _deregister(scope: Scope, resources: list[str], dimensions: tuple[str, ...]) -> None:
    client = scope.context.client("application-autoscaling")
    for target in _registered(scope, resources):
        if target["ScalableDimension"] in dimensions:
            client.deregister_scalable_target(
                ServiceNamespace="sagemaker",
                ResourceId=target["ResourceId"],
                ScalableDimension=target["ScalableDimension"],
            )
