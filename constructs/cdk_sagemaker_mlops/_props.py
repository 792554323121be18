"""Props that were given a text, or plain data, where an object belongs: said in a sentence, not by a traceback.

Type checkers see such mistakes; who writes without one meets an `AttributeError` deep in the library. Only what is
certain is refused: names of annotations that cannot be resolved pass, so do all texts where a text may be meant.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any

from constructs import Construct

from ._errors import ConstructError, Problems

_LISTS = ("Sequence[", "list[", "tuple[")
_MAPPINGS = ("Mapping[", "dict[")
#: Interfaces of the CDK, such as IBucket and ec2.IVpc; modules import them for type checkers only.
_INTERFACE = re.compile(r"(\w+\.)?I[A-Z]\w+")
_MOST_FACTORIES = 3


def check_props(names: Mapping[str, Any]) -> None:
    """Let constructs, and the values that their props are made of, say what was given texts in the place of objects.

    :param names: Names of the package: its classes, and what annotations may name beside what is in their modules.
    """
    for kind in [value for value in names.values() if isinstance(value, type) and "__init__" in vars(value)]:
        if issubclass(kind, Construct) or is_dataclass(kind):
            _check(kind, names)


def _check(kind: type, names: Mapping[str, Any]) -> None:
    original: Callable[..., None] = vars(kind)["__init__"]

    @functools.wraps(original)
    def init(self: Any, *args: Any, **given: Any) -> None:
        suspects = {name: value for name, value in given.items() if type(value) in (str, dict, list, tuple)}
        if suspects and (found := list(_problems(original, names, suspects))):
            if not issubclass(kind, Construct):
                # Where it is used is not known yet.
                raise ConstructError(kind.__name__, found)
            problems = Problems()
            problems.extend(found)
            problems.raise_if_any(*args[:2])
        original(self, *args, **given)

    kind.__init__ = init  # type: ignore[misc]  # the same signature, with a look at the values


def _problems(function: Callable[..., None], names: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[str]:
    expected = _parts(function)
    for name, value in given.items():
        parts, verb, suspects = expected.get(name, ()), "is", [value]
        if isinstance(value, list | tuple):
            parts, verb, suspects = _of_items(parts), "holds", [item for item in value if type(item) in (str, dict)]
        for suspect in suspects:
            wanted = [_wanted(part, suspect, function.__globals__, names) for part in parts]
            if parts and None not in wanted:
                shown = f'"{suspect}"' if isinstance(suspect, str) else "a dict"
                yield f"{name} {verb} {shown[:80]}; give {' or '.join(text for text in wanted if text)}"


@functools.cache
def _parts(function: Callable[..., None]) -> dict[str, tuple[str, ...]]:
    """Alternatives of each prop's annotation, without None."""
    return {
        name: tuple(part for part in _alternatives(str(parameter.annotation)) if part != "None")
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


def _of_items(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Alternatives of the items of a list, where nothing but one kind of list is expected."""
    if len(parts) != 1 or not parts[0].startswith(_LISTS):
        return ()
    return tuple(_alternatives(parts[0].partition("[")[2][:-1].removesuffix(", ...")))


def _alternatives(annotation: str) -> list[str]:
    """What stands between the bars of a union, bars inside of brackets apart."""
    parts, depth = [""], 0
    for sign in annotation:
        depth += (sign == "[") - (sign == "]")
        if sign == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def _wanted(part: str, value: Any, own: Mapping[str, Any], names: Mapping[str, Any]) -> str | None:
    """What to give instead; None if the value may be meant."""
    if part.startswith(_LISTS):
        return f'a list: ["{value}"]' if isinstance(value, str) else "a list"
    if part.startswith(_MAPPINGS):
        return "a mapping" if isinstance(value, str) else None
    if _INTERFACE.fullmatch(part):
        return f"an object of the CDK: {part}"
    kind = own.get(part, names.get(part))
    if not isinstance(kind, type) or issubclass(kind, str | dict):
        return None
    factories = [
        f"{part}.{name}(...)"
        for name, member in vars(kind).items()
        if isinstance(member, staticmethod | classmethod) and not name.startswith("_")
    ]
    return ", ".join(factories[:_MOST_FACTORIES]) or f"an object: {part}"
