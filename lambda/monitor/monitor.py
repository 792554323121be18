"""One run from beginning to end: read, analyse, write, measure, announce. The same for every type of analysis.

Everything it writes follows from the window, its labels and the baseline alone, so that running it again, after a
failure or on purpose, writes the same objects to the same keys.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from monitor import measures
from monitor.analysis import Analysis, BaselineError, NoData, Outcome, Spread, Traffic
from monitor.baselines import Baselines
from monitor.run import Run
from monitor.scripts import postprocess, preprocessor_of
from monitor.settings import Settings
from monitor.storage import Storage, StoredFile
from shared import events, metrics
from shared.clients import client
from shared.log import Logger
from shared.s3 import S3Uri

SOURCE = "sagemaker-mlops.monitoring"
DETAIL_TYPE = "Monitoring Execution"
#: What is kept of the time for reports, metrics and the event: a fifth, but not more than so many seconds.
RESERVE_SHARE, MAX_RESERVE_SECONDS = 0.2, 40.0
MAX_REASON = 1000
#: Names of metrics without a value that an event carries at most.
MAX_UNCHECKED = 20
CONTENT_TYPES = {"json": "application/json", "html": "text/html; charset=utf-8"}

log = Logger("monitor")


class WindowTooLarge(RuntimeError):
    """The window's traffic cannot be analysed in the time that there is."""


@dataclass(frozen=True)
class Origin:
    """What carries out a run, as its event says: the engine, why it was chosen, and the job if there is one."""

    engine: str
    reason: str | None = None
    job: str | None = None


@dataclass(frozen=True)
class Found:
    """What a window holds."""

    captures: list[StoredFile]
    labels: list[StoredFile]

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(item.size for item in [*self.captures, *self.labels])


class Monitor:
    """Carries out runs. ``seconds`` is a monotonic clock."""

    def __init__(
        self,
        settings: Settings,
        analysis: Analysis[Any],
        *,
        storage: Storage,
        cloudwatch: Any,
        bus: Any,
        seconds: Callable[[], float],
        origin: Origin,
        spread: Spread | None = None,
    ) -> None:
        self._settings = settings
        self._analysis = analysis
        self._storage = storage
        self._cloudwatch = cloudwatch
        self._bus = bus
        self._seconds = seconds
        self._spread = spread
        #: What the events say of where runs are carried out.
        self.origin = origin

    @property
    def analysis(self) -> Analysis[Any]:
        """What runs do with what they find."""
        return self._analysis

    @property
    def needs_labels(self) -> bool:
        """Whether predictions are compared with labels."""
        return self._analysis.ground_truth is not None

    def find(self, run: Run) -> Found:
        """List what the window holds; labels only where there is something that they could be for."""
        captured = self._settings.source.files(self._storage, run.window)
        labels: list[StoredFile] = []
        if captured and self._analysis.ground_truth is not None:
            labels = self._storage.hourly(self._analysis.ground_truth, run.label_hours)
        return Found(captured, labels)

    def execute(self, run: Run, remaining: Callable[[], float], found: Found | None = None) -> dict[str, Any]:
        """Carry out the run and return the event's detail; ``remaining`` tells how many seconds there are left.

        ``found`` is what the window holds, if that is known already. Raises what went wrong, unannounced.
        """
        began = self._seconds()
        run = self._with_baseline(run, remaining)
        log.info("run started", window=run.window.to_json(), model_package_arn=run.model_package_arn)
        prepared = self._prepare(run)
        if run.baseline_missing:
            log.warning("the version has no complete baseline", model_package_arn=run.model_package_arn)
        result = self._analyse(run, prepared, remaining, found)
        if isinstance(result, Outcome):
            postprocess(self._storage, self._settings.postprocessor, result.documents)
        return self.tell(run, result, self._seconds() - began)

    def tell(self, run: Run, result: Outcome | NoData, seconds: float) -> dict[str, Any]:
        """Write what a run found, measure it and announce it; returns the event's detail."""
        checked = run.constraints is not None
        if isinstance(result, Outcome):
            self._write(run, result)
        self._measure(run, result, checked, seconds)
        detail = self._detail(run, result, checked)
        self._announce(run, detail)
        return detail

    def fail(self, run: Run | None, at: datetime, reason: str, seconds: float) -> None:
        """Make a failed run visible: a metric and an event. ``run`` is None if the failure is in its event already."""
        points = measures.health(
            self._settings,
            run.scheduled if run else at,
            failed=True,
            baseline_missing=run.baseline_missing if run else None,
            seconds=seconds,
        )
        metrics.publish(self._cloudwatch, measures.RUN_NAMESPACE, points)
        detail = self._base_detail(run, "Failed") | {"failureReason": reason[:MAX_REASON]}
        self._announce(run, detail)

    def _prepare(self, run: Run) -> Any:
        files = self._baseline("constraints", run.constraints), self._baseline("statistics", run.statistics)
        try:
            return self._analysis.prepare(*files, self._storage.read)
        except BaselineError as error:
            # The analysis sees contents only; who reads the alarm needs to know where they lie.
            places = " and ".join(str(uri) for uri in (run.constraints, run.statistics) if uri is not None)
            raise BaselineError(f"{error} (read from {places})") from error

    def _with_baseline(self, run: Run, remaining: Callable[[], float]) -> Run:
        def check_time() -> None:
            if remaining() < MAX_RESERVE_SECONDS:
                raise WindowTooLarge(
                    "the training data takes longer to read than the run may; give it more time, or another engine"
                )

        baselines = Baselines(
            self._settings, self._analysis, self._storage.with_buckets_key(), lambda: client("sagemaker")
        )
        return baselines.completed(self.with_what_there_is(run), check_time)

    def with_what_there_is(self, run: Run) -> Run:
        """The run without a baseline, if that need not exist and does not."""
        named = [uri for uri in (run.constraints, run.statistics) if uri is not None]
        if not run.baseline_optional or all(self._storage.read(uri) is not None for uri in named):
            return run
        return replace(run, constraints=None, statistics=None, baseline_missing=True)

    def _baseline(self, kind: str, uri: S3Uri | None) -> bytes | None:
        if uri is None:
            return None
        content = self._storage.read(uri)
        if content is None:
            raise BaselineError(f"the baseline's {kind} {uri} does not exist")
        return content

    def _analyse(
        self, run: Run, prepared: Any, remaining: Callable[[], float], found: Found | None
    ) -> Outcome | NoData:
        reserve = min(MAX_RESERVE_SECONDS, RESERVE_SHARE * remaining())
        found = found or self.find(run)
        log.info("objects found", captures=len(found.captures), labels=len(found.labels), bytes=found.size)
        if not found.captures:
            return NoData("NoCaptures")

        def check_time() -> None:
            if remaining() < reserve:
                raise WindowTooLarge(
                    f"the window holds {len(found.captures) + len(found.labels)} objects of {found.size} bytes, more "
                    "than can be analysed in the time that the run has; give it more memory or time, a shorter "
                    "schedule, or another engine"
                )

        traffic = Traffic(
            run,
            self._settings.source,
            captures=self._settings.source.open(self._storage, found.captures, check_time),
            labels=self._storage.fetch(found.labels, check_time, in_memory=True),
            preprocessor=preprocessor_of(self._storage, self._settings.preprocessor),
            listed=found.captures,
            spread=self._spread,
            read=self._storage.read,
        )
        return self._analysis.analyse(traffic, prepared)

    def _write(self, run: Run, outcome: Outcome) -> None:
        for name, text in outcome.documents.items():
            self._storage.write(run.report / name, text, CONTENT_TYPES[name.rpartition(".")[2]])

    def _measure(self, run: Run, result: Outcome | NoData, checked: bool, seconds: float) -> None:
        found = isinstance(result, Outcome)
        health = measures.health(
            self._settings,
            run.scheduled,
            completed=found,
            without_data=not found,
            baseline_missing=run.baseline_missing,
            seconds=seconds,
        )
        violations = len(result.findings) if isinstance(result, Outcome) and checked else None
        traffic = measures.traffic(self._settings, run, result.records, violations, result.labels)
        metrics.publish(self._cloudwatch, measures.RUN_NAMESPACE, [*health, *traffic])
        if isinstance(result, Outcome):
            points = measures.analysed(self._settings, run, result.points)
            namespace = self._settings.source.namespace(self._analysis.namespace)
            metrics.publish(self._cloudwatch, namespace, points)

    def _detail(self, run: Run, result: Outcome | NoData, checked: bool) -> dict[str, Any]:
        seen = {
            "records": result.records,
            "brokenRecords": result.broken,
            "labels": result.labels.to_json() if result.labels else None,
        }
        if isinstance(result, NoData):
            return self._base_detail(run, "NoData") | seen | {"noDataReason": result.reason}
        status = "CompletedWithViolations" if result.findings else "Completed"
        return (
            self._base_detail(run, status)
            | seen
            | {
                "checked": checked,
                "violations": len(result.findings),
                self._analysis.worst_field: result.worst(),
                "uncheckedMetrics": list(result.unchecked[:MAX_UNCHECKED]),
                "reportUri": str(run.report / "report.html"),
                "statisticsUri": str(run.report / self._analysis.document),
                "violationsUri": str(run.report / "constraint_violations.json"),
            }
        )

    def _base_detail(self, run: Run | None, status: str) -> dict[str, Any]:
        """Every field that events have, so that consumers need not ask which are there."""
        return {
            "endpointName": self._settings.source.endpoint_name,
            "inputType": self._settings.source.type,
            "inputName": self._settings.name,
            "monitoringScheduleName": self._settings.schedule_name,
            "monitoringType": self._settings.monitoring_type,
            "engine": self.origin.engine,
            "engineReason": self.origin.reason,
            "processingJobName": self.origin.job,
            "status": status,
            "noDataReason": None,
            "baselineMissing": run.baseline_missing if run else False,
            "checked": False,
            "window": run.window.to_json() if run else None,
            "records": 0,
            "brokenRecords": 0,
            "labels": None,
            "violations": 0,
            "worstFeatures": [],
            "worstMetrics": [],
            "uncheckedMetrics": [],
            "reportUri": None,
            "statisticsUri": None,
            "violationsUri": None,
            "modelPackageArn": run.model_package_arn if run else "",
        }

    def _announce(self, run: Run | None, detail: dict[str, Any]) -> None:
        log.info("run ended", **detail)
        resources = (run.model_package_arn,) if run and run.model_package_arn else ()
        events.publish(self._bus, source=SOURCE, detail_type=DETAIL_TYPE, detail=detail, resources=resources)
