"""Custom resources of CloudFormation: carry a request out and answer it, whatever happens.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from shared.clients import client
from shared.log import Logger

_SECONDS_TO_ANSWER = 15
_MAX_REASON = 1000

log = Logger("shared.custom_resource")


def is_request(event: Mapping[str, Any]) -> bool:
    """Whether CloudFormation is who calls."""
    return "RequestType" in event and "ResponseURL" in event


def serve(event: Mapping[str, Any], delete: Callable[[Mapping[str, Any]], None]) -> None:
    """Answer a request; ``delete`` gets the resource's properties when its whole stack is being deleted.

    Nothing is deleted when only the resource leaves its stack: a stack that is told to keep its data from now on loses
    this resource, and the data must survive that.
    """
    status, reason = "SUCCESS", ""
    try:
        if event["RequestType"] == "Delete" and _stack_is_deleted(event["StackId"]):
            delete(event["ResourceProperties"])
    # CloudFormation has to hear of every failure, or the stack hangs for an hour.
    except Exception as error:
        log.exception("request could not be carried out")
        status, reason = "FAILED", f"{type(error).__name__}: {error}"
    _answer(event, status, reason)


def _stack_is_deleted(stack_id: str) -> bool:
    stack = client("cloudformation").describe_stacks(StackName=stack_id)["Stacks"][0]
    status = str(stack["StackStatus"])
    log.info("stack was looked at", stack=stack_id, status=status)
    return status == "DELETE_IN_PROGRESS"


def _answer(event: Mapping[str, Any], status: str, reason: str) -> None:
    document = {
        "Status": status,
        "Reason": reason[:_MAX_REASON],
        # The same for ever: another id would make CloudFormation delete the resource with the old one.
        "PhysicalResourceId": event.get("PhysicalResourceId") or event["LogicalResourceId"],
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    request = urllib.request.Request(  # noqa: S310 - CloudFormation's pre-signed URL
        event["ResponseURL"], data=json.dumps(document).encode(), headers={"Content-Type": ""}, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=_SECONDS_TO_ANSWER) as response:  # noqa: S310
        log.info("CloudFormation was answered", status=status, http=response.status)
