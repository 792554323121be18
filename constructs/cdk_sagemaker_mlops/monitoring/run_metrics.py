"""Metrics about runs, as the CDK's class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .analysis import Chart, MonitorView
from .ranking import Ranking

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch


class RunMetrics:
    """The `metric_…` methods that every monitor has; each makes its metric when asked."""

    @property
    def view(self) -> MonitorView:
        """The monitor as alarms and charts see it."""
        raise NotImplementedError

    @property
    def run_charts(self) -> list[Chart]:
        """Charts of violations and of the health of the runs."""
        view = self.view
        return [
            Chart(title="Violations per run", measures=(view.run_measure("Violations", "Maximum", "violations"),)),
            Chart(
                title="Runs",
                measures=(
                    view.run_measure("RunsCompleted", "Sum", "completed"),
                    view.run_measure("RunsFailed", "Sum", "failed"),
                    view.run_measure("RunsWithoutData", "Sum", "without data"),
                    view.run_measure("BaselineMissing", "Maximum", "baseline missing"),
                ),
            ),
        ]

    @property
    def rankings(self) -> list[Ranking]:
        """What a dashboard shows of it as bar charts, before its other charts."""
        return []

    def metric_violations(self) -> cloudwatch.Metric:
        """Violations that a run found. Maximum over the schedule's period; the time is the window's start."""
        return self.view.run_measure("Violations", "Maximum", "violations").metric()

    def metric_records(self) -> cloudwatch.Metric:
        """Captured records that a run read. Sum over the schedule's period; the time is the window's start."""
        return self.view.run_measure("Records", "Sum", "records").metric()

    def metric_runs_completed(self) -> cloudwatch.Metric:
        """Runs that completed, with or without violations. Sum; the time is the run's."""
        return self.view.run_measure("RunsCompleted", "Sum", "completed").metric()

    def metric_runs_failed(self) -> cloudwatch.Metric:
        """Runs that failed. Sum; the time is the run's."""
        return self.view.run_measure("RunsFailed", "Sum", "failed").metric()

    def metric_runs_without_data(self) -> cloudwatch.Metric:
        """Runs that found no captured records. Sum; the time is the run's."""
        return self.view.run_measure("RunsWithoutData", "Sum", "without data").metric()

    def metric_baseline_missing(self) -> cloudwatch.Metric:
        """1 for a run that had nothing to compare with, else 0. Maximum; the time is the run's."""
        return self.view.run_measure("BaselineMissing", "Maximum", "baseline missing").metric()

    def metric_run_seconds(self) -> cloudwatch.Metric:
        """How long a run took, in seconds. Maximum; the time is the run's."""
        return self.view.run_measure("RunSeconds", "Maximum", "seconds").metric()
