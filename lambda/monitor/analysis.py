"""The analysis itself, as values: what was captured and the baseline in, reports and findings out.

The analyzer and polars are imported inside the functions that use them, because they cost most of a cold start and a
window without traffic needs neither.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitor.settings import Settings
from monitor.storage import CaptureFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars

    from model_analyzer.data_quality import Violations
    from model_analyzer.inputs import InputReport


class BaselineError(ValueError):
    """The baseline exists but cannot be used; names the file and what is wrong with it."""


class UnreadableCaptures(ValueError):
    """Traffic was captured, but not one record of it can be read; shows why, with a sample."""


@dataclass(frozen=True)
class Baseline:
    """The parsed files of a version's baseline, reduced to the features that are watched; either may be missing.

    ``columns`` are the names of all its columns in order: captured CSV has none and takes them by position.
    """

    constraints: dict[str, Any] | None = None
    statistics: dict[str, Any] | None = None
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Finding:
    """A violation with its numbers, as far as its check has any."""

    feature: str
    check: str
    value: float | None
    threshold: float | None

    @property
    def severity(self) -> float:
        """How far beyond its threshold it is, to put the worst first; checks without numbers are worst."""
        if self.value is None or self.threshold is None:
            return float("inf")
        return abs(self.value - self.threshold) / max(abs(self.threshold), 1e-9)


@dataclass(frozen=True)
class Outcome:
    """What a run found; the documents are what is written to S3.

    ``records`` counts captured requests, ``broken`` those that cannot be read; ``distances`` has all compared features.
    """

    records: int
    broken: int
    statistics: dict[str, Any]
    constraints: str
    violations: str
    html: str
    findings: tuple[Finding, ...]
    distances: dict[str, float]
    emit_metrics: bool

    def worst(self, limit: int = 5) -> list[dict[str, Any]]:
        """The worst findings, as events show them."""
        ordered = sorted(self.findings, key=lambda item: (-item.severity, item.feature, item.check))
        return [
            {"feature": item.feature, "check": item.check, "value": item.value, "threshold": item.threshold}
            for item in ordered[:limit]
        ]


def parse_baseline(constraints: bytes | None, statistics: bytes | None, settings: Settings) -> Baseline:
    """Parse the baseline's files and apply the monitor's own threshold and choice of features.

    Raises :class:`BaselineError`.
    """
    from model_analyzer.data_quality import Constraints, Statistics

    columns = None
    documents: dict[str, dict[str, Any]] = {}
    for kind, content in (("statistics", statistics), ("constraints", constraints)):
        if content is None:
            continue
        try:
            document = _document(content)
            columns = tuple(str(feature["name"]) for feature in document["features"])
            document["features"] = [item for item in document["features"] if settings.monitors(str(item["name"]))]
            if kind == "constraints":
                _override(document, settings)
                Constraints.from_dict(document)
            else:
                Statistics(document)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BaselineError(f"the baseline's {kind} cannot be used: {error}") from error
        documents[kind] = document
    return Baseline(documents.get("constraints"), documents.get("statistics"), columns)


def analyse(files: Iterable[CaptureFile], baseline: Baseline, settings: Settings, title: str) -> Outcome | None:
    """Analyse captured files; None when they hold no production traffic.

    Bounded memory: frames pass one by one through mergeable profiles. Raises :class:`UnreadableCaptures`.
    """
    from model_analyzer import data_quality, inputs, report

    read = inputs.InputReport()
    frames = inputs.read_capture(files, columns=baseline.columns, report=read)
    profile = data_quality.profile_all(_selected(frames, settings))
    if not read.rows:
        if read.broken_lines:
            raise UnreadableCaptures(_unreadable(read))
        return None
    statistics = data_quality.statistics(profile)
    suggested = data_quality.suggest(profile)
    violations: Violations | None = None
    emit_metrics = True
    if baseline.constraints is not None:
        constraints = data_quality.Constraints.from_dict(baseline.constraints)
        emit_metrics = constraints.config.emit_metrics
        violations = data_quality.check(profile, constraints, baseline.statistics)
    html = report.data_quality_html(
        statistics,
        baseline.constraints or suggested,
        violations,
        baseline.statistics,
        read,
        title=title,
    )
    return Outcome(
        records=read.records,
        broken=read.broken_lines,
        statistics=statistics,
        constraints=suggested.to_json(),
        violations=violations.to_json() if violations is not None else json.dumps({"violations": []}, indent=2),
        html=html,
        findings=_findings(violations or ()),
        distances={name: item.value for name, item in violations.distances.items()} if violations is not None else {},
        emit_metrics=emit_metrics,
    )


def _selected(frames: Iterable[polars.DataFrame], settings: Settings) -> Iterator[polars.DataFrame]:
    for frame in frames:
        yield frame.select([name for name in frame.columns if settings.monitors(name)])


def _findings(violations: Sequence[Any]) -> tuple[Finding, ...]:
    return tuple(
        Finding(item.feature_name, str(item.constraint_check_type), item.value, item.threshold) for item in violations
    )


def _document(content: bytes) -> dict[str, Any]:
    document = json.loads(content)
    if not isinstance(document, dict) or not isinstance(document.get("features"), list):
        raise TypeError("it is not a JSON object with a list 'features'")
    return document


def _override(constraints: dict[str, Any], settings: Settings) -> None:
    """Put the monitor's own threshold and method into the baseline's constraints, for numbers and categories alike."""
    changes: dict[str, Any] = {}
    if settings.drift_threshold is not None:
        changes["comparison_threshold"] = changes["categorical_comparison_threshold"] = settings.drift_threshold
    if settings.comparison_method is not None:
        changes["comparison_method"] = settings.comparison_method
    if changes:
        config = constraints.setdefault("monitoring_config", {})
        config["distribution_constraints"] = {**config.get("distribution_constraints", {}), **changes}


def _unreadable(read: InputReport) -> str:
    reasons = ", ".join(f"{reason} ({count})" for reason, count in read.broken.most_common(3))
    sample = read.samples[0] if read.samples else None
    where = f"; for example {sample.source} line {sample.line}: {sample.text!r}" if sample else ""
    return f"none of {read.broken_lines} captured records can be read: {reasons}{where}"
