"""What a run of somebody else's program has left behind, as an outcome.

Model Monitor's and Clarify's images leave files in the folder of the report, and publish metrics themselves. A
container of the user's own leaves files in a folder of its job; its metrics are what its statistics or analysis say, or
lines of `cloudwatch_metrics.jsonl` if it leaves them, in the format in which Model Monitor takes them from containers:
https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-cloudwatch.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from monitor.analysis import PAGE, VIOLATIONS, Analysis, BaselineError, Outcome, Point
from monitor.native_findings import findings
from monitor.native_report import Files, native_points, page_of, records_of
from monitor.run import Run
from monitor.settings import Settings
from monitor.storage import Storage
from shared.log import Logger
from shared.metrics import StatisticSet
from shared.s3 import S3Uri

METRICS = "cloudwatch_metrics.jsonl"
_NATIVE = (VIOLATIONS, "statistics.json", "analysis.json", PAGE)
_OWN = (*_NATIVE, "constraints.json", METRICS)

log = Logger("monitor.left_behind")


class NothingLeft(ValueError):
    """The program says that it is done, but there is nothing to be read."""


def outcome_of_execution(settings: Settings, storage: Storage, run: Run) -> Outcome:
    """The outcome of one of SageMaker's executions; a page for people is added where Model Monitor wrote none.

    Raises ValueError for files that cannot be read.
    """
    kind, files, baseline = settings.monitoring_type, _files(storage, run.report, _NATIVE), _baseline(storage, run)
    with _reading("the report"):
        page = page_of(kind, files, baseline, run, settings.name, "Model Monitor")
        points = tuple(native_points(kind, files, baseline))
    return _outcome(kind, files, {PAGE: page} if page is not None else {}, points)


def outcome_of_container(
    analysis: Analysis[Any], settings: Settings, storage: Storage, run: Run, place: S3Uri
) -> Outcome:
    """The outcome of a job of the user's own container, whose files in ``place`` become the report.

    Raises :class:`NothingLeft`, and ValueError for files that cannot be read.
    """
    files = _files(storage, place, _OWN)
    if not files:
        raise NothingLeft(f"there is none of {', '.join(_OWN)} in {place}")
    prepared, baseline = _prepared(analysis, storage, _baseline(storage, run))
    documents = {name: content.decode("utf-8") for name, content in files.items() if name != METRICS}
    # Of an earlier job of the same hour nothing may stay.
    documents.setdefault(VIOLATIONS, json.dumps({"violations": []}))
    points: tuple[Point, ...] = ()
    if METRICS in files:
        points = tuple(_points(files[METRICS]))
    elif settings.publishes and analysis.document in files:
        with _reading(f"{analysis.document}, which has the metrics where there is no {METRICS},"):
            points = tuple(analysis.points_of(files[analysis.document], prepared))
    with _reading("the report"):
        page = page_of(settings.monitoring_type, files, baseline, run, settings.name, "a container of your own")
    documents |= {PAGE: page} if page is not None else {}
    return _outcome(settings.monitoring_type, files, documents, points if settings.publishes else ())


def _outcome(kind: str, files: Files, documents: Mapping[str, str], points: tuple[Point, ...]) -> Outcome:
    with _reading(VIOLATIONS):
        found = findings(kind, files[VIOLATIONS]) if VIOLATIONS in files else ()
    with _reading("the report"):
        records = records_of(files)
    return Outcome(records=records, broken=0, documents=documents, findings=found, points=points)


def _files(storage: Storage, place: S3Uri, names: Iterable[str]) -> dict[str, bytes]:
    return {name: content for name in names if (content := storage.read(place / name)) is not None}


def _baseline(storage: Storage, run: Run) -> dict[str, bytes]:
    named = {"constraints": run.constraints, "statistics": run.statistics}
    found = {kind: storage.read(uri) for kind, uri in named.items() if uri is not None}
    return {kind: content for kind, content in found.items() if content is not None}


def _prepared(analysis: Analysis[Any], storage: Storage, baseline: Files) -> tuple[Any, Files]:
    """The analysis' settings with the baseline, or without one that only the container can read."""
    try:
        return analysis.prepare(baseline.get("constraints"), baseline.get("statistics"), storage.read), baseline
    except BaselineError as error:
        log.warning("the baseline is the container's own; nothing else compares with it", reason=str(error))
        return analysis.prepare(None, None, storage.read), {}


@contextmanager
def _reading(what: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{what} is not as Model Monitor and Clarify write it ({reason})") from error


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
