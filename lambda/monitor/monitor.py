"""One run from beginning to end: read, analyse, write, measure, announce.

Everything it writes follows from the window and the baseline alone, so that running it again, after a failure or on
purpose, writes the same objects to the same keys.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from monitor import measures
from monitor.analysis import Baseline, BaselineError, Outcome, analyse, parse_baseline
from monitor.run import Run
from monitor.settings import Settings
from monitor.storage import Storage
from shared import events, metrics
from shared.log import Logger
from shared.s3 import S3Uri

SOURCE = "sagemaker-mlops.monitoring"
DETAIL_TYPE = "Monitoring Execution"
#: What is kept of the function's time for reports, metrics and the event: a fifth, but not more than so many seconds.
RESERVE_SHARE, MAX_RESERVE_SECONDS = 0.2, 40.0
MAX_REASON = 1000

log = Logger("monitor")


class WindowTooLarge(RuntimeError):
    """The window's traffic cannot be analysed in the time that the function has."""


class Monitor:
    """Carries out runs. ``seconds`` is a monotonic clock."""

    def __init__(
        self, settings: Settings, *, storage: Storage, cloudwatch: Any, bus: Any, seconds: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._storage = storage
        self._cloudwatch = cloudwatch
        self._bus = bus
        self._seconds = seconds

    def execute(self, run: Run, remaining: Callable[[], float]) -> dict[str, Any]:
        """Carry out the run and return the event's detail; ``remaining`` tells how many seconds the function has left.

        Raises what went wrong, unannounced.
        """
        began = self._seconds()
        reserve = min(MAX_RESERVE_SECONDS, RESERVE_SHARE * remaining())
        log.info("run started", window=run.window.to_json(), model_package_arn=run.model_package_arn)
        baseline = self._baseline(run)
        captured = self._storage.captures(self._settings.captures / self._settings.endpoint_name, run.window)
        log.info("captured objects found", objects=len(captured), bytes=sum(item.size for item in captured))

        def check_time() -> None:
            if remaining() < reserve:
                size = sum(item.size for item in captured)
                raise WindowTooLarge(
                    f"the window holds {len(captured)} objects of {size} bytes, more than can be analysed in the "
                    "function's time; give it more memory or a shorter schedule, or use a processing engine"
                )

        outcome = None
        if captured:
            title = f"Data quality of {self._settings.endpoint_name}"
            outcome = analyse(self._storage.fetch(captured, check_time), baseline, self._settings, title)
        checked = baseline.constraints is not None
        if outcome is not None:
            self._write(run, outcome)
        self._measure(run, outcome, checked, self._seconds() - began)
        detail = self._detail(run, outcome, checked)
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

    def _baseline(self, run: Run) -> Baseline:
        def read(kind: str, uri: S3Uri | None) -> bytes | None:
            if uri is None:
                return None
            content = self._storage.read(uri)
            if content is None:
                raise BaselineError(f"the baseline's {kind} {uri} does not exist")
            return content

        constraints, statistics = read("constraints", run.constraints), read("statistics", run.statistics)
        if run.baseline_missing:
            log.warning("the version has no complete baseline", model_package_arn=run.model_package_arn)
        return parse_baseline(constraints, statistics, self._settings)

    def _write(self, run: Run, outcome: Outcome) -> None:
        documents = {
            "statistics.json": json.dumps(outcome.statistics, indent=2, ensure_ascii=False),
            "constraints.json": outcome.constraints,
            "constraint_violations.json": outcome.violations,
        }
        for name, text in documents.items():
            self._storage.write(run.report / name, text, "application/json")
        self._storage.write(run.report / "report.html", outcome.html, "text/html; charset=utf-8")

    def _measure(self, run: Run, outcome: Outcome | None, checked: bool, seconds: float) -> None:
        health = measures.health(
            self._settings,
            run.scheduled,
            completed=outcome is not None,
            without_data=outcome is None,
            baseline_missing=run.baseline_missing,
            seconds=seconds,
        )
        violations = len(outcome.findings) if outcome is not None and checked else None
        traffic = measures.traffic(self._settings, run, outcome.records if outcome else 0, violations)
        metrics.publish(self._cloudwatch, measures.RUN_NAMESPACE, [*health, *traffic])
        if outcome is not None:
            points = measures.features(self._settings, run, outcome)
            metrics.publish(self._cloudwatch, measures.FEATURE_NAMESPACE, points)

    def _detail(self, run: Run, outcome: Outcome | None, checked: bool) -> dict[str, Any]:
        if outcome is None:
            return self._base_detail(run, "NoData")
        status = "CompletedWithViolations" if outcome.findings else "Completed"
        return self._base_detail(run, status) | {
            "records": outcome.records,
            "brokenRecords": outcome.broken,
            "checked": checked,
            "violations": len(outcome.findings),
            "worstFeatures": outcome.worst(),
            "reportUri": str(run.report / "report.html"),
            "statisticsUri": str(run.report / "statistics.json"),
            "violationsUri": str(run.report / "constraint_violations.json"),
        }

    def _base_detail(self, run: Run | None, status: str) -> dict[str, Any]:
        return {
            "endpointName": self._settings.endpoint_name,
            "monitoringScheduleName": self._settings.schedule_name,
            "monitoringType": "DataQuality",
            "engine": "lambda",
            "status": status,
            "baselineMissing": run.baseline_missing if run else False,
            "window": run.window.to_json() if run else None,
            "records": 0,
            "violations": 0,
            "worstFeatures": [],
            "reportUri": None,
            "statisticsUri": None,
            "violationsUri": None,
            "modelPackageArn": run.model_package_arn if run else "",
        }

    def _announce(self, run: Run | None, detail: dict[str, Any]) -> None:
        log.info("run ended", **detail)
        resources = (run.model_package_arn,) if run and run.model_package_arn else ()
        events.publish(self._bus, source=SOURCE, detail_type=DETAIL_TYPE, detail=detail, resources=resources)
