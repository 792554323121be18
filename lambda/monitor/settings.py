"""Settings of a monitor: the function's environment variables, typed. One class per monitoring type.

Every type:

- `MONITORING_TYPE`: `DataQuality`, `ModelQuality`, `ModelBias` or `ModelExplainability`. Default: DataQuality
- `MONITORING_SCHEDULE_NAME`: with the input's name, what reports, metrics and events are filed under
- `INPUT_TYPE` and what belongs to it: see `sources`. Default: Endpoint, with `ENDPOINT_NAME` and `CAPTURE_URI`
- `REPORTS_URI`: reports go below `<REPORTS_URI>/<endpoint>/<schedule>/yyyy/mm/dd/hh/`; without endpoint, below
  `<REPORTS_URI>/<schedule>/yyyy/mm/dd/hh/`
- `PERIOD_HOURS`: length of the window, 1 to 744. Required unless there are offsets
- `WINDOW_OFFSET_HOURS`: hours from the window's end to the scheduled hour. Default: 0
- `START_TIME_OFFSET`, `END_TIME_OFFSET`: Model Monitor's way to say the same, and instead of those two: ISO 8601
  durations of whole hours back from the scheduled hour, such as `-P8D` and `-P1D`; the sign may be left out. Then
  `PERIOD_HOURS` are the hours from one run to the next. Default: the window's length
- `KMS_KEY_ARN`: key of the reports. Default: - the bucket's
- `PREPROCESSOR_URI`, `POSTPROCESSOR_URI`: scripts of Model Monitor's contract. Default: - none
- those of `training_data`, where baselines are computed

The further ones stand at the classes below, those of attribution in `attribution_settings`. An empty variable counts
as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Self

from monitor.source_choice import source_of
from monitor.sources import InputSource
from monitor.training_data import TrainingDataSettings
from shared.environment import Environment
from shared.s3 import S3Uri

#: The longest window in hours: a month, more than any schedule asks for.
MAX_PERIOD_HOURS = 744
PROBLEM_TYPES = ("BinaryClassification", "MulticlassClassification", "Regression")


@dataclass(frozen=True)
class Settings:
    """What every monitoring type has."""

    #: As in SageMaker's API.
    monitoring_type: ClassVar[str]
    #: Whether a baseline is incomplete without statistics.
    needs_statistics: ClassVar[bool] = False

    source: InputSource
    schedule_name: str
    reports: S3Uri
    period_hours: int
    offset_hours: int
    interval_hours: int
    kms_key_arn: str | None
    preprocessor: S3Uri | None
    postprocessor: S3Uri | None
    #: What baselines are computed from; None where they are not.
    training_data: TrainingDataSettings | None
    #: The variables that these settings were read from, for a job that carries out the run elsewhere.
    variables: Mapping[str, str] = field(compare=False, repr=False)

    @classmethod
    def of(cls, environment: Environment) -> Self:
        """Read them; mistakes are noted in ``environment``."""
        period, offset, interval = _window(environment)
        own = cls.own(environment)
        return cls(
            source=source_of(environment),
            schedule_name=environment.text("MONITORING_SCHEDULE_NAME"),
            reports=environment.s3_uri("REPORTS_URI"),
            period_hours=period,
            offset_hours=offset,
            interval_hours=interval,
            kms_key_arn=environment.optional_text("KMS_KEY_ARN"),
            preprocessor=environment.optional_s3_uri("PREPROCESSOR_URI"),
            postprocessor=environment.optional_s3_uri("POSTPROCESSOR_URI"),
            training_data=TrainingDataSettings.of(environment),
            variables=environment.used,
            **own,
        )

    @property
    def name(self) -> str:
        """What is watched: the endpoint, or the data where there is none."""
        return self.source.name

    @property
    def place(self) -> S3Uri:
        """Where reports go, by hour."""
        folder = self.reports
        for part in (*self.source.folders, self.schedule_name):
            folder /= part
        return folder

    @property
    def publishes(self) -> bool:
        """Whether the analysis' own metrics are published, besides those of runs."""
        raise NotImplementedError

    @staticmethod
    def own(environment: Environment) -> dict[str, Any]:
        """The fields that a type adds."""
        raise NotImplementedError


@dataclass(frozen=True)
class DataQualitySettings(Settings):
    """Data quality.

    - `DRIFT_THRESHOLD`: 0 to 1, overrides the constraints' own. Default: - the constraints'
    - `COMPARISON_METHOD`: `Robust` or `Simple`. Default: - the constraints' own
    - `INCLUDE_FEATURES`, `EXCLUDE_FEATURES`: JSON lists of features to watch or to leave out. Default: - all
    - `PUBLISH_FEATURE_METRICS`: metrics per feature. Default: true
    """

    monitoring_type = "DataQuality"
    needs_statistics = True

    drift_threshold: float | None
    comparison_method: str | None
    include_features: tuple[str, ...]
    exclude_features: tuple[str, ...]
    publish_feature_metrics: bool

    @staticmethod
    def own(environment: Environment) -> dict[str, Any]:
        """The fields that data quality adds."""
        included, excluded = environment.names("INCLUDE_FEATURES"), environment.names("EXCLUDE_FEATURES")
        both = sorted(set(included or ()) & set(excluded or ()))
        if both:
            environment.refuse(
                f"INCLUDE_FEATURES and EXCLUDE_FEATURES both name {', '.join(both)}; name a feature in one of them"
            )
        return {
            "drift_threshold": environment.optional_fraction("DRIFT_THRESHOLD"),
            "comparison_method": environment.choice("COMPARISON_METHOD", ("Robust", "Simple"), "") or None,
            "include_features": included,
            "exclude_features": excluded,
            "publish_feature_metrics": environment.flag("PUBLISH_FEATURE_METRICS", True),
        }

    @property
    def publishes(self) -> bool:
        """Whether metrics per feature are published."""
        return self.publish_feature_metrics

    def monitors(self, feature: str) -> bool:
        """Whether the feature is watched: included if any are, and not excluded."""
        included = not self.include_features or feature in self.include_features
        return included and feature not in self.exclude_features


@dataclass(frozen=True)
class LabelledSettings(Settings):
    """What types that compare predictions with labels have in common.

    - `GROUND_TRUTH_URI`: labels lie below `<GROUND_TRUTH_URI>/yyyy/mm/dd/hh/`, the hour of their upload in UTC
    - `GROUND_TRUTH_ATTRIBUTE`: which member of a JSON label is meant. Default: - labels have one member
    - `INFERENCE_ATTRIBUTE`, `PROBABILITY_ATTRIBUTE`: column of the predicted label or number, and of the probability of
      the positive label: a name, or a position as text among the captured columns, output first. Default: - none
    - `PROBABILITY_THRESHOLD`: a probability above it is a positive prediction, 0 to 1. Default: 0.5
    - `OUTPUT_COLUMNS`: JSON list, names of the output's CSV columns. Default: see the types
    - `PUBLISH_METRICS`: the analysis' own metrics. Default: true
    """

    ground_truth: S3Uri
    ground_truth_attribute: str | None
    inference: str | None
    probability: str | None
    probability_threshold: float
    output_columns: tuple[str, ...]
    publish_metrics: bool

    @staticmethod
    def own(environment: Environment) -> dict[str, Any]:
        """The fields that types with labels add."""
        threshold = environment.optional_fraction("PROBABILITY_THRESHOLD")
        return {
            "ground_truth": environment.s3_uri("GROUND_TRUTH_URI"),
            "ground_truth_attribute": environment.optional_text("GROUND_TRUTH_ATTRIBUTE"),
            "inference": environment.optional_text("INFERENCE_ATTRIBUTE"),
            "probability": environment.optional_text("PROBABILITY_ATTRIBUTE"),
            "probability_threshold": 0.5 if threshold is None else threshold,
            "output_columns": environment.names("OUTPUT_COLUMNS"),
            "publish_metrics": environment.flag("PUBLISH_METRICS", True),
        }

    @property
    def publishes(self) -> bool:
        """Whether the analysis' own metrics are published."""
        return self.publish_metrics


@dataclass(frozen=True)
class ModelQualitySettings(LabelledSettings):
    """Model quality; without `OUTPUT_COLUMNS`, CSV columns are called `_c0`, `_c1`, ...

    - `PROBLEM_TYPE`: `BinaryClassification`, `MulticlassClassification` or `Regression`
    - `POSITIVE_LABEL`: of a binary classification. Default: 1
    """

    monitoring_type = "ModelQuality"

    problem_type: str
    positive_label: str

    @staticmethod
    def own(environment: Environment) -> dict[str, Any]:
        """The fields that model quality adds."""
        fields = LabelledSettings.own(environment)
        problem = environment.choice("PROBLEM_TYPE", PROBLEM_TYPES)
        if fields["inference"] is None and fields["probability"] is None:
            environment.refuse("neither INFERENCE_ATTRIBUTE nor PROBABILITY_ATTRIBUTE is set; name the prediction")
        if fields["probability"] is not None and problem in PROBLEM_TYPES[1:]:
            environment.refuse(f"PROBABILITY_ATTRIBUTE={fields['probability']!r} needs PROBLEM_TYPE={PROBLEM_TYPES[0]}")
        return fields | {"problem_type": problem, "positive_label": environment.text("POSITIVE_LABEL", "1")}


@dataclass(frozen=True)
class BiasSettings(LabelledSettings):
    """Bias; without `OUTPUT_COLUMNS` the output is one CSV column, `prediction`.

    - `ANALYSIS_CONFIG` or `ANALYSIS_CONFIG_URI`: Clarify's analysis_config as JSON, or where it lies: `facet`,
      `label`, `label_values_or_threshold`, `group_variable`, and `headers`, the names of the input's columns
    - `BIAS_TOLERANCE`: how much farther from neutral than the baseline a metric may be, 0 to 1. Default: 0
    """

    monitoring_type = "ModelBias"

    config: str | None
    config_uri: S3Uri | None
    tolerance: float

    @staticmethod
    def own(environment: Environment) -> dict[str, Any]:
        """The fields that bias adds."""
        fields = LabelledSettings.own(environment)
        if fields["inference"] is not None and fields["probability"] is not None:
            environment.refuse("INFERENCE_ATTRIBUTE and PROBABILITY_ATTRIBUTE are both set; set one")
        config, uri = environment.optional_text("ANALYSIS_CONFIG"), environment.optional_s3_uri("ANALYSIS_CONFIG_URI")
        if (config is None) == (uri is None):
            environment.refuse("set ANALYSIS_CONFIG or ANALYSIS_CONFIG_URI, and one of them only")
        return fields | {
            "output_columns": fields["output_columns"] or ("prediction",),
            "config": config,
            "config_uri": uri,
            "tolerance": environment.optional_fraction("BIAS_TOLERANCE") or 0.0,
        }


def _window(environment: Environment) -> tuple[int, int, int]:
    """Length of the window, hours from its end to the scheduled hour, and hours from one run to the next."""
    names = ("START_TIME_OFFSET", "END_TIME_OFFSET")
    given = [name for name in names if environment.optional_text(name) is not None]
    if not given:
        period = environment.integer("PERIOD_HOURS", minimum=1, maximum=MAX_PERIOD_HOURS)
        return period, environment.integer("WINDOW_OFFSET_HOURS", 0, maximum=MAX_PERIOD_HOURS), period
    if len(given) == 1:
        environment.refuse(f"only {given[0]} is set; START_TIME_OFFSET and END_TIME_OFFSET go together")
        return 0, 0, 0
    start, end = (_hours(environment, name) for name in names)
    if start is None or end is None:
        return 0, 0, 0
    if not 1 <= start - end <= MAX_PERIOD_HOURS:
        environment.refuse(
            f"START_TIME_OFFSET and END_TIME_OFFSET are {start - end} hours apart; the window from one to the other "
            f"must span 1 to {MAX_PERIOD_HOURS} hours"
        )
        return 0, 0, 0
    return start - end, end, environment.integer("PERIOD_HOURS", start - end, minimum=1, maximum=MAX_PERIOD_HOURS)


def _hours(environment: Environment, name: str) -> int | None:
    from model_analyzer.durations import parse_duration

    text = environment.text(name)
    try:
        hours, rest = divmod(abs(parse_duration(text)), timedelta(hours=1))
    except (ValueError, OverflowError) as error:
        environment.refuse(f"{name}: {error}")
        return None
    if rest:
        environment.refuse(f"{name}={text!r} must be whole hours, because captures are kept by hour")
        return None
    return hours
