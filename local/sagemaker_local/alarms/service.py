"""The alarms of one embedded AWS: evaluation, state changes and what they cause.

Alarms look at whole minutes that are over, as CloudWatch does: a point stamped now counts from the next minute on, one
in the past at once.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sagemaker_local import events, metrics
from sagemaker_local.messaging import arns, deliveries, targets
from sagemaker_local.metrics import queries
from sagemaker_local.metrics.store import MetricKey

from . import messages
from .judgement import ALARM, EXTRA_PERIODS, OK, Point, Verdict, judge
from .model import Alarm
from .suppression import Suppression

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws

Json = dict[str, Any]
_SERVICE = "cloudwatch.amazonaws.com"
_KEPT_HISTORY = timedelta(days=30)
_log = logging.getLogger(__name__)


class Alarms:
    """Alarms by account and region, and their history."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._deliveries = deliveries.of(aws)
        self._metrics = metrics.of(aws)
        self._alarms: dict[tuple[str, str], dict[str, Alarm]] = {}
        self._history: dict[tuple[str, str], list[Json]] = {}
        self._lock = threading.RLock()
        self._suppression = Suppression(self._is_suppressed)

    def all(self, account: str, region: str) -> list[Alarm]:
        """Return the alarms of an account and region, by name."""
        with self._lock:
            return [alarm for _, alarm in sorted(self._alarms.get((account, region), {}).items())]

    def get(self, account: str, region: str, name_or_arn: str) -> Alarm | None:
        name = name_or_arn.split(":alarm:", 1)[-1]
        with self._lock:
            return self._alarms.get((account, region), {}).get(name)

    def history(self, account: str, region: str) -> list[Json]:
        """Return the history items of the last 30 days, oldest first."""
        oldest = self._aws.clock.now() - _KEPT_HISTORY
        with self._lock:
            return [item for item in self._history.get((account, region), []) if item["Timestamp"] >= oldest]

    def put(self, alarm: Alarm) -> None:
        """Create an alarm, or overwrite its configuration and keep its state."""
        with self._lock:
            here = self._alarms.setdefault((alarm.account, alarm.region), {})
            known = here.get(alarm.name)
            if known is not None:
                alarm.state, alarm.reason, alarm.reason_data = known.state, known.reason, known.reason_data
                alarm.updated, alarm.transitioned = known.updated, known.transitioned
                alarm.tags = alarm.tags or known.tags
            here[alarm.name] = alarm
            kind = "updated" if known else "created"
            self._remember(alarm, "ConfigurationUpdate", f'Alarm "{alarm.name}" {kind}', {"type": kind})
            if alarm.is_composite:
                self._judge_composite(alarm, cause=None)

    def delete(self, account: str, region: str, names: Iterable[str]) -> None:
        with self._lock:
            for name in names:
                alarm = self._alarms.get((account, region), {}).pop(name, None)
                if alarm is not None:
                    self._remember(alarm, "ConfigurationUpdate", f'Alarm "{name}" deleted', {"type": "Delete"})

    def set_state(self, alarm: Alarm, state: str, reason: str, reason_data: str | None) -> None:
        """Put an alarm into a state by hand; the next evaluation may change it again."""
        with self._lock:
            self._enter(alarm, state, reason, reason_data)

    def on_data(self, account: str, region: str, keys: set[MetricKey]) -> None:
        """Evaluate the alarms that watch one of the metrics."""
        with self._lock:
            for alarm in self.all(account, region):
                if not alarm.is_composite and alarm.metrics & keys:
                    self._evaluate(alarm)

    def tick(self, old: datetime, new: datetime) -> None:
        """Evaluate every metric alarm at a new minute."""
        with self._lock:
            for here in list(self._alarms.values()):
                for alarm in list(here.values()):
                    if not alarm.is_composite:
                        self._evaluate(alarm)
            self._suppression.tick(self._aws.clock.now())
        self._deliveries.settle_if_jumping()

    def _evaluate(self, alarm: Alarm) -> None:
        grain = 10 if alarm.period < 60 else 60
        now = self._aws.clock.now()
        end = now.timestamp() // grain * grain
        count = alarm.criteria.periods + EXTRA_PERIODS
        start = end - count * alarm.period
        store = self._metrics.store(alarm.account, alarm.region)
        try:
            series = queries.run(store, alarm.queries, start, end)[alarm.watched]
        except (ValueError, ArithmeticError) as error:
            _log.warning("alarm %s cannot be evaluated: %s", alarm.name, error)
            return
        begins = [end - index * alarm.period for index in range(1, count + 1)]
        points = [Point(datetime.fromtimestamp(begin, UTC), series.get(begin)) for begin in begins]
        verdict = judge(points, alarm.criteria)
        if verdict is not None and verdict.state != alarm.state:
            self._enter(alarm, verdict.state, verdict.reason, _reason_data(alarm, verdict, now))

    def _enter(self, alarm: Alarm, state: str, reason: str, reason_data: str | None) -> None:
        now = self._aws.clock.now()
        before = alarm.state
        previous = messages.state(alarm, alarm.updated or alarm.configured)
        alarm.state, alarm.reason, alarm.reason_data, alarm.updated = state, reason, reason_data, now
        if state == before:
            return
        alarm.transitioned = now
        summary = f"Alarm updated from {before} to {state}"
        self._remember(alarm, "StateUpdate", summary, {"oldState": previous, "newState": messages.state(alarm, now)})
        detail = messages.change(alarm, previous, now)
        if alarm.actions_enabled:
            subject, text = messages.notification(alarm, before, now)
            invocation = messages.for_function(alarm, detail, now)

            def act() -> None:
                for action in alarm.actions(state):
                    self._act(alarm, action, subject, text, invocation)

            self._suppression.submit(alarm, now, act)
        events.emit(
            self._aws,
            alarm.account,
            alarm.region,
            "aws.cloudwatch",
            "CloudWatch Alarm State Change",
            detail,
            [alarm.arn],
        )
        for other in self.all(alarm.account, alarm.region):
            if other.is_composite and other.rule.alarms & {alarm.name, alarm.arn}:
                self._judge_composite(other, cause=alarm)

    def _is_suppressed(self, alarm: Alarm) -> bool:
        suppressor = self.get(alarm.account, alarm.region, alarm.settings["ActionsSuppressor"])
        return suppressor is not None and suppressor.state == ALARM

    def _judge_composite(self, alarm: Alarm, cause: Alarm | None) -> None:
        def state_of(name: str) -> str:
            found = self.get(alarm.account, alarm.region, name)
            return found.state if found is not None else "INSUFFICIENT_DATA"

        state = ALARM if alarm.rule.holds(state_of) else OK
        if state == alarm.state:
            return
        now = self._aws.clock.now()
        children = [self.get(alarm.account, alarm.region, name) for name in sorted(alarm.rule.alarms)]
        shown = cause or next((child for child in children if child is not None), alarm)
        moment = (shown.transitioned or shown.configured).strftime("%A %d %B, %Y %H:%M:%S UTC")
        verb = "transitioned to" if cause else "is in state"
        reason = f"{shown.arn} {verb} {shown.state} at {moment}" if shown is not alarm else f"{alarm.arn} was created"
        triggering = [
            {
                "arn": child.arn,
                "state": {"value": child.state, "timestamp": messages.precise(child.transitioned or now)},
            }
            for child in children
            if child is not None
        ]
        self._enter(alarm, state, reason, json.dumps({"triggeringAlarms": triggering}))

    def _act(self, alarm: Alarm, action: str, subject: str, text: str, invocation: Json) -> None:
        def run() -> None:
            target = arns.parse(action)
            principal = self._aws.accounts.service(target.account or alarm.account, _SERVICE)
            outcome = f"Successfully executed action {action}"
            try:
                if target.service == "sns":
                    client = self._aws.clients.of(principal, "sns", target.region)
                    client.publish(TopicArn=action, Subject=subject, Message=text)
                else:
                    targets.send(self._aws, action, json.dumps(invocation), principal)
            except Exception as error:  # noqa: BLE001 - noted in the history, as CloudWatch does
                code, message = targets.failure(error)
                outcome = f"Failed to execute action {action}. Received error: {code}: {message}"
                _log.warning("alarm %s: %s", alarm.name, outcome)
            with self._lock:
                self._remember(alarm, "Action", outcome, {"actionArn": action})

        self._deliveries.submit(run)

    def _remember(self, alarm: Alarm, kind: str, summary: str, data: Json) -> None:
        item = {
            "AlarmName": alarm.name,
            "AlarmType": "CompositeAlarm" if alarm.is_composite else "MetricAlarm",
            "Timestamp": self._aws.clock.now(),
            "HistoryItemType": kind,
            "HistorySummary": summary,
            "HistoryData": json.dumps({"version": "1.0", **data}),
        }
        self._history.setdefault((alarm.account, alarm.region), []).append(item)


def _reason_data(alarm: Alarm, verdict: Verdict, now: datetime) -> str:
    evaluated = [{"timestamp": messages.precise(point.start), "value": point.value} for point in verdict.evaluated]
    statistic = alarm.settings.get("Statistic") or alarm.settings.get("ExtendedStatistic")
    document: Json = {
        "version": "1.0",
        "queryDate": messages.precise(now),
        "startDate": evaluated[-1]["timestamp"] if evaluated else None,
        "statistic": statistic,
        "period": alarm.period,
        "recentDatapoints": [point.value for point in reversed(verdict.evaluated)],
        "threshold": alarm.criteria.threshold,
        "evaluatedDatapoints": evaluated,
    }
    return json.dumps({name: value for name, value in document.items() if value is not None})
