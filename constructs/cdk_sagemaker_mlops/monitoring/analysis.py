"""What distinguishes one kind of monitor from another; everything else is `Monitor`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from cdk_sagemaker_mlops.measures import Measure

from .schedule import MonitoringSchedule

if TYPE_CHECKING:
    from cdk_sagemaker_mlops._iam import Statement
    from cdk_sagemaker_mlops.alarming import AlarmRule

    from .source import MonitorInput

#: Namespace of the metrics about runs: how they ended, how long they took, how much they found.
RUN_NAMESPACE = "SageMakerMLOps/Monitoring"


@dataclass(frozen=True, kw_only=True)
class MonitorView:
    """A monitor as its alarms and charts see it.

    :param subject: What is watched, as titles call it: `endpoint churn`.
    :param endpoint_name: The watched endpoint, where there is one.
    :param variant_names: Its production variants.
    :param schedule_name: The monitor's name.
    :param period_seconds: Seconds between runs: one data point each.
    :param lag_seconds: Seconds from the end of a window to the run that looks at it.
    :param namespace: Namespace of the analysis' own metrics.
    :param report_hint: Where a person finds the report of a run.
    :param needs_labels: Whether a run needs labels besides captured traffic.
    :param counts_labels: Whether runs publish what became of labels.
    """

    subject: str
    endpoint_name: str | None
    variant_names: tuple[str, ...]
    schedule_name: str
    period_seconds: int
    lag_seconds: int
    namespace: str
    report_hint: str
    needs_labels: bool = False
    counts_labels: bool = True

    @property
    def _own_dimensions(self) -> tuple[tuple[str, str], ...]:
        own = ("MonitoringSchedule", self.schedule_name)
        return (own,) if self.endpoint_name is None else (("Endpoint", self.endpoint_name), own)

    def run_measure(self, name: str, statistic: str, label: str) -> Measure:
        """A metric about runs."""
        return self._measure(RUN_NAMESPACE, name, statistic, label)

    def analysis_measure(
        self, name: str, statistic: str, label: str, dimensions: tuple[tuple[str, str], ...] = ()
    ) -> Measure:
        """A metric of the analysis, with Model Monitor's name and dimensions.

        :param dimensions: Those beside endpoint and monitor.
        """
        return self._measure(self.namespace, name, statistic, label, dimensions)

    def _measure(
        self, namespace: str, name: str, statistic: str, label: str, dimensions: tuple[tuple[str, str], ...] = ()
    ) -> Measure:
        return Measure(
            namespace=namespace,
            name=name,
            dimensions=(*self._own_dimensions, *dimensions),
            statistic=statistic,
            period_seconds=self.period_seconds,
            label=label,
        )


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A line chart for dashboards.

    :param title: Heading.
    :param measures: Lines.
    :param threshold: Value of a horizontal line. Default: - none
    :param minimum: Where the axis begins; None for as low as the values go. Default: 0
    """

    title: str
    measures: tuple[Measure, ...]
    threshold: float | None = None
    minimum: float | None = 0


class Analysis(ABC):
    """One kind of analysis: its settings, its metrics, its alarms."""

    #: As in SageMaker's API: `DataQuality`, `ModelQuality`, `ModelBias`, `ModelExplainability`.
    monitoring_type: ClassVar[str]
    #: What names of monitors end with.
    slug: ClassVar[str]
    #: CloudWatch namespace of its metrics; Model Monitor's own.
    namespace: ClassVar[str]
    #: Whether its baseline has statistics besides constraints.
    has_statistics: ClassVar[bool] = True
    #: Whether it compares predictions with labels.
    needs_labels: ClassVar[bool] = False

    @property
    def usual_schedule(self) -> MonitoringSchedule:
        """When runs happen where nothing else is said."""
        return MonitoringSchedule.hourly()

    @property
    def lag_hours(self) -> int:
        """Hours from the end of a window to the run that looks at it."""
        return 0

    @abstractmethod
    def problems(self) -> list[str]:
        """What is wrong with the settings."""

    def input_problems(self, source: MonitorInput) -> list[str]:
        """What is wrong with the settings for what is looked at."""
        return []

    @abstractmethod
    def settings(self, name: str) -> dict[str, str]:
        """The settings as environment variables of the run.

        :param name: Name of the endpoint, or of the data where there is none.
        """

    def statements(self, name: str) -> list[Statement]:
        """What a run may read besides its input and the baseline.

        :param name: Name of the endpoint, or of the data where there is none.
        """
        return []

    def input_statements(self, source: MonitorInput) -> list[Statement]:
        """What a run does besides, with what is looked at."""
        return []

    @abstractmethod
    def rules(self, view: MonitorView) -> list[AlarmRule]:
        """Alarms on the analysis' own metrics."""

    @abstractmethod
    def charts(self, view: MonitorView) -> list[Chart]:
        """Charts of the analysis' own metrics."""
