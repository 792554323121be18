"""What monitors are in the terms of Model Monitor's job definitions, and what these have no words for.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_SageMaker.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .analysis import Analysis
from .attribution_analysis import CLARIFYS_THRESHOLD, AttributionAnalysis
from .bias_analysis import BiasAnalysis
from .data_quality import DataQualityAnalysis
from .labelled import LabelledAnalysis
from .model_quality import ModelQualityAnalysis
from .native_images import ANALYZER, CLARIFY

_EXCLUDED_LIMIT = 100
#: Clarify's default instance of a shadow endpoint.
_NOT_SAID = "Model Monitor has no setting for it; leave it out, or use another engine"


@dataclass(frozen=True)
class NativeDefinition:
    """One kind of monitor as a job definition.

    :param image: Which image it needs.
    :param config: Clarify's analysis config; None where there is none.
    :param attributes: Members of the EndpointInput or BatchTransformInput, in CloudFormation's words.
    :param app: Members of the AppSpecification besides image and environment.
    :param publish: Whether metrics are published.
    :param schedule: Members of the ScheduleConfig besides the expression.
    """

    image: str
    config: dict[str, Any] | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    app: dict[str, Any] = field(default_factory=dict)
    publish: bool = True
    schedule: dict[str, str] = field(default_factory=dict)


def native_definition(analysis: Analysis, period_hours: int) -> NativeDefinition:
    """The job definition of an analysis without problems.

    :param period_hours: Hours from one run to the next.
    """
    match analysis:
        case DataQualityAnalysis():
            excluded = ",".join(analysis.exclude_features)
            offset = analysis.window_offset_hours
            return NativeDefinition(
                ANALYZER,
                attributes={"ExcludeFeaturesAttribute": excluded} if excluded else {},
                publish=analysis.publish_feature_metrics,
                schedule={
                    "DataAnalysisStartTime": f"-PT{offset + period_hours}H",
                    "DataAnalysisEndTime": f"-PT{offset}H",
                }
                if offset
                else {},
            )
        case ModelQualityAnalysis():
            return NativeDefinition(
                ANALYZER,
                attributes=_labelled(analysis),
                app={"ProblemType": str(analysis.problem_type)},
                publish=analysis.publish_metrics,
            )
        case BiasAnalysis():
            return NativeDefinition(
                CLARIFY, _bias_config(analysis), attributes=_labelled(analysis), publish=analysis.publish_metrics
            )
        case AttributionAnalysis():
            return NativeDefinition(
                CLARIFY, analysis.config, attributes={"ProbabilityAttribute": "0"}, publish=analysis.publish_metrics
            )
    raise TypeError(f"{type(analysis).__name__} has no job definition")


def native_problems(analysis: Analysis, period_hours: int) -> Iterator[str]:
    """What of an analysis' settings Model Monitor has no words for, each with the way out."""
    match analysis:
        case DataQualityAnalysis():
            yield from _data_quality_problems(analysis, period_hours)
        case LabelledAnalysis():
            yield from _labelled_problems(analysis)
        case AttributionAnalysis():
            yield from _attribution_problems(analysis)


def _data_quality_problems(analysis: DataQualityAnalysis, period_hours: int) -> Iterator[str]:
    if analysis.drift_threshold is not None:
        yield (
            f"drift_threshold is {analysis.drift_threshold:g}, but the engine model-monitor takes thresholds from the "
            "baseline's constraints.json only; write it there, or use another engine"
        )
    if analysis.comparison_method is not None:
        yield (
            f'comparison_method is "{analysis.comparison_method}", but the engine model-monitor takes it from the '
            "baseline's constraints.json only; write it there, or use another engine"
        )
    if analysis.include_features:
        yield f"include_features is given: {_NOT_SAID}; exclude_features says the same the other way round"
    if len(",".join(analysis.exclude_features)) > _EXCLUDED_LIMIT:
        yield (
            f"exclude_features takes {len(','.join(analysis.exclude_features))} characters, the engine model-monitor "
            f"allows {_EXCLUDED_LIMIT}; leave the features out of the baseline, or use another engine"
        )
    if analysis.window_offset_hours + period_hours > 24:
        yield (
            f"window_offset_hours is {analysis.window_offset_hours}: with windows of {period_hours} hours that is "
            "further back than the 24 hours that the engine model-monitor allows"
        )


def _labelled_problems(analysis: LabelledAnalysis) -> Iterator[str]:
    if analysis.labels.attribute is not None:
        yield f'labels.attribute is "{analysis.labels.attribute}": {_NOT_SAID}'
    if analysis.predictions.output_columns:
        yield f"predictions.output_columns is given: {_NOT_SAID}; columns of CSV answers are meant by number"
    if isinstance(analysis, ModelQualityAnalysis) and analysis.positive_label not in (None, "1"):
        yield f'positive_label is "{analysis.positive_label}": {_NOT_SAID}'
    if isinstance(analysis, BiasAnalysis) and analysis.tolerance:
        yield f"tolerance is {analysis.tolerance:g}: {_NOT_SAID}"


def _attribution_problems(analysis: AttributionAnalysis) -> Iterator[str]:
    if analysis.drift_threshold != CLARIFYS_THRESHOLD:
        yield (
            f"drift_threshold is {analysis.drift_threshold:g}, Clarify has fixed it at {CLARIFYS_THRESHOLD:g}; leave "
            "it out, or use another engine"
        )
    for name, value in (
        ("model_data_url", analysis.model_data_url),
        ("max_rows", analysis.max_rows),
        ("shadow_endpoint", analysis.shadow_endpoint),
        ("output_columns", analysis.output_columns),
    ):
        if value:
            yield (
                f"{name} is given, but Clarify always explains all rows through a shadow endpoint of its own, with the "
                "live endpoint's model and instance type; leave it out, or use another engine"
            )


def _labelled(analysis: LabelledAnalysis) -> dict[str, Any]:
    """Where predictions stand and how late labels come."""
    told = analysis.predictions.settings(probability=analysis.predicts_probability)
    labels = analysis.labels
    members = {
        "InferenceAttribute": told.get("INFERENCE_ATTRIBUTE"),
        "ProbabilityAttribute": told.get("PROBABILITY_ATTRIBUTE"),
        "ProbabilityThresholdAttribute": analysis.predictions.probability_threshold,
        "StartTimeOffset": labels.start_time_offset,
        "EndTimeOffset": labels.end_time_offset,
    }
    if "PROBABILITY_ATTRIBUTE" in told and members["ProbabilityThresholdAttribute"] is None:
        members["ProbabilityThresholdAttribute"] = 0.5
    return {name: value for name, value in members.items() if value is not None}


def _bias_config(analysis: BiasAnalysis) -> dict[str, Any]:
    """Clarify's headers name the label's column as well."""
    config: dict[str, Any] = dict(analysis.config)
    if analysis.headers and analysis.label not in analysis.headers:
        config["headers"] = [*analysis.headers, analysis.label]
    return config
