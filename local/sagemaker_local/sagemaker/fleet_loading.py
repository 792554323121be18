"""From an endpoint configuration to a fleet of loaded models."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from .capture_format import CaptureSettings
from .fleet import Fleet, Variant
from .models import containers, find_model, is_direct
from .serverless import Gate
from .service import SageMaker, Scope
from .serving.containers import Container, Loaded, load
from .serving.predictor import LoadError
from .state import Record, Store

_DEFAULT_REASON = (
    "The primary container for production variant {variant} did not pass the ping health check. "
    "Please check CloudWatch logs for this endpoint."
)


def build(scope: Scope, config: Record, retained: Fleet | None = None, excluded: set[str] | None = None) -> Fleet:
    """Return a fleet for a configuration, nothing loaded yet.

    Args:
        scope: the call that wants it.
        config: the endpoint configuration.
        retained: the running fleet whose weights and instance counts carry over, for RetainAllVariantProperties.
        excluded: names of the properties that do not carry over: DesiredInstanceCount, DesiredWeight.

    Raises:
        AwsError: if a model, or a model package that it needs, does not exist.
    """
    definition = config.definition
    variants = [
        _variant(scope, entry, retained, excluded or set(), definition.get("ExecutionRoleArn"))
        for entry in definition["ProductionVariants"]
    ]
    shadows = [_variant(scope, entry, None, set(), None) for entry in definition.get("ShadowProductionVariants") or []]
    return Fleet(
        config.name,
        variants,
        CaptureSettings.read(definition.get("DataCaptureConfig")),
        shadow=shadows[0] if shadows else None,
        asynchronous=definition.get("AsyncInferenceConfig"),
    )


def _variant(
    scope: Scope, definition: dict[str, Any], retained: Fleet | None, excluded: set[str], config_role: str | None
) -> Variant:
    weight = float(definition["InitialVariantWeight"])
    instances = int(definition.get("InitialInstanceCount", 0 if "ServerlessConfig" in definition else 1))
    before = retained.variants.get(definition["VariantName"]) if retained is not None else None
    if before is not None and "DesiredWeight" not in excluded:
        weight = before.desired_weight
    if before is not None and "DesiredInstanceCount" not in excluded:
        instances = before.desired_instances
    variant = Variant(definition["VariantName"], definition, weight, instances, role_arn=config_role)
    if "ModelName" in definition:
        model = find_model(scope.store, definition["ModelName"])
        variant.role_arn = model.definition.get("ExecutionRoleArn")
        variant.containers = containers(scope, model)
        variant.direct = is_direct(model.definition)
    if "ServerlessConfig" in definition:
        options = scope.sagemaker.options
        variant.gate = Gate.of(definition["ServerlessConfig"], options, lambda: scope.sagemaker.aws.clock.now())
    return variant


def load_fleet(sagemaker: SageMaker, store: Store, log_group: str, fleet: Fleet) -> None:
    """Load every variant's model; takes real time.

    Raises:
        LoadError: with the FailureReason as its message. What had been loaded is closed again.
    """
    for variant in fleet.everything:
        if variant.hosts_components:
            continue
        log = partial(sagemaker.logs.write, store.account, store.region, variant.role_arn, log_group, variant.name)
        begun = time.perf_counter()
        try:
            variant.loaded = _load(sagemaker, store, variant, log)
            if variant.gate is not None:
                variant.gate.setup_microseconds = (time.perf_counter() - begun) * 1e6
        except LoadError as error:
            log(str(error))
            sagemaker.logs.flush()
            fleet.retire()
            raise LoadError(error.public or _DEFAULT_REASON.format(variant=variant.name)) from error
        log(f"Model loaded: {', '.join(part.image for part in variant.containers)}")


def _load(sagemaker: SageMaker, store: Store, variant: Variant, log: Callable[[str], None]) -> Loaded:
    return start(sagemaker, store, variant.containers, variant.role_arn, log, direct=variant.direct)


def start(
    sagemaker: SageMaker,
    store: Store,
    containers: list[Container],
    role_arn: str | None,
    log: Callable[[str], None],
    *,
    direct: bool = False,
) -> Loaded:
    """Start containers as the execution role of their model.

    Raises:
        LoadError: if one of them cannot be served.
    """
    s3 = sagemaker.client("s3", store.account, store.region, role_arn)
    environment = sagemaker.aws.environ(store.account, store.region)
    if role_arn:
        principal = sagemaker.aws.accounts.acting_as(role_arn)
        environment |= {"AWS_ACCESS_KEY_ID": principal.access_key, "AWS_SECRET_ACCESS_KEY": principal.secret_key}
    memory = sagemaker.options.instance_memory_bytes
    return load(containers, s3, environment, log, memory_bytes=memory, direct=direct)
