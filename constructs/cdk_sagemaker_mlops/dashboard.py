"""One dashboard per endpoint: is it used, does it work, does its model still fit, is anybody watching?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from . import _naming, _refs
from ._lazy import at_synthesis
from .endpoint_charts import endpoint_charts
from .monitoring.analysis import Chart
from .monitoring.monitor import Monitor

if TYPE_CHECKING:
    from .endpoint_base import EndpointBase

_COLUMNS = 24
_CHART_WIDTH = 12
_CHART_HEIGHT = 6
_MAX_ALARMS_IN_WIDGET = 100
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

    def _body(self) -> str:
        return json.dumps({"start": "-P1D", "periodOverride": "inherit", "widgets": _laid_out(list(self._widgets()))})

    @property
    def _monitors(self) -> list[Monitor]:
        return [monitor for monitor in self._endpoint.monitors if isinstance(monitor, Monitor)]

    def _widgets(self) -> Iterator[Widget]:
        yield _text(self._heading())
        watched = [*self._endpoint.alarms, *(alarm for monitor in self._monitors for alarm in monitor.alarms)]
        alarms = [alarm.arn for alarm in watched]
        if alarms:
            yield _alarm_status(alarms)
        for chart in endpoint_charts(self._endpoint):
            yield _line_chart(chart)
        for monitor in self._monitors:
            yield _text(f"## {monitor.monitoring_type}\nReports: `{monitor.report_hint}`")
            for chart in monitor.charts:
                yield _line_chart(chart)
        for heading, charts in self._sections:
            yield _text(f"## {heading}")
            for chart in charts:
                yield _line_chart(chart)

    def _heading(self) -> str:
        lines = [f"# {self._endpoint.endpoint_name}"]
        if self._endpoint.model_package_arn:
            lines.append(f"Live version: `{self._endpoint.model_package_arn}`")
        return "\n".join(lines)


def _text(markdown: str) -> Widget:
    return {"type": "text", "width": _COLUMNS, "height": 2, "properties": {"markdown": markdown}}


def _alarm_status(arns: Sequence[str]) -> Widget:
    shown = list(arns[:_MAX_ALARMS_IN_WIDGET])
    height = 2 + len(shown) // 6
    properties = {"title": "Alarms", "alarms": shown, "sortBy": "stateUpdatedTimestamp"}
    return {"type": "alarm", "width": _COLUMNS, "height": height, "properties": properties}


def _line_chart(chart: Chart) -> Widget:
    properties: dict[str, Any] = {
        "title": chart.title,
        "view": "timeSeries",
        "region": _refs.region(),
        "metrics": [measure.widget_row() for measure in chart.measures],
        "yAxis": {"left": {} if chart.minimum is None else {"min": chart.minimum}},
    }
    if chart.threshold is not None:
        properties["annotations"] = {"horizontal": [{"label": "alarm", "value": chart.threshold}]}
    return {"type": "metric", "width": _CHART_WIDTH, "height": _CHART_HEIGHT, "properties": properties}


def _laid_out(widgets: Sequence[Widget]) -> list[Widget]:
    """Places widgets from left to right, row by row."""
    placed, x, y, row_height = [], 0, 0, 0
    for widget in widgets:
        if x + widget["width"] > _COLUMNS:
            x, y, row_height = 0, y + row_height, 0
        placed.append({**widget, "x": x, "y": y})
        x, row_height = x + widget["width"], max(row_height, widget["height"])
    return placed
