"""Model quality: are predictions still right, now that the labels are known?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from cdk_sagemaker_mlops.alarming import AlarmRule, AlarmTarget
from cdk_sagemaker_mlops.measures import Measure

from .analysis import Chart, MonitorView
from .baseline import Baseline
from .engine import Engine
from .ground_truth import Labels, Predictions
from .labelled import LabelledAnalysis, LabelledMonitor, MetricAlarm
from .run_rules import MonitorAlarms
from .schedule import MonitoringSchedule
from .scripts import Scripts
from .source import MonitorInput

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk.aws_s3 import IBucket
    from constructs import Construct

    from .target import MonitoredEndpoint


class ProblemType(StrEnum):
    """What a model predicts, as SageMaker's API calls it."""

    BINARY_CLASSIFICATION = "BinaryClassification"
    MULTICLASS_CLASSIFICATION = "MulticlassClassification"
    REGRESSION = "Regression"


# https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-metrics.html
_RATES = ("true_positive_rate", "true_negative_rate", "false_positive_rate", "false_negative_rate")
_SCORES = ("f0_5", "f1", "f2")
_PROBABILITY_METRICS = ("auc", "au_prc")
METRICS: dict[ProblemType, tuple[str, ...]] = {
    ProblemType.BINARY_CLASSIFICATION: (
        *("accuracy", "recall", "precision", *_SCORES),
        *_PROBABILITY_METRICS,
        *_RATES,
    ),
    ProblemType.MULTICLASS_CLASSIFICATION: (
        "accuracy",
        *(f"weighted_{name}" for name in ("recall", "precision", *_SCORES)),
    ),
    ProblemType.REGRESSION: ("mae", "mse", "rmse", "r2"),
}
LOWER_IS_BETTER = frozenset({"mae", "mse", "rmse", "false_positive_rate", "false_negative_rate"})
_CHARTED = {
    ProblemType.BINARY_CLASSIFICATION: ("accuracy", "recall", "precision", "auc"),
    ProblemType.MULTICLASS_CLASSIFICATION: ("accuracy", "weighted_precision", "weighted_f1"),
    ProblemType.REGRESSION: ("mae", "rmse"),
}


@dataclass(frozen=True, kw_only=True)
class ModelQualityAnalysis(LabelledAnalysis):
    """Settings of the model quality analysis; see :class:`ModelQualityMonitor`."""

    monitoring_type = "ModelQuality"
    slug = "model-quality"
    namespace = "aws/sagemaker/Endpoints/model-metrics"

    problem_type: ProblemType
    positive_label: str | None = None

    @property
    def predicts_probability(self) -> bool:
        """Whether the answer's first column is a probability where nothing says what it is."""
        return self.problem_type is ProblemType.BINARY_CLASSIFICATION

    @property
    def _metrics(self) -> tuple[str, ...]:
        known = METRICS[self.problem_type]
        predictions = self.predictions
        if predictions.probability_attribute is None and predictions.inference_attribute is not None:
            return tuple(name for name in known if name not in _PROBABILITY_METRICS)
        return known

    def problems(self) -> list[str]:
        """What is wrong with the settings."""
        found = super().problems()
        if not self.predicts_probability:
            for name, value in (
                ("probability_attribute", self.predictions.probability_attribute),
                ("probability_threshold", self.predictions.probability_threshold),
                ("positive_label", self.positive_label),
            ):
                if value is not None:
                    found.append(f'{name} is "{value}", but only a binary classification has one; leave it out')
        return found + self.unknown_metrics(self._metrics, f"{self.problem_type} with these columns")

    def settings(self, name: str) -> dict[str, str]:
        """The settings as environment variables of the run."""
        values = super().settings(name) | {"PROBLEM_TYPE": str(self.problem_type)}
        return values if self.positive_label is None else values | {"POSITIVE_LABEL": self.positive_label}

    def rules(self, view: MonitorView) -> list[AlarmRule]:
        """An alarm on labels that stay away, and one per metric and severity that was asked for."""
        return [*super().rules(view), *(self._rule(view, alarm) for alarm in self.metric_alarms)]

    def _rule(self, view: MonitorView, alarm: MetricAlarm) -> AlarmRule:
        lower = alarm.metric in LOWER_IS_BETTER
        return AlarmRule(
            id=f"Quality {alarm.id()}",
            severity=alarm.severity,
            title=(
                f"Model quality of {view.subject}: {alarm.metric} is "
                f"{'above' if lower else 'below'} {alarm.threshold:g}"
            ),
            advice=f"Compare metrics and confusion matrix with the baseline's in the report: {view.report_hint}",
            measure=quality_measure(view, alarm.metric),
            threshold=alarm.threshold,
            comparison="GreaterThanThreshold" if lower else "LessThanThreshold",
            evaluation_periods=self.datapoints,
        )

    def charts(self, view: MonitorView) -> list[Chart]:
        """The metrics that have alarms, else the usual ones of the problem; then labels."""
        names = dict.fromkeys(alarm.metric for alarm in self.metric_alarms)
        chosen = [name for name in names or _CHARTED[self.problem_type] if name in self._metrics]
        thresholds = {alarm.threshold for alarm in self.metric_alarms}
        chart = Chart(
            title="Model quality",
            measures=tuple(quality_measure(view, name) for name in chosen),
            # One line among several metrics says nothing about the others.
            threshold=thresholds.pop() if len(thresholds) == 1 and len(chosen) == 1 else None,
            minimum=None if "r2" in chosen else 0,
        )
        return [chart, *super().charts(view)]


def quality_measure(view: MonitorView, metric: str) -> Measure:
    """A metric of model quality, the worst of a period."""
    return view.analysis_measure(metric, "Maximum" if metric in LOWER_IS_BETTER else "Minimum", metric)


class ModelQualityMonitor(LabelledMonitor):
    """Compares predictions with labels and the metrics of that with the baseline: accuracy, areas under curves, errors.

    A run joins captured traffic with labels by inference id, writes `statistics.json`, `constraints.json`,
    `constraint_violations.json` and `report.html` below `<reports>/<endpoint>/<schedule>/yyyy/mm/dd/hh/`, publishes
    metrics under Model Monitor's names and announces itself as an event `Monitoring Execution`.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality.html

    :param problem_type: What the model predicts.
    :param labels: Where labels lie and how late they come.
    :param predictions: Where predictions stand in answers. Default: - the first column, of a binary classification a
        probability
    :param positive_label: The positive label of a binary classification. Default: - 1
    :param metric_alarms: Metrics that get alarms of their own. Default: - none; one alarm watches all violations
    :param max_unlabelled_share: Share of a window's predictions that may have no label without an alarm; None for no
        alarm. Default: 0.9
    :param publish_metrics: Publish the metrics themselves, which CloudWatch bills. Default: True
    :param endpoint: What to watch. Default: - given by `endpoint.add_monitor(monitor)`
    :param input: Data without an endpoint to watch instead, such as :class:`DatasetInput`. Default: - an endpoint
    :param reports: Bucket for reports. Default: - the capture bucket
    :param reports_prefix: Prefix in that bucket. Default: - none; `monitoring-reports` in the capture bucket
    :param baseline: What to compare with. Default: - the live version's, from the registry
    :param schedule: When to run. Default: daily
    :param engine: What runs it. Default: `Engine.AUTO`
    :param notifications: Who hears of its alarms. Default: - nobody; alarms are still to be seen
    :param alarms: Which other alarms it has. Default: - see :class:`MonitorAlarms`
    :param name: Name in reports, metrics and events. Default: - `<endpoint>-model-quality`
    :param scripts: What is done with reports; a preprocessor is for data quality only. Default: - none
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        problem_type: ProblemType,
        labels: Labels,
        predictions: Predictions | None = None,
        positive_label: str | None = None,
        metric_alarms: Sequence[MetricAlarm] = (),
        max_unlabelled_share: float | None = 0.9,
        publish_metrics: bool = True,
        endpoint: MonitoredEndpoint | None = None,
        input: MonitorInput | None = None,
        reports: IBucket | None = None,
        reports_prefix: str = "",
        baseline: Baseline | None = None,
        schedule: MonitoringSchedule | None = None,
        engine: Engine | None = None,
        notifications: Sequence[AlarmTarget] = (),
        alarms: MonitorAlarms | None = None,
        name: str | None = None,
        scripts: Scripts | None = None,
    ) -> None:
        alarms = alarms or MonitorAlarms()
        super().__init__(
            scope,
            construct_id,
            analysis=ModelQualityAnalysis(
                problem_type=problem_type,
                labels=labels,
                predictions=predictions or Predictions(),
                positive_label=positive_label,
                metric_alarms=tuple(metric_alarms),
                max_unlabelled_share=max_unlabelled_share,
                datapoints=alarms.datapoints,
                publish_metrics=publish_metrics,
            ),
            endpoint=endpoint,
            input=input,
            reports=reports,
            reports_prefix=reports_prefix,
            baseline=baseline,
            schedule=schedule,
            engine=engine,
            notifications=notifications,
            alarms=alarms,
            name=name,
            scripts=scripts,
        )

    def metric_quality(self, metric: str) -> cloudwatch.Metric:
        """A metric of the report, the worst value over the schedule's period.

        :param metric: Name as in `statistics.json`, such as `auc` or `rmse`.
        """
        return quality_measure(self.view, metric).metric()
