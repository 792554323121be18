"""Environment files as data: YAML, with the line of every key kept for messages.

Scalars are read by YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema), as editors do, and not by
PyYAML's default YAML 1.1, in which `no` is false, `012` is ten and `1:30` is ninety.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .problems import PathKey, Problem

_MOST_NODES = 20_000  # Aliases of aliases grow exponentially; no environment file comes near this.

_MERGE = "tag:yaml.org,2002:merge"
_TAGS: tuple[tuple[str, re.Pattern[str], list[str]], ...] = (
    (_MERGE, re.compile(r"^<<$"), ["<"]),
    ("tag:yaml.org,2002:null", re.compile(r"^(~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"),
        list("-+.0123456789"),
    ),
)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


for _tag, _pattern, _first in _TAGS:
    _Loader.add_implicit_resolver(_tag, _pattern, _first)


@dataclass
class Document:
    """The data of one file and where each part of it stands."""

    data: dict[str, Any]
    lines: dict[PathKey, int] = field(default_factory=dict)
    written: dict[PathKey, str] = field(default_factory=dict)
    """Unquoted numbers as they were written, leading zeros and all."""

    def line(self, path: PathKey) -> int | None:
        """Line of the key at `path`, or of the closest key above it that exists."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


def read(file: Path) -> tuple[Document | None, list[Problem]]:
    """Reads one file. Returns no document if there is nothing that could be checked further."""
    text, problem = _text(file)
    if problem:
        return None, [problem]
    try:
        nodes = list(yaml.compose_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        return None, [_syntax_problem(error, text)]
    except yaml.YAMLError as error:
        return None, [Problem(None, (), f"is not text that YAML allows: {' '.join(str(error).split())}")]
    except RecursionError:
        return None, [Problem(None, (), "is nested too deeply to be an environment file")]
    if len(nodes) > 1:
        message = "a second document starts here; an environment file holds one"
        return None, [Problem(nodes[1].start_mark.line + 1, (), message, hint="remove the line ---")]
    if not nodes or (isinstance(nodes[0], yaml.ScalarNode) and not nodes[0].value):
        return None, [Problem(1, (), "is empty", hint="start from another file of this folder")]
    return _Builder().build(nodes[0])


def _text(file: Path) -> tuple[str, Problem | None]:
    try:
        return file.read_text(encoding="utf-8-sig"), None
    except FileNotFoundError:
        near = sorted(path.name for path in file.parent.glob("*.yaml")) if file.parent.is_dir() else []
        return "", Problem(None, (), "does not exist", allowed=", ".join(near) or None)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return "", Problem(line, (), "is not UTF-8: a character here cannot be read", hint="save it as UTF-8")
    except OSError as error:
        return "", Problem(None, (), f"cannot be read: {error.strerror}")


def _syntax_problem(error: yaml.MarkedYAMLError, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    shown = text.splitlines()[mark.line] if mark and mark.line < len(text.splitlines()) else ""
    if "\t" in shown[: len(shown) - len(shown.lstrip())] or "'\\t'" in (error.problem or ""):
        return Problem(line, (), "a tab is used for indentation", hint="indent with spaces")
    what = ", ".join(part for part in (error.context, error.problem) if part)
    # Inside braces and brackets these characters end a value or mean something of their own.
    special = "flow" in what and "(" in shown
    hint = 'put quotes around a value with , ? * or : in it, such as "cron(…)"' if special else None
    return Problem(line, (), f"is not valid YAML: {what}", given=shown.strip() or None, hint=hint)


_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_REMOVE_TAG = "remove the tag (the word after !)"


def _short(tag: str) -> str:
    return tag.removeprefix("tag:yaml.org,2002:")


class _TooLarge(Exception):
    """Aliases that blow up, or that contain themselves."""


class _Builder:
    def __init__(self) -> None:
        self.document = Document({})
        self.problems: list[Problem] = []
        self._visited = 0
        self._open: set[int] = set()

    def build(self, root: yaml.Node) -> tuple[Document | None, list[Problem]]:
        self.document.lines[()] = root.start_mark.line + 1
        if not isinstance(root, yaml.MappingNode):
            self._report(root, (), "must be a mapping of keys to values", hint="start with: account: …")
            return None, self.problems
        try:
            self.document.data = self._mapping(root, ())
        except _TooLarge as error:
            return None, [Problem(None, (), str(error))]
        return self.document, self.problems

    def _report(self, node: yaml.Node, path: PathKey, message: str, hint: str | None = None) -> None:
        self.problems.append(Problem(node.start_mark.line + 1, path, message, hint=hint))

    def _value(self, node: yaml.Node, path: PathKey) -> Any:
        self._visited += 1
        if self._visited > _MOST_NODES:
            raise _TooLarge(f"has more than {_MOST_NODES} values once its aliases (*name) are expanded")
        if id(node) in self._open:
            raise _TooLarge(f"an alias contains itself, at line {node.start_mark.line + 1}")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if node.tag not in _COLLECTIONS:
            self._report(node, path, f"the tag {_short(node.tag)} is not supported", hint=_REMOVE_TAG)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            return [self._item(item, (*path, index)) for index, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _item(self, node: yaml.Node, path: PathKey) -> Any:
        self.document.lines[path] = node.start_mark.line + 1
        return self._value(node, path)

    def _mapping(self, node: yaml.MappingNode, path: PathKey) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        merges = [value for key, value in node.value if key.tag == _MERGE]
        # The first of several sources wins, so the last is read first; keys of the mapping itself win over all of them.
        for source in reversed([source for value in merges for source in self._merge_sources(value, path)]):
            merged |= self._value(source, path)
        for key, value in node.value:
            if key.tag == _MERGE:
                continue
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                shown = key.value if isinstance(key, yaml.ScalarNode) else "a list or mapping"
                self._report(
                    key, path, f"the key {shown} is not text", hint="put quotes around it if it is meant as a name"
                )
                continue
            here = (*path, key.value)
            if key.value in own:
                first = self.document.lines[here]
                self._report(key, here, f"is given twice; the first is on line {first}", hint="remove one of them")
                continue
            # A merged mapping may have left other lines here.
            self._forget(here)
            self.document.lines[here] = key.start_mark.line + 1
            own[key.value] = self._value(value, here)
        return {**merged, **own}

    def _forget(self, path: PathKey) -> None:
        for table in (self.document.lines, self.document.written):
            for known in [known for known in table if known[: len(path)] == path]:
                del table[known]

    def _merge_sources(self, node: yaml.Node, path: PathKey) -> Iterator[yaml.MappingNode]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for source in sources:
            if isinstance(source, yaml.MappingNode):
                yield source
            else:
                self._report(source, path, "<< needs a mapping (an alias such as *common)")

    def _scalar(self, node: yaml.ScalarNode, path: PathKey) -> Any:
        text = str(node.value)
        match _short(node.tag):
            case "str":
                return text
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" if len(text) <= 40:
                self.document.written[path] = text
                return int(text)
            case "float" | "int":
                self.document.written[path] = text
                return float(text)
            case other:
                self._report(node, path, f"the tag {_short(other)} is not supported", hint=_REMOVE_TAG)
                return text
