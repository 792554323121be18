"""The JSON schema of environment files, and what it says about one place in them.

Editors complete and check from the committed copy (environments/schema.json); messages take "allowed" from the same
source, so the two cannot disagree.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from .environment import Environment
from .problems import PathKey

WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}


@functools.cache
def json_schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of one environment file."""
    body = Environment.model_json_schema()
    for part in (body, *body["$defs"].values()):
        _remove_titles(part)
        for value in part.get("properties", {}).values():
            _close(value)
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "title": "Environment of cdk-sagemaker-mlops",
        **body,
    }


def rendered() -> str:
    """The schema as it is committed."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _remove_titles(part: dict[str, Any]) -> None:
    # pydantic's titles repeat the key's name in other letters; editors would show both.
    part.pop("title", None)
    for value in part.get("properties", {}).values():
        value.pop("title", None)


def _close(part: dict[str, Any]) -> None:
    # pydantic describes the names that a mapping may have and forgets to say that no others are allowed.
    if "patternProperties" in part:
        part["additionalProperties"] = False


def at(path: PathKey) -> dict[str, Any] | None:
    """The schema of the value at `path`, or None if there is no such place."""
    schema = json_schema()
    node: dict[str, Any] = schema
    for part in path:
        found = _step(resolve(node), part)
        if found is None:
            return None
        node = found
    return resolve(node)


def keys(path: PathKey) -> dict[str, Any]:
    """The keys that a mapping at `path` may have, with their schemas. Empty for mappings with free keys."""
    node = at(path)
    return dict(node.get("properties", {})) if node else {}


def places(key: str) -> list[PathKey]:
    """Every place where `key` is a legal one; `*` stands for a name of the user's."""
    return [path for path in _walk(json_schema(), ()) if path[-1] == key]


def allowed(path: PathKey) -> str | None:
    """What may stand at `path`, in words."""
    node = at(path)
    return _describe(node) if node else None


def _walk(node: dict[str, Any], path: PathKey) -> Iterator[PathKey]:
    node = resolve(node)
    for name, value in node.get("properties", {}).items():
        yield (*path, name)
        yield from _walk(value, (*path, name))
    if isinstance(free := _free_values(node), dict):
        yield from _walk(free, (*path, "*"))


def _free_values(node: dict[str, Any]) -> dict[str, Any] | None:
    patterns = node.get("patternProperties")
    if patterns:
        return next(iter(patterns.values()))  # type: ignore[no-any-return]
    additional = node.get("additionalProperties")
    return additional if isinstance(additional, dict) else None


def _step(node: dict[str, Any], part: str | int) -> dict[str, Any] | None:
    if isinstance(part, int):
        items = node.get("items")
        return items if isinstance(items, dict) else None
    properties: dict[str, Any] = node.get("properties", {})
    return properties.get(part) or _free_values(node)


def resolve(node: dict[str, Any]) -> dict[str, Any]:
    """Follows a reference; of "this or null" takes this."""
    if "anyOf" in node:
        chosen = next(option for option in node["anyOf"] if option.get("type") != "null")
        return {**resolve(chosen), **{key: value for key, value in node.items() if key != "anyOf"}}
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[1]
        return resolve(json_schema()["$defs"][name])
    return node


def _describe(node: dict[str, Any]) -> str:
    if "x-allowed" in node:
        return str(node["x-allowed"])
    if "enum" in node:
        return ", ".join(str(value) for value in node["enum"])
    if "const" in node:
        return str(node["const"])
    words = WORDS.get(node.get("type", ""), "a value")
    if node.get("type") == "object" and node.get("properties"):
        return f"a mapping with {', '.join(node['properties'])}"
    if node.get("type") == "array":
        return f"{words} of {_describe(resolve(node['items']))}{_length(node, 'minItems', 'maxItems', '')}"
    if node.get("type") == "object":
        return f"{words} of names to {_describe(resolve(_free_values(node) or {}))}" + _length(
            node, "minProperties", "maxProperties", ""
        )
    return words + _range(node) + _length(node, "minLength", "maxLength", " characters")


def _range(node: dict[str, Any]) -> str:
    parts = [
        f"{word} {node[key]:g}"
        for key, word in (
            ("exclusiveMinimum", "above"),
            ("minimum", "from"),
            ("exclusiveMaximum", "below"),
            ("maximum", "to" if "minimum" in node else "up to"),
        )
        if key in node
    ]
    return f" {' '.join(parts)}" if parts else ""


def _length(node: dict[str, Any], least: str, most: str, unit: str) -> str:
    parts = [
        f"{word} {node[key]}{unit.removesuffix('s') if node[key] == 1 else unit}"
        for word, key in (("at least", least), ("at most", most))
        if key in node
    ]
    return f", {' and '.join(parts)}" if parts else ""
