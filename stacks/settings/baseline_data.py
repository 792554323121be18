"""What baselines are computed from, for versions whose registry entry names none."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .base import Settings, conflict


class BaselineDataSettings(Settings):
    """Training data in the bucket of baselines; the first run of a version makes the version's baselines of it."""

    prefix: Annotated[
        str | None,
        Field(
            pattern=r"^[\w!.*'()=-][\w!.*'()/=-]*$",
            max_length=500,
            description="Where in the bucket it lies: a prefix, or one object. Default: versions say it themselves",
            json_schema_extra={"x-allowed": "a prefix of keys in S3, such as training/churn/validation.csv"},
        ),
    ] = None
    from_version: Annotated[
        bool,
        Field(
            description="Each version names its own, as a URI under the property monitoring-dataset of its registry "
            "entry (CustomerMetadataProperties). Default: false, prefix says it for all versions"
        ),
    ] = False
    format: Annotated[
        Literal["csv", "csv-without-header", "jsonl", "parquet"],
        Field(description="How it is written. Default: csv, whose first line names the columns"),
    ] = "csv"
    label: Annotated[str | None, Field(min_length=1, description="The column of labels. Default: there is none")] = None
    quality_tolerance: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="How much worse than there a metric of model quality may be, a share of its value. "
            "Default: 0.1",
        ),
    ] = 0.1

    @model_validator(mode="after")
    def _somebody_says_where(self) -> BaselineDataSettings:
        if self.prefix is None and not self.from_version:
            raise conflict("prefix", "nothing says where the data lies; add prefix, or from_version: true")
        if self.prefix is not None and self.from_version:
            raise conflict("prefix", "versions name their own data; remove prefix, or from_version")
        return self
