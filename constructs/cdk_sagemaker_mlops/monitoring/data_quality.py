"""Data quality: do captured requests and responses still look like the data that the model was trained on?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cdk_sagemaker_mlops.alarming import AlarmRule, AlarmTarget, Severity
from cdk_sagemaker_mlops.measures import Measure

from .analysis import Analysis, Chart, MonitorView
from .baseline import Baseline
from .engine import Engine
from .monitor import Monitor
from .ranking import Ranking, worst
from .run_rules import MonitorAlarms
from .schedule import MonitoringSchedule
from .scripts import Scripts
from .source import MonitorInput

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk.aws_s3 import IBucket
    from constructs import Construct

    from .target import MonitoredEndpoint

_DEFAULT_DRIFT_ALARM = 0.1  # Model Monitor's default comparison threshold
_COMPARISON_METHODS = ("Robust", "Simple")
_METRIC_NAME_LIMIT = 255
_DRIFT_PREFIX = "feature_baseline_drift_"


@dataclass(frozen=True, kw_only=True)
class DataQualityAnalysis(Analysis):
    """Settings of the data quality analysis; see :class:`DataQualityMonitor`."""

    monitoring_type = "DataQuality"
    slug = "data-quality"
    namespace = "aws/sagemaker/Endpoints/data-metrics"

    drift_threshold: float | None = None
    drift_alarms: Mapping[Severity, float] = field(default_factory=dict)
    datapoints: int = 1
    comparison_method: str | None = None
    features: tuple[str, ...] = ()
    include_features: tuple[str, ...] = ()
    exclude_features: tuple[str, ...] = ()
    publish_feature_metrics: bool = True
    window_offset_hours: int = 0

    @property
    def lag_hours(self) -> int:
        """Hours from the end of a window to the run that looks at it."""
        return self.window_offset_hours

    def problems(self) -> list[str]:
        """What is wrong with the settings."""
        found = [
            f"{name} is {value:g}, allowed are numbers above 0 up to 1 (a distance between distributions)"
            for name, value in self._thresholds()
            if not 0 < value <= 1
        ]
        if self.comparison_method is not None and self.comparison_method not in _COMPARISON_METHODS:
            found.append(
                f'comparison_method is "{self.comparison_method}", allowed are {", ".join(_COMPARISON_METHODS)}'
            )
        if not 0 <= self.window_offset_hours <= 24:
            found.append(f"window_offset_hours is {self.window_offset_hours}, allowed are 0 to 24")
        if self.include_features and self.exclude_features:
            found.append("include_features and exclude_features are both given; leave one of them out")
        if self.features and not self.publish_feature_metrics:
            found.append(
                "features have drift alarms but publish_feature_metrics is False, so the alarms would never see data; "
                "publish the metrics or leave features empty"
            )
        return found + self._feature_problems()

    def _thresholds(self) -> list[tuple[str, float]]:
        given = [(f"drift_alarms[{severity}]", value) for severity, value in self.drift_alarms.items()]
        return given if self.drift_threshold is None else [("drift_threshold", self.drift_threshold), *given]

    def _feature_problems(self) -> list[str]:
        found = []
        for name in ("features", "include_features", "exclude_features"):
            values = getattr(self, name)
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                found.append(f"{name} names {', '.join(twice)} twice")
            if "" in values:
                found.append(f"{name} holds an empty name")
        limit = _METRIC_NAME_LIMIT - len(_DRIFT_PREFIX)
        for feature in self.features:
            if len(feature) > limit or not (feature.isascii() and feature.isprintable()):
                found.append(
                    f'features holds "{feature}", CloudWatch allows metric names of printable ASCII, here at most '
                    f"{limit} "
                    "characters; rename the column, or rely on the alarm for all violations"
                )
            if feature in self.exclude_features or (self.include_features and feature not in self.include_features):
                found.append(f'features holds "{feature}", which the analysis leaves out; it would never see data')
        return found

    def settings(self, name: str) -> dict[str, str]:
        """The settings as environment variables of the run."""
        values = {"PUBLISH_FEATURE_METRICS": "true" if self.publish_feature_metrics else "false"}
        if self.window_offset_hours:
            values["WINDOW_OFFSET_HOURS"] = str(self.window_offset_hours)
        if self.drift_threshold is not None:
            values["DRIFT_THRESHOLD"] = f"{self.drift_threshold:g}"
        if self.comparison_method is not None:
            values["COMPARISON_METHOD"] = self.comparison_method
        if self.include_features:
            values["INCLUDE_FEATURES"] = json.dumps(list(self.include_features))
        if self.exclude_features:
            values["EXCLUDE_FEATURES"] = json.dumps(list(self.exclude_features))
        return values

    def alarm_thresholds(self) -> dict[Severity, float]:
        """Threshold of the drift alarms by severity."""
        fallback = _DEFAULT_DRIFT_ALARM if self.drift_threshold is None else self.drift_threshold
        return dict(self.drift_alarms) or {Severity.WARNING: fallback}

    def rules(self, view: MonitorView) -> list[AlarmRule]:
        """One alarm per named feature and severity."""
        thresholds = self.alarm_thresholds()
        return [
            AlarmRule(
                # The severity is in the id only beside another one: adding a second severity replaces no alarm.
                id=_alarm_id(feature, severity),
                severity=severity,
                title=f"Feature {feature} of {view.subject} drifts: distance above {threshold:g}",
                advice=f"Compare its distribution with the baseline's in the report: {view.report_hint}",
                measure=drift_measure(view, feature),
                threshold=threshold,
                evaluation_periods=self.datapoints,
            )
            for feature in self.features
            for severity, threshold in thresholds.items()
        ]

    def charts(self, view: MonitorView) -> list[Chart]:
        """Drift of the named features."""
        if not self.features:
            return []
        lines = tuple(drift_measure(view, feature) for feature in self.features)
        threshold = min(self.alarm_thresholds().values())
        return [Chart(title="Drift from the baseline", measures=lines, threshold=threshold)]


def drift_measure(view: MonitorView, feature: str) -> Measure:
    """Distance of a feature's distribution from the baseline's, 0 to 1."""
    return view.analysis_measure(f"{_DRIFT_PREFIX}{feature}", "Maximum", feature)


def _alarm_id(feature: str, severity: Severity) -> str:
    suffix = "" if severity is Severity.WARNING else f" {severity}"
    return f"Drift {feature.replace('/', '--')}{suffix}"


class DataQualityMonitor(Monitor):
    """Compares captured traffic with the baseline: types, missing values, unknown categories, drift of distributions.

    A run reads the records of its window, writes `statistics.json`, `constraints.json`, `constraint_violations.json`
    and `report.html` below `<reports>/<endpoint>/<schedule>/yyyy/mm/dd/hh/`, publishes metrics under Model Monitor's
    names and announces itself as an event `Monitoring Execution`.

    :param endpoint: What to watch. Default: - given by `endpoint.add_monitor(monitor)`
    :param input: Data without an endpoint to watch instead, such as :class:`DatasetInput`. Default: - an endpoint
    :param reports: Bucket for reports. Default: - the capture bucket
    :param reports_prefix: Prefix in that bucket. Default: - none; `monitoring-reports` in the capture bucket
    :param baseline: What to compare with. Default: - the live version's, from the registry
    :param schedule: When to run. Default: hourly
    :param engine: What runs it. Default: `Engine.AUTO`
    :param drift_threshold: Distance from which drift is a violation, 0 to 1; overrides the constraints' own threshold.
        Default: - the constraints' own (0.1 unless they say otherwise)
    :param drift_alarms: Thresholds of the features' alarms by severity. Default: - a warning at `drift_threshold`
    :param comparison_method: Robust (corrected for small samples) or Simple. Default: - the constraints' own (Robust)
    :param features: Features that get drift alarms of their own. Default: - none; one alarm watches all violations
    :param include_features: Features to analyse. Default: - all
    :param exclude_features: Features to leave out. Default: - none
    :param publish_feature_metrics: Publish metrics per feature, which CloudWatch bills. Default: True
    :param window_offset_hours: Hours between the window's end and the run. Default: 0
    :param notifications: Who hears of its alarms. Default: - nobody; alarms are still to be seen
    :param alarms: Which other alarms it has. Default: - see :class:`MonitorAlarms`
    :param name: Name in reports, metrics and events. Default: - `<endpoint>-data-quality`
    :param scripts: What turns records into rows, and what is done with reports. Default: - none
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        endpoint: MonitoredEndpoint | None = None,
        input: MonitorInput | None = None,
        reports: IBucket | None = None,
        reports_prefix: str = "",
        baseline: Baseline | None = None,
        schedule: MonitoringSchedule | None = None,
        engine: Engine | None = None,
        drift_threshold: float | None = None,
        drift_alarms: Mapping[Severity, float] | None = None,
        comparison_method: str | None = None,
        features: Sequence[str] = (),
        include_features: Sequence[str] = (),
        exclude_features: Sequence[str] = (),
        publish_feature_metrics: bool = True,
        window_offset_hours: int = 0,
        notifications: Sequence[AlarmTarget] = (),
        alarms: MonitorAlarms | None = None,
        name: str | None = None,
        scripts: Scripts | None = None,
    ) -> None:
        alarms = alarms or MonitorAlarms()
        analysis = DataQualityAnalysis(
            drift_threshold=drift_threshold,
            drift_alarms=dict(drift_alarms or {}),
            datapoints=alarms.datapoints,
            comparison_method=comparison_method,
            features=tuple(features),
            include_features=tuple(include_features),
            exclude_features=tuple(exclude_features),
            publish_feature_metrics=publish_feature_metrics,
            window_offset_hours=window_offset_hours,
        )
        self._publishes = publish_feature_metrics
        self._threshold = min(analysis.alarm_thresholds().values())
        super().__init__(
            scope,
            construct_id,
            analysis=analysis,
            endpoint=endpoint,
            input=input,
            reports=reports,
            reports_prefix=reports_prefix,
            baseline=baseline,
            schedule=schedule,
            engine=engine,
            notifications=notifications,
            alarms=alarms,
            name=name,
            scripts=scripts,
        )

    @property
    def rankings(self) -> list[Ranking]:
        """The ten features that drift most, named or not."""
        if not self._publishes:
            return []
        return [worst(self.view, "Features that drift most", _DRIFT_PREFIX.rstrip("_"), self._threshold)]

    def metric_drift(self, feature: str) -> cloudwatch.Metric:
        """Distance of a feature's distribution from the baseline's, 0 to 1. Maximum over the schedule's period."""
        return drift_measure(self.view, feature).metric()

    def metric_feature(self, feature: str, statistic: str = "Average") -> cloudwatch.Metric:
        """Values of a numeric feature.

        :param statistic: Average, Minimum, Maximum, Sum or SampleCount. Default: Average
        """
        return self.view.analysis_measure(f"feature_data_{feature}", statistic, feature).metric()

    def metric_non_null(self, feature: str) -> cloudwatch.Metric:
        """How many values of a feature were present. Sum over the schedule's period."""
        return self.view.analysis_measure(f"feature_non_null_{feature}", "Sum", feature).metric()
