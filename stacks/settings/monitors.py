"""The monitors of one model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from .base import Settings, conflict
from .engines import EngineChoice, EngineSettings

if TYPE_CHECKING:
    from cdk_sagemaker_mlops import MonitoringSchedule

FeatureName = Annotated[str, Field(min_length=1, max_length=200)]


class MonitoringDefaults(Settings):
    """What monitors use that do not say it themselves."""

    engine: Annotated[EngineChoice, Field(description="What runs the analysis. Default: auto")] = EngineSettings(
        type="auto"
    )


class Defaults(Settings):
    """Values for all models of this environment."""

    monitoring: Annotated[MonitoringDefaults, Field(description="For all monitors.")] = MonitoringDefaults()


def monitoring_schedule(settings: MonitorSettings) -> MonitoringSchedule:
    """When a monitor runs and how much time a run looks at.

    Raises:
        ValueError: a cron expression whose runs are not equally far apart.
    """
    # Here and not above: whoever only wants the JSON schema need not wait for the CDK.
    from cdk_sagemaker_mlops import MonitoringSchedule

    match settings.schedule:
        case "hourly":
            return MonitoringSchedule.hourly()
        case "daily":
            return MonitoringSchedule.daily()
    return MonitoringSchedule.cron(settings.schedule, settings.period_hours)


Schedule = Annotated[
    str,
    Field(
        pattern=r"^(hourly|daily|cron\(\S+ \S+ \S+ \S+ \S+ \S+\))$",
        description="When it runs, UTC: hourly, daily, or a cron expression of EventBridge Scheduler. "
        "A run looks at the time since the one before. Default: hourly; with labels: daily",
        json_schema_extra={"x-allowed": "hourly, daily, or cron(minute hour day month weekday year)"},
    ),
]


Script = Annotated[
    str,
    Field(
        pattern=r"^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+|[^/].*)\.py$",
        json_schema_extra={"x-allowed": "a path from the repository's root, or an S3 URI, that ends in .py"},
    ),
]


class MonitorSettings(Settings):
    """What all monitors have in common."""

    schedule: Schedule = "hourly"
    period_hours: Annotated[
        int | None,
        Field(
            ge=1,
            le=24,
            description="Length of the time that a run looks at, in hours, for cron expressions whose runs are not "
            "equally far apart. Default: the time between runs",
        ),
    ] = None
    max_violations: Annotated[
        int, Field(ge=0, description="Violations that one run may find without an alarm. Default: 0")
    ] = 0
    engine: Annotated[
        EngineChoice | None, Field(description="What runs the analysis. Default: defaults.monitoring.engine")
    ] = None

    @model_validator(mode="after")
    def _windows_fit_the_schedule(self) -> MonitorSettings:
        if self.period_hours is not None and not self.schedule.startswith("cron"):
            raise conflict("period_hours", f"{self.schedule} says how long a window is; remove period_hours")
        try:
            monitoring_schedule(self)
        except ValueError as error:
            raise conflict("schedule", str(error)) from error
        return self


class DataQualitySettings(MonitorSettings):
    """Compares captured inputs with the baseline of the version that serves them."""

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
    include_features: Annotated[tuple[FeatureName, ...], Field(description="Features to analyse. Default: all")] = ()
    exclude_features: Annotated[tuple[FeatureName, ...], Field(description="Features to leave out. Default: none")] = ()
    alarm_features: Annotated[
        tuple[FeatureName, ...],
        Field(
            max_length=40,
            description="Features that get a drift alarm of their own, each at 0.10 USD a month. "
            "Default: none; violations of any feature are watched by one alarm",
        ),
    ] = ()
    preprocessor: Annotated[
        Script | None,
        Field(description="Python file with preprocess_handler, which turns captured records into rows. Default: none"),
    ] = None
    postprocessor: Annotated[
        Script | None,
        Field(description="Python file with postprocess_handler, called once with the report's files. Default: none"),
    ] = None
    window_offset_hours: Annotated[
        int, Field(ge=0, le=24, description="How many hours before the run the window ends. Default: 0")
    ] = 0

    @model_validator(mode="after")
    def _features_are_distinct(self) -> DataQualitySettings:
        lists = {key: getattr(self, key) for key in ("include_features", "exclude_features", "alarm_features")}
        for key, names in lists.items():
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise conflict(key, f"named twice: {', '.join(twice)}")
        if self.include_features and self.exclude_features:
            raise conflict("exclude_features", "include_features already says which; remove one of the two")
        blind = [name for name in self.alarm_features if not self._analysed(name)]
        if blind:
            raise conflict("alarm_features", f"not analysed, so the alarm would never see data: {', '.join(blind)}")
        return self

    def _analysed(self, feature: str) -> bool:
        return feature not in self.exclude_features and (not self.include_features or feature in self.include_features)
