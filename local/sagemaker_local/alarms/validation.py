"""What PutMetricAlarm and PutCompositeAlarm refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagemaker_local.errors import AwsError
from sagemaker_local.metrics import queries, statistics

from . import composite
from .judgement import COMPARISONS

Json = dict[str, Any]
_MISSING = ("breaching", "notBreaching", "ignore", "missing")
_DAY = 86400


def metric_alarm(params: Json) -> None:
    """Raise AwsError that lists everything that is wrong with the parameters of PutMetricAlarm."""
    problems = [*_thresholds(params), *_metric(params)]
    missing = params.get("TreatMissingData")
    if missing is not None and missing not in _MISSING:
        problems.append(f"TreatMissingData must be one of {', '.join(_MISSING)}, got {missing}")
    periods, to_alarm = params.get("EvaluationPeriods"), params.get("DatapointsToAlarm")
    if not periods or int(periods) < 1:
        problems.append(f"EvaluationPeriods must be at least 1, got {periods}")
    elif to_alarm is not None and not 1 <= int(to_alarm) <= int(periods):
        problems.append(f"DatapointsToAlarm must be between 1 and EvaluationPeriods ({periods}), got {to_alarm}")
    period = int(params.get("Period") or queries.period_of(params.get("Metrics") or []))
    if period not in (10, 20, 30) and period % 60:
        problems.append(f"Period must be 10, 20, 30 or a multiple of 60, got {period}")
    longest = 7 * _DAY if period >= 3600 else _DAY
    if periods and int(periods) * period > longest:
        problems.append(
            f"EvaluationPeriods times Period must not exceed {longest} seconds, got {int(periods) * period}"
        )
    _refuse(params, problems)


def _thresholds(params: Json) -> list[str]:
    comparison = params.get("ComparisonOperator")
    if params.get("ThresholdMetricId"):
        return ["anomaly detection (ThresholdMetricId) is not supported by the embedded CloudWatch"]
    problems = []
    if comparison not in COMPARISONS:
        problems.append(f"ComparisonOperator must be one of {', '.join(COMPARISONS)}, got {comparison}")
    if params.get("Threshold") is None:
        problems.append("Threshold is required")
    return problems


def _metric(params: Json) -> list[str]:
    if params.get("Metrics"):
        if params.get("MetricName"):
            return ["Metrics and MetricName are mutually exclusive"]
        returned = [query["Id"] for query in params["Metrics"] if query.get("ReturnData", True) is not False]
        problems = [] if len(returned) == 1 else [f"exactly one query must return data, got {returned}"]
        try:
            queries.check(params["Metrics"])
        except ValueError as error:
            problems.append(str(error))
        return problems
    problems = [f"{name} is required" for name in ("MetricName", "Namespace", "Period") if not params.get(name)]
    stats = [params[name] for name in ("Statistic", "ExtendedStatistic") if params.get(name)]
    if len(stats) != 1:
        return [*problems, "exactly one of Statistic and ExtendedStatistic must be given"]
    try:
        statistics.validate(stats[0])
    except ValueError as error:
        problems.append(str(error))
    return problems


def composite_alarm(params: Json, exists: Callable[[str], bool]) -> None:
    """Raise AwsError unless the rule can be read and every alarm that it names exists."""
    try:
        rule = composite.parse(params["AlarmRule"])
    except ValueError as error:
        raise AwsError("ValidationError", str(error)) from error
    unknown = sorted(name for name in rule.alarms if not exists(name))
    if unknown:
        raise AwsError(
            "ValidationError",
            f"Could not save the composite alarm as alarms [{', '.join(unknown)}] in the alarm rule do not exist",
        )


def _refuse(params: Json, problems: list[str]) -> None:
    if problems:
        raise AwsError("ValidationError", f"alarm {params.get('AlarmName')}: {'; '.join(problems)}")
