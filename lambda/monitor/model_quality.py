"""Model quality: are predictions still right, now that the labels are known?"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from monitor.analysis import (
    PAGE,
    VIOLATIONS,
    Analysis,
    BaselineError,
    Finding,
    NoData,
    Outcome,
    Point,
    Traffic,
)
from monitor.labelled import LabelledTraffic
from monitor.settings import ModelQualitySettings
from shared.metrics import within_limits
from shared.s3 import S3Uri

if TYPE_CHECKING:
    import polars

    from model_analyzer.model_quality import ProblemType, QualityConstraints, QualityStatistics, QualityViolation, Task
    from monitor.run import Run


@dataclass(frozen=True)
class Baseline:
    """The parsed files of a version's baseline; statistics only serve the report."""

    constraints: QualityConstraints | None = None
    statistics: QualityStatistics | None = None


class ModelQuality(Analysis[Baseline]):
    """Confusion, rates, areas under curves, errors: every metric against its threshold."""

    namespace = "aws/sagemaker/Endpoints/model-metrics"
    worst_field = "worstMetrics"

    def __init__(self, settings: ModelQualitySettings) -> None:
        self._settings = settings

    @property
    def ground_truth(self) -> S3Uri:
        """Where labels lie."""
        return self._settings.ground_truth

    def prepare(
        self, constraints: bytes | None, statistics: bytes | None, read: Callable[[S3Uri], bytes | None]
    ) -> Baseline:
        """Parse the baseline's files, which must be about the same kind of problem."""
        from model_analyzer.model_quality import QualityConstraints, QualityStatistics

        parsed: dict[str, Any] = {}
        readers = (("constraints", constraints, QualityConstraints), ("statistics", statistics, QualityStatistics))
        for kind, content, reader in readers:
            if content is None:
                continue
            try:
                document = parsed[kind] = reader.from_json(content)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise BaselineError(f"the baseline's {kind} cannot be used: {error}") from error
            if document.problem_type != self._settings.problem_type:
                raise BaselineError(
                    f"the baseline's {kind} are of {document.problem_type}, the monitor is of "
                    f"{self._settings.problem_type}; make the baseline with the monitor's problem type"
                )
        return Baseline(**parsed)

    def analyse(self, traffic: Traffic, prepared: Baseline) -> Outcome | NoData:
        """Measure labelled predictions and compare the metrics with their thresholds."""
        from model_analyzer import model_quality, report

        labelled = LabelledTraffic(traffic, self._settings, columns=self._settings.output_columns, with_input=False)
        summary = model_quality.summarize_all(labelled.frames(), self._task())
        nothing = labelled.nothing(summary.rows, summary.unusable)
        if nothing is not None:
            return nothing
        # Dated by the run's hour and not by the clock, so that a rerun writes the same file.
        statistics = model_quality.statistics(summary, evaluation_time=traffic.run.scheduled)
        current = model_quality.QualityStatistics(statistics)
        violations = None
        if prepared.constraints is not None:
            violations = model_quality.check(current, prepared.constraints)
        page = report.model_quality_html(
            current,
            prepared.constraints,
            violations,
            prepared.statistics,
            labelled.read,
            labelled.join,
            title=f"Model quality of {traffic.name}",
            subtitle=traffic.subtitle,
        )
        found = violations if violations is not None else model_quality.QualityViolations()
        return Outcome(
            records=labelled.join.captures,
            broken=labelled.broken,
            documents={
                self.document: json.dumps(statistics, indent=2, ensure_ascii=False),
                "constraints.json": model_quality.suggest(current).to_json(),
                VIOLATIONS: found.to_json(),
                PAGE: page,
            },
            findings=tuple(_finding(item) for item in found),
            points=tuple(points(current)) if self._settings.publish_metrics else (),
            labels=labelled.counts(summary.unusable.total()),
            unchecked=found.not_computable,
        )

    def points_of(self, document: bytes, prepared: Baseline) -> Iterator[Point]:
        """Every metric of the statistics."""
        from model_analyzer.model_quality import QualityStatistics

        yield from points(QualityStatistics.from_json(document))

    def baseline(
        self,
        frames: Iterator[polars.DataFrame],
        run: Run,
        read: Callable[[S3Uri], bytes | None],
        tolerance: float,
    ) -> Mapping[str, str]:
        """Metrics of training data, and constraints that let them be so much worse."""
        from model_analyzer import model_quality

        summary = model_quality.summarize_all(frames, self._task())
        if not summary.rows:
            reasons = ", ".join(f"{reason} ({count})" for reason, count in summary.unusable.items())
            raise ValueError(f"not one row can be used: {reasons or 'it has none'}")
        statistics = model_quality.statistics(summary, evaluation_time=run.scheduled)
        return {
            "statistics.json": json.dumps(statistics, indent=2, ensure_ascii=False),
            "constraints.json": model_quality.suggest(statistics, tolerance).to_json(),
        }

    def _task(self) -> Task:
        from model_analyzer.model_quality import Task

        return Task(
            cast("ProblemType", self._settings.problem_type),
            inference=self._settings.inference,
            probability=self._settings.probability,
            probability_threshold=self._settings.probability_threshold,
            positive_label=self._settings.positive_label,
        )


def points(statistics: QualityStatistics) -> Iterator[Point]:
    """Every metric that is one number, under its name in statistics.json; one without a value is not published.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-cw.html
    """
    for name, metric in statistics.metrics.items():
        if not math.isnan(metric.value):
            yield Point(name, within_limits(metric.value))


def _finding(item: QualityViolation) -> Finding:
    """How far it is beyond its threshold, relative to it."""
    limit = item.threshold.threshold
    severity = abs(item.value - limit) / max(abs(limit), 1e-9)
    return Finding({"metric": item.metric_name}, item.constraint_check_type, item.value, limit, severity)
