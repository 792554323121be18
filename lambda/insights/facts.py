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
class Job:
    """The training job that made a version, and the tuning job that it belongs to.

    ``metrics`` are the last that it logged; ``seconds`` of training and ``billed`` are of all its instances together.
    """

    name: str
    instance_type: str = ""
    instances: int = 1
    seconds: float = 0.0
    billed: float = 0.0
    spot: bool = False
    metrics: Mapping[str, float] = field(default_factory=dict)
    tuning: str = ""
    tried: int = 0
    failed: int = 0


@dataclass(frozen=True)
class TrainingData:
    """What the ready pipeline says of the rows that it trained with. Shares are 0 to 1."""

    rows: int = 0
    duplicates: int = 0
    in_both: int = 0
    constant: tuple[str, ...] = ()
    missing: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Version:
    """A version in the registry.

    ``metrics`` are those of its evaluation on test data; ``training`` the metric called ``metric`` on training and
    validation data, ``curve`` the same by round.
    """

    arn: str
    number: int
    created: datetime
    approval: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    training: Mapping[str, float] = field(default_factory=dict)
    metric: str = ""
    curve: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    data: TrainingData | None = None
    job: Job | None = None
    importance: Mapping[str, float] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def gap(self) -> float | None:
        """By what share of training's value validation is worse; negative if it is better, None if it is not known."""
        train, validation = self.training.get("train"), self.training.get("validation")
        higher = more_is_better(self.metric)
        if train is None or validation is None or not train or higher is None:
            return None
        return (train - validation if higher else validation - train) / abs(train)


#: Metrics by whether more of them is better: names of XGBoost, of evaluations and of a model quality monitor.
_BETTER = ("auc", "aucpr", "f1", "accuracy", "weighted_f1", "precision", "recall", "r2", "map", "ndcg", "pre")
_WORSE = ("rmse", "mae", "mse", "logloss", "mlogloss", "log_loss", "error", "merror", "mape", "rmsle")


def more_is_better(metric: str) -> bool | None:
    """Direction of a metric by its name; None if it is not known."""
    name = metric.rpartition(":")[2].partition("@")[0]
    return True if name in _BETTER else False if name in _WORSE else None


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

    ``violations`` are those of the latest run that has a report, ``statistics`` and ``records`` its files of these
    names; ``threshold`` is its drift threshold; ``metrics`` are the analysis' own numbers over time; ``attribution``
    and ``attribution_before`` strengths of features in the latest and in the first report of the period; ``published``
    how many custom metrics it publishes.
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
    duplicate_labels: Series = Series("DuplicateLabels")
    violations: tuple[Violation, ...] = ()
    drifts: tuple[Drift, ...] = ()
    threshold: float = 0.1
    metrics: tuple[Series, ...] = ()
    statistics: tuple[Mapping[str, Any], ...] = ()
    records: Mapping[str, Any] = field(default_factory=dict)
    attribution: Mapping[str, float] = field(default_factory=dict)
    attribution_before: Mapping[str, float] = field(default_factory=dict)
    published: int = 0
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
            return _shares(attribution.attribution)
        return self.live.importance if self.live else {}

    @property
    def importance_before(self) -> Mapping[str, float]:
        """The same earlier, measured in the same way: in the period's first report, else by the version before."""
        attribution = self.monitor("ModelExplainability")
        if attribution and attribution.attribution:
            return _shares(attribution.attribution_before)
        older = [version for version in self.versions if self.live and version.number < self.live.number]
        return next((version.importance for version in older if version.importance), {})

    @property
    def custom_metrics(self) -> int:
        """How many metrics the monitors publish."""
        return sum(monitor.published for monitor in self.monitors)

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
        yield "monitors.custom_metrics", self.custom_metrics
        for monitor in self.monitors:
            yield f"monitors.{monitor.kind}.violations", len(monitor.violations)
            yield f"monitors.{monitor.kind}.drifted_features", len(monitor.drifted)
            yield f"monitors.{monitor.kind}.failed_runs", monitor.failed.total
            if repeated := monitor.records.get("repeated"):
                yield f"monitors.{monitor.kind}.repeated_share", repeated["share"]
                yield f"monitors.{monitor.kind}.redundant_pairs", len(monitor.records.get("redundant", ()))
                if repeated.get("expected_share") is not None:
                    yield f"monitors.{monitor.kind}.expected_repeated_share", repeated["expected_share"]
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
            for name, value in self.live.training.items():
                yield f"live.training.{name}", value
            if self.live.gap is not None:
                yield "live.training.gap", self.live.gap
            if self.live.data is not None:
                yield "live.data.rows", self.live.data.rows
                yield "live.data.duplicates", self.live.data.duplicates
            if self.live.job is not None:
                yield "live.job.billed_seconds", self.live.job.billed


def _shares(strengths: Mapping[str, float]) -> dict[str, float]:
    total = sum(map(abs, strengths.values())) or 1.0
    return {name: abs(value) / total for name, value in strengths.items()}
