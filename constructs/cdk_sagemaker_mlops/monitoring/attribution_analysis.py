"""What an analysis of feature attribution measures: SHAP values, their ranking, alarms on single features."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._iam import Statement
from cdk_sagemaker_mlops._model_access import artifact_statements, object_statements
from cdk_sagemaker_mlops.alarming import AlarmRule
from cdk_sagemaker_mlops.measures import Measure

from .analysis import Analysis, Chart, MonitorView
from .explanation import ShadowEndpoint, Shap, shadow_statements
from .labelled import MetricAlarm
from .locations import decrypt
from .schedule import MonitoringSchedule
from .source import MonitorInput

if TYPE_CHECKING:
    from aws_cdk.aws_kms import IKey

#: Clarify has fixed it, the engines of this library have not.
CLARIFYS_THRESHOLD = 0.9
#: The statement that looks a version's model up.
FIND_MODEL = "DescribeVersion"
_FEATURE_PREFIX, _METRIC_NAME_LIMIT = "feature_", 255
_CHARTED = 8
# Lambda allows 4 KB for all environment variables; the rest of them needs about one.
_MAX_CONFIG_BYTES = 2800


@dataclass(frozen=True, kw_only=True)
class AttributionAnalysis(Analysis):
    """Settings of the analysis of feature attribution; see :class:`AttributionMonitor`."""

    monitoring_type = "ModelExplainability"
    slug = "attribution"
    namespace = "aws/sagemaker/Endpoints/explainability-metrics"
    has_statistics = False

    headers: tuple[str, ...] = ()
    label_headers: tuple[str, ...] = ()
    output_columns: tuple[str, ...] = ()
    shap: Shap = field(default_factory=Shap)
    drift_threshold: float = CLARIFYS_THRESHOLD
    model_data_url: str | None = None
    model_data_key: IKey | None = None
    allow_pickle: bool = False
    max_rows: int | None = None
    shadow_endpoint: ShadowEndpoint | None = None
    feature_alarms: tuple[MetricAlarm, ...] = ()
    datapoints: int = 1
    publish_metrics: bool = True

    @property
    def usual_schedule(self) -> MonitoringSchedule:
        """When runs happen where nothing else is said."""
        return MonitoringSchedule.daily()

    @property
    def labels(self) -> tuple[str, ...]:
        """What reports and metrics call the model's answers."""
        return self.label_headers or ("label0",)

    @property
    def config(self) -> dict[str, object]:
        """Clarify's analysis config."""
        config: dict[str, object] = {"methods": {"shap": self.shap.config}}
        if self.headers:
            config["headers"] = list(self.headers)
        if self.label_headers:
            config["predictor"] = {"label_headers": list(self.label_headers)}
        return config

    def problems(self) -> list[str]:
        """What is wrong with the settings."""
        found = [*self.shap.problems(len(self.headers)), *self._name_problems(), *self._alarm_problems()]
        if not 0 < self.drift_threshold <= 1:
            found.append(f"drift_threshold is {self.drift_threshold:g}, allowed are numbers above 0 up to 1 (nDCG)")
        if self.max_rows is not None and not 1 <= self.max_rows <= 1_000_000:
            found.append(f"max_rows is {self.max_rows}, allowed are 1 to 1000000")
        url = self.model_data_url
        if url is not None and not _refs.is_token(url) and not url.startswith("s3://"):
            found.append(f'model_data_url is "{url}", allowed are URIs: s3://bucket/key')
        if self.shadow_endpoint is not None:
            if not self.shadow_endpoint.instance_type.startswith("ml."):
                found.append(
                    f'shadow_endpoint has the instance type "{self.shadow_endpoint.instance_type}", allowed are those '
                    "of SageMaker, such as ml.m5.large"
                )
            if not self.shap.baseline:
                found.append(
                    "shadow_endpoint needs shap=Shap(baseline=[[…]]): one row or more that stand for features that are "
                    "not known"
                )
        size = len(json.dumps(self.config).encode())
        if size > _MAX_CONFIG_BYTES:
            found.append(
                f"headers and shap.baseline take {size} bytes, allowed are {_MAX_CONFIG_BYTES} because an environment "
                "is small; put the baseline's rows into S3 and give their URI, or leave headers out"
            )
        return found

    def input_problems(self, source: MonitorInput) -> list[str]:
        """Says when there is no model to explain."""
        follows = source.endpoint.follows if source.endpoint is not None else None
        if follows is None and self.model_data_url is None and self.shadow_endpoint is None:
            return [
                f"{source.subject} follows no model package group, so nothing says what model to explain; give "
                "model_data_url, or shadow_endpoint=ShadowEndpoint()"
            ]
        if self.shadow_endpoint is not None and source.endpoint is None:
            return [f"shadow_endpoint copies a live endpoint, and {source.subject} has none; give model_data_url"]
        return []

    def _name_problems(self) -> Iterator[str]:
        for prop in ("headers", "label_headers", "output_columns"):
            names = getattr(self, prop)
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                yield f"{prop} names {', '.join(twice)} twice"
            if "" in names:
                yield f"{prop} holds an empty name"

    def _alarm_problems(self) -> Iterator[str]:
        if self.feature_alarms and not self.publish_metrics:
            yield (
                "feature_alarms are given but publish_metrics is False, so they would never see data; publish the "
                "metrics or leave the alarms out"
            )
        ids = [alarm.id() for alarm in self.feature_alarms]
        for name in sorted({name for name in ids if ids.count(name) > 1}):
            yield f"feature_alarms holds {name} twice; one threshold per feature and severity"
        for alarm in self.feature_alarms:
            limit = _METRIC_NAME_LIMIT - len(_FEATURE_PREFIX)
            if len(alarm.metric) > limit or not (alarm.metric.isascii() and alarm.metric.isprintable()):
                yield (
                    f'feature_alarms holds "{alarm.metric}", CloudWatch allows metric names of printable ASCII, here '
                    f"at most {limit} characters; rename the column"
                )
            if self.headers and alarm.metric not in self.headers:
                yield f'feature_alarms holds "{alarm.metric}", which is none of the headers'

    def settings(self, name: str) -> dict[str, str]:
        """The settings as environment variables of the run."""
        values = {"ANALYSIS_CONFIG": json.dumps(self.config)}
        if self.drift_threshold != CLARIFYS_THRESHOLD:
            values["ATTRIBUTION_THRESHOLD"] = f"{self.drift_threshold:g}"
        if self.output_columns:
            values["OUTPUT_COLUMNS"] = json.dumps(list(self.output_columns))
        if self.model_data_url:
            values["MODEL_DATA_URL"] = self.model_data_url
        if self.allow_pickle:
            values["ALLOW_PICKLE"] = "true"
        if self.max_rows:
            values["MAX_ROWS"] = str(self.max_rows)
        if self.shadow_endpoint:
            values["SHADOW_INSTANCE_TYPE"] = self.shadow_endpoint.instance_type
        return values if self.publish_metrics else values | {"PUBLISH_METRICS": "false"}

    def input_statements(self, source: MonitorInput) -> list[Statement]:
        """Reading the live version's archive, and a shadow endpoint where one is wanted."""
        statements: list[Statement] = []
        follows = source.endpoint.follows if source.endpoint is not None else None
        if self.model_data_url:
            statements += object_statements("ReadModel", self.model_data_url)
        elif follows is not None:
            describe = Statement(
                sid=FIND_MODEL,
                actions=["sagemaker:DescribeModelPackage"],
                resources=[follows.package_arns],
                reason="versions are counted up",
            )
            statements += [describe, *artifact_statements(follows)]
        if self.model_data_key is not None:
            statements += decrypt(_refs.key_arn(self.model_data_key))
        baseline = self.shap.baseline
        if isinstance(baseline, str) and baseline:
            place = f"arn:{_refs.partition()}:s3:::{baseline.removeprefix('s3://')}"
            statements.append(Statement(sid="ReadShapBaseline", actions=["s3:GetObject"], resources=[place]))
        if self.shadow_endpoint is not None and source.endpoint_name is not None:
            statements += shadow_statements(source.endpoint_name)
        return statements

    def measure(self, view: MonitorView, feature: str, label: str, statistic: str = "Maximum") -> Measure:
        """Global SHAP value of a feature, under Clarify's name and dimensions."""
        return view.analysis_measure(
            f"{_FEATURE_PREFIX}{feature}", statistic, feature, _dimensions(label, "GlobalShapValues")
        )

    def agreement(self, view: MonitorView, label: str) -> Measure:
        """Agreement of the ranking with the baseline's, the worst of a period."""
        return view.analysis_measure("NDCG", "Minimum", f"agreement {label}", _dimensions(label, "NDCG"))

    def rules(self, view: MonitorView) -> list[AlarmRule]:
        """One alarm per feature, label and severity that was asked for."""
        return [self._rule(view, alarm, label) for alarm in self.feature_alarms for label in self.labels]

    def _rule(self, view: MonitorView, alarm: MetricAlarm, label: str) -> AlarmRule:
        return AlarmRule(
            id=f"Attribution {alarm.id(*([label] if len(self.labels) > 1 else []))}",
            severity=alarm.severity,
            title=(
                f"Attribution of {view.subject}: answers depend on {alarm.metric} with more than {alarm.threshold:g}"
            ),
            advice=f"Compare the ranking of the features with the baseline's in the report: {view.report_hint}",
            measure=self.measure(view, alarm.metric, label),
            threshold=alarm.threshold,
            evaluation_periods=self.datapoints,
        )

    def charts(self, view: MonitorView) -> list[Chart]:
        """Agreement with the baseline; the features that have alarms, else the first ones, of the first label."""
        names = list(dict.fromkeys(alarm.metric for alarm in self.feature_alarms)) or self.headers[:_CHARTED]
        agreement = Chart(
            title="Agreement with the baseline's ranking",
            measures=tuple(self.agreement(view, label) for label in self.labels),
            threshold=self.drift_threshold,
        )
        lines = tuple(self.measure(view, name, self.labels[0]) for name in names)
        return [agreement, *([Chart(title="Attribution", measures=lines, minimum=None)] if lines else [])]


def _dimensions(label: str, kind: str) -> tuple[tuple[str, str], ...]:
    return (("ExplainabilityMethod", "KernelShap"), ("Label", label), ("ValueType", kind))
