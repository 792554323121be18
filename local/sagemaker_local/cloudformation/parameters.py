"""Stack parameters: given, kept or default values, checked and brought into the form that templates see."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .template import Template, validation_error

_SSM_VALUE = re.compile(r"AWS::SSM::Parameter::Value<(.+)>")


def bind(template: Template, given: list[dict[str, Any]], previous: dict[str, str]) -> dict[str, str]:
    """Return every parameter's value as text: the given one, the previous one (`UsePreviousValue`), or the default.

    Raises:
        AwsError: `ValidationError`, in CloudFormation's words, for unknown, missing or forbidden values.
    """
    entries = {entry["ParameterKey"]: entry for entry in given}
    unknown = sorted(entries.keys() - template.parameters.keys())
    if unknown:
        raise validation_error(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    values: dict[str, str] = {}
    for name, definition in template.parameters.items():
        entry = entries.get(name, {})
        if entry.get("UsePreviousValue"):
            if name not in previous:
                raise validation_error(
                    f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true "
                    "for a parameter key not in the previous template"
                )
            values[name] = previous[name]
        elif entry.get("ParameterValue") is not None:
            values[name] = str(entry["ParameterValue"])
        elif "Default" in definition:
            values[name] = _as_text(definition["Default"])
    missing = [name for name in template.parameters if name not in values]
    if missing:
        raise validation_error(f"Parameters: [{', '.join(missing)}] must have values")
    for name, value in values.items():
        _check(name, value, template.parameters[name])
    return values


def evaluate(template: Template, values: dict[str, str], look_up: Callable[[str], str]) -> dict[str, Any]:
    """Return the parameters as `Ref` gives them: lists split, SSM parameters replaced by what they hold now."""
    evaluated: dict[str, Any] = {}
    for name, text in values.items():
        kind = str(template.parameters[name].get("Type", "String"))
        stored = _SSM_VALUE.fullmatch(kind)
        if stored:
            kind, text = stored.group(1), look_up(text)
        is_list = kind == "CommaDelimitedList" or kind.startswith("List<")
        evaluated[name] = [item.strip() for item in text.split(",")] if is_list else text
    return evaluated


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(str(item) for item in value) if isinstance(value, list) else str(value)


def _check(name: str, value: str, definition: dict[str, Any]) -> None:
    hint = definition.get("ConstraintDescription")
    allowed = definition.get("AllowedValues")
    if allowed is not None and value not in [_as_text(item) for item in allowed]:
        choices = ", ".join(_as_text(item) for item in allowed)
        raise validation_error(
            f"Parameter '{name}' must be one of AllowedValues [{choices}]" if not hint else _failed(name, hint)
        )
    pattern = definition.get("AllowedPattern")
    if pattern is not None and re.fullmatch(pattern, value) is None:
        raise validation_error(_failed(name, hint or f"must match pattern {pattern}"))
    if "MinLength" in definition and len(value) < int(definition["MinLength"]):
        raise validation_error(_failed(name, hint or f"must contain at least {definition['MinLength']} characters"))
    if "MaxLength" in definition and len(value) > int(definition["MaxLength"]):
        raise validation_error(_failed(name, hint or f"must contain at most {definition['MaxLength']} characters"))
    if definition.get("Type") == "Number":
        try:
            number = float(value)
        except ValueError:
            raise validation_error(f"Parameter '{name}' must be a number.") from None
        if "MinValue" in definition and number < float(definition["MinValue"]):
            raise validation_error(_failed(name, hint or f"must be at least {definition['MinValue']}"))
        if "MaxValue" in definition and number > float(definition["MaxValue"]):
            raise validation_error(_failed(name, hint or f"must be at most {definition['MaxValue']}"))


def _failed(name: str, constraint: str) -> str:
    return f"Parameter '{name}' failed to satisfy constraint: {constraint}"
