"""Model package groups that this environment owns. Stateful; changes rarely."""

from __future__ import annotations

from dataclasses import dataclass, field

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
        owned = owned_groups(settings)
        for name, shared in owned.items():
            self.groups[name] = mlops.ModelPackageGroup(
                self,
                f"Group-{name}",
                name=name,
                consumer_accounts=sorted(shared.accounts),
                proposer_accounts=sorted(shared.proposers),
                artifacts=[storage.models],
                retain=self.retain,
                log_retention_days=settings.log_retention_days,
            )
            acknowledge(self.groups[name], RUNTIME_IS_PINNED)
        self._forward(owned)

    def _forward(self, owned: dict[str, Sharing]) -> None:
        """Approvals wake the other accounts' controllers; each account hears of the groups that it deploys from."""
        forwarded = {name: self.groups[name] for name, shared in owned.items() if shared.accounts}
        if forwarded:
            accounts = {account for name in forwarded for account in owned[name].accounts}
            mlops.RegistryEvents(self, "Events", groups=list(forwarded.values()), accounts=sorted(accounts))


@dataclass
class Sharing:
    """Accounts that a group is shared with, and those among them that propose versions for the next stage."""

    accounts: set[str] = field(default_factory=set)
    proposers: set[str] = field(default_factory=set)


def owned_groups(settings: Environment) -> dict[str, Sharing]:
    """Names of the groups that this environment creates, with whom they are shared."""
    groups: dict[str, Sharing] = {}
    for registry in registries(settings):
        if registry.account is None:
            shared = groups.setdefault(registry.group, Sharing())
            shared.accounts.update(registry.share_with_accounts)
            shared.proposers.update(registry.promoted_by_accounts)
    return groups


def registry_accounts(settings: Environment) -> list[str]:
    """Other accounts whose registries this environment follows."""
    accounts = {registry.account for registry in registries(settings) if registry.account}
    return sorted(accounts - {settings.account})


def registries(settings: Environment) -> list[RegistrySettings]:
    """Registry settings of all models that have one."""
    return [model.registry for model in settings.models.values() if model.registry]
