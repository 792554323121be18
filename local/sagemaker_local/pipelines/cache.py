"""Step caching: the results of an earlier execution instead of running a step again.

See https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-caching.html
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from .state import Execution, Step

CACHED = ("Processing", "Training", "Tuning", "Transform", "QualityCheck", "ClarifyCheck")
"""Types of steps that are cached; the others ignore a CacheConfig."""
_IGNORED = ("Tags", "ExperimentConfig")
_DURATION = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_UNITS = (365 * 86_400, 30 * 86_400, 7 * 86_400, 86_400, 3600, 60, 1)


class NoDuration(Exception):
    """ExpireAfter is no duration."""


def duration(text: str) -> timedelta:
    """Return an ISO 8601 duration such as `PT1H` or `P30D`, or the SDK's older `30d` and `1h`.

    Raises:
        NoDuration: if it is none.
    """
    short = re.fullmatch(r"(\d+)([smhdw])", text.strip().lower())
    if short:
        return timedelta(
            **{{"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[short[2]]: int(short[1])}
        )
    match = _DURATION.fullmatch(text.strip().upper())
    if match is None or not any(match.groups()):
        raise NoDuration(f"CacheConfig has ExpireAfter {text}, which is no ISO 8601 duration such as PT1H or P30D")
    return timedelta(seconds=sum(int(part or 0) * unit for part, unit in zip(match.groups(), _UNITS, strict=True)))


def find(execution: Execution, step: Step, now: datetime) -> tuple[Execution, Step] | None:
    """Return the latest success of a step with the same arguments that has not expired.

    Raises:
        NoDuration: if ExpireAfter is wrong.
    """
    config: dict[str, Any] = step.definition.document.get("CacheConfig") or {}
    if not config.get("Enabled") or step.definition.type not in CACHED:
        return None
    oldest = now - duration(config["ExpireAfter"]) if config.get("ExpireAfter") else None
    for other in reversed(list(execution.pipeline.executions.values())):
        found = other.steps.get(step.definition.name)
        if other is execution or found is None or found.source is not None or found.status != "Succeeded":
            continue
        if found.definition.type != step.definition.type or _key(found) != _key(step):
            continue
        if oldest is not None and (found.ended or found.started) < oldest:
            continue
        return other, found
    return None


def _key(step: Step) -> dict[str, Any]:
    return {**{key: value for key, value in step.arguments.items() if key not in _IGNORED}, **step.settings}
