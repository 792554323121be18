"""The stacks of an environment, what is in them and how they hang together, from synthesised templates.

The templates are the snapshots that the tests compare every synthesis with, so they are what the app makes now.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from .marked import ROOT
from .props import cell
from .svg import Box, arrow, drawing, text

SNAPSHOTS = ROOT / "tests" / "stacks" / "__snapshots__" / "test_snapshots"
#: Which environment's template stands for each stack, from what is needed first to what needs most.
STACKS: Mapping[str, str] = {
    "Foundation": "prod",
    "Registry": "dev",
    "FeatureStore": "dev",
    "Serving-churn": "prod",
    "Training": "dev",
    "Delivery": "prod",
    "Insights": "prod",
}
_IMPORT = re.compile(r"^(?P<stack>[\w-]+):ExportsOutput(?:Ref|FnGetAtt)(?P<what>\w+?)[0-9A-F]{8}")
#: Stacks that others take from; what a registry holds is found by name, so that it may be in another account.
_NEEDED = ("Foundation", "Registry")
_NARROW, _WIDE, _GAP, _MARGIN = 230.0, 500.0, 330.0, 24.0


@cache
def template(stack: str) -> dict[str, Any]:
    """The template of a stack."""
    file = SNAPSHOTS / f"test_template[mlops-{STACKS[stack]}-{stack}].json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def contents(stack: str) -> Counter[str]:
    """How many resources of each service a stack holds; what only supports others is left out."""
    counts: Counter[str] = Counter()
    for resource in template(stack)["Resources"].values():
        _, service, kind = (*resource["Type"].split("::"), "", "")[:3]
        if kind.endswith(("Policy", "Permission", "LayerVersion", "EventInvokeConfig", "EventSourceMapping")):
            continue
        counts[f"{service} {_plain(kind)}".strip()] += 1
    return counts


def imports(stack: str) -> dict[str, set[str]]:
    """Stacks by what this one takes from them."""
    found: dict[str, set[str]] = {}
    for value in _values(template(stack), "Fn::ImportValue"):
        match = _IMPORT.match(str(value))
        if match:
            found.setdefault(match["stack"].split("-", 2)[2], set()).add(_thing(match["what"]))
    return found


def wiring() -> Iterator[tuple[str, str, str]]:
    """What wakes what: stack, cause, and what is called."""
    for stack in STACKS:
        for logical_id, resource in template(stack)["Resources"].items():
            properties = resource.get("Properties", {})
            match resource["Type"]:
                case "AWS::Events::Rule":
                    for target in properties.get("Targets", ()):
                        yield stack, _cause(properties), _called(target.get("Arn"))
                case "AWS::Scheduler::Schedule":
                    expression = properties["ScheduleExpression"]
                    yield stack, f"schedule `{expression}`", _called(properties["Target"].get("Arn"))
                case "AWS::CloudWatch::CompositeAlarm":
                    for action in properties.get("AlarmActions", ()):
                        yield stack, f"incident `{_thing(logical_id)}`", _called(action)
                case "AWS::Lambda::EventSourceMapping":
                    yield (
                        stack,
                        f"queue {_called(properties.get('EventSourceArn'))}",
                        _called(properties["FunctionName"]),
                    )


def table() -> str:
    """The wiring as a table."""
    rows = dict.fromkeys(
        f"| {stack} | {cell(cause)} | {cell(called)} |" for stack, cause, called in sorted(set(wiring()))
    )
    return "\n".join(["| Stack | When | Called |", "|---|---|---|", *rows])


def rendered() -> str:
    """The diagram: what is in each stack, and what those on the right take from those on the left."""
    boxes: dict[str, Box] = {}
    bottom = _MARGIN
    for stack in _NEEDED:
        boxes[stack] = Box(_MARGIN, bottom, _NARROW, stack, _words(stack, 34))
        bottom += boxes[stack].height + 40
    right, y = _MARGIN + _NARROW + _GAP, _MARGIN
    for stack in (stack for stack in STACKS if stack not in _NEEDED):
        boxes[stack] = Box(right, y, _WIDE, stack, _words(stack, 76))
        y += boxes[stack].height + 28
    arrows = []
    for number, stack in enumerate(stack for stack in STACKS if stack not in _NEEDED):
        for other, taken in sorted(imports(stack).items()):
            here, there = boxes[stack], boxes[other]
            start, middle, end = here.y + 15, there.x + there.width + 30 + 10 * number, there.x + there.width
            target = there.y + 15 + 14 * number
            arrows.append(arrow([(here.x, start), (middle, start), (middle, target), (end, target)]))
            words = ", ".join(sorted(name.removeprefix("Storage").removeprefix("Notifications") for name in taken))
            arrows.append(text(here.x - 6, start - 5, words, "soft", "end"))
    parts = [*arrows, *(box.drawn() for box in boxes.values())]
    return drawing(right + _WIDE + _MARGIN, max(bottom - 40, y - 28) + _MARGIN, parts, "stacks of an environment")


def _words(stack: str, width: int) -> list[str]:
    counted = [f"{count} x {name}" if count > 1 else name for name, count in contents(stack).most_common()]
    return textwrap.wrap(", ".join(counted), width)


def _values(node: Any, key: str) -> Iterator[Any]:
    if isinstance(node, Mapping):
        for name, value in node.items():
            if name == key:
                yield value
            yield from _values(value, key)
    elif isinstance(node, list):
        for item in node:
            yield from _values(item, key)


def _cause(rule: Mapping[str, Any]) -> str:
    if "ScheduleExpression" in rule:
        return f"clock `{rule['ScheduleExpression']}`"
    pattern = rule.get("EventPattern", {})
    kinds = ", ".join(f"`{kind}`" for kind in pattern.get("detail-type", ()))
    return f"event {kinds} of {', '.join(pattern.get('source', ()))}"


def _called(arn: Any) -> str:
    """The last part of an ARN, or the resource that a reference means."""
    match arn:
        case {"Fn::GetAtt": [name, _]} | {"Ref": name}:
            return f"`{_thing(name)}`"
        case {"Fn::ImportValue": value}:
            match_ = _IMPORT.match(str(value))
            return f"`{_thing(match_['what'])}` of {match_['stack'].split('-', 2)[2]}" if match_ else str(value)
        case {"Fn::Join": [_, parts]}:
            return f"`{''.join(part if isinstance(part, str) else '…' for part in parts)}`".replace("arn:…:", "")
        case str():
            return f"`{arn}`"
    return "another account's bus"


def _thing(logical_id: str) -> str:
    """A logical id without its hash."""
    return re.sub(r"[0-9A-F]{4,8}$", "", logical_id)


def _plain(kind: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).lower()
