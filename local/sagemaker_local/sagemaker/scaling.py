"""Application Auto Scaling of variants: what SageMaker demands of scalable targets. moto keeps targets and policies.

Nothing scales by itself here: a policy is stored and its limits are checked, but load does not change instance counts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sagemaker_local.errors import AwsError

from .faults import invalid
from .service import SageMaker, Scope

if TYPE_CHECKING:
    from sagemaker_local.front import Context

_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_RESOURCE = re.compile(r"endpoint/([^/]+)/variant/([^/]+)")
_BURSTABLE = "ml.t2."


def install(sagemaker: SageMaker) -> None:
    """Check registrations of variants before moto stores them."""

    def register_target(context: Context, params: dict[str, Any]) -> None:
        if params.get("ServiceNamespace") == "sagemaker" and params.get("ScalableDimension") == _DIMENSION:
            _check_target(sagemaker, context, params)

    sagemaker.aws.front.op("application-autoscaling", "RegisterScalableTarget", register_target)


def _check_target(sagemaker: SageMaker, context: Context, params: dict[str, Any]) -> None:
    resource = params.get("ResourceId", "")
    match = _RESOURCE.fullmatch(resource)
    if match is None:
        raise invalid(f"{resource} is not a variant: it must have the form endpoint/<endpoint>/variant/<variant>.")
    name, variant_name = match.groups()
    endpoint = sagemaker.store(context.account, context.region).endpoints.get(name.lower())
    fleet = endpoint.fleet if endpoint is not None else None
    if fleet is None or variant_name not in fleet.variants:
        raise AwsError("ValidationException", f"No SageMaker variant found for resource ID: {resource}")
    kind = fleet.variants[variant_name].definition.get("InstanceType") or ""
    if kind.startswith(_BURSTABLE):
        raise invalid(f"Variants on burstable instances ({kind}) cannot be scaled automatically.")
    if params.get("MinCapacity") is not None and params.get("MaxCapacity") is not None:
        low, high = int(params["MinCapacity"]), int(params["MaxCapacity"])
        if low > high:
            raise invalid(f"Maximum capacity cannot be less than minimum capacity: {high} is less than {low}.")


def _targets(scope: Scope, endpoint: str, variants: list[str]) -> list[str]:
    if not variants:
        return []
    client = scope.context.client("application-autoscaling")
    resources = [f"endpoint/{endpoint}/variant/{variant}" for variant in variants]
    answer = client.describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=resources, ScalableDimension=_DIMENSION
    )
    return [target["ResourceId"] for target in answer["ScalableTargets"]]


def refuse_if_scaled(scope: Scope, endpoint: str, variants: list[str]) -> None:
    """Refuse an update that removes scaled variants or changes their instance type.

    Raises:
        AwsError: naming the targets to deregister first.
    """
    registered = _targets(scope, endpoint, variants)
    if registered:
        raise invalid(
            "Cannot remove a variant, or change its instance type, while it is registered as a scalable target with "
            f"Application Auto Scaling. Deregister first: {', '.join(registered)}."
        )


def deregister(scope: Scope, endpoint: str, variants: list[str]) -> None:
    """Deregister the variants of an endpoint that is deleted, as its caller: SageMaker asks for that permission."""
    client = scope.context.client("application-autoscaling")
    for resource in _targets(scope, endpoint, variants):
        client.deregister_scalable_target(
            ServiceNamespace="sagemaker", ResourceId=resource, ScalableDimension=_DIMENSION
        )
