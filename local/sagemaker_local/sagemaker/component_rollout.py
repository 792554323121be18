"""The life of an inference component on the virtual clock: creation, rolling updates, other numbers of copies."""

from __future__ import annotations

from typing import Any

from .fleet import Fleet
from .rollout import Rollout
from .rollout_plan import Plan
from .service import SageMaker
from .state import Component, Endpoint, Store
from .timeline import Process


class ComponentRollout(Rollout):
    """One creation or update of an inference component.

    Args:
        sagemaker: the embedded SageMaker.
        store: the component's account and region.
        component: the component; its status says Creating or Updating already.
        fleet: what to load and switch to; its instances are the component's copies.
        specification: what the component is then. Default: as it is.
    """

    def __init__(
        self,
        sagemaker: SageMaker,
        store: Store,
        component: Component,
        fleet: Fleet,
        specification: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(sagemaker, store, component, fleet)
        self._component = component
        self._specification = specification

    def update(self, plan: Plan, deployment_config: dict[str, Any] | None) -> Process:
        """Replace the copies batch by batch; the component ends InService, on the new specification or the old one."""
        yield from super().update(plan, deployment_config)
        if self._specification is not None and self._component.fleet is self._fleet:
            self._component.definition = self._specification
        adjust_instances(self._store, self._component.host, self._component.variant)

    def scale(self) -> Process:
        """Bring the number of copies to the desired one."""
        yield self._sagemaker.options.update_endpoint_seconds
        if self._component.fleet is not None:
            for variant in self._component.fleet.variants.values():
                variant.instances = variant.desired_instances = self._component.copies
        self._settle("InService", None)

    def _announce(self) -> None:
        """SageMaker sends no events about inference components that are documented."""

    def _show(self, share: float, status: str, message: str) -> None:
        """Inference components have no PendingDeploymentSummary."""


def adjust_instances(store: Store, host: Endpoint, name: str) -> None:
    """With ManagedInstanceScaling, let a variant's instances go to the minimum where no component needs them."""
    variant = host.fleet.variants.get(name) if host.fleet is not None else None
    managed = (variant.definition.get("ManagedInstanceScaling") or {}) if variant is not None else {}
    if variant is None or managed.get("Status") != "ENABLED":
        return
    copies = sum(item.copies for item in store.components.values() if item.host is host and item.variant == name)
    least = int(managed.get("MinInstanceCount", 1))
    wanted = max(least, 1 if copies else 0)
    variant.instances = variant.desired_instances = wanted
