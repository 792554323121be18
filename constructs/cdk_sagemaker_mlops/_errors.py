"""The one error that constructs raise: it names the construct, and it names everything that is wrong at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ._refs import is_token

if TYPE_CHECKING:
    from constructs import Construct


class ConstructError(ValueError):
    """What a construct was given contradicts itself or a rule of AWS.

    :param path: Path of the construct in the tree, as `cdk` prints it.
    :param problems: One sentence per problem: what is wrong, the value given, what is allowed, what to change.
    """

    def __init__(self, path: str, problems: Sequence[str]) -> None:
        self.path = path
        self.problems = tuple(problems)
        if len(self.problems) == 1:
            text = f"{path}: {self.problems[0]}"
        else:
            text = f"{path}: {len(self.problems)} problems\n" + "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(text)


class Problems:
    """Collects what is wrong with one construct, then raises it together.

    Values that are only known at deployment (unresolved tokens) are skipped by every check.
    """

    def __init__(self) -> None:
        self._found: list[str] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, problem: str) -> None:
        """Record a problem."""
        self._found.append(problem)

    def extend(self, problems: Iterable[str], *, where: str = "") -> None:
        """Record the problems of a part, each prefixed with where the part was given."""
        self._found.extend(f"{where}: {problem}" if where else problem for problem in problems)

    def require(self, condition: bool, problem: str) -> None:
        """Record the problem unless the condition holds."""
        if not condition:
            self._found.append(problem)

    def between(self, name: str, value: float | None, low: float, high: float, unit: str = "") -> None:
        """Record a number outside of its bounds; None means "not given" and passes."""
        if value is None or is_token(value) or low <= value <= high:
            return
        unit = f" {unit}" if unit else ""
        self._found.append(f"{name} is {value}, allowed are {low} to {high}{unit}")

    def one_of(self, name: str, value: str, allowed: Sequence[str]) -> None:
        """Record a word outside of a closed set, with the nearest allowed one."""
        if is_token(value) or value in allowed:
            return
        self._found.append(f'{name} is "{value}", allowed are {", ".join(allowed)}{did_you_mean(value, allowed)}')

    def matches(self, name: str, value: str, pattern: str, rule: str) -> None:
        """Record a text that does not match the pattern; `rule` says the pattern in words."""
        if is_token(value) or re.fullmatch(pattern, value):
            return
        self._found.append(f'{name} is "{value}", {rule}')

    def found(self) -> tuple[str, ...]:
        """What was recorded so far."""
        return tuple(self._found)

    def raise_if_any(self, scope: Construct, construct_id: str = "") -> None:
        """Raise everything as one :class:`ConstructError` at the path of the construct that is being made.

        :param scope: The construct itself, or with `construct_id` the one that would have become its parent.
        """
        if not self._found:
            return
        # Asked for only now: reading a path is a round trip to the CDK's Node process, and most constructs are right.
        path = "/".join(part for part in (scope.node.path, construct_id) if part)
        raise ConstructError(path, self._found)


def did_you_mean(value: str, allowed: Iterable[str]) -> str:
    """Return `; did you mean "..."?` for the nearest allowed word, or nothing when none is near."""
    near = difflib.get_close_matches(value, list(allowed), n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""
