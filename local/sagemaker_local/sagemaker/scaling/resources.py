"""What can be scaled: instances of variants, provisioned concurrency, copies of inference components."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sagemaker_local.errors import AwsError
from sagemaker_local.sagemaker.faults import invalid

if TYPE_CHECKING:
    from sagemaker_local.sagemaker.fleet import Fleet, Variant
    from sagemaker_local.sagemaker.service import SageMaker

    from .state import Target

INSTANCES = "sagemaker:variant:DesiredInstanceCount"
CONCURRENCY = "sagemaker:variant:DesiredProvisionedConcurrency"
COPIES = "sagemaker:inference-component:DesiredCopyCount"
VARIANTS = (INSTANCES, CONCURRENCY)
COMPONENTS = (COPIES,)

_VARIANT = re.compile(r"endpoint/([^/]+)/variant/([^/]+)")
_COMPONENT = re.compile(r"inference-component/([^/]+)")
_BURSTABLE = "ml.t2."
_ROLE = (
    "arn:aws:iam::{}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)


def client(sagemaker: SageMaker, target: Target, service: str) -> Any:
    """Return a client of Application Auto Scaling's own role."""
    return sagemaker.client(service, target.account, target.region, _ROLE.format(target.account))


def check(
    sagemaker: SageMaker, account: str, region: str, resource: str, dimension: str, least: int, most: int
) -> None:
    """Refuse what cannot be scaled, or not so.

    Raises:
        AwsError: ValidationException with the reason.
    """
    if dimension not in (*VARIANTS, *COMPONENTS):
        raise invalid(f"Unsupported service namespace, resource type or scalable dimension: {dimension}")
    if least > most:
        raise invalid(f"Maximum capacity cannot be less than minimum capacity: {most} is less than {least}.")
    if dimension == COPIES:
        _component(sagemaker, account, region, resource)
        return
    fleet, variant = _variant(sagemaker, account, region, resource)
    if dimension == CONCURRENCY:
        if variant.gate is None:
            raise invalid(f"{resource} is not serverless, so it has no provisioned concurrency to scale.")
        return
    if variant.gate is not None:
        raise invalid(f"{resource} is serverless, so it has no instances to scale.")
    kind = variant.definition.get("InstanceType") or ""
    if kind.startswith(_BURSTABLE):
        raise invalid(f"Variants on burstable instances ({kind}) cannot be scaled automatically.")
    if least < 1 and fleet.asynchronous is None:
        raise invalid(f"Minimum capacity of {resource} must be at least 1: only asynchronous endpoints scale to zero.")


def current(sagemaker: SageMaker, target: Target) -> int | None:
    """Return the target's capacity as it should be now; None if it is gone."""
    try:
        if target.dimension == COPIES:
            return int(_component(sagemaker, target.account, target.region, target.resource).copies)
        _, variant = _variant(sagemaker, target.account, target.region, target.resource)
    except AwsError:
        return None
    if target.dimension == CONCURRENCY:
        return variant.gate.provisioned if variant.gate is not None else None
    return variant.desired_instances


def change(sagemaker: SageMaker, target: Target, capacity: int) -> str | None:
    """Ask SageMaker for another capacity; return why that was refused, if it was."""
    api = client(sagemaker, target, "sagemaker")
    try:
        if target.dimension == COPIES:
            api.update_inference_component_runtime_config(
                InferenceComponentName=target.resource.partition("/")[2], DesiredRuntimeConfig={"CopyCount": capacity}
            )
            return None
        match = _VARIANT.fullmatch(target.resource)
        assert match is not None  # noqa: S101 - checked when it was registered
        wanted: dict[str, Any] = {"VariantName": match.group(2)}
        if target.dimension == CONCURRENCY:
            wanted["ServerlessUpdateConfig"] = {"ProvisionedConcurrency": capacity}
        else:
            wanted["DesiredInstanceCount"] = capacity
        api.update_endpoint_weights_and_capacities(EndpointName=match.group(1), DesiredWeightsAndCapacities=[wanted])
    except ClientError as error:
        return str(error.response["Error"]["Message"])
    return None


def _variant(sagemaker: SageMaker, account: str, region: str, resource: str) -> tuple[Fleet, Variant]:
    match = _VARIANT.fullmatch(resource)
    if match is None:
        raise invalid(f"{resource} is not a variant: it must have the form endpoint/<endpoint>/variant/<variant>.")
    name, variant = match.groups()
    endpoint = sagemaker.store(account, region).endpoints.get(name.lower())
    fleet = endpoint.fleet if endpoint is not None else None
    if fleet is None or variant not in fleet.variants:
        raise AwsError("ValidationException", f"No SageMaker variant found for resource ID: {resource}")
    return fleet, fleet.variants[variant]


def _component(sagemaker: SageMaker, account: str, region: str, resource: str) -> Any:
    match = _COMPONENT.fullmatch(resource)
    if match is None:
        raise invalid(f"{resource} is no inference component: it must have the form inference-component/<name>.")
    component = sagemaker.store(account, region).components.get(match.group(1).lower())
    if component is None:
        raise AwsError("ValidationException", f"No SageMaker inference component found for resource ID: {resource}")
    return component
