"""Previewing a change: what would be added, modified, replaced or removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .changes import Change, PropertyChange
from .intrinsics import Resolver, unknowns
from .schema import schema_of
from .scope import StackScope, effective_properties
from .state import STACK_TYPE, Desired, Stack, Stacks
from .types import is_custom, resource_type

if TYPE_CHECKING:
    from sagemaker_local.accounts import Principal
    from sagemaker_local.server import LocalAws


_RESOURCE_ATTRIBUTES = ("Metadata", "DeletionPolicy", "UpdateReplacePolicy", "CreationPolicy", "UpdatePolicy")


def plan(aws: LocalAws, stacks: Stacks, stack: Stack, desired: Desired, principal: Principal) -> list[Change]:
    """Return what executing `desired` would do, in the order in which it would be done.

    Raises:
        AwsError: `ValidationError` for templates that cannot be executed.
    """
    unsettled: set[str] = set()
    scope = StackScope(aws, stacks, stack, desired, principal, unsettled)
    resolver = Resolver(desired.template, scope)
    included = resolver.included()
    changes: list[Change] = []
    for name in included:
        change = _compare(name, resolver, stack, desired)
        if change is None:
            continue
        changes.append(change)
        if change.replacement != "False" or is_custom(change.type) or change.type == STACK_TYPE:
            unsettled.add(name)
    resolver.outputs()
    removed = [resource for name, resource in stack.resources.items() if name not in included]
    changes += [Change("Remove", item.logical_id, item.type, item.created.ref) for item in reversed(removed)]
    return changes


def _compare(name: str, resolver: Resolver, stack: Stack, desired: Desired) -> Change | None:
    template = desired.template.resources[name]
    new = effective_properties(template, resolver, stack, desired)
    existing = stack.resources.get(name)
    if existing is None:
        return Change("Add", name, template.type)
    if existing.type != template.type:
        return Change("Modify", name, template.type, existing.created.ref, "True")
    old, schema = existing.properties, schema_of(template.type)
    details, worst = [], "False"
    for key in sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key)):
        verdict = schema.replacement([key], old, new)
        sources = unknowns(new.get(key))
        if verdict == "True" and sources:
            verdict = "Conditional"
        worst = max(worst, verdict, key=("False", "Conditional", "True").index)
        recreation = {"True": "Always", "Conditional": "Conditionally", "False": "Never"}[verdict]
        causes = tuple(
            sorted(source if attribute is None else f"{source}.{attribute}" for source, attribute in sources)
        )
        details.append(PropertyChange(key, recreation, causes, old.get(key), None if sources else new.get(key)))
    if details and worst == "False" and resource_type(template.type).replaces(old, new):
        worst = "True"
    attributes = tuple(key for key in _RESOURCE_ATTRIBUTES if existing.template.body.get(key) != template.body.get(key))
    if not details and not attributes:
        return None
    return Change("Modify", name, template.type, existing.created.ref, worst, tuple(details), attributes)
