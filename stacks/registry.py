"""Model package groups that this environment owns. Stateful; changes rarely."""

from __future__ import annotations

from constructs import Construct

import cdk_sagemaker_mlops as mlops

from .base import RUNTIME_IS_PINNED, EnvironmentStack, acknowledge
from .settings import Environment, RegistrySettings


class RegistryStack(EnvironmentStack):
    """The groups that models of this environment follow and that no other account owns."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment_name: str,
        settings: Environment,
        storage: mlops.Storage,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            environment_name=environment_name,
            settings=settings,
            description="MLOps: model registry",
        )
        self.groups: dict[str, mlops.ModelPackageGroup] = {}
        for name, consumers in owned_groups(settings).items():
            self.groups[name] = mlops.ModelPackageGroup(
                self,
                f"Group-{name}",
                name=name,
                consumer_accounts=consumers,
                artifacts=[storage.models],
                retain=self.retain,
                log_retention_days=settings.log_retention_days,
            )
            acknowledge(self.groups[name], RUNTIME_IS_PINNED)


def owned_groups(settings: Environment) -> dict[str, list[str]]:
    """Names of the groups that this environment creates, with the accounts that they are shared with."""
    groups: dict[str, set[str]] = {}
    for registry in registries(settings):
        if registry.account is None:
            groups.setdefault(registry.group, set()).update(registry.share_with_accounts)
    return {name: sorted(accounts) for name, accounts in groups.items()}


def registries(settings: Environment) -> list[RegistrySettings]:
    """Registry settings of all models that have one."""
    return [model.registry for model in settings.models.values() if model.registry]
