"""The monitors that compare predictions with labels, and all monitors of one model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .attribution import AttributionSettings
from .base import Settings, conflict
from .baseline_data import BaselineDataSettings
from .monitors import DataQualitySettings, FeatureName, MonitorSettings, Schedule

Offset = Annotated[
    str,
    Field(
        pattern=r"^-?P(\d{1,3}D)?(T\d{1,4}H)?$",
        max_length=15,
        json_schema_extra={"x-allowed": "a duration of days and hours before the run, such as -P8D or -PT36H"},
    ),
]
Column = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        json_schema_extra={"x-allowed": 'the name of a column, or its number from "0" on, in quotes'},
    ),
]
MetricName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_]+$", json_schema_extra={"x-allowed": "the name of a metric in the report"})
]


class LabelledSettings(MonitorSettings):
    """What monitors with labels have in common. Labels lie in the bucket of ground truth."""

    schedule: Schedule = "daily"
    start_time_offset: Annotated[
        Offset | None,
        Field(
            description="Beginning of the time that a run looks at, before its hour, such as -P8D: labels have until "
            "the run to arrive. Default: the time since the run before, as if labels came at once"
        ),
    ] = None
    end_time_offset: Annotated[
        Offset | None, Field(description="End of that time, such as -P1D. Default: see start_time_offset")
    ] = None
    ground_truth_prefix: Annotated[
        str | None,
        Field(
            pattern=r"^[\w!.*'()/=-]+$",
            max_length=500,
            description="Where in the bucket the labels lie. Default: the endpoint's name",
            json_schema_extra={"x-allowed": "a prefix of keys in S3, such as labels/churn"},
        ),
    ] = None
    ground_truth_attribute: Annotated[
        Column | None, Field(description="Which member of a JSON label is meant. Default: labels are single values")
    ] = None
    inference_attribute: Annotated[
        Column | None,
        Field(
            description="Column of the predicted label or number among captured columns, the answer's first. "
            "Default: the first one, where no probability is predicted"
        ),
    ] = None
    probability_attribute: Annotated[
        Column | None,
        Field(
            description="Column of the probability of the positive label. Default: the first one, unless there is an "
            "inference_attribute"
        ),
    ] = None
    probability_threshold: Annotated[
        float | None, Field(ge=0, le=1, description="A probability above it is a positive prediction. Default: 0.5")
    ] = None
    output_columns: Annotated[
        tuple[FeatureName, ...], Field(description="Names of the columns of CSV answers. Default: they have none")
    ] = ()
    max_unlabelled_share: Annotated[
        float | None,
        Field(
            ge=0,
            lt=1,
            description="Share of the predictions that may have no label without an alarm; null for no such alarm. "
            "Default: 0.9",
        ),
    ] = 0.9
    alarm_metrics: Annotated[
        dict[MetricName, float],
        Field(
            max_length=20,
            description="Metrics that get an alarm of their own with its threshold, each at 0.10 USD a month. "
            "Default: none; violations of any metric are watched by one alarm",
        ),
    ] = {}

    @model_validator(mode="after")
    def _offsets_go_together(self) -> LabelledSettings:
        if (self.start_time_offset is None) != (self.end_time_offset is None):
            given, missing = "start_time_offset", "end_time_offset"
            if self.start_time_offset is None:
                given, missing = missing, given
            raise conflict(given, f"needs the other end of the time that a run looks at; add {missing}")
        if self.start_time_offset is not None and self.period_hours is not None:
            raise conflict(
                "period_hours", "start_time_offset and end_time_offset say how long a window is; remove period_hours"
            )
        return self


class ModelQualitySettings(LabelledSettings):
    """Compares predictions with labels, and accuracy or errors with the baseline's."""

    problem: Annotated[
        Literal["binary-classification", "multiclass-classification", "regression"],
        Field(description="What the model predicts."),
    ]
    positive_label: Annotated[
        str | None, Field(min_length=1, description="The positive label of a binary classification. Default: 1")
    ] = None

    @model_validator(mode="after")
    def _probabilities_are_binary(self) -> ModelQualitySettings:
        for key in ("probability_attribute", "probability_threshold", "positive_label"):
            if getattr(self, key) is not None and self.problem != "binary-classification":
                raise conflict(key, f"only a binary-classification has one, problem is {self.problem}; remove {key}")
        return self


class BiasSettings(LabelledSettings):
    """Compares how predictions treat a group of people with how they did in the baseline."""

    facet: Annotated[Column, Field(description="Column of the input that holds the sensitive attribute.")]
    disadvantaged: Annotated[
        tuple[FeatureName, ...],
        Field(
            description="Values of the disadvantaged group. Default: every value in turn, against all others",
        ),
    ] = ()
    disadvantaged_above: Annotated[
        float | None, Field(description="Numbers above it form the disadvantaged group. Default: see disadvantaged")
    ] = None
    columns: Annotated[
        tuple[FeatureName, ...],
        Field(description="Names of the columns of CSV requests, in their order. Default: they have none"),
    ] = ()
    label_values: Annotated[
        tuple[FeatureName, ...], Field(min_length=1, description='The positive labels. Default: ["1"]')
    ] = ("1",)
    label_above: Annotated[
        float | None, Field(description="Numeric labels above it are positive. Default: see label_values")
    ] = None
    group_variable: Annotated[
        Column | None,
        Field(description="Column of the strata of CDDL and CDDPL. Default: those two are not measured"),
    ] = None
    tolerance: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="How much farther from neutral than the baseline's a metric may be. Default: 0",
        ),
    ] = 0.0

    @model_validator(mode="after")
    def _one_group(self) -> BiasSettings:
        if self.disadvantaged and self.disadvantaged_above is not None:
            raise conflict("disadvantaged_above", "disadvantaged already says who is meant; remove one of the two")
        if self.alarm_metrics and not self.disadvantaged and self.disadvantaged_above is None:
            raise conflict(
                "alarm_metrics",
                "an alarm needs to know whose metric it watches; add disadvantaged or disadvantaged_above",
            )
        for column in (self.facet, self.group_variable):
            if self.columns and column is not None and not column.isdigit() and column not in self.columns:
                raise conflict("columns", f"{column} is none of them; add it, or correct its name")
        return self

    @property
    def by_name(self) -> bool:
        """Whether a column of the input is meant by its name."""
        return not all(column.isdigit() for column in (self.facet, self.group_variable) if column is not None)


class MonitorsSettings(Settings):
    """What is watched besides the endpoint itself."""

    data_quality: Annotated[
        DataQualitySettings | None,
        Field(description="Watch the inputs' quality and drift; `{}` takes all defaults. Default: not watched"),
    ] = None
    model_quality: Annotated[
        ModelQualitySettings | None,
        Field(description="Watch whether predictions are right, once labels are known. Default: not watched"),
    ] = None
    bias: Annotated[
        BiasSettings | None,
        Field(description="Watch how predictions treat a group of people, with labels. Default: not watched"),
    ] = None
    attribution: Annotated[
        AttributionSettings | None,
        Field(description="Watch which features answers depend on; `{}` takes all defaults. Default: not watched"),
    ] = None
    baseline_data: Annotated[
        BaselineDataSettings | None,
        Field(
            description="What baselines are computed from, for versions whose registry entry names none. "
            "Default: monitors of such versions wait, and say so"
        ),
    ] = None

    @property
    def wanted(self) -> list[MonitorSettings]:
        """The monitors that there are."""
        found = (self.data_quality, self.model_quality, self.bias, self.attribution)
        return [monitor for monitor in found if monitor is not None]

    @model_validator(mode="after")
    def _labels_have_a_column(self) -> MonitorsSettings:
        labelled = [name for name in ("model_quality", "bias") if getattr(self, name) is not None]
        if self.baseline_data is not None and self.baseline_data.label is None and labelled:
            raise conflict(
                "baseline_data", f"{' and '.join(labelled)} compare predictions with labels; add label, its column"
            )
        return self
