"""What the keys of an endpoint hold: scaling, variants, capture, rollout, thresholds of alarms."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .base import InstanceType, Settings, conflict
from .containers import OtherModelSettings
from .serving import CooldownSettings


class ScalingSettings(CooldownSettings):
    """Target tracking on what each instance has to do, for each variant."""

    min: Annotated[
        int, Field(ge=0, le=1000, description="Fewest instances of a variant; 0 of an asynchronous endpoint only.")
    ]
    max: Annotated[int, Field(ge=1, le=1000, description="Most instances of a variant.")]
    invocations_per_instance: Annotated[
        float | None,
        Field(gt=0, description="Target: requests per minute and instance. Measure what one can take. Default: none"),
    ] = None
    concurrency_per_instance: Annotated[
        float | None,
        Field(gt=0, description="Target: requests at once per instance, measured every 10 seconds. Default: none"),
    ] = None
    backlog_per_instance: Annotated[
        float | None,
        Field(gt=0, description="Target: queued requests per instance, of an asynchronous endpoint. Default: none"),
    ] = None

    @model_validator(mode="after")
    def _can_act(self) -> ScalingSettings:
        if self.min > self.max:
            raise conflict("max", f"max is {self.max} but min is {self.min}; max must be at least min")
        targets = (self.invocations_per_instance, self.concurrency_per_instance, self.backlog_per_instance)
        if not any(targets) and not self.schedule:
            raise conflict(
                "invocations_per_instance",
                "missing; give invocations_per_instance, concurrency_per_instance or a schedule (of an asynchronous "
                "endpoint backlog_per_instance)",
            )
        return self


class VariantSettings(OtherModelSettings):
    """One production variant. Without version or container it serves what is rolled out."""

    weight: Annotated[
        float, Field(ge=0, description="Share of the traffic relative to the other variants' weights. Default: 1")
    ] = 1.0
    instance_type: Annotated[
        InstanceType | None, Field(description="Instance type of this variant. Default: the endpoint's instance_type")
    ] = None
    instance_count: Annotated[
        int | None,
        Field(ge=1, le=1000, description="Instances at creation. Default: the endpoint's instance_count"),
    ] = None
    scaling: Annotated[
        ScalingSettings | None, Field(description="Scaling of this variant. Default: the endpoint's")
    ] = None


class CaptureSettings(Settings):
    """Data capture: what of the traffic is written to the capture bucket. Monitors read nothing else."""

    sampling_percentage: Annotated[
        int, Field(ge=1, le=100, description="Share of the requests that is captured, in percent. Default: 100")
    ] = 100
    content: Annotated[
        Literal["csv", "json"],
        Field(description="What requests and responses consist of; anything else is captured as base64. Default: csv"),
    ] = "csv"
    sides: Annotated[
        Literal["both", "input", "output"],
        Field(description="Which sides of a request are captured. Default: both"),
    ] = "both"


class RolloutSettings(Settings):
    """How traffic moves to a new version. The endpoint's alarms end a rollout and bring the old fleet back."""

    strategy: Annotated[
        Literal["all-at-once", "canary", "linear", "rolling"],
        Field(
            description="all-at-once and canary move traffic to a second fleet in one or two steps, linear in equal "
            "steps, rolling replaces instances in batches without a second fleet. Default: all-at-once"
        ),
    ] = "all-at-once"
    percent: Annotated[
        int | None,
        Field(
            ge=1,
            le=50,
            description="Size of the canary, of a linear step or of a rolling batch, in percent of the fleet. "
            "canary: 1 to 50, linear: 10 to 50, rolling: 5 to 50. Not for all-at-once. "
            "Default: canary 10, linear and rolling 25",
        ),
    ] = None
    bake_minutes: Annotated[
        int,
        Field(
            # The alarms look at three minutes; a shorter watch would be over before they can go off.
            ge=3,
            le=60,
            description="How long the alarms are watched after each step before going on, in minutes. Default: 10",
        ),
    ] = 10

    @model_validator(mode="after")
    def _percent_fits_strategy(self) -> RolloutSettings:
        if self.percent is not None and self.strategy == "all-at-once":
            raise conflict("percent", "all-at-once has no percent; remove percent, or choose canary, linear or rolling")
        least = {"linear": 10, "rolling": 5}.get(self.strategy, 1)
        if self.percent is not None and self.percent < least:
            raise conflict("percent", f"percent is {self.percent}; with {self.strategy} it is {least} to 50")
        return self


Share = Annotated[float, Field(ge=0, lt=100)]


class AlarmSettings(Settings):
    """Thresholds of the endpoint's alarms, for each variant; `null` leaves an alarm out. They also end a rollout."""

    client_error_percent: Annotated[
        Share | None, Field(description="Share of requests that are answered with 4xx, in percent. Default: 10")
    ] = 10.0
    server_error_percent: Annotated[
        Share | None, Field(description="Share of requests that are answered with 5xx, in percent. Default: 1")
    ] = 1.0
    model_error_percent: Annotated[
        Share | None,
        Field(description="Share of requests that the container answers with an error, in percent. Default: 1"),
    ] = 1.0
    latency_milliseconds: Annotated[
        float | None,
        Field(
            gt=0,
            le=3_600_000,
            description="Time that the container takes, in milliseconds. Default: 1000, asynchronous none",
        ),
    ] = 1000.0
    latency_statistic: Annotated[
        str,
        Field(
            pattern=r"^p[0-9]{1,2}(\.[0-9]{1,2})?$",
            description="Percentile that latency_milliseconds is about. Default: p95",
            json_schema_extra={"x-allowed": "a percentile such as p95"},
        ),
    ] = "p95"
    disk_percent: Annotated[
        Share | None,
        Field(description="Disk in use, in percent; a full disk ends data capture without a word. Default: 75"),
    ] = 75.0
    concurrency_percent: Annotated[
        Share | None, Field(description="Requests at once in percent of serverless.max_concurrency. Default: 90")
    ] = 90.0
    failed_requests: Annotated[
        int | None, Field(ge=0, description="Requests a minute that an asynchronous endpoint gives up. Default: 0")
    ] = 0
    queue_age_minutes: Annotated[
        float | None, Field(gt=0, description="Age of an asynchronous endpoint's oldest request. Default: 60")
    ] = 60.0
    evaluation_minutes: Annotated[
        int,
        Field(ge=1, le=60, description="How long a figure is looked at; most of that time has to be bad. Default: 5"),
    ] = 5
