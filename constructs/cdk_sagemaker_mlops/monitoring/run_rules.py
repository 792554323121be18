"""Alarms that every monitor has: what runs found, and whether there are runs at all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cdk_sagemaker_mlops.alarming import ALARM_MONTHLY_USD, AlarmRule, Concern, MissingData, Severity, monthly_usd
from cdk_sagemaker_mlops.measures import Measure, MetricMath
from cdk_sagemaker_mlops.serving_mode import variant_measure

from .analysis import MonitorView

_MAX_METRICS_IN_ALARM = 10
# CloudWatch looks back a week; a run that is due later than that cannot be waited for.
_LONGEST_WAIT_SECONDS = 7 * 86_400
# What shows that traffic is looked at. A run that waits for labels does not complete, but has read its records.
_SIGNS_OF_LIFE = (
    ("runs", ("RunsCompleted", "completed")),
    ("records", ("Records", "records")),
    ("idle", ("RunsWithoutData", "without data")),
)


@dataclass(frozen=True, kw_only=True)
class MonitorAlarms:
    """Which alarms a monitor has. Each costs money, so their number has a limit that is yours to raise.

    They exist, and are paid for, before there is a first model version; without data none of them goes off.

    :param max_violations: Violations that one run may find without an alarm; None for no such alarm. Default: 0
    :param heartbeat_periods: Periods of the schedule with traffic but without a completed run that are an incident;
        None for no such alarm. Nothing happens before the first request, during idle times and after a rollout. With
        `window_offset_hours` it takes as much longer. CloudWatch looks back 7 days at most: up to 6 for a daily
        schedule. Default: 2
    :param datapoints: Runs in a row that must breach before a drift or violation alarm begins. Default: 1
    :param baseline_missing: Alarm while runs have nothing to compare with. Default: True
    :param maximum: Most alarms that the monitor may define. Default: 50, at most 5 US dollars a month
    """

    max_violations: int | None = 0
    heartbeat_periods: int | None = 2
    datapoints: int = 1
    baseline_missing: bool = True
    maximum: int = 50

    def problems(self) -> Iterable[str]:
        """What makes no sense."""
        if self.max_violations is not None and self.max_violations < 0:
            yield f"alarms max_violations is {self.max_violations}, allowed are 0 and more"
        if self.heartbeat_periods is not None and self.heartbeat_periods < 1:
            yield f"alarms heartbeat_periods is {self.heartbeat_periods}, allowed are 1 and more"
        if self.datapoints < 1:
            yield f"alarms datapoints is {self.datapoints}, allowed are 1 and more"

    def count_problems(self, rules: Sequence[AlarmRule]) -> Iterable[str]:
        """Says when there would be more alarms than wanted, and what they would cost."""
        count = len(rules)
        if count > self.maximum:
            yield (
                f"{count} alarms would be defined ({monthly_usd(rules):.2f} US dollars a month at "
                f"{ALARM_MONTHLY_USD:.2f} for each metric), the limit is {self.maximum}; name fewer features (one "
                f"alarm watches the violations of all of them), or set MonitorAlarms(maximum={count})"
            )


def run_rules(view: MonitorView, alarms: MonitorAlarms, monitoring_type: str) -> list[AlarmRule]:
    """The alarms on runs and their findings."""
    subject = view.subject
    rules = [
        AlarmRule(
            id="RunFailed",
            concern=Concern.WATCHING,
            severity=Severity.CRITICAL,
            title=f"A {monitoring_type} run of {subject} failed",
            advice=(
                "Nobody watches the model until runs complete again. The event 'Monitoring Execution' and the "
                "log name the "
                f"reason; Lambda tries a run again twice. Earlier reports: {view.report_hint}"
            ),
            measure=view.run_measure("RunsFailed", "Sum", "failed"),
            threshold=0,
            # Runs that do not fail say nothing here; silence is the heartbeat's affair.
            missing_data=MissingData.NOT_BREACHING,
        )
    ]
    if alarms.max_violations is not None:
        rules.append(
            AlarmRule(
                id="Violations",
                severity=Severity.WARNING,
                title=f"{monitoring_type} of {subject} violates its baseline",
                advice=f"Read the report: {view.report_hint}; constraint_violations.json beside it lists them all",
                measure=view.run_measure("Violations", "Maximum", "violations"),
                threshold=alarms.max_violations,
                evaluation_periods=alarms.datapoints,
            )
        )
    if alarms.heartbeat_periods is not None:
        heartbeat = _heartbeat if view.endpoint_name is not None else _pulse
        rules.append(heartbeat(view, alarms.heartbeat_periods, monitoring_type))
    if alarms.baseline_missing:
        rules.append(
            AlarmRule(
                id="BaselineMissing",
                concern=Concern.WATCHING,
                severity=Severity.WARNING,
                title=f"{monitoring_type} of {subject} has no baseline to compare with",
                advice=(
                    "Runs only write statistics and suggested constraints. Register the version with baselines (of "
                    "data without a version: put the files where the monitor looks for them), or review the suggested "
                    f"constraints of a good run and use them: {view.report_hint}"
                ),
                measure=view.run_measure("BaselineMissing", "Maximum", "baseline missing"),
                threshold=0,
            )
        )
    return rules


def _heartbeat(view: MonitorView, periods: int, monitoring_type: str) -> AlarmRule:
    """Traffic without completed runs, for some periods in a row; silence without traffic is no alarm.

    The alarm looks at one period more than are missed: a run looks at the hours before it, so the period in which
    traffic begins never has one. Every run that is due for that traffic happens in the next period, or in the first
    minutes of the one after, and later only by the lag between window and run.

    Where CloudWatch cannot look back that far, a run that finds nothing counts as well: what remains watched is that
    there are runs.
    """
    lag = math.ceil(view.lag_seconds / view.period_seconds)
    signs = dict(_SIGNS_OF_LIFE[:2] if view.needs_labels else _SIGNS_OF_LIFE[:1])
    if view.lag_seconds and (periods + 1 + lag) * view.period_seconds > _LONGEST_WAIT_SECONDS:
        lag, signs = 0, dict(_SIGNS_OF_LIFE)
    hours = periods * view.period_seconds // 3600
    # CloudWatch takes ten metrics in an alarm; an endpoint may have ten variants.
    variants = view.variant_names[: _MAX_METRICS_IN_ALARM - len(signs)]
    requests = {f"requests{number}": _requests(view, variant) for number, variant in enumerate(variants)}
    return AlarmRule(
        id="Heartbeat",
        concern=Concern.WATCHING,
        severity=Severity.CRITICAL,
        title=(
            f"{view.subject[0].upper()}{view.subject[1:]} had traffic, but no {monitoring_type} run of it completed "
            f"for {hours} hours"
        ),
        advice=(
            "Runs have stopped, fail, or find no captured traffic: look at the monitor's other alarms, then at the "
            f"endpoint's data capture. Last reports: {view.report_hint}"
        ),
        measure=MetricMath(
            expression="unwatched",
            expressions={
                # A period without requests is a zero and no gap, or CloudWatch would look past it for older ones. Runs
                # are not filled: of a metric without any data in the alarm's range there is nothing to fill.
                "requests": f"FILL(SUM([{', '.join(requests)}]), 0)",
                "none": "requests * 0",
                "unwatched": f"IF(requests > 0 AND MAX([{', '.join(signs)}, none]) < 1, 1, 0)",
            },
            measures={
                **{key: view.run_measure(name, "Sum", label) for key, (name, label) in signs.items()},
                **requests,
            },
            label="traffic without a completed run",
        ),
        threshold=0,
        evaluation_periods=periods + 1 + lag,
        missing_data=MissingData.NOT_BREACHING,
    )


def _pulse(view: MonitorView, periods: int, monitoring_type: str) -> AlarmRule:
    """No runs for some periods in a row, after there were some; nothing else tells whether there was data to look at.

    The alarm looks at one period more than are missed, which holds the last run: of a metric without any data in the
    alarm's range nothing is filled, so that an alarm waits for the first run and stays on until the next one.
    """
    hours = periods * view.period_seconds // 3600
    signs = {"runs": ("RunsCompleted", "completed"), "idle": ("RunsWithoutData", "without data")}
    return AlarmRule(
        id="Heartbeat",
        concern=Concern.WATCHING,
        severity=Severity.CRITICAL,
        title=f"No {monitoring_type} run of {view.subject} ended as it should for {hours} hours",
        advice=f"Runs have stopped or fail: look at the monitor's other alarms. Last reports: {view.report_hint}",
        measure=MetricMath(
            expression="silent",
            expressions={
                "ended": f"FILL(SUM([{', '.join(signs)}]), 0)",
                "silent": "IF(ended > 0, 0, 1)",
            },
            measures={key: view.run_measure(name, "Sum", label) for key, (name, label) in signs.items()},
            label="periods without a run",
        ),
        threshold=0,
        evaluation_periods=periods + 1,
        datapoints=periods,
        missing_data=MissingData.IGNORE,
    )


def _requests(view: MonitorView, variant: str) -> Measure:
    assert view.endpoint_name is not None  # noqa: S101  (chosen by it)
    measure = variant_measure("Invocations", view.endpoint_name, variant, statistic="Sum")
    return replace(measure, period_seconds=view.period_seconds)
