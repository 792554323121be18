"""Refusing tags of the stack, which CloudFormation copies to every resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsii
from constructs import IValidation

if TYPE_CHECKING:
    from aws_cdk import Stack
    from constructs import Construct


@jsii.implements(IValidation)
class _NoStackTags:
    def __init__(self, stack: Stack, name: str) -> None:
        self._stack = stack
        self._name = name

    def validate(self) -> list[str]:
        tags = self._stack.tags.tag_values()
        if not tags:
            return []
        return [
            f"feature group {self._name} is in a stack with tags ({', '.join(sorted(tags))}). CloudFormation copies "
            "them to the group, whose tags can never be changed: the day one changes, the group would be replaced. "
            "Give the tags to the resources instead of the stack, Tags.of(app).add(key, value, "
            'exclude_resource_types=["aws:cdk:stack"]), or set accept_stack_tags=True and never change them'
        ]


def refuse(scope: Construct, stack: Stack, name: str) -> None:
    """Let synthesis fail if the stack turns out to have tags; those of aspects are known only then."""
    scope.node.add_validation(_NoStackTags(stack, name))
