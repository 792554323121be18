"""What a rule's target receives: Input, InputPath and InputTransformer.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
"""

from __future__ import annotations

import json
import re
from typing import Any

Json = dict[str, Any]
_MISSING = object()
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']+)'\]|\[\"([^\"]+)\"\]")
_PLACEHOLDER = re.compile(r"<([\w.-]+)>")


def payload(target: Json, event: Json, rule_arn: str) -> str:
    """Return the text that a target gets for an event."""
    if target.get("Input"):
        return str(target["Input"])
    if target.get("InputPath"):
        found = at_path(event, target["InputPath"])
        return json.dumps(None if found is _MISSING else found)
    if target.get("InputTransformer"):
        transformer = target["InputTransformer"]
        values = {
            name: found
            for name, path in (transformer.get("InputPathsMap") or {}).items()
            if (found := at_path(event, path)) is not _MISSING
        }
        values |= {
            "aws.events.rule-arn": rule_arn,
            "aws.events.rule-name": rule_arn.rsplit("/", 1)[-1],
            "aws.events.event.ingestion-time": event["time"],
            "aws.events.event": {name: member for name, member in event.items() if name != "detail"},
            "aws.events.event.json": event,
        }
        return fill(transformer["InputTemplate"], values)
    return json.dumps(event)


def at_path(document: Any, path: str) -> Any:
    """Return what a path such as `$.detail.items[0]` points to, or a marker that equals nothing."""
    if not path.startswith("$"):
        return _MISSING
    position, found = 1, document
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            return _MISSING
        name, index = step[1] or step[3] or step[4], step[2]
        if name is not None and isinstance(found, dict) and name in found:
            found = found[name]
        elif index is not None and isinstance(found, list) and int(index) < len(found):
            found = found[int(index)]
        else:
            return _MISSING
        position = step.end()
    return found


def resolve(value: str, event: Json) -> str:
    """Return a parameter's value, following it into the event if it is a path."""
    if not value.startswith("$"):
        return value
    found = at_path(event, value)
    if found is _MISSING:
        return value
    return found if isinstance(found, str) else json.dumps(found)


def fill(template: str, values: Json) -> str:
    """Replace `<name>` in a template: as JSON outside quotes, as text within them. Unknown names leave nothing."""
    result: list[str] = []
    quoted, position = False, 0
    while position < len(template):
        character = template[position]
        match = _PLACEHOLDER.match(template, position) if character == "<" else None
        if match is not None:
            result.append(_rendered(values.get(match[1], ""), quoted))
            position = match.end()
            continue
        if character == "\\" and quoted:
            result.append(template[position : position + 2])
            position += 2
            continue
        quoted = quoted != (character == '"')
        result.append(character)
        position += 1
    return "".join(result)


def _rendered(value: Any, quoted: bool) -> str:
    if not quoted:
        return json.dumps(value)
    text = value if isinstance(value, str) else json.dumps(value)
    return json.dumps(text)[1:-1]
