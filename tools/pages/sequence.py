"""Who calls whom in a rollout: a drawing of `docs/diagrams/rollout.json`.

The end-to-end tests look for exactly these calls, in this order, among those that a rollout in the embedded AWS made.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .marked import DOCS
from .svg import arrow, drawing, text

FILE = DOCS / "diagrams" / "rollout.json"
_LANE, _STEP, _TOP, _MARGIN = 150.0, 34.0, 56.0, 70.0


@dataclass(frozen=True)
class Step:
    """One call.

    :ivar call: Service and operation, as the embedded AWS records them.
    :ivar by: Part of the caller's name; empty for a person.
    """

    start: str
    end: str
    call: str
    by: str
    words: str


def steps() -> list[Step]:
    """The calls, in their order."""
    return [
        Step(item["from"], item["to"], item["call"], item["by"], item["words"])
        for item in json.loads(FILE.read_text(encoding="utf-8"))["steps"]
    ]


def furthest(recorded: Iterable[tuple[str, str]]) -> int:
    """How many of the steps some calls, as (service and operation, caller), went through in order in one rollout.

    A rollout begins with the first step's call, so a later one begins anew.
    """
    wanted, best, reached = steps(), 0, 0
    for call, caller in recorded:
        if call == wanted[0].call:
            reached = 1
        elif 0 < reached < len(wanted) and call == wanted[reached].call and wanted[reached].by in caller:
            reached += 1
        best = max(best, reached)
    return best


def rendered() -> str:
    """The diagram."""
    document = json.loads(FILE.read_text(encoding="utf-8"))
    actors: Sequence[str] = document["actors"]
    lanes = {actor: _MARGIN + number * _LANE for number, actor in enumerate(actors)}
    height = _TOP + len(document["steps"]) * _STEP + 20
    parts = []
    for actor, x in lanes.items():
        parts.append(f'<line class="lane" x1="{x:g}" x2="{x:g}" y1="{_TOP - 12:g}" y2="{height - 10:g}"/>')
        parts.append(text(x, 30, actor, "head", "middle"))
    for number, step in enumerate(steps(), start=1):
        y = _TOP + number * _STEP - 8
        start, end = lanes[step.start], lanes[step.end]
        parts.append(arrow([(start, y), (end, y)]))
        parts.append(text((start + end) / 2, y - 5, f"{number}. {step.words}", "soft", "middle"))
    return drawing(2 * _MARGIN + (len(actors) - 1) * _LANE, height, parts, document["title"])
