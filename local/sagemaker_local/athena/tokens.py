"""Splits SQL into tokens: enough to find statements, functions and names, without a grammar."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
      | (?P<string>'(?:[^']|'')*')
      | (?P<quoted>"(?:[^"]|"")*")
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<symbol>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass
class Token:
    """A piece of SQL; `space` covers comments as well."""

    kind: str
    text: str
    position: int

    @property
    def word(self) -> str:
        """The keyword or name in lower case, or "" for anything else."""
        return self.text.lower() if self.kind == "word" else ""

    @property
    def name(self) -> str:
        """The identifier in lower case, quoted or not, or "" for anything else."""
        if self.kind == "quoted":
            return self.text[1:-1].replace('""', '"').lower()
        return self.word


def split(sql: str) -> list[Token]:
    """Return the tokens of a statement, white space included, so that joining their texts gives the statement."""
    return [Token(str(match.lastgroup), match.group(), match.start()) for match in _TOKEN.finditer(sql)]


def place(sql: str, position: int) -> str:
    """Return `line:column` of a position, as Trino counts them."""
    before = sql[:position]
    return f"{before.count(chr(10)) + 1}:{position - (before.rfind(chr(10)) + 1) + 1}"


def neighbours(tokens: list[Token]) -> Iterator[tuple[int, Token, Token | None, Token | None]]:
    """Yield index, token, and the significant tokens before and after it; white space is left out."""
    significant = [index for index, token in enumerate(tokens) if token.kind != "space"]
    for order, index in enumerate(significant):
        before = tokens[significant[order - 1]] if order else None
        after = tokens[significant[order + 1]] if order + 1 < len(significant) else None
        yield index, tokens[index], before, after
