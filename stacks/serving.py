"""One model in production: endpoint, monitors, alarms, dashboard. Changes with every approved version."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

import cdk_sagemaker_mlops as mlops

from .base import RUNTIME_IS_PINNED, EnvironmentStack, acknowledge
from .foundation import FoundationStack
from .monitors import MonitorContext, define_monitors
from .settings import (
    EndpointSettings,
    Environment,
    ModelSettings,
    MonitorsSettings,
    RegistrySettings,
    RolloutSettings,
    endpoint_name,
)

QUEUE_IS_A_DEAD_LETTER_QUEUE = {
    "AwsSolutions::AwsSolutions-SQS3": "the queue is itself a dead-letter queue, of Lambda's retries and of Scheduler, "
    "which cdk-nag does not look at"
}

ROUTES_ARE_NOT_OURS = {"@aws-cdk/aws-ec2:noSubnetRouteTableId": "the VPC is given; no routes are added to its subnets"}

_CAPTURED_SIDES = {
    "both": mlops.CaptureContent.INPUT_AND_OUTPUT,
    "input": mlops.CaptureContent.INPUT,
    "output": mlops.CaptureContent.OUTPUT,
}


class ServingStack(EnvironmentStack):
    """The endpoint of one model and everything that watches it.

    :param model_name: Name of the model in the environment file.
    :param foundation: Where traffic is captured to and reports are written to.
    :param groups: Groups that this environment owns.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment_name: str,
        settings: Environment,
        model_name: str,
        foundation: FoundationStack,
        groups: Mapping[str, mlops.ModelPackageGroupBase],
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            environment_name=environment_name,
            settings=settings,
            description=f"MLOps: model {model_name} in production",
        )
        self.model_name = model_name
        self._model = settings.models[model_name]
        self._storage = foundation.storage
        self._notifications = foundation.notifications
        self._owned = groups
        self._group = self._follow(self._model.registry) if self._model.registry else None
        self.endpoint = self._define_endpoint(self._model)
        if self._model.monitors != MonitorsSettings():
            common = MonitorContext(
                storage=self._storage,
                baselines=self._baselines(),
                notifications=self._notifications,
                log_retention_days=self.settings.log_retention_days,
            )
            for monitor in define_monitors(self, self._model.monitors, common):
                self.endpoint.add_monitor(monitor)
                acknowledge(monitor, RUNTIME_IS_PINNED | QUEUE_IS_A_DEAD_LETTER_QUEUE)
        self.dashboard = mlops.EndpointDashboard(self, "Dashboard", endpoint=self.endpoint)
        if self._group:
            self._register(self._model.endpoint)

    def _follow(self, registry: RegistrySettings) -> mlops.ModelPackageGroupBase:
        if registry.account is None:
            return self._owned[registry.group]
        artifacts = registry.artifacts
        return mlops.ModelPackageGroup.from_model_package_group_arn(
            self,
            "Group",
            f"arn:{self.partition}:sagemaker:{registry.region or self.settings.region}:{registry.account}"
            f":model-package-group/{registry.group}",
            artifacts=[self._foreign_bucket("Models", artifacts.models_bucket)] if artifacts else (),
        )

    def _foreign_bucket(self, construct_id: str, name: str) -> s3.IBucket:
        """A bucket of the account that owns the registry."""
        artifacts = self._model.registry.artifacts if self._model.registry else None
        key = (
            kms.Key.from_key_arn(self, f"{construct_id}Key", artifacts.kms_key_arn)
            if artifacts and artifacts.kms_key_arn
            else None
        )
        return s3.Bucket.from_bucket_attributes(self, construct_id, bucket_name=name, encryption_key=key)

    def _define_endpoint(self, model: ModelSettings) -> mlops.Endpoint:
        wanted = model.endpoint
        return mlops.Endpoint(
            self,
            "Endpoint",
            variants=self._variants(self._source(model), wanted),
            endpoint_name=endpoint_name(self.settings.project, self.environment_name, self.model_name),
            capture=self._capture(wanted),
            encryption_key=kms.Key.from_key_arn(self, "VolumeKey", wanted.volume_kms_key_arn)
            if wanted.volume_kms_key_arn
            else None,
            network=self._network(),
            network_isolation=wanted.network_isolation,
            rollout=_rollout(wanted.rollout),
            alarms=mlops.EndpointAlarms(**wanted.alarms.model_dump(), targets=[self._notifications]),
            log_retention_days=self.settings.log_retention_days,
        )

    def _source(self, model: ModelSettings) -> mlops.Model:
        if self._group:
            return mlops.Model.latest_approved(self._group, environment=model.endpoint.environment)
        assert model.container is not None  # noqa: S101  (the settings demand one of the two)
        return mlops.Model.from_image(
            model.container.image, model_data_url=model.container.model_data, environment=model.endpoint.environment
        )

    def _variants(self, source: mlops.Model, wanted: EndpointSettings) -> list[mlops.Variant]:
        scaling = (
            mlops.Scaling(
                min_instances=wanted.scaling.min,
                max_instances=wanted.scaling.max,
                invocations_per_instance=wanted.scaling.invocations_per_instance,
                scale_in_cooldown_seconds=wanted.scaling.scale_in_cooldown_seconds,
                scale_out_cooldown_seconds=wanted.scaling.scale_out_cooldown_seconds,
            )
            if wanted.scaling
            else None
        )
        count = None if scaling else wanted.instance_count
        if not wanted.variants:
            return [
                mlops.Variant(
                    model=source, instance_type=wanted.instance_type, initial_instance_count=count, scaling=scaling
                )
            ]
        return [
            mlops.Variant(
                model=source,
                name=name,
                weight=variant.weight,
                instance_type=variant.instance_type or wanted.instance_type,
                initial_instance_count=variant.instance_count or count,
                scaling=scaling,
            )
            for name, variant in wanted.variants.items()
        ]

    def _capture(self, wanted: EndpointSettings) -> mlops.DataCapture | None:
        if wanted.capture is None:
            return None
        return mlops.DataCapture(
            bucket=self._storage.capture,
            sampling_percentage=wanted.capture.sampling_percentage,
            content=_CAPTURED_SIDES[wanted.capture.sides],
        )

    def _network(self) -> mlops.Network | None:
        network = self.settings.network
        if network is None:
            return None
        vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=network.vpc_id,
            # The CDK demands a zone; nothing that is defined here depends on it, EC2 knows where the subnets are.
            availability_zones=[f"{self.settings.region}a"],
            private_subnet_ids=list(network.subnet_ids),
        )
        acknowledge(vpc, ROUTES_ARE_NOT_OURS)
        return mlops.Network(
            vpc=vpc,
            security_groups=[
                ec2.SecurityGroup.from_security_group_id(self, f"SecurityGroup{number}", group_id, mutable=False)
                for number, group_id in enumerate(network.security_group_ids)
            ],
        )

    def _baselines(self) -> s3.IBucket:
        artifacts = self._model.registry.artifacts if self._model.registry else None
        if artifacts is None:
            return self._storage.baselines
        return self._foreign_bucket("Baselines", artifacts.baselines_bucket or artifacts.models_bucket)

    def _register(self, wanted: EndpointSettings) -> None:
        registration = mlops.RolloutRegistration(
            self,
            "Registration",
            controller_name=self.prefix,
            model=self.model_name,
            endpoint=self.endpoint,
            environment=self.environment_name,
            notifications=[self._notifications],
            pinned_version=wanted.pinned_version,
            frozen=wanted.frozen,
        )
        self.dashboard.add_section("Rollouts", registration.charts)


def _rollout(wanted: RolloutSettings) -> mlops.Rollout:
    match wanted.strategy:
        case "canary":
            return mlops.Rollout.canary(percent=wanted.percent or 10, bake_minutes=wanted.bake_minutes)
        case "linear":
            return mlops.Rollout.linear(percent=wanted.percent or 25, bake_minutes=wanted.bake_minutes)
        case "rolling":
            return mlops.Rollout.rolling(percent=wanted.percent or 25, bake_minutes=wanted.bake_minutes)
    return mlops.Rollout.all_at_once(bake_minutes=wanted.bake_minutes)
