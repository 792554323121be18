"""Planned keys and values that this version cannot do, named so that nobody takes them for typing errors."""

from __future__ import annotations

from .problems import PathKey

_LATER_KEYS: dict[tuple[str, ...], str] = {
    ("models", "*", "monitors", "attribution"): "attribution monitoring",
}

_LATER_ENGINES = ("auto", "processing", "spark", "model-monitor")


def later_key(path: PathKey) -> str | None:
    """What the key at `path` will be, if it is a planned one."""
    for pattern, name in _LATER_KEYS.items():
        if len(pattern) == len(path) and all(want in ("*", part) for want, part in zip(pattern, path, strict=True)):
            return name
    return None


def later_value(path: PathKey, value: object) -> bool:
    """Whether `value` is one that a later version accepts here."""
    return bool(path) and path[-1] == "engine" and value in _LATER_ENGINES
