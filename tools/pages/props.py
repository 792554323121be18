"""Props of a class as a table: name, type, default and meaning, from its signature and docstring."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from enum import Enum
from types import ModuleType
from typing import Any

from .docstrings import Parameter, parse

_OPTIONAL = re.compile(r"\s*\|\s*None\b")
_NAME = re.compile(r"\b[A-Z]\w+\b")
_FORWARD = re.compile(r"^(?P<kind>Sequence|Mapping|tuple|list|dict)\[(?P<inner>.+)\]$")
_SKIPPED = ("self", "scope", "construct_id", "cls")

Link = Callable[[str], str | None]


def public(module: ModuleType) -> dict[str, type]:
    """The classes that a package exports, by name, in alphabetical order."""
    found = {name: getattr(module, name) for name in module.__all__}
    return {name: value for name, value in sorted(found.items()) if inspect.isclass(value)}


def parameters(owner: Any) -> list[inspect.Parameter]:
    """The props of a class, without its place in the tree."""
    try:
        # Of the class itself it would be the metaclass' signature, which belongs to jsii.
        signature = inspect.signature(owner.__init__)
    except (ValueError, TypeError):
        return []
    return [
        item
        for item in signature.parameters.values()
        if item.name not in _SKIPPED and item.kind not in (item.VAR_POSITIONAL, item.VAR_KEYWORD)
    ]


def documented(owner: type) -> Mapping[str, Parameter]:
    """Meanings of a class' props; what a class leaves unsaid is looked for in the classes above."""
    found: dict[str, Parameter] = {}
    for above in reversed(owner.__mro__):
        if above.__module__.startswith("cdk_sagemaker_mlops"):
            found.update(parse(above).parameters)
    return found


def table(owner: Any, meanings: Mapping[str, Parameter], link: Link) -> list[str]:
    """The table's lines; none if there is nothing to give."""
    rows = []
    for item in parameters(owner):
        known = meanings.get(item.name)
        meaning = known.meaning if known else ""
        rows.append(
            f"| `{item.name}` | {_type(item, link)} | {_default(item, known)} | {cell(meaning)} |",
        )
    return ["| Prop | Type | Default | Meaning |", "|---|---|---|---|", *rows] if rows else []


def cell(text: str) -> str:
    """Text that may stand in a table's cell."""
    return text.replace("|", "\\|").replace("\n", " ").strip()


def default_of(item: inspect.Parameter, known: Parameter | None) -> str:
    """The default in words, as the docstring has it, else as the signature has it; empty if the prop is required."""
    if known and known.default:
        return known.default
    if item.default is inspect.Parameter.empty:
        return ""
    return _value(item.default)


def _default(item: inspect.Parameter, known: Parameter | None) -> str:
    found = default_of(item, known)
    return cell(found) if found else "**required**"


def _value(value: object) -> str:
    match value:
        case None:
            return "none"
        case Enum():
            return f"`{type(value).__name__}.{value.name}`"
        case () | "":
            return "none"
        case _ if not isinstance(value, str | int | float | bool | tuple):
            # A factory of a dataclass: a new, empty container.
            return "none"
    return f"`{value}`"


def _type(item: inspect.Parameter, link: Link) -> str:
    annotation = item.annotation
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    text = _OPTIONAL.sub("", text)
    match = _FORWARD.match(text)
    if match and match["kind"] in ("Sequence", "tuple", "list"):
        text = f"list of {match['inner'].removesuffix(', ...')}"
    text = text.replace("|", "or")

    def linked(name: re.Match[str]) -> str:
        target = link(name[0])
        return f"[{name[0]}]({target})" if target else name[0]

    return cell(_NAME.sub(linked, text))
