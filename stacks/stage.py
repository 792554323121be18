"""One environment as one CDK stage: `<project>-<environment>`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import aws_cdk as cdk
from constructs import Construct

from cdk_sagemaker_mlops import EndpointRecord
from cdk_sagemaker_mlops.feature_store import SchemaRecord

from .base import BOOTSTRAP_QUALIFIER, boundary_of
from .delivery import DeliveryStack
from .feature_store import FeatureStoreStack, refuse_removed_groups
from .foundation import FoundationStack
from .insights import InsightsStack
from .registry import RegistryStack, owned_groups
from .serving import ServingStack
from .settings import Environment, prefix
from .training import TrainingStack, trained_models


class EnvironmentStage(cdk.Stage):
    """All stacks of an environment: Foundation, Registry (if it owns groups), FeatureStore (if it has feature groups),
    Delivery, Training (if models are trained here), Insights (if wanted), Serving-<model> per model.

    :param environment_name: Name of the environment, which is its file's.
    :param settings: Settings of the environment.
    :param feature_records: What is recorded of its feature groups, by their names in the environment file. Default:
        nothing is compared
    :param endpoint_records: What is recorded of its endpoints as deployed, by model. Default: nothing is compared
    :param folder: Folder of its file, which other files are named from. Default: the working directory
    """

    def __init__(
        self,
        scope: Construct,
        environment_name: str,
        settings: Environment,
        *,
        feature_records: Mapping[str, SchemaRecord] | None = None,
        folder: Path | None = None,
        endpoint_records: Mapping[str, EndpointRecord] | None = None,
    ) -> None:
        super().__init__(
            scope,
            prefix(settings.project, environment_name),
            permissions_boundary=boundary_of(settings.permissions_boundary),
        )
        if settings.bootstrap_qualifier:
            # Of which every stack's synthesizer makes names: assets, bootstrap roles, the bootstrap's version.
            self.node.set_context(BOOTSTRAP_QUALIFIER, settings.bootstrap_qualifier)
        refuse_removed_groups(self, environment_name, settings, feature_records or {})
        self.foundation = FoundationStack(self, "Foundation", environment_name=environment_name, settings=settings)
        # CloudFormation takes no stack without resources, and an environment may own no group.
        self.registry = (
            RegistryStack(
                self,
                "Registry",
                environment_name=environment_name,
                settings=settings,
                storage=self.foundation.storage,
            )
            if owned_groups(settings)
            else None
        )
        self.feature_store = (
            FeatureStoreStack(
                self,
                "FeatureStore",
                environment_name=environment_name,
                settings=settings,
                notifications=self.foundation.notifications,
                records=feature_records,
            )
            if settings.feature_groups
            else None
        )
        self.delivery = DeliveryStack(
            self, "Delivery", environment_name=environment_name, settings=settings, foundation=self.foundation
        )
        self.training = (
            TrainingStack(
                self,
                "Training",
                environment_name=environment_name,
                settings=settings,
                foundation=self.foundation,
                groups=self.registry.groups if self.registry else {},
                feature_store=self.feature_store,
                folder=folder or Path(),
            )
            if trained_models(settings)
            else None
        )
        self.insights = (
            InsightsStack(
                self,
                "Insights",
                environment_name=environment_name,
                settings=settings,
                insights=settings.insights,
                foundation=self.foundation,
            )
            if settings.insights
            else None
        )
        self.serving = {
            name: ServingStack(
                self,
                f"Serving-{name}",
                environment_name=environment_name,
                settings=settings,
                model_name=name,
                foundation=self.foundation,
                groups=self.registry.groups if self.registry else {},
                deployed=(endpoint_records or {}).get(name),
            )
            for name in settings.models
        }
        for stack in self.serving.values():
            # A model's first version is rolled out by a controller that is there already, from a group that is there.
            stack.add_stack_dependency(self.delivery)
            if self.registry:
                stack.add_stack_dependency(self.registry)
        if self.training and self.registry:
            self.training.add_stack_dependency(self.registry)
