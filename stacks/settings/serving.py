"""Ways of serving beside instances that answer at once: serverless, asynchronous, shadow, inference components."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .base import BucketName, InstanceType, KeyArn, Prefix, Seconds, Settings, Timing, TopicArn, conflict
from .containers import OtherModelSettings


class ScheduledSettings(Settings):
    """Other bounds of scaling from a certain time on."""

    at: Annotated[Timing, Field(description="When they begin to hold.")]
    min: Annotated[int | None, Field(ge=0, le=1000, description="Fewest from then on. Default: as before")] = None
    max: Annotated[int | None, Field(ge=1, le=1000, description="Most from then on. Default: as before")] = None
    timezone: Annotated[str, Field(description="Time zone of the expression, such as Europe/Berlin. Default: UTC")] = (
        "UTC"
    )

    @model_validator(mode="after")
    def _sets_something(self) -> ScheduledSettings:
        if self.min is None and self.max is None:
            raise conflict("at", "sets neither min nor max; give at least one")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise conflict("max", f"max is {self.max} but min is {self.min}; max must be at least min")
        return self


class CooldownSettings(Settings):
    """Bounds that may change by the clock, and pauses."""

    schedule: Annotated[
        tuple[ScheduledSettings, ...], Field(max_length=20, description="Other bounds at certain times. Default: none")
    ] = ()
    scale_in_cooldown_seconds: Annotated[
        int, Field(ge=0, le=86400, description="Pause after removing some, in seconds. Default: 300")
    ] = 300
    scale_out_cooldown_seconds: Annotated[
        int, Field(ge=0, le=86400, description="Pause after adding some, in seconds. Default: 60")
    ] = 60


class ProvisionedScalingSettings(CooldownSettings):
    """Target tracking on the share of warm containers that are busy."""

    min: Annotated[int, Field(ge=1, le=200, description="Fewest warm containers. Default: 1")] = 1
    max: Annotated[int, Field(ge=1, le=200, description="Most warm containers.")]
    utilization: Annotated[float, Field(gt=0, le=1, description="Share that is aimed at. Default: 0.7")] = 0.7

    @model_validator(mode="after")
    def _min_is_below_max(self) -> ProvisionedScalingSettings:
        if self.min > self.max:
            raise conflict("max", f"max is {self.max} but min is {self.min}; max must be at least min")
        return self


class ServerlessSettings(Settings):
    """Serve without instances; pay for requests. No data capture, so no monitors; no VPC; no guarded rollout."""

    memory_mb: Annotated[
        Literal[1024, 2048, 3072, 4096, 5120, 6144],
        Field(description="Memory of a container in MB; processors come with it. Default: 2048"),
    ] = 2048
    max_concurrency: Annotated[
        int, Field(ge=1, le=200, description="Most requests at once; more are refused. Default: 20")
    ] = 20
    provisioned_concurrency: Annotated[
        int | None, Field(ge=1, le=200, description="Containers that are kept warm, and paid. Default: none")
    ] = None
    scaling: Annotated[
        ProvisionedScalingSettings | None, Field(description="Scaling of the warm containers. Default: none")
    ] = None

    @model_validator(mode="after")
    def _warm_ones_are_among_all(self) -> ServerlessSettings:
        if self.provisioned_concurrency is not None and self.provisioned_concurrency > self.max_concurrency:
            raise conflict(
                "provisioned_concurrency",
                f"provisioned_concurrency is {self.provisioned_concurrency}, more than max_concurrency "
                f"{self.max_concurrency}",
            )
        if self.scaling and self.scaling.max > self.max_concurrency:
            raise conflict("scaling", f"max is {self.scaling.max}, more than max_concurrency {self.max_concurrency}")
        return self


class AsynchronousSettings(Settings):
    """Queue requests that lie in S3, and answer there. No data capture, so no monitors; one variant."""

    output_bucket: Annotated[
        BucketName | None,
        Field(description="Bucket of the answers. Default: the environment's capture bucket, where they expire"),
    ] = None
    output_prefix: Annotated[
        Prefix | None, Field(description="Key prefix of the answers. Default: asynchronous/<endpoint>")
    ] = None
    input_buckets: Annotated[
        tuple[BucketName, ...],
        Field(max_length=10, description="Buckets of the requests. Default: the same"),
    ] = ()
    kms_key_arn: Annotated[
        KeyArn | None, Field(description="KMS key of output_bucket and input_buckets. Default: none of yours")
    ] = None
    success_topic_arn: Annotated[TopicArn | None, Field(description="Told of every answer. Default: nobody")] = None
    error_topic_arn: Annotated[TopicArn | None, Field(description="Told of every failure. Default: nobody")] = None
    include_responses: Annotated[
        bool, Field(description="true: messages hold the answers, up to 128 KB. Default: false")
    ] = False
    max_concurrent_requests: Annotated[
        int | None,
        Field(ge=1, le=1000, description="Requests that an instance is given at once. Default: chosen by SageMaker"),
    ] = None

    @model_validator(mode="after")
    def _somebody_reads(self) -> AsynchronousSettings:
        if self.include_responses and not (self.success_topic_arn or self.error_topic_arn):
            raise conflict("include_responses", "there is no topic that could carry answers; add success_topic_arn")
        if self.kms_key_arn and not (self.output_bucket or self.input_buckets):
            raise conflict("kms_key_arn", "the environment's own bucket has the environment's key; remove it")
        return self


class ShadowSettings(OtherModelSettings):
    """A second fleet that gets copies of requests; its answers are captured at most, never returned."""

    sampling_percentage: Annotated[
        float, Field(gt=0, le=100, description="Share of requests that is copied, in percent. Default: 100")
    ] = 100.0
    instance_type: Annotated[InstanceType | None, Field(description="Instance type. Default: the endpoint's")] = None
    instance_count: Annotated[
        int | None, Field(ge=1, le=1000, description="Instances. Default: as many as the endpoint has at the start")
    ] = None

    @model_validator(mode="after")
    def _is_another_model(self) -> ShadowSettings:
        if not self.version and not self.container:
            raise conflict(
                "version", "missing; say which model is on trial: version: <number>, or container: {image: …}"
            )
        return self


class InstancesSettings(Settings):
    """Bounds of the instances that inference components share."""

    min: Annotated[int, Field(ge=0, le=1000, description="Fewest; 0 while no component has copies. Default: 1")] = 1
    max: Annotated[int, Field(ge=1, le=1000, description="Most instances. Default: 2")] = 2

    @model_validator(mode="after")
    def _min_is_below_max(self) -> InstancesSettings:
        if self.min > self.max:
            raise conflict("max", f"max is {self.max} but min is {self.min}; max must be at least min")
        return self


class CopyScalingSettings(CooldownSettings):
    """Target tracking on a component's requests per copy."""

    min: Annotated[int, Field(ge=0, le=1000, description="Fewest copies, also 0. Default: 1")] = 1
    max: Annotated[int, Field(ge=1, le=1000, description="Most copies.")]
    invocations_per_copy: Annotated[
        float | None, Field(gt=0, description="Target: requests per minute and copy. Default: not looked at")
    ] = None
    concurrency_per_copy: Annotated[
        float | None, Field(gt=0, description="Target: requests at once per copy. Default: not looked at")
    ] = None

    @model_validator(mode="after")
    def _has_a_target(self) -> CopyScalingSettings:
        if self.min > self.max:
            raise conflict("max", f"max is {self.max} but min is {self.min}; max must be at least min")
        if self.invocations_per_copy is None and self.concurrency_per_copy is None and not self.schedule:
            raise conflict(
                "invocations_per_copy", "missing; give invocations_per_copy, concurrency_per_copy, or a schedule"
            )
        return self


class ComponentSettings(OtherModelSettings):
    """An inference component: a model with a reserved part of the shared instances."""

    min_memory_mb: Annotated[int, Field(ge=128, description="Memory that a copy reserves, in MB.")]
    max_memory_mb: Annotated[int | None, Field(ge=128, description="Its limit, in MB. Default: none")] = None
    cpu_cores: Annotated[float | None, Field(ge=0.25, description="Cores that a copy reserves. Default: none")] = None
    accelerators: Annotated[
        float | None, Field(ge=1, description="Accelerators that a copy reserves. Default: none")
    ] = None
    copies: Annotated[int | None, Field(ge=1, le=1000, description="Copies at first. Default: scaling.min, or 1")] = (
        None
    )
    scaling: Annotated[CopyScalingSettings | None, Field(description="Scaling of the copies. Default: none")] = None
    startup_seconds: Annotated[
        Seconds | None, Field(description="Longest start of the container, 60 to 3600. Default: SageMaker's")
    ] = None
    model_download_seconds: Annotated[
        Seconds | None, Field(description="Longest download of the model, 60 to 3600. Default: SageMaker's")
    ] = None
