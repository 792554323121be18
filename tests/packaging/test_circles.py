"""No modules import each other in a circle, not even for type checkers or late, inside a function."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE_ROOTS = ("constructs", "lambda", "analyzer", "local", "labels", "feature_store", "training")
FROM_HERE = ("stacks", "tools", "benchmarks", "examples")


def modules() -> dict[str, Path]:
    """Our modules by the names under which they are imported."""
    places = [(ROOT / folder, ROOT / folder) for folder in SOURCE_ROOTS]
    places += [(ROOT, ROOT / folder) for folder in FROM_HERE]
    return {
        ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): file
        for root, folder in places
        for file in folder.rglob("*.py")
    }


def imports(name: str, file: Path, known: dict[str, Path]) -> Iterator[str]:
    """The modules of ours that one names in its imports."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield inner if inner in known else source


def circle(known: dict[str, Path]) -> list[str]:
    """One circle, from a module back to itself; empty if there is none."""
    graph = {name: {other for other in imports(name, file, known) if other != name} for name, file in known.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_comes_back_to_itself() -> None:
    assert circle(modules()) == []


def test_a_circle_would_be_seen(tmp_path: Path) -> None:
    texts = {
        "first": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .second import B",
        "second": "def f():\n    from pack import third",
        "third": "import pack.first",
        "__init__": "from . import first",
    }
    (tmp_path / "pack").mkdir()
    for name, text in texts.items():
        (tmp_path / "pack" / f"{name}.py").write_text(text)
    known = {f"pack.{name}".removesuffix(".__init__"): tmp_path / "pack" / f"{name}.py" for name in texts}
    assert set(circle(known)) == {"pack.first", "pack.second", "pack.third"}
