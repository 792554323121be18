"""What SageMaker forbids in an endpoint, said before anything is deployed.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import aws_cdk as cdk

from . import _refs
from ._errors import ConstructError, Problems
from ._instances import has_local_nvme
from ._mode_rules import check_mode
from ._naming import LOWER_NAME_PATTERN, LOWER_NAME_RULE, NAME_PATTERN, NAME_RULE, fit, pascal
from .endpoint_record import EndpointRecord
from .serving_mode import ServingMode

if TYPE_CHECKING:
    from constructs import Construct

    from ._endpoint_plan import EndpointPlan
    from .model import Model

_MAX_VARIANTS = 10
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
_LOG_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip


def default_name(scope: Construct, construct_id: str) -> str:
    """Name of an endpoint that was given none: the stack's name and the construct's path below the stack.

    :raises ConstructError: The stack's name is known at deployment only.
    """
    stack = cdk.Stack.of(scope)
    stack_name = stack.stack_name
    if _refs.is_token(stack_name):
        raise ConstructError(
            f"{scope.node.path}/{construct_id}",
            ["the stack's name is known at deployment only, so no name can be made from it; give endpoint_name"],
        )
    below = scope.node.path.removeprefix(stack.node.path)
    return fit(f"{stack_name}{below}/{construct_id}")


def check(scope: Construct, construct_id: str, plan: EndpointPlan) -> None:
    """Raise everything that is wrong with an endpoint's properties."""
    problems = Problems()
    name, variants = plan.name, plan.variants
    if _refs.is_token(name):
        problems.add(
            "endpoint_name is known at deployment only; write it out: alarms, monitors and the rollout's own alarms "
            "carry it, and a reference would make them wait for the endpoint that waits for them"
        )
    check_name(problems, name, plan.parameter_prefix)
    if plan.model is not None and variants and variants[0].model is not plan.model:
        problems.add("both model and variants are given; keep variants, and give each its model")
    for prop in plan.only:
        problems.add(f"both {prop} and variants are given; set {prop} on each variant")
    if not variants:
        problems.add("neither model nor variants is given; give model=Model.latest_approved(group) or another source")
    check_log_retention(problems, plan.log_retention_days)
    _check_variants(problems, plan)
    if plan.network is not None:
        problems.extend(plan.network.problems(), where="network")
    problems.extend(plan.alarms.problems(plan.mode), where="alarms")
    check_mode(problems, plan)
    if plan.deployed is not None:
        problems.extend(plan.deployed.refusals(EndpointRecord.of(variants)))
    check_region(problems, scope, [fleet.model for fleet in plan.fleets])
    problems.raise_if_any(scope, construct_id)


def check_name(problems: Problems, name: str, parameter_prefix: str) -> None:
    """Record what is wrong with an endpoint's name and the prefix of its stack parameters."""
    problems.matches("endpoint_name", name, LOWER_NAME_PATTERN, LOWER_NAME_RULE)
    problems.matches("parameter_prefix", parameter_prefix, r"([A-Z][A-Za-z0-9]*)?", "allowed are letters and digits, "
                     "the first an upper-case letter")  # fmt: skip


def check_log_retention(problems: Problems, days: int) -> None:
    """Record a period that CloudWatch does not know."""
    problems.require(
        days in _LOG_RETENTION_DAYS,
        f"log_retention_days is {days}, CloudWatch knows {', '.join(map(str, _LOG_RETENTION_DAYS))}",
    )


def check_region(problems: Problems, scope: Construct, models: Sequence[Model]) -> None:
    """Record groups that are in another region than the stack."""
    for group in {group for model in models if (group := model.follows) is not None}:
        if group.region is None:
            continue
        here = cdk.Stack.of(scope).region
        problems.require(
            _refs.is_token(here) or here == group.region,
            f'model package group "{group.group_name}" is in {group.region}, the stack is in {here}; SageMaker deploys '
            "from groups of its own region only. Register the versions in a group of this region",
        )


def _check_variants(problems: Problems, plan: EndpointPlan) -> None:
    variants = plan.variants
    single = len(variants) == 1
    for variant in variants:
        problems.extend(variant.problems(plan.mode), where="" if single else f'variant "{variant.name}"')
    # Compared as they stand in construct ids, where "a-b" and "aB" are one.
    names = [pascal(variant.name) for variant in variants]
    doubled = sorted({variant.name for variant in variants if names.count(pascal(variant.name)) > 1})
    problems.require(
        not doubled,
        f"names of variants are equal or differ in hyphens only: {', '.join(doubled)}; metrics and records need "
        "distinct names",
    )
    problems.require(
        len(variants) <= _MAX_VARIANTS, f"{len(variants)} variants are given, an endpoint has at most {_MAX_VARIANTS}"
    )
    problems.require(
        not variants or any(variant.weight > 0 for variant in variants),
        "the weight of every variant is 0, so none would get traffic; give at least one a weight",
    )
    groups = {group.group_arn for fleet in plan.fleets if (group := fleet.model.follows) is not None}
    problems.require(
        len(groups) <= 1,
        f"the variants follow {len(groups)} groups, but a stack deploys the newest version of one; "
        "give the others a fixed version with Model.from_model_package(group, version)",
    )
    if plan.encrypted:
        check_volume_key(problems, [fleet.host_type for fleet in plan.fleets if not fleet.serverless])


def check_volume_key(problems: Problems, instance_types: Iterable[str]) -> None:
    """Record types whose volumes cannot be encrypted with a key of the customer's.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
    """
    local = sorted({kind for kind in instance_types if has_local_nvme(kind)})
    problems.require(
        not local,
        f"encryption_key is given, but SageMaker takes no key for {', '.join(local)}: their local disks are "
        "encrypted by the host, with a key that ends with the instance. Remove encryption_key, or take types without "
        "local disks, such as ml.m5.large",
    )


def check_import(
    scope: Construct,
    construct_id: str,
    name: str,
    variant_names: Sequence[str],
    mode: ServingMode,
    component_names: Sequence[str],
) -> None:
    """Raise what is wrong with a reference to an endpoint."""
    problems = Problems()
    problems.matches("endpoint_name", name, NAME_PATTERN, NAME_RULE)
    problems.require(bool(variant_names), 'variant_names is empty, an endpoint has at least one ("AllTraffic")')
    problems.require(
        bool(component_names) == (mode is ServingMode.COMPONENTS),
        f"mode is {mode} and component_names holds {len(component_names)}; an endpoint of mode "
        f"{ServingMode.COMPONENTS} has at least one, others have none",
    )
    problems.raise_if_any(scope, construct_id)
