"""The resource types that can be deployed, one table entry each. All others fail the deployment by name."""

from __future__ import annotations

from sagemaker_local.errors import AwsError

from . import (
    api_gateway,
    data,
    events,
    functions,
    iam,
    messaging,
    meta,
    network,
    observability,
    s3,
    sagemaker,
    security,
    security_groups,
)
from .base import Created, ResourceType, Work

TYPES: dict[str, ResourceType] = {
    **api_gateway.TYPES,
    **data.TYPES,
    **events.TYPES,
    **functions.TYPES,
    **iam.TYPES,
    **messaging.TYPES,
    **meta.TYPES,
    **network.TYPES,
    **observability.TYPES,
    **s3.TYPES,
    **sagemaker.TYPES,
    **security.TYPES,
    **security_groups.TYPES,
}

# Custom resources and nested stacks are work for the running CloudFormation, which enters them when it is installed.
CUSTOM = "AWS::CloudFormation::CustomResource"

__all__ = ["TYPES", "Created", "ResourceType", "Work", "is_custom", "resource_type", "supported"]


def is_custom(type_name: str) -> bool:
    """Whether a type is a custom resource."""
    return type_name.startswith("Custom::") or type_name == CUSTOM


def supported(type_name: str) -> bool:
    """Whether resources of a type can be deployed."""
    return is_custom(type_name) or type_name in TYPES


def resource_type(type_name: str) -> ResourceType:
    """Return the implementation of a resource type.

    Raises:
        AwsError: `ValidationError` naming the type if there is none.
    """
    found = TYPES.get(CUSTOM if is_custom(type_name) else type_name)
    if found is None:
        raise AwsError("ValidationError", f"Template format error: Unrecognized resource types: [{type_name}]")
    return found
