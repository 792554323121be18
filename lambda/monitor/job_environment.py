"""Settings on their way into a processing job, whose environment takes values of 256 characters only. Pure.

A longer value travels in parts: ``NAME``, ``NAME__2``, ``NAME__3``, ...

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateProcessingJob.html
"""

from __future__ import annotations

from collections.abc import Mapping

MAX_VALUE, MAX_ENTRIES = 256, 100
_PART = "__"


class TooMuchForAJob(ValueError):
    """The settings have more text than a processing job's environment takes."""


def split(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables with no value longer than a job takes; raises :class:`TooMuchForAJob`."""
    parts: dict[str, str] = {}
    for name, value in variables.items():
        for number, start in enumerate(range(0, max(len(value), 1), MAX_VALUE), 1):
            parts[name if number == 1 else f"{name}{_PART}{number}"] = value[start : start + MAX_VALUE]
    if len(parts) > MAX_ENTRIES:
        longest = max(variables, key=lambda name: len(variables[name]))
        raise TooMuchForAJob(
            f"the settings make {len(parts)} environment variables of {MAX_VALUE} characters, a processing job takes "
            f"{MAX_ENTRIES}; the longest is {longest} with {len(variables[longest])} characters"
        )
    return parts


def joined(parts: Mapping[str, str]) -> dict[str, str]:
    """The variables as they were before they were split."""
    whole = {}
    for name, value in parts.items():
        base, _, number = name.rpartition(_PART)
        if base in parts and number.isdigit():
            continue
        further = 2
        while (part := parts.get(f"{name}{_PART}{further}")) is not None:
            value += part
            further += 1
        whole[name] = value
    return whole
