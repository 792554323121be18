"""Metrics as data, shared by alarms, dashboards and the `metric_…` methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A CloudWatch metric with the way to read it.

    :param namespace: CloudWatch namespace.
    :param name: Metric name.
    :param dimensions: Name and value pairs, in a fixed order.
    :param statistic: `Sum`, `Average`, `Maximum`, … or a percentile such as `p99`.
    :param period_seconds: Length of one data point.
    :param label: How charts call it. Default: - the metric's name
    """

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    period_seconds: int
    label: str | None = None

    @property
    def is_percentile(self) -> bool:
        """Whether CloudWatch calls the statistic an extended one (`p95`, `tm99`, …)."""
        return self.statistic not in {"Average", "Maximum", "Minimum", "SampleCount", "Sum"}

    def metric(self) -> cloudwatch.Metric:
        """The metric as the CDK's class."""
        return cloudwatch.Metric(
            namespace=self.namespace,
            metric_name=self.name,
            dimensions_map=dict(self.dimensions),
            statistic=self.statistic,
            period=Duration.seconds(self.period_seconds),
            label=self.label,
        )

    def widget_row(self, **rendering: Any) -> list[Any]:
        """The metric as a row of a dashboard widget's `metrics` list.

        :param rendering: Further options of the row, such as `yAxis` or `color`.
        """
        flat = [text for pair in self.dimensions for text in pair]
        options: dict[str, Any] = {"stat": self.statistic, "period": self.period_seconds}
        if self.label is not None:
            options["label"] = self.label
        return [self.namespace, self.name, *flat, options | rendering]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricMath:
    """An expression over CloudWatch metrics.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html

    :param expression: Id of the expression that counts.
    :param expressions: Expressions by id, each over ids of `measures` and of other expressions.
    :param measures: Metrics by id, with one period; CloudWatch takes up to ten in an alarm.
    :param label: How the result is called.
    """

    expression: str
    expressions: Mapping[str, str]
    measures: Mapping[str, Measure]
    label: str

    @property
    def period_seconds(self) -> int:
        """Length of one data point."""
        return max(measure.period_seconds for measure in self.measures.values())

    def queries(self) -> list[cloudwatch.CfnAlarm.MetricDataQueryProperty]:
        """The expression as an alarm takes it."""
        calculated = [
            cloudwatch.CfnAlarm.MetricDataQueryProperty(
                id=name,
                expression=text,
                label=self.label if name == self.expression else None,
                return_data=name == self.expression,
            )
            for name, text in self.expressions.items()
        ]
        return calculated + [_query(name, measure) for name, measure in self.measures.items()]


def _query(name: str, measure: Measure) -> cloudwatch.CfnAlarm.MetricDataQueryProperty:
    metric = cloudwatch.CfnAlarm.MetricProperty(
        namespace=measure.namespace,
        metric_name=measure.name,
        dimensions=[cloudwatch.CfnAlarm.DimensionProperty(name=key, value=value) for key, value in measure.dimensions],
    )
    return cloudwatch.CfnAlarm.MetricDataQueryProperty(
        id=name,
        metric_stat=cloudwatch.CfnAlarm.MetricStatProperty(
            metric=metric, stat=measure.statistic, period=measure.period_seconds
        ),
        return_data=False,
    )


def waiting_messages(queue_name: str, label: str) -> Measure:
    """Messages in a dead-letter queue: work that failed and waits for a person.

    SQS stops publishing about a queue that nobody uses, so alarms on it treat missing data as not breaching.
    """
    return Measure(
        namespace="AWS/SQS",
        name="ApproximateNumberOfMessagesVisible",
        dimensions=(("QueueName", queue_name),),
        statistic="Maximum",
        period_seconds=300,
        label=label,
    )
