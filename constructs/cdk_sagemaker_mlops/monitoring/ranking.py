"""Metrics in the order of their values: which of all features is worst, without naming any."""

from __future__ import annotations

from dataclasses import dataclass

from .analysis import MonitorView

_MOST = 10


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """A bar chart of the worst of many metrics.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-search-expressions.html

    :param title: Heading.
    :param expression: CloudWatch's metric math that finds and sorts them.
    :param period_seconds: Length of one data point.
    :param threshold: Value of a line. Default: - none
    """

    title: str
    expression: str
    period_seconds: int
    threshold: float | None = None


def worst(view: MonitorView, title: str, beginning: str, threshold: float | None) -> Ranking:
    """The ten highest of a monitor's metrics whose names begin like this.

    :param view: The monitor.
    :param beginning: Words that the names of the metrics begin with, with underscores between them.
    """
    own = {"MonitoringSchedule": view.schedule_name}
    if view.endpoint_name is not None:
        own = {"Endpoint": view.endpoint_name, **own}
    schema = ", ".join([f'"{view.namespace}"', *own])
    values = " ".join(f'{name}="{value}"' for name, value in own.items())
    search = f"SEARCH('{{{schema}}} {values} {beginning}', 'Maximum', {view.period_seconds})"
    return Ranking(
        title=title,
        expression=f"SORT({search}, MAX, DESC, {_MOST})",
        period_seconds=view.period_seconds,
        threshold=threshold,
    )
