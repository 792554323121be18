"""Planned values that this version cannot do, named so that nobody takes them for typing errors."""

from __future__ import annotations

from .problems import PathKey

_LATER_ENGINES = ("auto", "processing", "spark", "model-monitor")


def later_value(path: PathKey, value: object) -> bool:
    """Whether `value` is one that a later version accepts here."""
    return bool(path) and path[-1] == "engine" and value in _LATER_ENGINES
