"""From the monitors of an environment file to constructs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypedDict

from aws_cdk import aws_s3 as s3
from constructs import Construct

import cdk_sagemaker_mlops as mlops

from .engines import EngineContext, engine_of
from .settings import (
    AttributionSettings,
    BaselineDataSettings,
    BiasSettings,
    DataQualitySettings,
    LabelledSettings,
    ModelQualitySettings,
    MonitorSettings,
    MonitorsSettings,
    monitoring_schedule,
)

QUEUE_IS_A_DEAD_LETTER_QUEUE = {
    "AwsSolutions::AwsSolutions-SQS3": "the queue is itself a dead-letter queue, of Lambda's retries and of Scheduler, "
    "which cdk-nag does not look at"
}

_FORMATS = {
    "csv": mlops.DatasetFormat.csv(),
    "csv-without-header": mlops.DatasetFormat.csv(header=False),
    "jsonl": mlops.DatasetFormat.json_lines(),
    "parquet": mlops.DatasetFormat.parquet(),
}
_PROBLEMS = {
    "binary-classification": mlops.ProblemType.BINARY_CLASSIFICATION,
    "multiclass-classification": mlops.ProblemType.MULTICLASS_CLASSIFICATION,
    "regression": mlops.ProblemType.REGRESSION,
}


@dataclass(frozen=True, kw_only=True)
class MonitorContext:
    """What the monitors of an environment share.

    :param storage: Buckets of labels and reports.
    :param baselines: Bucket of the versions' baselines.
    :param notifications: Who hears of alarms; None where incidents are put together of them.
    :param engines: What runs them.
    :param baseline_data: What baselines are computed from that versions lack. Default: they are not
    """

    storage: mlops.Storage
    baselines: s3.IBucket
    notifications: mlops.AlarmTarget | None
    engines: EngineContext
    baseline_data: BaselineDataSettings | None = None


class _Base(TypedDict):
    schedule: mlops.MonitoringSchedule
    engine: mlops.Engine
    notifications: list[mlops.AlarmTarget]
    alarms: mlops.MonitorAlarms


class _Common(_Base):
    reports: s3.IBucket
    baseline: mlops.Baseline


class _DataQuality(TypedDict):
    drift_threshold: float | None
    comparison_method: str | None
    features: tuple[str, ...]
    include_features: tuple[str, ...]
    exclude_features: tuple[str, ...]
    window_offset_hours: int
    scripts: mlops.Scripts


class _Labelled(TypedDict):
    labels: mlops.Labels
    predictions: mlops.Predictions
    max_unlabelled_share: float | None
    metric_alarms: list[mlops.MetricAlarm]


def define_monitors(scope: Construct, wanted: MonitorsSettings, context: MonitorContext) -> Iterator[mlops.Monitor]:
    """Defines the monitors that are wanted, one by one; each still has to be given to an endpoint."""
    if wanted.data_quality:
        yield mlops.DataQualityMonitor(
            scope,
            "DataQuality",
            **_data_quality(wanted.data_quality, context.engines),
            **_common(wanted.data_quality, context),
        )
    if wanted.model_quality:
        yield _model_quality(scope, wanted.model_quality, context)
    if wanted.bias:
        yield _bias(scope, wanted.bias, context)
    if wanted.attribution:
        yield _attribution(scope, wanted.attribution, context)


def define_feature_monitor(
    scope: Construct,
    construct_id: str,
    wanted: DataQualitySettings,
    *,
    notifications: mlops.AlarmTarget,
    engines: EngineContext,
) -> mlops.Monitor:
    """Defines a data quality monitor that still has to be given to a feature group."""
    return mlops.DataQualityMonitor(
        scope, construct_id, **_data_quality(wanted, engines), **_base(wanted, notifications, engines)
    )


def _data_quality(wanted: DataQualitySettings, engines: EngineContext) -> _DataQuality:
    # Model Monitor knows neither but from the constraints' own file, so that only what somebody wrote is held against
    # it.
    native = (wanted.engine or engines.default).type == "model-monitor"
    written = wanted.model_fields_set if native else {"drift_threshold", "comparison_method"}
    return {
        "drift_threshold": wanted.drift_threshold if "drift_threshold" in written else None,
        "comparison_method": wanted.comparison_method.title() if "comparison_method" in written else None,
        "features": wanted.alarm_features,
        "include_features": wanted.include_features,
        "exclude_features": wanted.exclude_features,
        "window_offset_hours": wanted.window_offset_hours,
        "scripts": mlops.Scripts(preprocessor=wanted.preprocessor, postprocessor=wanted.postprocessor),
    }


def _model_quality(scope: Construct, wanted: ModelQualitySettings, context: MonitorContext) -> mlops.Monitor:
    return mlops.ModelQualityMonitor(
        scope,
        "ModelQuality",
        problem_type=_PROBLEMS[wanted.problem],
        positive_label=wanted.positive_label,
        **_labelled(wanted, context),
        **_common(wanted, context),
    )


def _bias(scope: Construct, wanted: BiasSettings, context: MonitorContext) -> mlops.Monitor:
    facet = mlops.Facet(
        name_or_index=_column(wanted.facet), values=wanted.disadvantaged, threshold=wanted.disadvantaged_above
    )
    return mlops.BiasMonitor(
        scope,
        "Bias",
        facets=[facet],
        headers=wanted.columns,
        label_values=wanted.label_values,
        label_threshold=wanted.label_above,
        group_variable=None if wanted.group_variable is None else _column(wanted.group_variable),
        tolerance=wanted.tolerance,
        **_labelled(wanted, context),
        **_common(wanted, context),
    )


def _attribution(scope: Construct, wanted: AttributionSettings, context: MonitorContext) -> mlops.Monitor:
    shadow = wanted.shadow_endpoint
    return mlops.AttributionMonitor(
        scope,
        "Attribution",
        headers=wanted.columns,
        shap=mlops.Shap(
            baseline=wanted.shap_baseline or (),
            num_samples=wanted.num_samples,
            aggregation=wanted.aggregation,
            use_logit=wanted.use_logit,
        ),
        label_headers=wanted.label_headers,
        output_columns=wanted.output_columns,
        drift_threshold=wanted.drift_threshold,
        model_data_url=wanted.model_data,
        allow_pickle=wanted.allow_pickle,
        max_rows=wanted.max_rows,
        shadow_endpoint=mlops.ShadowEndpoint(instance_type=shadow.instance_type) if shadow else None,
        feature_alarms=[
            mlops.MetricAlarm(metric=name, threshold=value) for name, value in wanted.alarm_features.items()
        ],
        **_common(wanted, context),
    )


def _common(wanted: MonitorSettings, context: MonitorContext) -> _Common:
    return {
        "reports": context.storage.reports,
        "baseline": mlops.Baseline.from_registry(
            bucket=context.baselines, training_data=_training_data(context.baseline_data)
        ),
        **_base(wanted, context.notifications, context.engines),
    }


def _training_data(wanted: BaselineDataSettings | None) -> mlops.TrainingData | None:
    if wanted is None:
        return None
    return mlops.TrainingData(
        prefix=wanted.prefix or "",
        from_version=wanted.from_version,
        format=_FORMATS[wanted.format],
        label=wanted.label,
        quality_tolerance=wanted.quality_tolerance,
    )


def _base(wanted: MonitorSettings, notifications: mlops.AlarmTarget | None, engines: EngineContext) -> _Base:
    return {
        "schedule": monitoring_schedule(wanted),
        "engine": engine_of(wanted.engine, engines),
        "notifications": [] if notifications is None else [notifications],
        "alarms": mlops.MonitorAlarms(max_violations=wanted.max_violations),
    }


def _labelled(wanted: LabelledSettings, context: MonitorContext) -> _Labelled:
    return {
        "labels": mlops.Labels(
            bucket=context.storage.ground_truth,
            prefix=wanted.ground_truth_prefix or "",
            attribute=wanted.ground_truth_attribute,
            start_time_offset=wanted.start_time_offset,
            end_time_offset=wanted.end_time_offset,
        ),
        "predictions": mlops.Predictions(
            inference_attribute=wanted.inference_attribute,
            probability_attribute=wanted.probability_attribute,
            probability_threshold=wanted.probability_threshold,
            output_columns=wanted.output_columns,
        ),
        "max_unlabelled_share": wanted.max_unlabelled_share,
        "metric_alarms": [
            mlops.MetricAlarm(metric=name, threshold=value) for name, value in wanted.alarm_metrics.items()
        ],
    }


def _column(text: str) -> str | int:
    return int(text) if text.isdigit() else text
