"""One model in production: endpoint, monitors, alarms, dashboard. Changes with every approved version."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

import cdk_sagemaker_mlops as mlops

from .around import define_batch, define_front_door
from .base import RUNTIME_IS_PINNED, EnvironmentStack, acknowledge
from .endpoints import EndpointDefinition
from .engines import EngineContext
from .foundation import FoundationStack
from .monitors import QUEUE_IS_A_DEAD_LETTER_QUEUE, MonitorContext, define_monitors
from .settings import (
    EndpointSettings,
    Environment,
    MonitorsSettings,
    RegistrySettings,
    endpoint_name,
    prefix,
)


class ServingStack(EnvironmentStack):
    """The endpoint of one model and everything that watches it.

    :param model_name: Name of the model in the environment file.
    :param foundation: Where traffic is captured to and reports are written to.
    :param groups: Groups that this environment owns.
    :param deployed: What is recorded of the endpoint as deployed. Default: nothing is compared
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
        deployed: mlops.EndpointRecord | None = None,
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
        definition = EndpointDefinition(
            stack=self,
            settings=settings,
            model=self._model,
            name=endpoint_name(settings.project, environment_name, model_name),
            group=self._group,
            captures=self._storage.capture,
            targets=[],  # people hear of incidents
            deployed=deployed,
        )
        self.endpoint = definition.define()
        if self._model.monitors != MonitorsSettings():
            common = MonitorContext(
                storage=self._storage,
                baselines=self._baselines(),
                notifications=None,
                engines=EngineContext(
                    stack=self,
                    default=settings.defaults.monitoring.engine,
                    log_retention_days=settings.log_retention_days,
                    network=settings.network,
                ),
                baseline_data=self._model.monitors.baseline_data,
            )
            for monitor in define_monitors(self, self._model.monitors, common):
                self.endpoint.add_monitor(monitor)
                acknowledge(monitor, RUNTIME_IS_PINNED | QUEUE_IS_A_DEAD_LETTER_QUEUE)
        self.dashboard = mlops.EndpointDashboard(self, "Dashboard", endpoint=self.endpoint)
        insights = self._insights_page() if settings.insights else None
        if insights:
            self.dashboard.link(insights)
        registration = self._register(self._model.endpoint) if self.endpoint.follows else None
        if self.endpoint.alarms or self.endpoint.monitors:
            self.dashboard.show(
                mlops.ModelIncidents(
                    self,
                    "Incidents",
                    endpoint=self.endpoint,
                    targets=[self._notifications],
                    rollouts=registration,
                    insights=insights,
                )
            )
        if self._model.endpoint.front_door:
            define_front_door(
                self, self.endpoint, self._model.endpoint.front_door, log_retention_days=settings.log_retention_days
            )
        if self._model.batch:
            define_batch(
                self,
                self.endpoint,
                definition.source(),
                self._model.batch,
                captures=self._storage.capture,
                notifications=[self._notifications],
            )

    def _insights_page(self) -> mlops.InsightsPage:
        return mlops.InsightsPage(bucket=self._storage.reports, controller_name=self.prefix, model=self.model_name)

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

    def _baselines(self) -> s3.IBucket:
        artifacts = self._model.registry.artifacts if self._model.registry else None
        if artifacts is None:
            return self._storage.baselines
        return self._foreign_bucket("Baselines", artifacts.baselines_bucket or artifacts.models_bucket)

    def _register(self, wanted: EndpointSettings) -> mlops.RolloutRegistration:
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
            promotion=self._promotion(),
        )
        self.dashboard.add_section("Rollouts", registration.charts)
        self.dashboard.annotate(registration.marks)
        return registration

    def _promotion(self) -> mlops.Promotion | None:
        wanted = self._model.registry.promotion if self._model.registry else None
        if wanted is None:
            return None
        return mlops.Promotion(
            stage=wanted.stage,
            after=prefix(self.settings.project, wanted.after) if wanted.after else None,
            next_stage=wanted.next_stage,
            healthy_minutes=wanted.healthy_minutes,
        )
