"""What brings approved versions to life: the rollout controller. Changes with code; knows no model by name."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

import cdk_sagemaker_mlops as mlops

from .base import RUNTIME_IS_PINNED, EnvironmentStack, acknowledge
from .foundation import FoundationStack
from .registry import registries, registry_accounts
from .settings import Environment


class DeliveryStack(EnvironmentStack):
    """The rollout controller of one environment.

    Serving stacks register themselves with it, so adding a model leaves this stack as it is.

    :param foundation: Whose notifications tell about rollouts.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment_name: str,
        settings: Environment,
        foundation: FoundationStack,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            environment_name=environment_name,
            settings=settings,
            description="MLOps: rollout controller",
        )
        self.controller = mlops.RolloutController(
            self,
            "Controller",
            name=self.prefix,
            environment=environment_name,
            notifications=foundation.notifications,
            registry_accounts=registry_accounts(settings),
            proposes=any(item.promotion and item.promotion.next_stage for item in registries(settings)),
            native_monitors=settings.uses_engine("model-monitor"),
            encryption_keys=[
                kms.Key.from_key_arn(self, f"VolumeKey{number}", arn)
                for number, arn in enumerate(_volume_keys(settings))
            ],
            log_retention_days=settings.log_retention_days,
        )
        acknowledge(self.controller, RUNTIME_IS_PINNED)
        # For people: `aws lambda invoke` releases a version from quarantine or asks for a look right now.
        cdk.CfnOutput(self, "DeployFunctionName", value=self.controller.function_name)


def _volume_keys(settings: Environment) -> list[str]:
    """Keys of endpoints' volumes: a rollout makes configurations that name them."""
    return sorted({key for model in settings.models.values() if (key := model.endpoint.volume_kms_key_arn)})
