"""Wake-ups, read: a monitor's run, an alarm, the end of an execution, an approval, a clock, a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from retrain.state import Evidence, State

MONITORING_SOURCE = "sagemaker-mlops.monitoring"
_ALARM = "CloudWatch Alarm State Change"


@dataclass(frozen=True)
class Request:
    """What a wake-up says.

    :ivar found: Evidence for a retraining.
    :ivar cleared: Source that finds nothing any more, and when it said so.
    :ivar reset: Whether a person wants it to go on.
    """

    found: Evidence | None = None
    cleared: tuple[str, str] | None = None
    reset: bool = False

    def apply(self, state: State) -> State:
        """The state with what the wake-up says."""
        evidence = dict(state.evidence)
        if self.found is not None:
            before = evidence.get(self.found.source)
            evidence[self.found.source] = before.then(self.found) if before else self.found
        if self.cleared is not None:
            source, when = self.cleared
            if source in evidence and evidence[source].seen < when:
                del evidence[source]
        return replace(state, evidence=evidence)

    @classmethod
    def parse(cls, event: Mapping[str, Any], endpoint: str, monitors: tuple[str, ...] = ()) -> Request:
        """Read a wake-up; one that says nothing of interest is a request to look.

        :param event: An event of EventBridge, or `{"action": "reset"}` by a person.
        :param endpoint: Endpoint whose monitors count.
        :param monitors: Names of monitors that count; empty for all.
        """
        if event.get("action") == "reset":
            return cls(reset=True)
        detail = event.get("detail") or {}
        if event.get("source") == MONITORING_SOURCE:
            counts = detail.get("endpointName") == endpoint
            counts = counts and (not monitors or detail.get("monitoringScheduleName") in monitors)
            return _of_monitor(detail) if counts else cls()
        if event.get("detail-type") == _ALARM:
            return _of_alarm(detail, str(event.get("time", "")))
        return cls()


def _of_monitor(detail: Mapping[str, Any]) -> Request:
    source, window = str(detail.get("monitoringScheduleName", "")), detail.get("window") or {}
    if not source or not window.get("end"):
        return Request()
    if detail.get("status") == "Completed" and detail.get("checked", True):
        return Request(cleared=(source, str(window["end"])))
    if detail.get("status") != "CompletedWithViolations":
        # A run without data or without success says nothing about the model.
        return Request()
    worst = [*(detail.get("worstFeatures") or ()), *(detail.get("worstMetrics") or ())]
    names = dict.fromkeys(str(item.get("feature") or item.get("metric") or "") for item in worst)
    return Request(
        found=Evidence(
            source=source,
            kind="monitor",
            seen=str(window["end"]),
            began=str(window.get("start") or window["end"]),
            violations=int(detail.get("violations") or 0),
            features=tuple(name for name in names if name),
            report=str(detail.get("reportUri") or ""),
            version=str(detail.get("modelPackageArn") or ""),
        )
    )


def _of_alarm(detail: Mapping[str, Any], time: str) -> Request:
    name, state = str(detail.get("alarmName", "")), detail.get("state") or {}
    # CloudWatch writes an offset without a colon, which ISO parsers of Python 3.10 do not read; the event's time is
    # the same moment.
    when = time or str(state.get("timestamp", ""))
    if not name or not when:
        return Request()
    if state.get("value") == "ALARM":
        return Request(found=Evidence(source=name, kind="alarm", seen=when, began=when))
    return Request(cleared=(name, when)) if state.get("value") == "OK" else Request()
