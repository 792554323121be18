"""Checks a request against the constraints of the service model, with the error text that AWS's front end gives.

The model is the one that boto3 ships, so lengths, patterns, ranges and enumerations follow the installed botocore.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
from botocore.model import Shape

from .faults import invalid


def check(operation: str, params: dict[str, Any], service: str = "sagemaker") -> None:
    """Refuse parameters that break the operation's input shape.

    Raises:
        AwsError: ValidationException naming every violation.
    """
    problems = list(_problems(_model(service).operation_model(operation).input_shape, params, ""))
    if problems:
        count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected: "
        raise invalid(count + "; ".join(problems))


@cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


@cache
def _pattern(text: str) -> re.Pattern[str] | None:
    # The models write patterns in Java's dialect. What Python cannot read is not checked.
    try:
        return re.compile(text.replace(r"\p{ASCII}", r"[\x00-\x7F]").replace(r"\z", r"\Z"))
    except re.error:
        return None


def _problems(shape: Shape | None, value: Any, path: str) -> Iterator[str]:
    if shape is None:
        return
    if shape.type_name == "structure" and isinstance(value, dict):
        for name in shape.required_members:
            if value.get(name) is None:
                yield _text(None, _join(path, name), "Member must not be null")
        for name, member in value.items():
            if name in shape.members and member is not None:
                yield from _problems(shape.members[name], member, _join(path, name))
    elif shape.type_name == "list" and isinstance(value, list):
        yield from _length(shape, value, path)
        for number, member in enumerate(value, 1):
            yield from _problems(shape.member, member, f"{path}.{number}.member")
    elif shape.type_name == "map" and isinstance(value, dict):
        yield from _length(shape, value, path)
        for key, member in value.items():
            yield from _problems(shape.key, key, f"{path}.key")
            yield from _problems(shape.value, member, f"{path}.{key}.value")
    elif shape.type_name == "string" and isinstance(value, str):
        yield from _string(shape, value, path)
    elif shape.type_name in ("integer", "long", "float", "double") and isinstance(value, (int, float)):
        yield from _number(shape, value, path)


def _string(shape: Shape, value: str, path: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield _text(value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    yield from _length(shape, value, path)
    pattern = _pattern(shape.metadata["pattern"]) if "pattern" in shape.metadata else None
    if pattern is not None and not pattern.fullmatch(value):
        yield _text(value, path, f"Member must satisfy regular expression pattern: {shape.metadata['pattern']}")


def _length(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if len(value) < shape.metadata.get("min", 0):
        yield _text(value, path, f"Member must have length greater than or equal to {shape.metadata['min']}")
    if len(value) > shape.metadata.get("max", float("inf")):
        yield _text(value, path, f"Member must have length less than or equal to {shape.metadata['max']}")


def _number(shape: Shape, value: float, path: str) -> Iterator[str]:
    if value < shape.metadata.get("min", float("-inf")):
        yield _text(value, path, f"Member must have value greater than or equal to {shape.metadata['min']}")
    if value > shape.metadata.get("max", float("inf")):
        yield _text(value, path, f"Member must have value less than or equal to {shape.metadata['max']}")


def _join(path: str, name: str) -> str:
    name = name[0].lower() + name[1:]
    return f"{path}.{name}" if path else name


def _text(value: Any, path: str, rule: str) -> str:
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {rule}"
