"""From the engines of an environment file to constructs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2

import cdk_sagemaker_mlops as mlops

from .base import acknowledge
from .settings import EngineSettings, NetworkSettings

_ROUTES_ARE_NOT_OURS = {"@aws-cdk/aws-ec2:noSubnetRouteTableId": "the VPC is given; no routes are added to its subnets"}
_networks: WeakKeyDictionary[cdk.Stack, mlops.Network] = WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True)
class EngineContext:
    """What engines of an environment share.

    :param stack: The stack of the monitors.
    :param default: The engine of monitors that name none.
    :param log_retention_days: How long logs of functions are kept.
    :param network: The environment's VPC, in which jobs stand as endpoints do. Default: none
    """

    stack: cdk.Stack = field(repr=False)
    default: EngineSettings
    log_retention_days: int
    network: NetworkSettings | None = None


def engine_of(wanted: EngineSettings | None, context: EngineContext) -> mlops.Engine:
    """The engine of a monitor."""
    chosen = wanted or context.default
    function: dict[str, Any] = {"log_retention_days": context.log_retention_days}
    if chosen.memory_mb is not None:
        function["memory_mb"] = chosen.memory_mb
    if chosen.type == "lambda":
        return mlops.LambdaEngine(**function)
    jobs = _jobs(chosen, context)
    match chosen.type:
        case "processing":
            return mlops.ProcessingEngine(**jobs)
        case "spark":
            return mlops.SparkEngine(**jobs)
        case "container":
            return mlops.ContainerEngine(**jobs)
        case "model-monitor":
            return mlops.ModelMonitorEngine(**jobs)
    return mlops.AutoEngine(
        function=mlops.LambdaEngine(**function),
        jobs=mlops.ProcessingEngine(**jobs),
        max_function_mb=chosen.max_function_mb,
    )


def _jobs(chosen: EngineSettings, context: EngineContext) -> dict[str, Any]:
    """What job engines are told; what the file leaves out is left to them."""
    values: dict[str, Any] = {
        "image": chosen.image,
        "entrypoint": chosen.entrypoint,
        "instance_type": chosen.instance_type,
        "instance_count": chosen.instance_count,
        "volume_gb": chosen.volume_gb,
        "max_runtime_seconds": None if chosen.max_runtime_minutes is None else 60 * chosen.max_runtime_minutes,
        "network": None if context.network is None else _network(context.stack, context.network),
        "log_retention_days": context.log_retention_days,
    }
    return {name: value for name, value in values.items() if value is not None}


def _network(stack: cdk.Stack, settings: NetworkSettings) -> mlops.Network:
    """The environment's VPC for the jobs of a stack."""
    if stack not in _networks:
        vpc = ec2.Vpc.from_vpc_attributes(
            stack,
            "JobsVpc",
            vpc_id=settings.vpc_id,
            # The CDK demands a zone; nothing that is defined here depends on it, EC2 knows where the subnets are.
            availability_zones=[f"{stack.region}a"],
            private_subnet_ids=list(settings.subnet_ids),
        )
        acknowledge(vpc, _ROUTES_ARE_NOT_OURS)
        groups = [
            ec2.SecurityGroup.from_security_group_id(stack, f"JobsSecurityGroup{number}", group_id, mutable=False)
            for number, group_id in enumerate(settings.security_group_ids)
        ]
        _networks[stack] = mlops.Network(vpc=vpc, security_groups=groups)
    return _networks[stack]
