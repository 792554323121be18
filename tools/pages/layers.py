"""Which part of the repository imports which, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from .marked import ROOT
from .svg import Box, arrow, drawing

#: Parts: name of the box, where it lies, and what it is imported as.
PARTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "app and stacks": (("app.py", "pipeline.py", "stacks"), ("stacks",)),
    "constructs (library)": (("constructs",), ("cdk_sagemaker_mlops",)),
    "lambda (functions)": (("lambda",), ("monitor", "deploy", "retrain", "insights", "emptying", "shared")),
    "analyzer (engine)": (("analyzer",), ("model_analyzer",)),
    "training (step scripts)": (("training",), ("tabular_training",)),
    "feature_store (client)": (("feature_store",), ("sagemaker_features",)),
    "labels (client)": (("labels",), ("sagemaker_labels",)),
    "local (embedded AWS)": (("local",), ("sagemaker_local",)),
    "tools": (("tools",), ("tools",)),
    "examples": (("examples",), ("examples",)),
}
_WIDTH, _GAP_X, _GAP_Y, _MARGIN = 185.0, 24.0, 58.0, 20.0


def edges() -> dict[str, set[str]]:
    """Parts by the parts that they import, wherever in a module the import stands."""
    owners = {name: part for part, (_, names) in PARTS.items() for name in names}
    found: dict[str, set[str]] = {part: set() for part in PARTS}
    for part, (places, _) in PARTS.items():
        for module in (module for place in places for module in _imported(ROOT / place)):
            owner = owners.get(module.partition(".")[0])
            if owner and owner != part:
                found[part].add(owner)
    return found


def ranks(graph: Mapping[str, set[str]]) -> dict[str, int]:
    """How many steps each part is above the lowest that it needs."""
    found: dict[str, int] = {}

    def rank(part: str, above: tuple[str, ...] = ()) -> int:
        if part in above:
            raise ValueError(f"imports go in a circle: {' -> '.join([*above, part])}")
        if part not in found:
            found[part] = max((rank(below, (*above, part)) + 1 for below in graph[part]), default=0)
        return found[part]

    for part in graph:
        rank(part)
    return found


def reduced(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Without imports that go the long way round as well."""
    reach: dict[str, set[str]] = {}
    for part in sorted(graph, key=ranks(graph).__getitem__):
        reach[part] = graph[part].union(*(reach[below] for below in graph[part]))
    return {
        part: {other for other in below if not any(other in reach[between] for between in below)}
        for part, below in graph.items()
    }


def rendered() -> str:
    """The diagram."""
    graph = reduced(edges())
    levels = ranks(graph)
    rows = [[part for part in PARTS if levels[part] == level] for level in range(max(levels.values()), -1, -1)]
    widest = max(map(len, rows))
    width = 2 * _MARGIN + widest * _WIDTH + (widest - 1) * _GAP_X
    boxes: dict[str, Box] = {}
    for number, row in enumerate(rows):
        start = (width - len(row) * _WIDTH - (len(row) - 1) * _GAP_X) / 2
        for column, part in enumerate(row):
            boxes[part] = Box(start + column * (_WIDTH + _GAP_X), _MARGIN + number * (30 + _GAP_Y), _WIDTH, part)
    lines = []
    for part, below in graph.items():
        for number, other in enumerate(sorted(below, key=lambda name: boxes[name].x), start=1):
            here, there = boxes[part], boxes[other]
            out = here.x + here.width * number / (len(below) + 1)
            above = sorted((name for name in graph if other in graph[name]), key=lambda name: boxes[name].x)
            into = there.x + there.width * (above.index(part) + 1) / (len(above) + 1)
            lines.append(arrow([(out, here.y + here.height), (into, there.y)]))
    height = _MARGIN + len(rows) * (30 + _GAP_Y) - _GAP_Y + _MARGIN
    return drawing(width, height, [*lines, *(box.drawn() for box in boxes.values())], "import layers")


def _imported(place: Path) -> Iterator[str]:
    for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                yield node.module
