"""The endpoint of one model: way of serving, instances, scaling, capture, rollout, alarms."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .around import FrontDoorSettings
from .base import InstanceType, KeyArn, Seconds, Settings, conflict, conflicts
from .containers import OtherModelSettings
from .endpoint_conflicts import endpoint_conflicts
from .serving import (
    AsynchronousSettings,
    ComponentSettings,
    CooldownSettings,
    InstancesSettings,
    ServerlessSettings,
    ShadowSettings,
)

Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$", max_length=63)]


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


class EndpointSettings(Settings):
    """The endpoint of one model. It appears with the first approved version."""

    instance_type: Annotated[
        InstanceType | None,
        Field(description="Instance type, such as ml.m5.large. Default: none, for serverless"),
    ] = None
    instance_count: Annotated[
        int, Field(ge=1, le=1000, description="Instances of each variant without scaling. Default: 1")
    ] = 1
    variants: Annotated[
        dict[Name, VariantSettings],
        Field(max_length=10, description="Production variants by name. Default: one variant, AllTraffic"),
    ] = {}
    scaling: Annotated[ScalingSettings | None, Field(description="Automatic scaling. Default: none")] = None
    serverless: Annotated[ServerlessSettings | None, Field(description="Serve without instances. Default: no")] = None
    asynchronous: Annotated[
        AsynchronousSettings | None, Field(description="Queue requests, answer through S3. Default: answer at once")
    ] = None
    shadow: Annotated[ShadowSettings | None, Field(description="Copy requests to a model on trial. Default: no")] = None
    components: Annotated[
        dict[Name, ComponentSettings],
        Field(max_length=50, description="Inference components by name, which share the instances. Default: none"),
    ] = {}
    instances: Annotated[
        InstancesSettings | None, Field(description="Bounds of the components' instances. Default: 1 to 2")
    ] = None
    volume_gb: Annotated[
        int | None, Field(ge=1, le=512, description="Volume of each instance in GB. Default: SageMaker's")
    ] = None
    startup_seconds: Annotated[
        Seconds | None, Field(description="Longest start of a container, 60 to 3600. Default: SageMaker's")
    ] = None
    model_download_seconds: Annotated[
        Seconds | None, Field(description="Longest download of a model, 60 to 3600. Default: SageMaker's")
    ] = None
    front_door: Annotated[
        FrontDoorSettings | None, Field(description="API Gateway before the endpoint. Default: none")
    ] = None
    capture: Annotated[
        CaptureSettings | None,
        Field(
            description="Data capture; `capture: null` turns it off. Only what answers at once from instances can be "
            "captured. Default: everything, as CSV, where it can be"
        ),
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
    execution_role_arn: Annotated[
        str | None,
        Field(
            pattern=r"^arn:[a-z-]+:iam::[0-9]{12}:role/[\w+=,.@/-]+$",
            description="A role of yours for the containers, which then needs every permission itself. Default: a new "
            "one with what is used",
            json_schema_extra={"x-allowed": "the ARN of a role (arn:<partition>:iam::<account>:role/<name>)"},
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

    @property
    def mode(self) -> str:
        """How the endpoint answers, in words."""
        if self.components:
            return "inference components"
        if self.serverless:
            return "serverless"
        return "asynchronous" if self.asynchronous else "real-time"

    @property
    def captured(self) -> CaptureSettings | None:
        """What is captured; nothing where SageMaker cannot."""
        return self.capture if self.mode == "real-time" else None

    @model_validator(mode="after")
    def _keys_go_together(self) -> EndpointSettings:
        found = list(endpoint_conflicts(self))
        if found:
            raise conflicts(found)
        return self
