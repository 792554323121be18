"""CloudFormation: change sets, ordered updates with replacement and rollback, exports, nested stacks, events."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws


def install(aws: LocalAws) -> None:
    """Answer the CloudFormation API."""
    # Imported here, so that the fast parts of the package do not load boto3's models and every resource type.
    from .api import Api
    from .custom import CustomResources
    from .nested import NestedStack
    from .service import CloudFormation
    from .state import STACK_TYPE
    from .types import CUSTOM, TYPES

    service = CloudFormation(aws)
    aws.extensions["cloudformation"] = service
    TYPES[CUSTOM] = CustomResources(aws)
    TYPES[STACK_TYPE] = NestedStack(service)
    for operation, handler in Api(service).operations().items():
        aws.front.op("cloudformation", operation, handler)
    # The CLI asks CloudTrail for the cause of a failed deployment.
    aws.front.op("cloudtrail", "LookupEvents", lambda context, params: {"Events": []})
    aws.on_stop(service.announcer.stop)
