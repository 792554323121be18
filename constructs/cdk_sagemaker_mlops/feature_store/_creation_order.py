"""Keeps the number of groups that are created at one time within the account's limit.

https://docs.aws.amazon.com/sagemaker/latest/dg/feature-store-quotas.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from aws_cdk import Stack
    from aws_cdk.aws_sagemaker import CfnFeatureGroup

AT_A_TIME = 4

_GROUPS: WeakKeyDictionary[Stack, list[CfnFeatureGroup]] = WeakKeyDictionary()


def enqueue(stack: Stack, group: CfnFeatureGroup) -> None:
    """Let a group wait for the fourth one before it: four chains, so never more than four at a time.

    An order of creation is no property: that it changes when a group is added or removed updates nothing.
    """
    groups = _GROUPS.setdefault(stack, [])
    if len(groups) >= AT_A_TIME:
        group.add_resource_dependency(groups[-AT_A_TIME])
    groups.append(group)
