"""Violations as Model Monitor and Clarify write them, as findings. Pure.

Their descriptions are prose; numbers are read where the wording is known and left out elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from monitor.analysis import Finding

_NUMBER = r"(-?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+|[Ii]nfinity|inf))"
#: The metric of bias that is a ratio: without bias it is 1, all others are 0.
_RATIO = "DI"
#: Wordings with the value first and the threshold second.
_WORDINGS = (
    re.compile(rf"distance: {_NUMBER} exceeds threshold: {_NUMBER}"),
    re.compile(rf"Feature attribution drift {_NUMBER} exceeds threshold {_NUMBER}"),
    re.compile(rf"Metric value {_NUMBER} doesn't meet the baseline constraint requirement {_NUMBER}"),
    re.compile(rf"Metric \S+ with {_NUMBER}.* was \w+ {_NUMBER}"),
    re.compile(rf"with value {_NUMBER}.*threshold {_NUMBER}"),
)
#: Of wordings that name what is expected first.
_EXPECTED = re.compile(rf"Expected match: {_NUMBER}%.*Only {_NUMBER}% of data")


def findings(monitoring_type: str, document: bytes) -> tuple[Finding, ...]:
    """The violations of a `constraint_violations.json`."""
    entries = json.loads(document).get("violations") or []
    severity_of = _farther_from_neutral if monitoring_type == "ModelBias" else _beyond
    return tuple(_finding(_SUBJECTS[monitoring_type], entry, severity_of) for entry in entries)


def _beyond(metric: str, value: float, threshold: float) -> float:
    return abs(value - threshold) / max(abs(threshold), 1e-9)


def _farther_from_neutral(metric: str, value: float, threshold: float) -> float:
    neutral = 1.0 if metric == _RATIO else 0.0
    return abs(value - neutral) - abs(threshold - neutral)


def _finding(
    subject: Callable[[Mapping[str, Any]], Mapping[str, str]],
    entry: Mapping[str, Any],
    severity_of: Callable[[str, float, float], float],
) -> Finding:
    value, threshold = numbers(str(entry.get("description", "")))
    severity = float("inf")
    if value is not None and threshold is not None:
        severity = severity_of(str(entry.get("metric_name", "")), value, threshold)
    return Finding(subject(entry), str(entry.get("constraint_check_type", "")), value, threshold, severity)


def numbers(description: str) -> tuple[float | None, float | None]:
    """Value and threshold in a description; None where its wording is not known."""
    for wording in _WORDINGS:
        match = wording.search(description)
        if match is not None:
            return float(match[1]), float(match[2])
    match = _EXPECTED.search(description)
    return (float(match[2]) / 100, float(match[1]) / 100) if match is not None else (None, None)


def _named(*pairs: tuple[str, str]) -> Callable[[Mapping[str, Any]], Mapping[str, str]]:
    def subject(entry: Mapping[str, Any]) -> Mapping[str, str]:
        return dict(_present(entry, pairs))

    return subject


def _present(entry: Mapping[str, Any], pairs: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    for name, member in pairs:
        if member in entry:
            yield name, str(entry[member])


_SUBJECTS: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, str]]] = {
    "DataQuality": _named(("feature", "feature_name")),
    "ModelQuality": _named(("metric", "metric_name")),
    "ModelBias": _named(("metric", "metric_name"), ("facet", "facet"), ("facetValue", "facet_value")),
    "ModelExplainability": _named(("metric", "metric_name"), ("label", "label")),
}
