"""From the settings of one model to its endpoint, in whichever way it serves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

import cdk_sagemaker_mlops as mlops

from . import capacity
from .network import network_of_endpoint
from .settings import (
    AsynchronousSettings,
    ComponentSettings,
    ContainerSettings,
    Environment,
    ModelSettings,
    OtherModelSettings,
    RolloutSettings,
    VariantSettings,
)

_CAPTURED_SIDES = {
    "both": mlops.CaptureContent.INPUT_AND_OUTPUT,
    "input": mlops.CaptureContent.INPUT,
    "output": mlops.CaptureContent.OUTPUT,
}


@dataclass(frozen=True, kw_only=True)
class EndpointDefinition:
    """What an endpoint is made of.

    :param stack: Stack of the endpoint.
    :param settings: Settings of the environment.
    :param model: Settings of the model.
    :param name: Name of the endpoint.
    :param group: The registry group that it follows; None for a fixed model.
    :param captures: Bucket of captured traffic.
    :param targets: Who hears of alarms.
    :param deployed: What is recorded of the endpoint as deployed; None to compare with nothing.
    """

    stack: cdk.Stack
    settings: Environment
    model: ModelSettings
    name: str
    group: mlops.ModelPackageGroupBase | None
    captures: s3.IBucket
    targets: Sequence[mlops.AlarmTarget]
    deployed: mlops.EndpointRecord | None = None

    def define(self) -> mlops.Endpoint | mlops.ComponentEndpoint:
        """Define it."""
        wanted = self.model.endpoint
        key = (
            kms.Key.from_key_arn(self.stack, "VolumeKey", wanted.volume_kms_key_arn)
            if wanted.volume_kms_key_arn
            else None
        )
        if wanted.components:
            return self._define_components(key)
        guarded = wanted.serverless is None
        return mlops.Endpoint(
            self.stack,
            "Endpoint",
            variants=self._variants(),
            endpoint_name=self.name,
            asynchronous=self._asynchronous(wanted.asynchronous) if wanted.asynchronous else None,
            shadow=self._shadow(),
            capture=self._capture(),
            encryption_key=key,
            network=network_of_endpoint(self.stack, self.settings.network),
            network_isolation=wanted.network_isolation,
            execution_role=self._role(),
            rollout=_rollout(wanted.rollout) if guarded else None,
            alarms=self._alarms(),
            log_retention_days=self.settings.log_retention_days,
            deployed=self.deployed,
        )

    def _define_components(self, key: kms.IKey | None) -> mlops.ComponentEndpoint:
        wanted = self.model.endpoint
        bounds = wanted.instances
        return mlops.ComponentEndpoint(
            self.stack,
            "Endpoint",
            components=[self._component(name, component) for name, component in wanted.components.items()],
            instances=mlops.ManagedInstances(
                instance_type=wanted.instance_type or "",
                min_instances=bounds.min if bounds else 1,
                max_instances=bounds.max if bounds else 2,
                volume_gb=wanted.volume_gb,
                startup_seconds=wanted.startup_seconds,
                model_download_seconds=wanted.model_download_seconds,
            ),
            endpoint_name=self.name,
            encryption_key=key,
            network=network_of_endpoint(self.stack, self.settings.network),
            network_isolation=wanted.network_isolation,
            execution_role=self._role(),
            rollout=_rollout(wanted.rollout) if wanted.rollout.strategy == "rolling" else None,
            alarms=self._alarms(),
            log_retention_days=self.settings.log_retention_days,
        )

    def _role(self) -> iam.IRole | None:
        arn = self.model.endpoint.execution_role_arn
        return iam.Role.from_role_arn(self.stack, "ExecutionRole", arn, mutable=False) if arn else None

    def source(self, other: OtherModelSettings | None = None) -> mlops.Model:
        """The model that is rolled out, or another one."""
        environment = self.model.endpoint.environment
        if other and other.container:
            return _container(other.container, environment)
        if other and other.version and self.group:
            return mlops.Model.from_model_package(self.group, other.version, environment=environment)
        if self.group:
            return mlops.Model.latest_approved(self.group, environment=environment)
        if self.model.pipeline:
            return mlops.Model.pipeline(*(_container(each, environment) for each in self.model.pipeline))
        assert self.model.container is not None  # noqa: S101  (the settings demand one of the three)
        return _container(self.model.container, environment)

    def _alarms(self) -> mlops.EndpointAlarms:
        wanted = self.model.endpoint.alarms
        given = wanted.model_dump()
        if self.model.endpoint.asynchronous and "latency_milliseconds" not in wanted.model_fields_set:
            # Requests may take up to an hour; there is no figure that fits all.
            given["latency_milliseconds"] = None
        return mlops.EndpointAlarms(**given, targets=self.targets)

    def _variants(self) -> list[mlops.Variant]:
        wanted = self.model.endpoint
        if wanted.serverless:
            return [self._hosted(mlops.Variant(model=self.source(), serverless=capacity.serverless(wanted.serverless)))]
        if not wanted.variants:
            only = mlops.Variant(
                model=self.source(),
                instance_type=wanted.instance_type,
                initial_instance_count=None if wanted.scaling else wanted.instance_count,
                scaling=capacity.scaling(wanted.scaling),
            )
            return [self._hosted(only)]
        return [self._hosted(self._variant(name, variant)) for name, variant in wanted.variants.items()]

    def _variant(self, name: str, variant: VariantSettings) -> mlops.Variant:
        wanted = self.model.endpoint
        scaling = variant.scaling or wanted.scaling
        return mlops.Variant(
            model=self.source(variant),
            name=name,
            weight=variant.weight,
            instance_type=variant.instance_type or wanted.instance_type,
            initial_instance_count=variant.instance_count or (None if scaling else wanted.instance_count),
            scaling=capacity.scaling(scaling),
        )

    def _hosted(self, variant: mlops.Variant) -> mlops.Variant:
        """With what all fleets have in common."""
        wanted = self.model.endpoint
        return replace(
            variant,
            volume_gb=wanted.volume_gb,
            startup_seconds=wanted.startup_seconds,
            model_download_seconds=wanted.model_download_seconds,
        )

    def _shadow(self) -> mlops.Shadow | None:
        wanted = self.model.endpoint.shadow
        if wanted is None:
            return None
        return mlops.Shadow(
            model=self.source(wanted),
            sampling_percentage=wanted.sampling_percentage,
            instance_type=wanted.instance_type,
            instance_count=wanted.instance_count,
            volume_gb=self.model.endpoint.volume_gb,
            startup_seconds=self.model.endpoint.startup_seconds,
            model_download_seconds=self.model.endpoint.model_download_seconds,
        )

    def _capture(self) -> mlops.DataCapture | None:
        wanted = self.model.endpoint.captured
        if wanted is None or self.model.loads_many:
            return None
        return mlops.DataCapture(
            bucket=self.captures,
            sampling_percentage=wanted.sampling_percentage,
            content=_CAPTURED_SIDES[wanted.sides],
        )

    def _asynchronous(self, wanted: AsynchronousSettings) -> mlops.AsyncInference:
        key = kms.Key.from_key_arn(self.stack, "AnswersKey", wanted.kms_key_arn) if wanted.kms_key_arn else None

        def bucket(construct_id: str, name: str) -> s3.IBucket:
            return s3.Bucket.from_bucket_attributes(self.stack, construct_id, bucket_name=name, encryption_key=key)

        def topic(construct_id: str, arn: str | None) -> sns.ITopic | None:
            return sns.Topic.from_topic_arn(self.stack, construct_id, arn) if arn else None

        return mlops.AsyncInference(
            bucket=bucket("Answers", wanted.output_bucket) if wanted.output_bucket else self.captures,
            prefix=f"asynchronous/{self.name}" if wanted.output_prefix is None else wanted.output_prefix,
            inputs=[bucket(f"Requests{number}", name) for number, name in enumerate(wanted.input_buckets)],
            success_topic=topic("SuccessTopic", wanted.success_topic_arn),
            error_topic=topic("ErrorTopic", wanted.error_topic_arn),
            include_responses=wanted.include_responses,
            max_concurrent_requests=wanted.max_concurrent_requests,
        )

    def _component(self, name: str, wanted: ComponentSettings) -> mlops.Component:
        return mlops.Component(
            name=name,
            model=self.source(wanted),
            min_memory_mb=wanted.min_memory_mb,
            max_memory_mb=wanted.max_memory_mb,
            cpu_cores=wanted.cpu_cores,
            accelerators=wanted.accelerators,
            copies=wanted.copies,
            scaling=capacity.copy_scaling(wanted.scaling) if wanted.scaling else None,
            startup_seconds=wanted.startup_seconds,
            model_download_seconds=wanted.model_download_seconds,
        )


def recorded_variants(model: ModelSettings) -> mlops.EndpointRecord | None:
    """What is recorded of a model's endpoint once it is deployed; None where nothing is."""
    wanted = model.endpoint
    if wanted.components:
        return None
    fleets = wanted.variants or {"AllTraffic": VariantSettings()}
    return mlops.EndpointRecord(
        variants={
            name: mlops.RecordedVariant(
                instance_type=None if wanted.serverless else variant.instance_type or wanted.instance_type,
                scales=bool(variant.scaling or wanted.scaling),
            )
            for name, variant in fleets.items()
        }
    )


def _container(wanted: ContainerSettings, environment: dict[str, str]) -> mlops.Model:
    if wanted.models:
        return mlops.Model.multi_model(
            wanted.image, models_url=wanted.models, caching=wanted.cache_models, environment=environment
        )
    return mlops.Model.from_image(wanted.image, model_data_url=wanted.model_data, environment=environment)


def _rollout(wanted: RolloutSettings) -> mlops.Rollout:
    match wanted.strategy:
        case "canary":
            return mlops.Rollout.canary(percent=wanted.percent or 10, bake_minutes=wanted.bake_minutes)
        case "linear":
            return mlops.Rollout.linear(percent=wanted.percent or 25, bake_minutes=wanted.bake_minutes)
        case "rolling":
            return mlops.Rollout.rolling(percent=wanted.percent or 25, bake_minutes=wanted.bake_minutes)
    return mlops.Rollout.all_at_once(bake_minutes=wanted.bake_minutes)
