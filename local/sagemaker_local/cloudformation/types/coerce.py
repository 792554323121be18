"""From CloudFormation's spelling of values to the one that an API's model asks for.

Templates write numbers and booleans as text, documents as objects, tags as lists; the same member may start with
another letter case. What an operation does not know is left out: one set of properties feeds create, update and delete
calls.
"""

from __future__ import annotations

import json
from typing import Any


def call(client: Any, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Call a boto3 method with the members of `params` that it knows, in the types that it wants."""
    operation = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
    shaped = coerce(params, operation.input_shape) if operation.input_shape is not None else {}
    result: dict[str, Any] = getattr(client, method)(**shaped)
    return result


def coerce(value: Any, shape: Any) -> Any:
    """Return `value` as the botocore shape wants it."""
    kind = shape.type_name
    if kind == "structure":
        return _structure(value, shape) if isinstance(value, dict) else value
    if kind == "list":
        if isinstance(value, dict) and shape.member.type_name == "structure":
            value = _map_as_list(value, shape.member)
        return [coerce(item, shape.member) for item in (value if isinstance(value, list) else [value])]
    if kind == "map":
        if isinstance(value, list):
            value = {item.get("Key", item.get("key")): item.get("Value", item.get("value")) for item in value}
        return {str(key): coerce(member, shape.value) for key, member in value.items()}
    return _scalar(value, kind)


def _structure(value: dict[str, Any], shape: Any) -> dict[str, Any]:
    if shape.is_document_type:
        return value
    names = {name.lower(): name for name in shape.members}
    shaped = {}
    for key, member in value.items():
        name = key if key in shape.members else names.get(key.lower())
        if name is not None and member is not None:
            shaped[name] = coerce(member, shape.members[name])
    return shaped


def _map_as_list(value: dict[str, Any], member: Any) -> list[dict[str, Any]]:
    names = list(member.members)
    key = next((name for name in names if "key" in name.lower()), None)
    text = next((name for name in names if "value" in name.lower()), None)
    if key is None or text is None:
        return [value]
    return [{key: name, text: content} for name, content in value.items()]


def _scalar(value: Any, kind: str) -> Any:
    if kind == "string":
        if isinstance(value, bool):
            return "true" if value else "false"
        return json.dumps(value) if isinstance(value, (dict, list)) else str(value)
    if kind == "boolean":
        return value.lower() == "true" if isinstance(value, str) else bool(value)
    if kind in ("integer", "long"):
        return int(value)
    if kind in ("float", "double"):
        return float(value)
    if kind == "blob" and isinstance(value, str):
        return value.encode()
    return value
