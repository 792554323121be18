"""The monitor of feature attribution."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .base import S3Uri, Settings, conflict
from .monitors import FeatureName, MonitorSettings, Schedule

Row = Annotated[tuple[float, ...], Field(min_length=1, max_length=2000)]


class ShadowEndpointSettings(Settings):
    """An endpoint of the live model that exists during a run only."""

    instance_type: Annotated[
        str,
        Field(
            pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$",
            description="Its only instance. Default: ml.m5.large",
            json_schema_extra={"x-allowed": "an instance type of SageMaker, such as ml.m5.large"},
        ),
    ] = "ml.m5.large"


class AttributionSettings(MonitorSettings):
    """Explains captured requests by SHAP values and compares the ranking of the features with the baseline's."""

    schedule: Schedule = "daily"
    columns: Annotated[
        tuple[FeatureName, ...],
        Field(description="Names of the features, the columns of requests in their order. Default: the model's own"),
    ] = ()
    label_headers: Annotated[
        tuple[FeatureName, ...], Field(description="Names of the model's answers. Default: label0, label1, ...")
    ] = ()
    output_columns: Annotated[
        tuple[FeatureName, ...], Field(description="Names of the columns of CSV answers. Default: one column")
    ] = ()
    drift_threshold: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            description="Smallest agreement (nDCG) with the baseline's ranking. Default: 0.9, as Clarify has it",
        ),
    ] = 0.9
    aggregation: Annotated[
        Literal["mean_abs", "median", "mean_sq"],
        Field(description="How SHAP values become one number for each feature. Default: mean_abs"),
    ] = "mean_abs"
    shap_baseline: Annotated[
        tuple[Row, ...] | S3Uri | None,
        Field(
            description="Rows that stand for features that are not known, or the URI of such rows as CSV without a "
            "header; for models that are asked instead of read. Default: none"
        ),
    ] = None
    num_samples: Annotated[
        int | None, Field(ge=1, description="Mixtures for each request of a model that is asked. Default: by features")
    ] = None
    use_logit: Annotated[
        bool, Field(description="Explain log odds of a model that answers with probabilities. Default: false")
    ] = False
    model_data: Annotated[
        S3Uri | None, Field(description="Archive of the model. Default: the live version's, from the registry")
    ] = None
    allow_pickle: Annotated[
        bool,
        Field(description="Load pickled models, which runs the code in them; for archives you trust. Default: false"),
    ] = False
    max_rows: Annotated[
        int | None,
        Field(ge=1, le=1_000_000, description="Rows that a run explains. Default: 10000; of a model that is asked 100"),
    ] = None
    shadow_endpoint: Annotated[
        ShadowEndpointSettings | None,
        Field(
            description="Ask models that cannot be read through an endpoint of their own; `{}` takes all defaults. "
            "Default: runs fail for such models"
        ),
    ] = None
    alarm_features: Annotated[
        dict[FeatureName, float],
        Field(
            max_length=20,
            description="Features whose attribution gets an alarm of its own above a value, each at 0.10 USD a month. "
            "Default: none; violations are watched by one alarm",
        ),
    ] = {}

    @model_validator(mode="after")
    def _asked_models_have_a_baseline(self) -> AttributionSettings:
        if self.shadow_endpoint is not None and not self.shap_baseline:
            raise conflict(
                "shadow_endpoint", "asking a model takes rows that stand for unknown features; add shap_baseline"
            )
        if isinstance(self.shap_baseline, tuple):
            widths = {len(row) for row in self.shap_baseline}
            wanted = {len(self.columns)} if self.columns else widths
            if len(widths) > 1 or widths - wanted:
                raise conflict(
                    "shap_baseline",
                    f"rows have {', '.join(map(str, sorted(widths)))} values; all need one for each feature"
                    + (f", of which columns names {len(self.columns)}" if self.columns else ""),
                )
        unknown = sorted(set(self.alarm_features) - set(self.columns)) if self.columns else []
        if unknown:
            raise conflict("alarm_features", f"none of the columns: {', '.join(unknown)}")
        return self
