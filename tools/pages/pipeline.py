"""The ready training pipeline: its steps and decisions, from the definition in a synthesised template."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .environment import template
from .svg import Box, arrow, drawing, text

_WIDTH, _GAP, _MARGIN, _DOWN = 146.0, 36.0, 20.0, 96.0


def definition() -> dict[str, Any]:
    """The pipeline's definition; values that deployment fills in are left empty."""
    (body,) = (
        resource["Properties"]["PipelineDefinition"]["PipelineDefinitionBody"]
        for resource in template("Training")["Resources"].values()
        if resource["Type"] == "AWS::SageMaker::Pipeline"
    )
    parts = body["Fn::Join"][1] if isinstance(body, Mapping) else [body]
    found: dict[str, Any] = json.loads("".join(part if isinstance(part, str) else "" for part in parts))
    return found


def path(steps: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str | None]]:
    """Steps on the way to success: name, type, and the step that a decision goes to otherwise."""
    for step in steps:
        if step["Type"] != "Condition":
            yield step["Name"], step["Type"], None
            continue
        arguments = step["Arguments"]
        yield step["Name"], "decision", next((other["Name"] for other in arguments["ElseSteps"]), None)
        yield from path(arguments["IfSteps"])


def rendered() -> str:
    """The diagram."""
    steps = list(path(definition()["Steps"]))
    parts = []
    for number, (name, kind, otherwise) in enumerate(steps):
        box = Box(_MARGIN + number * (_WIDTH + _GAP), _MARGIN, _WIDTH, name, [_said(kind)])
        middle = box.y + box.height / 2
        parts.append(box.drawn())
        if number:
            parts.append(arrow([(box.x - _GAP, middle), (box.x, middle)]))
            if steps[number - 1][2]:
                parts.append(text(box.x - _GAP / 2, middle - 6, "yes", "soft", "middle"))
        if otherwise:
            failure = Box(box.x, _MARGIN + _DOWN, _WIDTH, otherwise, [_said("Fail")])
            x = box.x + _WIDTH / 2
            parts += [arrow([(x, box.y + box.height), (x, failure.y)]), failure.drawn()]
            parts.append(text(x + 8, box.y + box.height + 26, "no", "soft"))
    width = 2 * _MARGIN + len(steps) * _WIDTH + (len(steps) - 1) * _GAP
    return drawing(width, _MARGIN + _DOWN + 54 + _MARGIN, parts, "the ready pipeline")


def _said(kind: str) -> str:
    words = {"RegisterModel": "new version", "Fail": "says why", "decision": "decision"}
    return words.get(kind, f"{kind.lower()} job")
