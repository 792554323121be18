"""Mistakes in environment files: what one says, and the report of all of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PathKey = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One mistake: where it is, what was given, what is allowed, what to change."""

    line: int | None
    path: PathKey
    message: str
    given: str | None = None
    allowed: str | None = None
    hint: str | None = None

    def render(self, file: Path) -> str:
        where = f"{file}:{self.line}" if self.line else str(file)
        subject = f"{render_path(self.path)}: " if self.path else ""
        lines = [f"{where}: {subject}{self.message}"]
        lines += [
            f"    {label:<9}{text}"
            for label, text in (("given:", self.given), ("allowed:", self.allowed), ("change:", self.hint))
            if text
        ]
        return "\n".join(lines)


class SettingsError(Exception):
    """All mistakes of all files that were read; `str()` is a report for a person."""

    def __init__(self, problems: dict[Path, list[Problem]], kind: str = "environment file") -> None:
        self.problems = problems
        super().__init__(self._report(kind))

    def _report(self, kind: str) -> str:
        count = sum(len(found) for found in self.problems.values())
        blocks = [
            problem.render(file)
            for file, found in self.problems.items()
            for problem in sorted(found, key=lambda problem: (problem.line or 0, render_path(problem.path)))
        ]
        total = "1 mistake" if count == 1 else f"{count} mistakes"
        files = f"1 {kind}" if len(self.problems) == 1 else f"{len(self.problems)} {kind}s"
        return "\n".join([*blocks, "", f"{total} in {files}; nothing was synthesized."])


def render_path(path: Iterable[str | int]) -> str:
    """`models.churn.monitors.data_quality.columns[2]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def render_value(value: object) -> str:
    """A value as it would stand in the file, shortened."""
    match value:
        case None:
            return "nothing (null)"
        case bool():
            return f"{str(value).lower()} (true or false)"
        case str():
            # What cannot be seen is written as its code: a space without width, for one.
            shown = "".join(
                sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in value[:80]
            )
            return f'"{shown}" (text)' if len(value) <= 80 else f'"{shown[:77]}…" (text of {len(value)} characters)'
        case int() | float():
            return f"{value} (a number)"
        case list():
            return f"a list of {len(value)}"
        case dict():
            keys = ", ".join(list(map(str, value))[:5])
            return f"a mapping ({keys})" if keys else "an empty mapping"
    return type(value).__name__


def closest(word: str, words: Iterable[str]) -> str | None:
    """The one of `words` that was probably meant, if any."""
    candidates = {candidate.lower().replace("-", "_"): candidate for candidate in words}
    plain = (
        "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in word).lstrip("_").replace("-", "_")
    )
    found = difflib.get_close_matches(plain, candidates, n=1, cutoff=0.6)
    return candidates[found[0]] if found else None
