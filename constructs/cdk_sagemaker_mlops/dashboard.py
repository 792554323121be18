"""One dashboard per endpoint: is it used, does it work, does its model still fit, is anybody watching?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from . import _naming, _refs
from ._lazy import at_synthesis
from .endpoint_charts import endpoint_charts
from .monitoring.analysis import Chart
from .monitoring.monitor import Monitor
from .monitoring.ranking import Ranking

if TYPE_CHECKING:
    from .endpoint_base import EndpointBase
    from .incidents import ModelIncidents
    from .insights.page import InsightsPage
    from .measures import Measure

_COLUMNS = 24
_CHART_WIDTH = 12
_CHART_HEIGHT = 6
_MAX_ALARMS_IN_WIDGET = 100
# Of what went well and what was taken back.
_MARK_COLORS = ("#2ca02c", "#d62728")
Widget = dict[str, Any]


class EndpointDashboard(Construct):
    """A CloudWatch dashboard: alarms, traffic, errors, latency, instances, what monitors find, health of their runs.

    Its content is put together at synthesis, so monitors may be added to the endpoint later. It exists once the
    endpoint does. CloudWatch charges for dashboards beyond the third (3 US dollars a month each, list price).

    :param endpoint: The endpoint; its monitors and alarms are found through it.
    :param name: Name. Default: - the endpoint's
    """

    def __init__(self, scope: Construct, construct_id: str, *, endpoint: EndpointBase, name: str | None = None) -> None:
        super().__init__(scope, construct_id)
        self._endpoint = endpoint
        self._sections: list[tuple[str, Sequence[Chart]]] = []
        self._marks: tuple[Measure, ...] = ()
        self._incidents: ModelIncidents | None = None
        self._insights: InsightsPage | None = None
        self.dashboard_name = _naming.fit(name or endpoint.endpoint_name, 255)
        resource = cloudwatch.CfnDashboard(
            self,
            "Resource",
            # A fixed name is safe: nothing else of a dashboard replaces it.
            dashboard_name=self.dashboard_name,
            dashboard_body=at_synthesis(self._body),
        )
        # It names the live version. `cdk diff` previews with the default of that parameter, which is empty: what would
        # only change then would show as a difference for ever, what would be away does not.
        endpoint.only_with_endpoint(resource)

    def add_section(self, heading: str, charts: Sequence[Chart]) -> None:
        """Adds charts below a heading, for example those of the endpoint's :class:`RolloutRegistration`.

        :param heading: Heading in Markdown, without `##`.
        :param charts: The charts, from left to right.
        """
        self._sections.append((heading, charts))

    def annotate(self, marks: Sequence[Measure]) -> None:
        """Marks moments in every chart over time, on an axis of their own: rollouts, with `registration.marks`.

        A vertical annotation of CloudWatch has a fixed time, so that a dashboard would have to be written anew with
        each rollout; a metric that is 1 when something happened needs nothing.

        :param marks: Metrics whose values are counts of what happened.
        """
        self._marks = tuple(marks)

    def show(self, incidents: ModelIncidents) -> None:
        """Puts the state of incidents first, and what all alarms cost."""
        self._incidents = incidents

    def link(self, insights: InsightsPage) -> None:
        """Puts a link to the model's page of the insights report at the top: what to do about what is seen here."""
        self._insights = insights

    def _body(self) -> str:
        return json.dumps({"start": "-P1D", "periodOverride": "inherit", "widgets": _laid_out(list(self._widgets()))})

    @property
    def _monitors(self) -> list[Monitor]:
        return [monitor for monitor in self._endpoint.monitors if isinstance(monitor, Monitor)]

    def _widgets(self) -> Iterator[Widget]:
        yield _text(self._heading())
        watched = [*self._endpoint.alarms, *(alarm for monitor in self._monitors for alarm in monitor.alarms)]
        if self._incidents is not None:
            yield _alarm_status("Incidents", [incident.arn for incident in self._incidents.incidents])
        alarms = [alarm.arn for alarm in watched]
        if alarms:
            yield _alarm_status("Alarms", alarms)
        for chart in endpoint_charts(self._endpoint):
            yield self._over_time(chart)
        for monitor in self._monitors:
            yield _text(f"## {monitor.monitoring_type}\nReports: `{monitor.report_hint}`")
            for ranking in monitor.rankings:
                yield _bar_chart(ranking)
            for chart in monitor.charts:
                yield self._over_time(chart)
        for heading, charts in self._sections:
            yield _text(f"## {heading}")
            for chart in charts:
                yield _line_chart(chart)

    def _heading(self) -> str:
        lines = [f"# {self._endpoint.endpoint_name}"]
        if self._endpoint.model_package_arn:
            lines.append(f"Live version: `{self._endpoint.model_package_arn}`")
        if self._incidents is not None:
            lines.append(f"Watched by {self._incidents.summary}")
        if self._insights is not None:
            lines.append(f"What to do: [insights]({self._insights.url}), `{self._insights.uri}`")
        return "\n\n".join(lines)

    def _over_time(self, chart: Chart) -> Widget:
        return _line_chart(chart, self._marks)


def _text(markdown: str) -> Widget:
    height = 2 + markdown.count("\n\n") // 2
    return {"type": "text", "width": _COLUMNS, "height": height, "properties": {"markdown": markdown}}


def _alarm_status(title: str, arns: Sequence[str]) -> Widget:
    shown = list(arns[:_MAX_ALARMS_IN_WIDGET])
    height = 2 + len(shown) // 6
    properties = {"title": title, "alarms": shown, "sortBy": "stateUpdatedTimestamp"}
    return {"type": "alarm", "width": _COLUMNS, "height": height, "properties": properties}


def _bar_chart(ranking: Ranking) -> Widget:
    properties: dict[str, Any] = {
        "title": ranking.title,
        "view": "bar",
        "region": _refs.region(),
        "metrics": [[{"expression": ranking.expression, "id": "ranking", "period": ranking.period_seconds}]],
        "stat": "Maximum",
        "period": ranking.period_seconds,
        "setPeriodToTimeRange": False,
        "yAxis": {"left": {"min": 0}},
    }
    if ranking.threshold is not None:
        properties["annotations"] = {"horizontal": [{"label": "alarm", "value": ranking.threshold}]}
    return {"type": "metric", "width": _CHART_WIDTH, "height": _CHART_HEIGHT, "properties": properties}


def _line_chart(chart: Chart, marks: Sequence[Measure] = ()) -> Widget:
    properties: dict[str, Any] = {
        "title": chart.title,
        "view": "timeSeries",
        "region": _refs.region(),
        "metrics": [
            *(_row(measure, chart.measures) for measure in chart.measures),
            *(
                mark.widget_row(yAxis="right", color=color)
                for mark, color in zip(marks, _MARK_COLORS, strict=False)
                if mark not in chart.measures
            ),
        ],
        "yAxis": {
            "left": {} if chart.minimum is None else {"min": chart.minimum},
            **({"right": {"min": 0, "max": 1, "showUnits": False}} if marks else {}),
        },
    }
    if chart.threshold is not None:
        properties["annotations"] = {"horizontal": [{"label": "alarm", "value": chart.threshold}]}
    return {"type": "metric", "width": _CHART_WIDTH, "height": _CHART_HEIGHT, "properties": properties}


def _row(measure: Measure, beside: Sequence[Measure]) -> list[Any]:
    """A line, by its statistic as well where others have the same label."""
    if sum(other.label == measure.label for other in beside) < 2:
        return measure.widget_row()
    return replace(measure, label=f"{measure.label} {measure.statistic}").widget_row()


def _laid_out(widgets: Sequence[Widget]) -> list[Widget]:
    """Places widgets from left to right, row by row."""
    placed, x, y, row_height = [], 0, 0, 0
    for widget in widgets:
        if x + widget["width"] > _COLUMNS:
            x, y, row_height = 0, y + row_height, 0
        placed.append({**widget, "x": x, "y": y})
        x, row_height = x + widget["width"], max(row_height, widget["height"])
    return placed
