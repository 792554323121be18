"""What monitors that compare predictions with labels have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cdk_sagemaker_mlops._errors import did_you_mean
from cdk_sagemaker_mlops._iam import Statement, grant
from cdk_sagemaker_mlops.alarming import AlarmRule, Concern, Severity
from cdk_sagemaker_mlops.measures import MetricMath

from .analysis import Analysis, Chart, MonitorView
from .ground_truth import Labels, Predictions
from .locations import decrypt, encrypt
from .monitor import Monitor
from .schedule import MonitoringSchedule

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk.aws_iam import Grant, IGrantable


@dataclass(frozen=True, kw_only=True)
class MetricAlarm:
    """An alarm on one metric of model quality or bias.

    :param metric: Name in the report, such as `auc` or `DPPL`.
    :param threshold: Model quality: the value that the metric may not fall below, or, of errors and false rates, rise
        above. Bias: the distance from the value that means no bias (1 for `DI`, 0 for all others).
    :param severity: How badly it matters. Default: a warning
    """

    metric: str
    threshold: float
    severity: Severity = Severity.WARNING

    def id(self, *subject: str) -> str:
        """The alarm's construct id; its severity is in it only where another one may stand beside it."""
        parts = [self.metric, *subject, *([] if self.severity is Severity.WARNING else [str(self.severity)])]
        return " ".join(part.replace("/", "--") for part in parts)


@dataclass(frozen=True, kw_only=True)
class LabelledAnalysis(Analysis):
    """Settings that analyses with labels have in common."""

    needs_labels = True

    labels: Labels
    predictions: Predictions = field(default_factory=Predictions)
    metric_alarms: tuple[MetricAlarm, ...] = ()
    max_unlabelled_share: float | None = 0.9
    datapoints: int = 1
    publish_metrics: bool = True

    @property
    def usual_schedule(self) -> MonitoringSchedule:
        """When runs happen where nothing else is said."""
        return MonitoringSchedule.daily()

    @property
    def lag_hours(self) -> int:
        """Hours from the end of a window to the run that looks at it."""
        return self.labels.lag_hours

    def problems(self) -> list[str]:
        """What is wrong with the settings."""
        found = [*self.labels.problems(), *self.predictions.problems()]
        if self.max_unlabelled_share is not None and not 0 <= self.max_unlabelled_share < 1:
            found.append(
                f"max_unlabelled_share is {self.max_unlabelled_share:g}, allowed are 0 up to, but not including, 1; "
                "None for no alarm"
            )
        if self.metric_alarms and not self.publish_metrics:
            found.append(
                "metric_alarms are given but publish_metrics is False, so they would never see data; publish the "
                "metrics or leave the alarms out"
            )
        ids = [alarm.id() for alarm in self.metric_alarms]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            found.append(f"metric_alarms holds {', '.join(twice)} twice; one threshold per metric and severity")
        return found

    def unknown_metrics(self, known: Sequence[str], of: str) -> list[str]:
        """Alarms on metrics that the analysis does not have."""
        return [
            f'metric_alarms holds "{alarm.metric}", allowed are {", ".join(known)} for {of}'
            f"{did_you_mean(alarm.metric, known)}"
            for alarm in self.metric_alarms
            if alarm.metric not in known
        ]

    @property
    @abstractmethod
    def predicts_probability(self) -> bool:
        """Whether the answer's first column is a probability where nothing says what it is."""

    def settings(self, name: str) -> dict[str, str]:
        """The settings as environment variables of the run."""
        columns = self.predictions.settings(probability=self.predicts_probability)
        return self.labels.settings(name) | columns | ({} if self.publish_metrics else {"PUBLISH_METRICS": "false"})

    def statements(self, name: str) -> list[Statement]:
        """Reading labels."""
        place = self.labels.location(name)
        return [*place.read("GroundTruth", "labels"), *decrypt(place.key_arn)]

    def rules(self, view: MonitorView) -> list[AlarmRule]:
        """An alarm on labels that stay away, where runs count them."""
        if self.max_unlabelled_share is None or not view.counts_labels:
            return []
        rule = AlarmRule(
            id="Unlabelled",
            concern=Concern.WATCHING,
            severity=Severity.WARNING,
            title=(f"More than {self.max_unlabelled_share:.0%} of the predictions of {view.subject} have no label"),
            advice=(
                "What is measured on the rest may not be true of all. Either whoever records labels has stopped, or "
                "labels carry other ids than requests, or come later than end_time_offset allows; the report counts "
                f"each: {view.report_hint}"
            ),
            measure=MetricMath(
                expression="share",
                expressions={"share": "unlabelled / (labelled + unlabelled)"},
                measures={
                    "labelled": view.run_measure("LabelledRecords", "Sum", "labelled"),
                    "unlabelled": view.run_measure("UnlabelledRecords", "Sum", "unlabelled"),
                },
                label="share without a label",
            ),
            threshold=self.max_unlabelled_share,
            evaluation_periods=self.datapoints,
        )
        return [rule]

    def charts(self, view: MonitorView) -> list[Chart]:
        """What became of labels, where runs count them."""
        if not view.counts_labels:
            return []
        return [
            Chart(
                title="Labels",
                measures=(
                    view.run_measure("LabelledRecords", "Sum", "labelled"),
                    view.run_measure("UnlabelledRecords", "Sum", "unlabelled"),
                    view.run_measure("LateLabels", "Sum", "late"),
                    view.run_measure("DuplicateLabels", "Sum", "duplicates"),
                ),
            )
        ]


class LabelledMonitor(Monitor):
    """A monitor that compares predictions with labels. Use one of its subclasses."""

    @property
    def _labels(self) -> Labels:
        assert isinstance(self._analysis, LabelledAnalysis)  # noqa: S101  (subclasses give no other one)
        return self._analysis.labels

    @property
    def ground_truth_uri(self) -> str:
        """Where labels are expected: what `sagemaker_labels.GroundTruthClient` is given."""
        return self._labels.location(self.source.name).uri

    def grant_label(self, grantee: IGrantable) -> Grant:
        """Allow recording labels, and nothing else."""
        place = self._labels.location(self.source.name)
        return grant(grantee, [*place.write("Labels", "label files"), *encrypt(place.key_arn)])

    def metric_labelled_records(self) -> cloudwatch.Metric:
        """Captured records that found their label. Sum over the schedule's period."""
        return self.view.run_measure("LabelledRecords", "Sum", "labelled").metric()

    def metric_unlabelled_records(self) -> cloudwatch.Metric:
        """Captured records without a label. Sum over the schedule's period."""
        return self.view.run_measure("UnlabelledRecords", "Sum", "unlabelled").metric()

    def metric_late_labels(self) -> cloudwatch.Metric:
        """Labels that took longer than `end_time_offset`. Sum over the schedule's period."""
        return self.view.run_measure("LateLabels", "Sum", "late").metric()
