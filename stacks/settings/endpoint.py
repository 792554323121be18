"""The endpoint of one model: instances, scaling, capture, rollout, alarms."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from .base import InstanceType, KeyArn, Settings, conflict


class VariantSettings(Settings):
    """One production variant. All variants serve the same model version."""

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


class ScalingSettings(Settings):
    """Target tracking on invocations per instance and minute, for each variant."""

    min: Annotated[int, Field(ge=1, le=1000, description="Fewest instances of a variant.")]
    max: Annotated[int, Field(ge=1, le=1000, description="Most instances of a variant.")]
    invocations_per_instance: Annotated[
        float,
        Field(gt=0, description="Target: invocations per instance and minute. Measure what one instance can take."),
    ]
    scale_in_cooldown_seconds: Annotated[
        int, Field(ge=0, le=86400, description="Pause after removing instances, in seconds. Default: 300")
    ] = 300
    scale_out_cooldown_seconds: Annotated[
        int, Field(ge=0, le=86400, description="Pause after adding instances, in seconds. Default: 60")
    ] = 60

    @model_validator(mode="after")
    def _min_is_below_max(self) -> ScalingSettings:
        if self.min > self.max:
            raise conflict("max", f"max is {self.max} but min is {self.min}; max must be at least min")
        return self


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
        Field(gt=0, le=60_000, description="Time that the container takes, in milliseconds. Default: 1000"),
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
    evaluation_minutes: Annotated[
        int,
        Field(ge=1, le=60, description="How long a figure is looked at; most of that time has to be bad. Default: 5"),
    ] = 5


class EndpointSettings(Settings):
    """The real-time endpoint of one model. It appears with the first approved version."""

    instance_type: Annotated[InstanceType, Field(description="Instance type, for example ml.m5.large.")]
    instance_count: Annotated[
        int, Field(ge=1, le=1000, description="Instances of each variant without scaling. Default: 1")
    ] = 1
    variants: Annotated[
        dict[
            Annotated[str, Field(pattern=r"^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$", max_length=63)], VariantSettings
        ],
        Field(max_length=10, description="Production variants by name. Default: one variant, AllTraffic"),
    ] = {}
    scaling: Annotated[ScalingSettings | None, Field(description="Automatic scaling. Default: none")] = None
    capture: Annotated[
        CaptureSettings | None,
        Field(description="Data capture; `capture: null` turns it off. Default: everything, as CSV"),
    ] = CaptureSettings()
    rollout: Annotated[RolloutSettings, Field(description="How a new version takes over.")] = RolloutSettings()
    pinned_version: Annotated[
        int | None,
        Field(ge=1, description="Version number of the registry to serve whatever is approved later. Default: newest"),
    ] = None
    frozen: Annotated[
        bool,
        Field(description="true: the controller leaves this endpoint alone until it is false again. Default: false"),
    ] = False
    volume_kms_key_arn: Annotated[
        KeyArn | None,
        Field(
            description="KMS key of the instances' volumes. Not with instance types that have local NVMe disks, which "
            "encrypt themselves. Default: SageMaker's own key"
        ),
    ] = None
    network_isolation: Annotated[
        bool, Field(description="true: the container can reach no network at all. Default: false")
    ] = False
    environment: Annotated[
        dict[
            Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=1024)],
            Annotated[str, Field(max_length=1024)],
        ],
        Field(description="Environment variables of the container, text to text (quote numbers). Default: none"),
    ] = {}
    alarms: Annotated[AlarmSettings, Field(description="Thresholds of the endpoint's alarms.")] = AlarmSettings()

    @model_validator(mode="after")
    def _keys_go_together(self) -> EndpointSettings:
        if self.scaling and re.match(r"ml\.t\d", self.instance_type):
            raise conflict(
                "scaling", f"{self.instance_type} cannot scale automatically; choose another type, or remove scaling"
            )
        if self.variants and not any(variant.weight > 0 for variant in self.variants.values()):
            raise conflict("variants", "no variant has a weight above 0, so none would get traffic")
        if self.rollout.strategy == "rolling" and len(self.variants) > 1:
            raise conflict(
                "rollout", "a rolling rollout works with one variant only; choose canary, linear or all-at-once"
            )
        if self.rollout.strategy in ("canary", "linear"):
            fewest = self.scaling.min if self.scaling else self.instance_count
            if fewest < 2:
                where = "scaling.min" if self.scaling else "instance_count"
                raise conflict(
                    "rollout",
                    f"{self.rollout.strategy} splits a fleet, which needs at least 2 instances; {where} is {fewest}. "
                    f"Raise it, or choose all-at-once",
                )
        return self
