"""What the AWS resource provider schemas say about a type: replacement, identifiers, read-only attributes, tags.

The schemas come with cfn-lint, as published in the CloudFormation registry.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_SCHEMA_REGION = "us-east-1"


@dataclass(frozen=True)
class TypeSchema:
    """The part of a provider schema that change sets need."""

    create_only: tuple[tuple[str, ...], ...]
    conditional: tuple[tuple[str, ...], ...]
    tag_property: str | None
    """Name of the property that takes stack-level tags, or None if the type takes none."""
    tags_are_map: bool
    properties: frozenset[str]
    """Top-level properties; empty for types without a schema, which accept anything."""

    def replacement(self, changed: Iterable[str], old: dict[str, Any], new: dict[str, Any]) -> str:
        """Return "True", "Conditional" or "False": whether changing these properties replaces the resource."""
        names = set(changed)
        if _touches(self.create_only, names, old, new):
            return "True"
        return "Conditional" if _touches(self.conditional, names, old, new) else "False"


_NONE = TypeSchema((), (), None, False, frozenset())


@functools.cache
def schema_of(type_name: str) -> TypeSchema:
    """Return the schema of a resource type; types without one (custom resources) replace nothing."""
    if type_name.startswith("Custom::") or type_name == "AWS::CloudFormation::CustomResource":
        return _NONE  # cfn-lint would answer with the schema of CustomResource, which knows no properties of its own
    # Imported here: cfn-lint takes a second, and nothing before the first deployment needs it.
    from cfnlint.schema import ResourceNotFoundError
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

    try:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(_SCHEMA_REGION, type_name).schema
    except ResourceNotFoundError:
        return _NONE
    properties = schema.get("properties", {})
    tagging = schema.get("tagging") or {}
    tag_property = None
    # Not `cloudFormationSystemTags`: that is about the tags that CloudFormation adds of its own.
    if tagging.get("taggable", False):
        name = str(tagging.get("tagProperty", "/properties/Tags")).rsplit("/", 1)[-1]
        tag_property = name if name in properties else None
    tags = properties.get(tag_property, {}) if tag_property else {}
    return TypeSchema(
        create_only=_paths(schema.get("createOnlyProperties")),
        conditional=_paths(schema.get("conditionalCreateOnlyProperties")),
        tag_property=tag_property,
        tags_are_map=_is_map(tags, schema),
        properties=frozenset(properties),
    )


def _paths(pointers: list[str] | None) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(pointer.removeprefix("/properties/").split("/")) for pointer in pointers or ())


def _is_map(tags: dict[str, Any], schema: dict[str, Any]) -> bool:
    if "$ref" in tags:
        tags = schema.get("definitions", {}).get(tags["$ref"].rsplit("/", 1)[-1], {})
    return tags.get("type") == "object"


def _touches(paths: Iterable[tuple[str, ...]], changed: set[str], old: dict[str, Any], new: dict[str, Any]) -> bool:
    return any(path[0] in changed and _values(old, path) != _values(new, path) for path in paths)


def _values(value: Any, path: tuple[str, ...]) -> Any:
    if not path:
        return value
    if isinstance(value, list):
        rest = path[1:] if path[0] == "*" else path
        return [_values(item, rest) for item in value]
    if isinstance(value, dict):
        return _values(value.get(path[0]), path[1:])
    # An unknown value may differ; comparing it with the known one keeps it different.
    return value
