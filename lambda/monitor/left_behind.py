"""What a run of somebody else's program has left behind, as an outcome.

Model Monitor's and Clarify's images leave files in the folder of the report, a container of the user's own leaves them
in a folder of its job. Metrics of the latter are lines of `cloudwatch_metrics.jsonl`, in the format in which Model
Monitor takes them from containers:
https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-cloudwatch.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from monitor.analysis import PAGE, VIOLATIONS, Outcome, Point
from monitor.native_findings import findings
from monitor.native_report import native_points, page_of, records_of
from monitor.run import Run
from monitor.settings import Settings
from monitor.storage import Storage
from shared.metrics import StatisticSet
from shared.s3 import S3Uri

METRICS = "cloudwatch_metrics.jsonl"
_NAMES = (VIOLATIONS, "statistics.json", "analysis.json", PAGE)


class NothingLeft(ValueError):
    """The program says that it is done, but there is nothing to be read."""


def outcome_of(settings: Settings, storage: Storage, run: Run, *, by: str, container: S3Uri | None = None) -> Outcome:
    """The outcome of a run that was made ``by`` a program; a page for people is added where that wrote none.

    ``container`` is where the user's own program left its files, which then become the report; it has to leave
    something, and may leave metrics. Raises :class:`NothingLeft`, and ValueError for files that cannot be read.
    """
    kind, place = settings.monitoring_type, container or run.report
    names = _NAMES if container is None else (*_NAMES, "constraints.json", METRICS)
    files = {name: content for name in names if (content := storage.read(place / name)) is not None}
    if container is not None and not files:
        raise NothingLeft(f"there is none of {', '.join(names)} in {place}")
    baseline = {
        name: storage.read(uri)
        for name, uri in (("constraints", run.constraints), ("statistics", run.statistics))
        if uri is not None
    }
    documents: dict[str, str] = {}
    if container is not None:
        documents = {name: content.decode("utf-8") for name, content in files.items() if name != METRICS}
        # Of an earlier job of the same hour nothing may stay.
        documents.setdefault(VIOLATIONS, json.dumps({"violations": []}))
    if PAGE not in files:
        page = page_of(kind, files, baseline, run, settings.name, by)
        documents |= {PAGE: page} if page is not None else {}
    return Outcome(
        records=records_of(files),
        broken=0,
        documents=documents,
        findings=findings(kind, files[VIOLATIONS]) if VIOLATIONS in files else (),
        points=(*native_points(kind, files, baseline), *_points(files.get(METRICS, b""))),
    )


def _points(lines: bytes) -> Iterator[Point]:
    for number, line in enumerate(lines.decode("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield _point(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"line {number} of {METRICS} is none of CloudWatch's metric data, which have MetricName and Value or "
                f"StatisticValues: {line[:200]}"
            ) from error


def _point(datum: Mapping[str, Any]) -> Point:
    dimensions = {str(item["Name"]): str(item["Value"]) for item in datum.get("Dimensions") or []}
    # The run adds those itself.
    own = {name: value for name, value in dimensions.items() if name not in ("Endpoint", "MonitoringSchedule")}
    values = datum.get("StatisticValues")
    if values is None:
        return Point(str(datum["MetricName"]), float(datum["Value"]), own)
    counts = (float(values[name]) for name in ("SampleCount", "Sum", "Minimum", "Maximum"))
    return Point(str(datum["MetricName"]), StatisticSet(*counts), own)
