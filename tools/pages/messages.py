"""Finds what the code says when it refuses something: a message as a template, read from the source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .marked import ROOT

#: Lists that problems are collected in.
_COLLECTORS = ("problems", "found", "wrong", "_found", "problem", "errors")
_FEWEST_WORDS = 3
#: Helpers and inner exceptions, by the class in which their words reach somebody.
_CARRIERS = {
    "conflict": "SettingsError",
    "conflicts": "SettingsError",
    "_TooLarge": "SettingsError",
    "AlreadyDecided": "ReconcileError",
}
#: Functions that say a message, by the class that stands for where it reaches somebody.
_TELLERS = {"_fail": "FailureReason"}
#: What begins the part of a message that says what to do.
_WAY_OUT = re.compile(
    r"(?:[:;.,] | - )(?=(?:allowed (?:is|are)|only|give|use|set|add|remove|name|choose|write|say|put|lower|raise|run|"
    r"make|leave|see|train|install|exclude|repair|keep|take|deploy|register|let|quote|drop|rename|define|split|read|start|"
    r"pass|call|needs?|must|at (?:least|most)|instead|wait|fill|enlarge|accept|try|shorten|pin|move|turn|confirm|share|"
    r"send|convert|check|look|save|indent|did you mean|either|it needs|they need|there (?:is|are)|known are|it has|"
    r"they have|one of|or (?:give|use|set|leave))\b)",
    re.I,
)


@dataclass(frozen=True, order=True)
class Message:
    """One refusal.

    :ivar text: What is said; `<…>` stands for what differs.
    :ivar way_out: Its part that says what is allowed or what to do; empty if the whole text is the cause.
    :ivar error: Class that carries it; empty for problems that are collected and raised together.
    :ivar file: Where it is raised, from the root of the repository.
    """

    file: str
    text: str
    error: str = ""

    @property
    def parts(self) -> tuple[str, str]:
        """Cause and way out."""
        match = _WAY_OUT.search(self.text)
        if match is None:
            return self.text, ""
        return self.text[: match.start()], self.text[match.end() :]


def messages(*folders: str) -> list[Message]:
    """All messages below some folders of the repository, by file and in the order of the source."""
    found: dict[Message, None] = {}
    for folder in folders:
        place = ROOT / folder
        for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
            for message in _known(file):
                found.setdefault(message)
    return list(found)


@cache
def _constants(top: str) -> dict[str, str]:
    """Texts and numbers that constants below a folder stand for, such as the rule for a name."""
    found: dict[str, str] = {}
    for file in sorted((ROOT / top).rglob("*.py")):
        found |= _constants_of(ast.parse(file.read_text(encoding="utf-8")))
    return found


def _constants_of(tree: ast.Module) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str() | int() as value))
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str() | int() as value))
            ) if name.isupper() and not re.search(r"[\[\]\\]", str(value)):
                # Patterns are for machines; the rule in words stands beside them.
                found[name.strip("_")] = str(value)
    return found


def _resolved(text: str, constants: dict[str, str]) -> str:
    """A template with the values of constants, whose names alone are in capitals."""
    return re.sub(r"<(\w+)>", lambda match: constants.get(match[1], match[0].lower()), text)


@cache
def _known(file: Path) -> tuple[Message, ...]:
    return tuple(_of_file(file))


def _of_file(file: Path) -> Iterator[Message]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    place = file.relative_to(ROOT).as_posix()
    # A file's own constants before others' of the same name.
    constants = _constants(place.partition("/")[0]) | _constants_of(tree)
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Raise | ast.Call | ast.Yield)]
    for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
        match node:
            case ast.Raise(exc=ast.Call() as call):
                given: list[ast.expr | str]
                error = _CARRIERS.get(name := ast.unparse(call.func).rpartition(".")[2], name)
                given = [*call.args, *(item.value for item in call.keywords)]
            case ast.Call(func=ast.Attribute(attr=method, value=receiver)) if _collects(receiver):
                error, given = "", _collected(method, node.args)
            case ast.Call(func=ast.Name(id=name), args=[_, said]) if name in _TELLERS:
                error, given = _TELLERS[name], [said]
            case ast.Call(func=ast.Name(id="State"), keywords=[*_, ast.keyword(arg="reason", value=said)]):
                error, given = "FailureReason", [said]
            case ast.Yield(value=ast.JoinedStr() as value) if _is_about_problems(tree, node):
                error, given = "", [value]
            case ast.Yield(value=ast.Tuple(elts=[_, said])) if _hands_out_conflicts(tree, node):
                error, given = "", [said]
            case ast.Call(func=ast.Name(id="Problem")):
                error, given = "", [node]
            case _:
                continue
        for text in [text for item in given for text in _texts(item)]:
            if len(text.split()) >= _FEWEST_WORDS:
                yield Message(place, _resolved(text, constants), error)
                if error:
                    break


def _collects(receiver: ast.expr) -> bool:
    return ast.unparse(receiver).rpartition(".")[2] in _COLLECTORS


def _is_about_problems(tree: ast.Module, node: ast.AST) -> bool:
    """Whether a generator hands out problems, by its name."""
    return any(re.search("problem|mistake|conflict|wrong", outer.name) for outer in _around(tree, node))


def _hands_out_conflicts(tree: ast.Module, node: ast.AST) -> bool:
    """Whether a generator hands out keys of environment files and what is wrong with them."""
    calls = {
        inner.func.id for inner in ast.walk(tree) if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name)
    }
    return "conflicts" in calls and any(
        outer.returns is not None and ast.unparse(outer.returns) == "Iterator[tuple[str, str]]"
        for outer in _around(tree, node)
    )


def _around(tree: ast.Module, node: ast.AST) -> Iterator[ast.FunctionDef]:
    """The functions that something stands in."""
    for outer in ast.walk(tree):
        if isinstance(outer, ast.FunctionDef) and any(inner is node for inner in ast.walk(outer)):
            yield outer


def _collected(method: str, given: list[ast.expr]) -> list[ast.expr | str]:
    """What a method of `Problems` makes of its arguments; see `_errors.py` of the library."""
    match method, [_plain(item) for item in given]:
        case "between", [name, _, low, high, *unit]:
            return [f"{name} is <{name}>, allowed are {low} to {high} {' '.join(unit)}".rstrip()]
        case "one_of", [name, *_]:
            return [f"{name} is <{name}>, allowed are <its values>"]
        case "matches", [name, _, _, rule]:
            return [f"{name} is <{name}>, {rule}"]
        case (("add" | "append"), [_]):
            return [given[0]]
        case "require", [_, _]:
            return [given[1]]
        case "extend", [_, *_]:
            return [given[0]]
    return []


def _plain(node: ast.expr) -> str:
    return next(iter(_texts(node)), f"<{_name(node)}>")


def _texts(node: ast.expr | str) -> Iterator[str]:
    """The texts that an expression may be, as templates."""
    match node:
        case str():
            yield node
        case ast.Constant(value=str() as value):
            yield " ".join(value.split())
        case ast.JoinedStr(values=parts):
            yield " ".join("".join(_part(part) for part in parts).split())
        case ast.BoolOp(values=items):
            for item in items:
                yield from _texts(item)
        case ast.IfExp(body=one, orelse=other):
            yield from _texts(one)
            yield from _texts(other)
        case ast.Tuple(elts=[_, text]) | ast.BinOp(left=text):
            yield from _texts(text)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            for item in items:
                yield from _texts(item)
        case ast.GeneratorExp(elt=item) | ast.ListComp(elt=item):
            yield from _texts(item)
        case ast.Call(func=ast.Name(id="Problem"), args=[_, _, message], keywords=named):
            ways = {word.arg: way for word in named for way in _texts(word.value)}
            hint, allowed = ways.get("hint"), ways.get("allowed")
            end = f"; {hint}" if hint else f"; allowed are {allowed}" if allowed else ""
            yield from (f"{said}{end}" for said in _texts(message))


def _part(part: ast.expr) -> str:
    match part:
        case ast.Constant(value=str() as value):
            return value
        case ast.FormattedValue(value=ast.Constant(value=str() as value)):
            return value
        case ast.FormattedValue(value=inner):
            return f"<{_name(inner)}>"
    return "<…>"


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_") if name.isupper() else name.strip("_").lower()
        case ast.Constant(value=value):
            return str(value)
        case ast.Call(func=ast.Attribute(attr="join"), args=[items, *_]):
            return _name(items)
        case ast.Call(func=ast.Name(id=("len" | "str" | "sorted" | "repr")), args=[first, *_]):
            return _name(first)
        case ast.Call(func=function):
            return _name(function)
        case ast.Subscript(value=value):
            return _name(value)
        case ast.GeneratorExp(generators=[source, *_]) | ast.ListComp(generators=[source, *_]):
            return _name(source.iter)
        case ast.BinOp(left=left):
            return _name(left)
    return "…"
