"""Deletes the versions of a model package group before CloudFormation deletes the group.

SageMaker refuses to delete a group that holds versions. The resource is part of a stack only where data goes with the
stacks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from shared import custom_resource
from shared.clients import client, error_code, says
from shared.log import Logger

log = Logger("emptying")

#: Milliseconds that are kept for the answer, without which CloudFormation would wait for an hour.
_RESERVE = 20_000


class OutOfTime(RuntimeError):
    """There were more versions than one invocation can delete."""


def lambda_handler(event: Mapping[str, Any], context: Any) -> None:
    """Deal with CloudFormation's request."""
    custom_resource.serve(event, lambda properties: _empty(properties["GroupName"], context))


def _empty(group: str, context: Any) -> None:
    sagemaker = client("sagemaker")
    deleted = 0
    for arn in _versions(sagemaker, group):
        if context.get_remaining_time_in_millis() < _RESERVE:
            raise OutOfTime(f"{deleted} versions of group {group} are deleted, more are left; delete the stack again")
        try:
            sagemaker.delete_model_package(ModelPackageName=arn)
        except ClientError as error:
            if not says(error, "does not exist"):
                raise
        deleted += 1
    log.info("group was emptied", group=group, versions=deleted)


def _versions(sagemaker: Any, group: str) -> list[str]:
    """ARNs of all versions, read in full before the first is deleted, because deleting moves the pages."""
    pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
    try:
        return [item["ModelPackageArn"] for page in pages for item in page["ModelPackageSummaryList"]]
    except ClientError as error:
        if error_code(error) == "ResourceNotFound" or says(error, "does not exist"):
            return []
        raise
