"""The monitors of one model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .base import Settings, conflict

# The engines of this version. A later one is one more word here and one more case where it is composed.
Engine = Literal["lambda"]

FeatureName = Annotated[str, Field(min_length=1, max_length=200)]


class MonitoringDefaults(Settings):
    """What monitors use that do not say it themselves."""

    engine: Annotated[Engine, Field(description="What runs the analysis. Default: lambda")] = "lambda"


class Defaults(Settings):
    """Values for all models of this environment."""

    monitoring: Annotated[MonitoringDefaults, Field(description="For all monitors.")] = MonitoringDefaults()


class DataQualitySettings(Settings):
    """Compares captured inputs with the baseline of the version that serves them."""

    schedule: Annotated[
        str,
        Field(
            pattern=r"^(hourly|daily|cron\(\S+ \S+ \S+ \S+ \S+ \S+\))$",
            description="When it runs, UTC: hourly, daily, or a cron expression of EventBridge Scheduler. "
            "A run looks at the time since the one before. Default: hourly",
            json_schema_extra={"x-allowed": "hourly, daily, or cron(minute hour day month weekday year)"},
        ),
    ] = "hourly"
    drift_threshold: Annotated[
        float,
        Field(gt=0, le=1, description="Distance from the baseline's distribution that is a violation. Default: 0.1"),
    ] = 0.1
    comparison_method: Annotated[
        Literal["robust", "simple"],
        Field(
            description="How distances are computed: robust corrects the L-infinity distance for small samples, "
            "simple does not. Default: robust"
        ),
    ] = "robust"
    columns: Annotated[
        tuple[FeatureName, ...],
        Field(
            description="Names of the captured CSV columns in order, the response's first. "
            "Default: those of the baseline"
        ),
    ] = ()
    alarm_features: Annotated[
        tuple[FeatureName, ...],
        Field(
            max_length=100,
            description="Features that get a drift alarm of their own, each at 0.10 USD a month. "
            "Default: none; violations of any feature are watched by one alarm",
        ),
    ] = ()
    window_offset_hours: Annotated[
        int, Field(ge=0, le=24, description="How many hours before the run the window ends. Default: 0")
    ] = 0
    engine: Annotated[
        Engine | None, Field(description="What runs the analysis. Default: defaults.monitoring.engine")
    ] = None

    @model_validator(mode="after")
    def _features_are_distinct(self) -> DataQualitySettings:
        for key, names in (("columns", self.columns), ("alarm_features", self.alarm_features)):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise conflict(key, f"named twice: {', '.join(twice)}")
        unknown = [name for name in self.alarm_features if self.columns and name not in self.columns]
        if unknown:
            raise conflict("alarm_features", f"not among columns: {', '.join(unknown)}")
        return self


class MonitorsSettings(Settings):
    """What is watched besides the endpoint itself."""

    data_quality: Annotated[
        DataQualitySettings | None,
        Field(description="Watch the inputs' quality and drift; `{}` takes all defaults. Default: not watched"),
    ] = None
