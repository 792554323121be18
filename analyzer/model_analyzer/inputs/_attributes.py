"""Where features, inference and probability stand in JSON bodies: the attributes of Model Monitor's endpoint input.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_EndpointInput.html. Model Monitor takes JSONPath, Clarify
JMESPath; understood is what both share: members, positions, and `[*]` for every member of a list. A leading `$` or `@`
changes nothing, and `[]` means `[*]`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ._json import Row, flatten, rows_of_value, scalar_text

INFERENCE = "prediction"
PROBABILITY = "probability"
"""Columns of what the inference and the probability attribute find."""

_STEP = re.compile(
    r"""\.?(?P<member>[^.\[\]'"\s]+)"""
    r"""|\.?\[(?:(?P<index>-?\d+)|(?P<every>\*?)|'(?P<single>[^']*)'|"(?P<double>[^"]*)")\]"""
    r"""|\.?"(?P<quoted>[^"]*)"|(?P<all>\.\*)"""
)
_EVERY = object()
_ABSENT = object()


class PathError(ValueError):
    """A path that is not understood; the message says which and what is."""


@dataclass(frozen=True)
class Path:
    """A path into JSON values, such as `predictions[*].score` or `$.instances[0]['x y']`."""

    text: str

    def __post_init__(self) -> None:
        _ = self.steps

    @cached_property
    def steps(self) -> tuple[Any, ...]:
        """Member names, positions, and a mark for every member.

        Raises:
            PathError: The path is not understood.
        """
        rest = self.text.strip()
        rest = rest[1:] if rest[:1] in ("$", "@") else rest
        steps: list[Any] = []
        position = 0
        while position < len(rest):
            match = _STEP.match(rest, position)
            if match is None:
                raise PathError(
                    f"attribute path {self.text!r} is not understood from {rest[position:]!r} on: write it as "
                    "predictions[*].score, $.outputs[0].label or $['a name']"
                )
            position = match.end()
            steps.append(_step(match))
        return tuple(steps)

    @property
    def is_plural(self) -> bool:
        """Whether it finds one value for every member of a list."""
        return any(step is _EVERY for step in self.steps)

    def find(self, value: Any) -> list[Any]:
        """The values found; none if the path leads nowhere."""
        found = [value]
        for step in self.steps:
            if step is _EVERY:
                found = [item for part in found for item in _members(part)]
            else:
                found = [inner for part in found if (inner := _inner(part, step)) is not _ABSENT]
        return found


def _step(match: re.Match[str]) -> Any:
    groups = match.groupdict()
    if groups["index"] is not None:
        return int(groups["index"])
    if groups["every"] is not None or groups["all"] is not None or groups["member"] == "*":
        return _EVERY
    return next(groups[name] for name in ("member", "single", "double", "quoted") if groups[name] is not None)


def _members(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _inner(value: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return value[step] if isinstance(value, list) and -len(value) <= step < len(value) else _ABSENT
    return value.get(step, _ABSENT) if isinstance(value, dict) else _ABSENT


@dataclass(frozen=True)
class Attributes:
    """Paths into JSON bodies. Bodies of other kinds are read as if there were none.

    Attributes:
        features: Of the rows in the input. Default: the rows are looked for.
        inference: Of the predicted label or number in the output; it becomes the column `prediction`.
        probability: Of the probability in the output; it becomes the column `probability`. Without both, the rows of
            the output are looked for.

    Raises:
        PathError: A path is not understood.
    """

    features: str | None = None
    inference: str | None = None
    probability: str | None = None

    def __post_init__(self) -> None:
        for text in (self.features, self.inference, self.probability):
            if text is not None:
                Path(text)

    @cached_property
    def _of_features(self) -> Path | None:
        return None if self.features is None else Path(self.features)

    @cached_property
    def _of_output(self) -> dict[str, Path]:
        named = {INFERENCE: self.inference, PROBABILITY: self.probability}
        return {name: Path(text) for name, text in named.items() if text is not None}

    def input_rows(self, value: Any) -> list[Row]:
        """Rows of a decoded input body.

        Raises:
            LookupError: The path leads nowhere.
        """
        path = self._of_features
        if path is None:
            return rows_of_value(value)
        found = path.find(value)
        if not found:
            raise LookupError(f"input has nothing at {path.text}")
        if not path.is_plural:
            return rows_of_value(found[0])
        return [flatten(item) if isinstance(item, dict | list) else [scalar_text(item)] for item in found]

    def output_rows(self, value: Any) -> list[Row]:
        """Rows of a decoded output body: the columns `prediction` and `probability`, as far as there are paths.

        Raises:
            LookupError: A path leads nowhere, or the two find different numbers of values.
        """
        if not self._of_output:
            return rows_of_value(value)
        columns: dict[str, list[Any]] = {}
        for name, path in self._of_output.items():
            found = path.find(value)
            if not found:
                raise LookupError(f"output has nothing at {path.text}")
            columns[name] = found[0] if not path.is_plural and isinstance(found[0], list) else found
        sizes = {len(column) for column in columns.values()}
        if len(sizes) > 1:
            raise LookupError(
                "output has "
                + " and ".join(f"{len(columns[name])} at {path.text}" for name, path in self._of_output.items())
            )
        return [{name: scalar_text(column[row]) for name, column in columns.items()} for row in range(sizes.pop())]
