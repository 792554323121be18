"""What SageMaker forbids in an endpoint with inference components, said before anything is deployed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import _refs
from ._endpoint_rules import check_log_retention, check_name, check_region, check_volume_key
from ._errors import Problems
from ._naming import NAME_LIMIT, pascal
from .components import component_traffic
from .rollout import RolloutStrategy
from .serving_mode import ServingMode

if TYPE_CHECKING:
    from constructs import Construct

    from .components import Component
    from .endpoint_alarms import EndpointAlarms
    from .managed_instances import ManagedInstances
    from .network import Network
    from .rollout import Rollout


def check_components(
    scope: Construct,
    construct_id: str,
    *,
    name: str,
    components: Sequence[Component],
    instances: ManagedInstances,
    network: Network | None,
    rollout: Rollout | None,
    thresholds: EndpointAlarms,
    encrypted: bool,
    log_retention_days: int,
    parameter_prefix: str,
) -> None:
    """Raise everything that is wrong with the properties."""
    problems = Problems()
    problems.require(
        not _refs.is_token(name), "endpoint_name is known at deployment only; write it out: alarms carry it"
    )
    check_name(problems, name, parameter_prefix)
    check_log_retention(problems, log_retention_days)
    problems.require(bool(components), "components is empty, give at least one Component")
    for component in components:
        problems.extend(component.problems(), where=f'component "{component.name}"')
        whole = f"{name}-{component.name}"
        problems.require(
            len(whole) <= NAME_LIMIT,
            f'component "{component.name}" would be called {whole} ({len(whole)} characters), allowed are '
            f"{NAME_LIMIT}; shorten its name or the endpoint's",
        )
    names = [pascal(component.name) for component in components]
    doubled = sorted({component.name for component in components if names.count(pascal(component.name)) > 1})
    problems.require(
        not doubled, f"names of components are equal or differ in hyphens only: {', '.join(doubled)}; rename one"
    )
    groups = {group.group_arn for component in components if (group := component.model.follows) is not None}
    problems.require(
        len(groups) <= 1,
        f"the components follow {len(groups)} groups, but a stack deploys the newest version of one; give the others a "
        "fixed version with Model.from_model_package(group, version), or an endpoint of their own",
    )
    problems.extend(instances.problems(), where="instances")
    if encrypted:
        check_volume_key(problems, [instances.instance_type])
    if network is not None:
        problems.extend(network.problems(), where="network")
    problems.extend(thresholds.problems(ServingMode.COMPONENTS), where="alarms")
    if rollout is not None and components:
        _check_rollout(problems, rollout, components, thresholds)
    check_region(problems, scope, [component.model for component in components])
    problems.raise_if_any(scope, construct_id)


def _check_rollout(
    problems: Problems, rollout: Rollout, components: Sequence[Component], thresholds: EndpointAlarms
) -> None:
    if rollout.strategy is not RolloutStrategy.ROLLING:
        problems.add(
            f"rollout is {rollout.strategy.name.lower()}, but copies of a component are exchanged by rolling only; use "
            "Rollout.rolling(...), or leave rollout out"
        )
        return
    fewest = min(components, key=lambda component: component.fewest_copies)
    problems.require(
        fewest.fewest_copies >= 2,
        f'rollout: rolling replaces at most half of the copies at a time, component "{fewest.name}" has '
        f"{fewest.fewest_copies}; raise copies (or scaling.min_copies) to 2, or leave rollout out",
    )
    own = len(thresholds.rollback_rules(component_traffic("", "", ""), None))
    problems.extend(rollout.problems(instances=fewest.fewest_copies, variants=1, own_alarms=own), where="rollout")
