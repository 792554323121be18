"""Turning metric math text into a syntax tree of tuples."""

from __future__ import annotations

import re
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<text>\"[^\"]*\"|'[^']*')|(?P<operator>&&|\|\||<=|>=|==|!=|[-+*/^<>(),\[\]]))"
)
# Lowest first; `AND` and `OR` are words for && and ||.
_LEVELS = (("||",), ("&&",), ("==", "!=", "<", ">", "<=", ">="), ("+", "-"), ("*", "/"))

Node = tuple[Any, ...]
"""A kind and its parts: number, text, name, list, call (name, arguments), negate, or an operator with two nodes."""


def tree(text: str) -> Node:
    """Parse an expression.

    Raises:
        ValueError: that quotes the text and the place where it stops making sense.
    """
    parser = _Parser(text)
    node = parser.level(0)
    if parser.peek() is not None:
        raise parser.error()
    return node


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise ValueError(f"metric math {text!r}: cannot read {text[position:]!r}")
            value = match[match.lastgroup]
            word = {"AND": "&&", "OR": "||"}.get(value.upper()) if match.lastgroup == "name" else None
            self._tokens.append(("operator", word) if word else (match.lastgroup, value))
            position = match.end()
        self._next = 0

    def peek(self) -> tuple[str, str] | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def error(self) -> ValueError:
        found = self.peek()
        return ValueError(
            f"metric math {self._text!r}: {found[1]!r} is not expected here"
            if found
            else f"metric math {self._text!r} ends too early"
        )

    def level(self, depth: int) -> Node:
        if depth == len(_LEVELS):
            return self._power()
        left = self.level(depth + 1)
        while (operator := self._operator(*_LEVELS[depth])) is not None:
            left = (operator, left, self.level(depth + 1))
        return left

    def _power(self) -> Node:
        if self._operator("-") is not None:
            return ("negate", self._power())
        left = self._primary()
        if self._operator("^") is not None:
            return ("^", left, self._power())
        return left

    def _primary(self) -> Node:
        token = self.peek()
        if token is None:
            raise self.error()
        kind, value = token
        if kind == "operator" and value not in ("(", "["):
            raise self.error()
        self._next += 1
        if kind == "number":
            return ("number", float(value))
        if kind == "text":
            return ("text", value[1:-1])
        if value == "(":
            inner = self.level(0)
            self._expect(")")
            return inner
        if value == "[":
            return ("list", self._items("]"))
        if self._operator("(") is not None:
            return ("call", value.upper(), self._items(")"))
        return ("name", value)

    def _items(self, end: str) -> list[Node]:
        items: list[Node] = []
        if self._operator(end) is not None:
            return items
        while True:
            items.append(self.level(0))
            if self._operator(",") is None:
                self._expect(end)
                return items

    def _operator(self, *wanted: str) -> str | None:
        token = self.peek()
        if token is not None and token[0] == "operator" and token[1] in wanted:
            self._next += 1
            return token[1]
        return None

    def _expect(self, operator: str) -> None:
        if self._operator(operator) is None:
            raise self.error()
