"""From Athena's SQL (Trino) to DuckDB's.

Only what differs is touched. Statements and functions that the embedded engine does not have are refused by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .functions import RENAMED, SAME
from .tokens import Token, neighbours, place, split

_READS = ("select", "with", "values", "table")
# Words that stand before a bracket without being a function.
_NOT_FUNCTIONS = frozenset(
    """all and any array as between by case char decimal distinct else except exists filter from group having in
    intersect is join lateral like limit not offset on or over partition select some table then time timestamp union
    using values varchar varbinary when where with
    within end asc desc interval rows range set sets cube rollup""".split()  # noqa: SIM905
)
# Reserved by DuckDB, ordinary names for Trino.
_ORDINARY = frozenset(
    """analyze at column do foreign lambda primary qualify references returning show summarize symmetric unique
    variadic""".split()  # noqa: SIM905
)
_ZONED = re.compile(r"\d\d:\d\d(?::\d\d(?:\.\d+)?)?\s*(?:[+-]\d|[A-Za-z])")
_FRACTION = re.compile(r"\.(\d+)")


class Refused(Exception):
    """A query that cannot be executed. The message is Athena's: an error name, the place, and what is wrong."""


@dataclass(frozen=True)
class Statement:
    """A statement that DuckDB can execute."""

    sql: str
    names: frozenset[str]
    """Every identifier in it, in lower case: tables are among them."""


def kind(query: str) -> str:
    """Return Athena's StatementType of a query: DML, DDL or UTILITY."""
    first = _first(split(query))
    if first in (*_READS, "(", "insert", "delete", "update", "merge", "unload"):
        return "DML"
    return "UTILITY" if first in ("show", "describe", "desc", "explain", "use", "prepare", "execute") else "DDL"


def translate(query: str, parameters: list[str] | None = None) -> Statement:
    """Return a query in DuckDB's dialect.

    Args:
        query: one statement; a closing semicolon is allowed.
        parameters: SQL expressions for its question marks, in order.

    Raises:
        Refused: if the statement or a function in it is not supported.
    """
    tokens = split(query)
    while tokens and (tokens[-1].kind == "space" or tokens[-1].text == ";"):
        tokens.pop()
    first = _first(tokens)
    if first not in (*_READS, "("):
        raise Refused(
            f"NOT_SUPPORTED: line 1:1: the embedded Athena executes SELECT only, not {first.upper() or 'nothing'}"
        )
    semicolon = next((token for token in tokens if token.text == ";"), None)
    if semicolon is not None:
        raise Refused(f"SYNTAX_ERROR: line {place(query, semicolon.position)}: Only one sql statement is allowed")
    _fill(tokens, parameters or [])
    names = frozenset(token.name for token in tokens if token.name)
    for index, token, before, after in list(neighbours(tokens)):
        if after is not None and after.text == "(":
            _function(query, tokens, index, before)
        elif token.word in ("current_timestamp", "localtimestamp"):
            token.text = "athena_now()"
        elif token.word == "current_date":
            token.text = "CAST(athena_now() AS DATE)"
        elif token.word == "timestamp" and after is not None and after.kind == "string":
            token.text = _timestamp(after.text)
        elif token.word == "varbinary":
            token.text = "blob"
        elif token.word in _ORDINARY and (after is None or after.word != "time"):
            token.text = f'"{token.text}"'
    _zoned_types(tokens)
    return Statement("".join(token.text for token in tokens), names)


def _first(tokens: list[Token]) -> str:
    return next((token.word or token.text for token in tokens if token.kind != "space"), "")


def _fill(tokens: list[Token], parameters: list[str]) -> None:
    marks = [token for token in tokens if token.text == "?"]
    if len(marks) != len(parameters):
        raise Refused(
            f"INVALID_PARAMETER_USAGE: line 1:1: Incorrect number of parameters: expected {len(marks)} but found "
            f"{len(parameters)}"
        )
    for mark, text in zip(marks, parameters, strict=True):
        mark.kind, mark.text = "value", f"({text})"


def _function(query: str, tokens: list[Token], index: int, before: Token | None) -> None:
    token = tokens[index]
    if token.kind not in ("word", "quoted") or token.word in _NOT_FUNCTIONS or _is_alias(tokens, index, before):
        return
    if token.word in ("date_format", "date_parse"):
        _pattern(query, tokens, index)
    if token.word in RENAMED:
        token.text = RENAMED[token.word]
    elif token.word not in SAME:
        raise Refused(
            f"FUNCTION_NOT_FOUND: line {place(query, token.position)}: Function '{token.name}' is not registered, or "
            "not supported by the embedded Athena"
        )


def _pattern(query: str, tokens: list[Token], index: int) -> None:
    """Write the pattern of a date function, in MySQL's letters, in those of DuckDB, which must know it beforehand."""
    end = _closing(tokens, index)
    last = next(token for token in reversed(tokens[:end]) if token.kind != "space")
    if last.kind != "string":
        where = place(query, tokens[index].position)
        raise Refused(f"NOT_SUPPORTED: line {where}: the embedded Athena wants the pattern of a date as a literal")
    for mysql, own in (("%i", "%M"), ("%s", "%S"), ("%T", "%H:%M:%S")):
        last.text = last.text.replace(mysql, own)


def _closing(tokens: list[Token], index: int) -> int:
    """Return where the bracket ends that follows a token."""
    depth = 0
    for order, token in enumerate(tokens[index + 1 :], index + 1):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0 and token.text == ")":
            return order
    return len(tokens)


def _is_alias(tokens: list[Token], index: int, before: Token | None) -> bool:
    """Whether a name before a bracket is a relation's with its columns: `AS t(a)`, `(...) t(a)`, `WITH t(a) AS (`."""
    if before is not None:
        if before.text in (")", "]") or before.kind == "quoted" or before.word == "as":
            return True
        if before.kind == "word" and before.word not in _NOT_FUNCTIONS and before.word not in ("recursive", "return"):
            return True
    rest = [token for token in tokens[_closing(tokens, index) + 1 :] if token.kind != "space"][:2]
    return len(rest) == 2 and rest[0].word == "as" and rest[1].text == "("


def _timestamp(literal: str) -> str:
    """Return the type of a literal: with its zone, and to the nanosecond if it has more than six digits."""
    fraction = _FRACTION.search(literal)
    if fraction and len(fraction[1]) > 6:
        return "TIMESTAMP_NS"
    return "TIMESTAMPTZ" if _ZONED.search(literal) else "TIMESTAMP"


def _zoned_types(tokens: list[Token]) -> None:
    """Write `timestamp(p) with time zone` as DuckDB does, whose zoned type takes no precision."""
    significant = [token for token in tokens if token.kind != "space"]
    for order in range(len(significant) - 6):
        window = significant[order : order + 7]
        if [token.word or token.text for token in (*window[:2], *window[3:])] == [
            "timestamp", "(", ")", "with", "time", "zone",
        ] and window[2].kind == "number":  # fmt: skip
            window[0].text = "TIMESTAMP_NS" if int(window[2].text) > 6 else "TIMESTAMPTZ"
            for token in window[1:]:
                token.text = ""
