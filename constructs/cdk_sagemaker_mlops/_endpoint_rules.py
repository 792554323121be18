"""What SageMaker forbids in an endpoint, said before anything is deployed.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk

from . import _refs
from ._errors import ConstructError, Problems
from ._instances import has_local_nvme
from ._naming import LOWER_NAME_PATTERN, LOWER_NAME_RULE, NAME_PATTERN, NAME_RULE, fit, pascal

if TYPE_CHECKING:
    from constructs import Construct

    from .capture import DataCapture
    from .endpoint_alarms import EndpointAlarms
    from .model import Model
    from .network import Network
    from .rollout import Rollout
    from .variant import Variant

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


def check(
    scope: Construct,
    construct_id: str,
    *,
    name: str,
    model: Model | None,
    variants: Sequence[Variant],
    only: Mapping[str, Any],
    capture: DataCapture | None,
    network: Network | None,
    encrypted: bool,
    rollout: Rollout,
    thresholds: EndpointAlarms,
    log_retention_days: int,
    parameter_prefix: str,
) -> None:
    """Raise everything that is wrong with an endpoint's properties.

    :param only: Properties of an only variant that were given although there are several.
    """
    problems = Problems()
    if _refs.is_token(name):
        problems.add(
            "endpoint_name is known at deployment only; write it out: alarms, monitors and the rollout's own alarms "
            "carry it, and a reference would make them wait for the endpoint that waits for them"
        )
    problems.matches("endpoint_name", name, LOWER_NAME_PATTERN, LOWER_NAME_RULE)
    problems.matches("parameter_prefix", parameter_prefix, r"([A-Z][A-Za-z0-9]*)?", "allowed are letters and digits, "
                     "the first an upper-case letter")  # fmt: skip
    if model is not None and variants and variants[0].model is not model:
        problems.add("both model and variants are given; keep variants, and give each its model")
    for prop in only:
        problems.add(f"both {prop} and variants are given; set {prop} on each variant")
    if not variants:
        problems.add("neither model nor variants is given; give model=Model.latest_approved(group) or another source")
    problems.require(
        log_retention_days in _LOG_RETENTION_DAYS,
        f"log_retention_days is {log_retention_days}, CloudWatch knows {', '.join(map(str, _LOG_RETENTION_DAYS))}",
    )
    _check_variants(problems, variants, encrypted)
    if capture is not None:
        problems.extend(capture.problems(), where="capture")
    if network is not None:
        problems.extend(network.problems(), where="network")
    problems.extend(thresholds.problems(), where="alarms")
    if variants:
        own = sum(len(thresholds.rollback_rules(name, variant.name, "", "")) for variant in variants)
        problems.extend(
            rollout.problems(
                instances=min(variant.fewest_instances for variant in variants),
                variants=len(variants),
                own_alarms=own,
            ),
            where="rollout",
        )
    _check_region(problems, scope, variants)
    problems.raise_if_any(scope, construct_id)


def _check_region(problems: Problems, scope: Construct, variants: Sequence[Variant]) -> None:
    for group in {group for variant in variants if (group := variant.model.follows) is not None}:
        if group.region is None:
            continue
        here = cdk.Stack.of(scope).region
        problems.require(
            _refs.is_token(here) or here == group.region,
            f'model package group "{group.group_name}" is in {group.region}, the stack is in {here}; SageMaker deploys '
            "from groups of its own region only. Register the versions in a group of this region",
        )


def _check_variants(problems: Problems, variants: Sequence[Variant], encrypted: bool) -> None:
    single = len(variants) == 1
    for variant in variants:
        problems.extend(variant.problems(), where="" if single else f'variant "{variant.name}"')
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
    groups = {group.group_arn for variant in variants if (group := variant.model.follows) is not None}
    problems.require(
        len(groups) <= 1,
        f"the variants follow {len(groups)} groups, but a stack deploys the newest version of one; "
        "give the others a fixed version with Model.from_model_package(group, version)",
    )
    if encrypted:
        local = sorted({variant.instance_type for variant in variants if has_local_nvme(variant.instance_type)})
        others = sorted({variant.instance_type for variant in variants} - set(local))
        problems.require(
            not (local and others),
            f"encryption_key cannot be used with {', '.join(local)}, whose local disks encrypt themselves, and has to "
            f"be used with {', '.join(others)}; one endpoint has one key for all variants. Use types of one kind, or "
            "remove encryption_key",
        )


def check_import(scope: Construct, construct_id: str, name: str, variant_names: Sequence[str]) -> None:
    """Raise what is wrong with a reference to an endpoint."""
    problems = Problems()
    problems.matches("endpoint_name", name, NAME_PATTERN, NAME_RULE)
    problems.require(bool(variant_names), 'variant_names is empty, an endpoint has at least one ("AllTraffic")')
    problems.raise_if_any(scope, construct_id)
