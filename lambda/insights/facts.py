"""What is known of a model: plain data, collected from AWS and read by the rules and the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Series:
    """A metric over time: (time, value), oldest first."""

    name: str
    points: tuple[tuple[datetime, float], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.points)

    @property
    def values(self) -> list[float]:
        """The values alone."""
        return [value for _, value in self.points]

    @property
    def total(self) -> float:
        """Sum of the values."""
        return sum(self.values)

    @property
    def latest(self) -> float | None:
        """The last value, or None."""
        return self.points[-1][1] if self.points else None

    @property
    def highest(self) -> float | None:
        """The largest value, or None."""
        return max(self.values, default=None)

    @property
    def mean(self) -> float | None:
        """The mean of the values, or None."""
        return self.total / len(self.points) if self.points else None


@dataclass(frozen=True)
class Version:
    """A version in the registry. ``metrics`` are those of its evaluation, ``training`` what its training logged."""

    arn: str
    number: int
    created: datetime
    approval: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    training: Mapping[str, float] = field(default_factory=dict)
    importance: Mapping[str, float] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Drift:
    """How far a feature is from its baseline: the latest distance and all of them over time."""

    feature: str
    latest: float
    series: Series


@dataclass(frozen=True)
class Violation:
    """One line of a run's ``constraint_violations.json``."""

    feature: str
    check: str
    description: str


@dataclass(frozen=True)
class MonitorFacts:
    """One monitor over the period.

    ``violations`` are those of the latest run that has a report; ``threshold`` is its drift threshold; ``metrics`` are
    the analysis' own numbers over time; ``attribution`` and ``attribution_before`` strengths of features.
    """

    schedule: str
    kind: str
    completed: Series = Series("RunsCompleted")
    failed: Series = Series("RunsFailed")
    without_data: Series = Series("RunsWithoutData")
    baseline_missing: Series = Series("BaselineMissing")
    found: Series = Series("Violations")
    labelled: Series = Series("LabelledRecords")
    unlabelled: Series = Series("UnlabelledRecords")
    late: Series = Series("LateLabels")
    violations: tuple[Violation, ...] = ()
    drifts: tuple[Drift, ...] = ()
    threshold: float = 0.1
    metrics: tuple[Series, ...] = ()
    statistics: tuple[Mapping[str, Any], ...] = ()
    attribution: Mapping[str, float] = field(default_factory=dict)
    report: str | None = None

    @property
    def drifted(self) -> list[Drift]:
        """Features beyond the threshold, the farthest first."""
        beyond = [drift for drift in self.drifts if drift.latest > self.threshold]
        return sorted(beyond, key=lambda drift: (-drift.latest, drift.feature))


@dataclass(frozen=True)
class EndpointFacts:
    """The endpoint over the period. Latencies in milliseconds, utilization in percent of one instance."""

    name: str
    status: str = ""
    instance_type: str | None = None
    instances: int = 0
    invocations: Series = Series("Invocations")
    client_errors: Series = Series("Invocation4XXErrors")
    server_errors: Series = Series("Invocation5XXErrors")
    latency_ms: Series = Series("ModelLatency p90")
    cpu: Series = Series("CPUUtilization")
    memory: Series = Series("MemoryUtilization")


@dataclass(frozen=True)
class ModelFacts:
    """All about one model. ``unread`` names what could not be read, so that silence is never taken for health."""

    name: str
    since: datetime
    until: datetime
    endpoint: EndpointFacts
    live: Version | None = None
    versions: tuple[Version, ...] = ()
    quarantine: tuple[Mapping[str, Any], ...] = ()
    monitors: tuple[MonitorFacts, ...] = ()
    alarms: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    def monitor(self, kind: str) -> MonitorFacts | None:
        """The monitor of a kind, if there is one."""
        return next((monitor for monitor in self.monitors if monitor.kind == kind), None)

    @property
    def importance(self) -> Mapping[str, float]:
        """Share of each feature in the live version's decisions: measured on traffic, else from training."""
        attribution = self.monitor("ModelExplainability")
        if attribution and attribution.attribution:
            total = sum(map(abs, attribution.attribution.values())) or 1.0
            return {name: abs(value) / total for name, value in attribution.attribution.items()}
        return self.live.importance if self.live else {}

    def flat(self) -> dict[str, float]:
        """Numbers by dotted names, which rules of users refer to; docs/insights.md lists them."""
        return dict(self._flat())

    def _flat(self) -> Iterator[tuple[str, float]]:
        for name, series in asdict(self.endpoint).items():
            if isinstance(series, dict) and series["points"]:
                values = [value for _, value in series["points"]]
                yield f"endpoint.{name}.total", sum(values)
                yield f"endpoint.{name}.mean", sum(values) / len(values)
                yield f"endpoint.{name}.highest", max(values)
        yield "endpoint.instances", self.endpoint.instances
        for monitor in self.monitors:
            yield f"monitors.{monitor.kind}.violations", len(monitor.violations)
            yield f"monitors.{monitor.kind}.drifted_features", len(monitor.drifted)
            yield f"monitors.{monitor.kind}.failed_runs", monitor.failed.total
            for drift in monitor.drifts:
                yield f"monitors.{monitor.kind}.drift.{drift.feature}", drift.latest
            for series in monitor.metrics:
                if series.latest is not None:
                    yield f"monitors.{monitor.kind}.metrics.{series.name}", series.latest
        if self.live:
            yield "live.version", self.live.number
            yield "live.age_days", (self.until - self.live.created).total_seconds() / 86_400
            for name, value in self.live.metrics.items():
                yield f"live.metrics.{name}", value
