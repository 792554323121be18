"""A CloudWatch dashboard as a picture: its widgets as they were deployed, its numbers from the APIs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

# The one form in which dashboards of this project search.
_SEARCH = re.compile(
    r"SORT\(SEARCH\('\{(?P<schema>[^}]*)\} (?P<terms>.*)', '(?P<stat>\w+)', (?P<period>\d+)\), "
    r"MAX, DESC, (?P<most>\d+)\)"
)


@dataclass(frozen=True)
class Line:
    """One metric of a widget, a point every ``period`` seconds where there is data."""

    label: str
    points: Sequence[tuple[datetime, float]]
    period: int = 60
    right: bool = False
    color: str | None = None


@dataclass
class Widget:
    """A widget with what it shows.

    ``place`` is x, y, width and height in CloudWatch's grid of 24 columns. ``kind`` is text, alarm, timeSeries or bar.
    """

    kind: str
    title: str
    place: tuple[int, int, int, int]
    text: str = ""
    states: Mapping[str, str] = field(default_factory=dict)
    lines: Sequence[Line] = ()
    threshold: float | None = None


def read(cloudwatch: Any, name: str, start: datetime, end: datetime) -> list[Widget]:
    """The widgets of a deployed dashboard; none if there is no such dashboard."""
    try:
        body = json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])
    except cloudwatch.exceptions.ClientError:
        return []
    reader = _Reader(cloudwatch, start, end)
    return [reader.widget(document) for document in body["widgets"]]


class _Reader:
    def __init__(self, cloudwatch: Any, start: datetime, end: datetime) -> None:
        self._cloudwatch = cloudwatch
        self._range = {"StartTime": start, "EndTime": end}

    def widget(self, document: dict[str, Any]) -> Widget:
        properties = document["properties"]
        place = (document["x"], document["y"], document["width"], document["height"])
        made = Widget(str(properties.get("view", document["type"])), properties.get("title", ""), place)
        lines = properties.get("annotations", {}).get("horizontal", [])
        made.threshold = lines[0]["value"] if lines else None
        if document["type"] == "text":
            made.text = properties["markdown"]
        elif document["type"] == "alarm":
            made.states = self._states(properties["alarms"])
        elif made.kind == "bar":
            made.lines = self._ranking(properties["metrics"][0][0]["expression"])
        else:
            made.lines = self._lines(properties["metrics"])
        return made

    def _states(self, arns: Sequence[str]) -> dict[str, str]:
        names = [arn.split(":alarm:", 1)[1] for arn in arns]
        answer = self._cloudwatch.describe_alarms(AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        alarms = [*answer["MetricAlarms"], *answer["CompositeAlarms"]]
        states = {alarm["AlarmName"]: str(alarm["StateValue"]) for alarm in alarms}
        return {name: states[name] for name in names if name in states}

    def _lines(self, rows: Sequence[Sequence[Any]]) -> list[Line]:
        lines = []
        for row in rows:
            *metric, options = row
            dimensions = dict(zip(metric[2::2], metric[3::2], strict=True))
            points = self._points(metric[0], metric[1], dimensions, options["stat"], options["period"])
            right = options.get("yAxis") == "right"
            lines.append(Line(options.get("label", metric[1]), points, options["period"], right, options.get("color")))
        return lines

    def _ranking(self, expression: str) -> list[Line]:
        """CloudWatch's own search, for the one form in which it is deployed."""
        parts = _SEARCH.fullmatch(expression)
        if parts is None:
            raise ValueError(f"this page cannot draw {expression}")
        namespace = parts["schema"].split(",")[0].strip().strip('"')
        wanted = dict(re.findall(r'(\w+)="([^"]*)"', parts["terms"]))
        beginning = parts["terms"].rsplit(" ", 1)[1]
        found = self._cloudwatch.get_paginator("list_metrics").paginate(
            Namespace=namespace, Dimensions=[{"Name": name, "Value": value} for name, value in wanted.items()]
        )
        names = {m["MetricName"] for page in found for m in page["Metrics"] if m["MetricName"].startswith(beginning)}
        lines = [
            Line(name.removeprefix(beginning).strip("_"), points, int(parts["period"]))
            for name in sorted(names)
            if (points := self._points(namespace, name, wanted, parts["stat"], int(parts["period"])))
        ]
        return sorted(lines, key=lambda line: -max(value for _, value in line.points))[: int(parts["most"])]

    def _points(
        self, namespace: str, name: str, dimensions: Mapping[str, str], stat: str, period: int
    ) -> list[tuple[datetime, float]]:
        metric = {
            "Namespace": namespace,
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        }
        query = {"Id": "m", "MetricStat": {"Metric": metric, "Stat": stat, "Period": period}}
        pages = self._cloudwatch.get_paginator("get_metric_data").paginate(MetricDataQueries=[query], **self._range)
        results = [result for page in pages for result in page["MetricDataResults"]]
        return sorted((at, value) for r in results for at, value in zip(r["Timestamps"], r["Values"], strict=True))
