"""Settings of a function, read once from its environment variables into typed values.

All mistakes are reported together: three wrong variables then need one deployment to be repaired, not three.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from shared.s3 import S3Uri

Value = TypeVar("Value")
_TRUE = frozenset({"true", "1", "yes", "enabled"})
_FALSE = frozenset({"false", "0", "no", "disabled"})


class ConfigurationError(ValueError):
    """The function's environment variables are incomplete or wrong; names every one that is."""


class Environment:
    """Reader of environment variables that collects mistakes; call :meth:`check` before the values are used.

    An empty variable counts as absent, because CloudFormation cannot leave one out on a condition without repeating the
    whole function.
    """

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables
        self._mistakes: list[str] = []
        #: The variables that were asked for and are there.
        self.used: dict[str, str] = {}

    def text(self, name: str, default: str | None = None) -> str:
        """A string; required unless a default is given."""
        return self._read(name, str, "", default)

    def optional_text(self, name: str) -> str | None:
        """A string, or None when absent."""
        return self.text(name, "") or None

    def choice(self, name: str, allowed: Sequence[str], default: str | None = None) -> str:
        """One of the ``allowed`` strings."""

        def parse(raw: str) -> str:
            if raw not in allowed:
                raise ValueError
            return raw

        return self._read(name, parse, f"must be one of {', '.join(allowed)}", default)

    def parsed(self, name: str, parse: Callable[[str], Value], rule: str) -> Value:
        """What ``parse`` makes of a text; it raises ValueError or TypeError for one against the ``rule``. Required."""
        return self._read(name, parse, rule, None)

    def integer(self, name: str, default: int | None = None, *, minimum: int = 0, maximum: int = 2**31) -> int:
        """A whole number within bounds, both included."""

        def parse(raw: str) -> int:
            if not minimum <= int(raw) <= maximum:
                raise ValueError
            return int(raw)

        return self._read(name, parse, f"must be a whole number from {minimum} to {maximum}", default)

    def optional_fraction(self, name: str) -> float | None:
        """A number from 0 to 1, or None when absent."""

        def parse(raw: str) -> float:
            if not 0 <= float(raw) <= 1:
                raise ValueError
            return float(raw)

        return self._read(name, parse, "must be a number from 0 to 1", 0.0) if self._present(name) else None

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean: true/false, 1/0, yes/no or Enabled/Disabled, in any case."""

        def parse(raw: str) -> bool:
            if raw.lower() not in _TRUE | _FALSE:
                raise ValueError
            return raw.lower() in _TRUE

        return self._read(name, parse, "must be true or false", default)

    def s3_uri(self, name: str) -> S3Uri:
        """An address in S3; required."""
        return self._read(name, S3Uri.parse, "must be an S3 address of the form s3://bucket/key", None)

    def optional_s3_uri(self, name: str) -> S3Uri | None:
        """An address in S3, or None when absent."""
        return self.s3_uri(name) if self._present(name) else None

    def names(self, name: str) -> tuple[str, ...]:
        """A JSON list of strings; empty when absent."""

        def parse(raw: str) -> tuple[str, ...]:
            value = json.loads(raw)
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise ValueError
            return tuple(value)

        return self._read(name, parse, 'must be a JSON list of strings, for example ["age", "income"]', ())

    def refuse(self, mistake: str) -> None:
        """Note a mistake that shows only when variables are looked at together."""
        self._mistakes.append(mistake)

    def check(self) -> None:
        """Raise one :class:`ConfigurationError` that names every mistake found so far."""
        if self._mistakes:
            raise ConfigurationError("wrong environment variables of the function: " + "; ".join(self._mistakes))

    def _present(self, name: str) -> bool:
        present = bool(self._variables.get(name, "").strip())
        if present:
            self.used[name] = self._variables[name]
        return present

    def _read(self, name: str, parse: Callable[[str], Value], rule: str, default: Value | None) -> Value:
        if not self._present(name):
            if default is None:
                self._mistakes.append(f"{name} is not set")
                # The value is never used: check() raises before anything reads it.
                return None  # type: ignore[return-value]
            return default
        raw = self._variables[name].strip()
        try:
            return parse(raw)
        except (ValueError, TypeError):
            self._mistakes.append(f"{name}={raw!r} {rule}")
            return None  # type: ignore[return-value]
