"""From the engines of an environment file to constructs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import aws_cdk as cdk

import cdk_sagemaker_mlops as mlops

from .network import network_of_jobs
from .settings import EngineSettings, NetworkSettings


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
        "arguments": chosen.arguments,
        "environment": chosen.environment,
        "instance_type": chosen.instance_type,
        "instance_count": chosen.instance_count,
        "volume_gb": chosen.volume_gb,
        "max_runtime_seconds": None if chosen.max_runtime_minutes is None else 60 * chosen.max_runtime_minutes,
        "network": None if context.network is None else network_of_jobs(context.stack, context.network),
        "log_retention_days": context.log_retention_days,
    }
    return {name: value for name, value in values.items() if value is not None}
