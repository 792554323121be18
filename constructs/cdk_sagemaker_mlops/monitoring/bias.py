"""Bias: are predictions worse for one group than they were when the model was approved?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cdk_sagemaker_mlops.alarming import AlarmTarget

from .baseline import Baseline
from .bias_analysis import DEFAULT_LABEL, BiasAnalysis, Facet
from .engine import Engine
from .ground_truth import Labels, Predictions
from .labelled import LabelledMonitor, MetricAlarm
from .run_rules import MonitorAlarms
from .schedule import MonitoringSchedule
from .scripts import Scripts
from .source import MonitorInput

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk.aws_s3 import IBucket
    from constructs import Construct

    from .target import MonitoredEndpoint


class BiasMonitor(LabelledMonitor):
    """Compares how labels and predictions treat groups of people with how they did in the baseline.

    A run joins captured traffic with labels by inference id, writes `analysis.json`, `constraint_violations.json` and
    `report.html` below `<reports>/<endpoint>/<schedule>/yyyy/mm/dd/hh/`, publishes Clarify's metrics and announces
    itself as an event `Monitoring Execution`. A metric farther from its neutral value than the baseline's is a
    violation.

    https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-model-monitor-bias-drift.html

    :param facets: Sensitive attributes and their disadvantaged groups.
    :param labels: Where labels lie and how late they come.
    :param headers: Names of the columns of CSV requests, in their order; the label's name among them is left out.
        Default: - none; facets are given by number, or requests are JSON
    :param label: What reports and metrics call the label. Default: ground_truth
    :param label_values: The positive labels. Default: 1
    :param label_threshold: Numeric labels above it are positive, instead of `label_values`. Default: - none
    :param group_variable: Column of the strata of CDDL and CDDPL. Default: - those two are not measured
    :param tolerance: How much farther from neutral than the baseline's a metric may be, 0 to 1. Default: 0, as Clarify
        has it
    :param predictions: Where predictions stand in answers. Default: - the answer's only column, a probability; if there
        are more, `output_columns` are needed
    :param metric_alarms: Metrics that get alarms of their own for every facet. Default: - none; one alarm watches all
        violations
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
    :param name: Name in reports, metrics and events. Default: - `<endpoint>-bias`
    :param scripts: What is done with reports; a preprocessor is for data quality only. Default: - none
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        facets: Sequence[Facet],
        labels: Labels,
        headers: Sequence[str] = (),
        label: str = DEFAULT_LABEL,
        label_values: Sequence[str] = ("1",),
        label_threshold: float | None = None,
        group_variable: str | int | None = None,
        tolerance: float = 0,
        predictions: Predictions | None = None,
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
            analysis=BiasAnalysis(
                facets=tuple(facets),
                labels=labels,
                headers=tuple(headers),
                label=label,
                label_values=tuple(label_values),
                label_threshold=label_threshold,
                group_variable=group_variable,
                tolerance=tolerance,
                predictions=predictions or Predictions(),
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
        self._facets = {str(facet.name_or_index): facet for facet in facets}

    def metric_bias(self, metric: str, facet: str | int) -> cloudwatch.Metric:
        """A metric of one facet. Average over the schedule's period.

        :param metric: Short name, such as `DPPL`.
        :param facet: The facet as it was given; it needs values or a threshold.
        """
        assert isinstance(self._analysis, BiasAnalysis)  # noqa: S101  (what the constructor made)
        return self._analysis.measure(self.view, metric, self._facets[str(facet)]).metric()
