"""The rule language of composite alarms.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_TOKEN = re.compile(r"\s*(?:(?P<symbol>[()])|\"(?P<quoted>[^\"]+)\"|(?P<word>[^\s()\"]+))")
_STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")

StateOf = Callable[[str], str]
"""Gives the state of an alarm by name or ARN."""


@dataclass(frozen=True)
class Rule:
    """A parsed rule."""

    holds: Callable[[StateOf], bool]
    alarms: frozenset[str]
    """Names or ARNs of the alarms that it looks at."""


def parse(text: str) -> Rule:
    """Parse an alarm rule.

    Raises:
        ValueError: that quotes the rule and says what is expected.
    """
    parser = _Parser(text)
    holds = parser.either()
    if parser.peek() is not None:
        raise parser.error("AND, OR or the end")
    return Rule(holds, frozenset(parser.alarms))


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        self.alarms: set[str] = set()
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise ValueError(f"alarm rule {text!r}: cannot read {text[position:]!r}")
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()
        self._next = 0

    def peek(self) -> str | None:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else None

    def error(self, expected: str) -> ValueError:
        return ValueError(f"alarm rule {self._text!r}: expected {expected}, found {self.peek() or 'the end'!r}")

    def either(self) -> Callable[[StateOf], bool]:
        parts = [self._both()]
        while self._keyword("OR"):
            parts.append(self._both())
        return lambda state_of: any(part(state_of) for part in parts)

    def _both(self) -> Callable[[StateOf], bool]:
        parts = [self._single()]
        while self._keyword("AND"):
            parts.append(self._single())
        return lambda state_of: all(part(state_of) for part in parts)

    def _single(self) -> Callable[[StateOf], bool]:
        if self._keyword("NOT"):
            inner = self._single()
            return lambda state_of: not inner(state_of)
        if self._keyword("TRUE"):
            return lambda state_of: True
        if self._keyword("FALSE"):
            return lambda state_of: False
        if self._symbol("("):
            inner = self.either()
            self._expect(")")
            return inner
        for state in _STATES:
            if self._keyword(state):
                return self._alarm(state)
        raise self.error("ALARM(...), OK(...), INSUFFICIENT_DATA(...), NOT, TRUE, FALSE or a parenthesis")

    def _alarm(self, state: str) -> Callable[[StateOf], bool]:
        self._expect("(")
        parts = []
        while (token := self.peek()) is not None and token not in ("(", ")"):
            parts.append(token)
            self._next += 1
        if not parts:
            raise self.error("the name or ARN of an alarm")
        self._expect(")")
        name = " ".join(parts)
        self.alarms.add(name)
        return lambda state_of: state_of(name) == state

    def _keyword(self, word: str) -> bool:
        if self._next < len(self._tokens) and self._tokens[self._next] == ("word", word):
            self._next += 1
            return True
        return False

    def _symbol(self, symbol: str) -> bool:
        if self._next < len(self._tokens) and self._tokens[self._next] == ("symbol", symbol):
            self._next += 1
            return True
        return False

    def _expect(self, symbol: str) -> None:
        if not self._symbol(symbol):
            raise self.error(repr(symbol))
