"""From an endpoint configuration to a fleet of loaded models."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .capture_format import CaptureSettings
from .fleet import Fleet, Variant
from .models import containers, find_model
from .service import SageMaker, Scope
from .serving.containers import Loaded, load
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
    variants: list[Variant] = []
    for definition in config.definition["ProductionVariants"]:
        model = find_model(scope.store, definition["ModelName"])
        parts = containers(scope, model)
        weight = float(definition["InitialVariantWeight"])
        instances = int(definition.get("InitialInstanceCount", 1))
        before = retained.variants.get(definition["VariantName"]) if retained is not None else None
        if before is not None and "DesiredWeight" not in (excluded or set()):
            weight = before.desired_weight
        if before is not None and "DesiredInstanceCount" not in (excluded or set()):
            instances = before.desired_instances
        variants.append(
            Variant(
                definition["VariantName"],
                definition,
                weight,
                instances,
                role_arn=model.definition.get("ExecutionRoleArn"),
                containers=parts,
            )
        )
    return Fleet(config.name, variants, CaptureSettings.read(config.definition.get("DataCaptureConfig")))


def load_fleet(sagemaker: SageMaker, store: Store, endpoint: str, fleet: Fleet) -> None:
    """Load every variant's model; takes real time.

    Raises:
        LoadError: with the FailureReason as its message. What had been loaded is closed again.
    """
    for variant in fleet.variants.values():
        log = partial(sagemaker.logs.write, store.account, store.region, variant.role_arn, endpoint, variant.name)
        try:
            variant.loaded = _load(sagemaker, store, variant, log)
        except LoadError as error:
            log(str(error))
            sagemaker.logs.flush()
            fleet.retire()
            raise LoadError(error.public or _DEFAULT_REASON.format(variant=variant.name)) from error
        log(f"Model loaded: {', '.join(part.image for part in variant.containers)}")


def _load(sagemaker: SageMaker, store: Store, variant: Variant, log: Callable[[str], None]) -> Loaded:
    s3 = sagemaker.client("s3", store.account, store.region, variant.role_arn)
    environment = sagemaker.aws.environ(store.account, store.region)
    if variant.role_arn:
        principal = sagemaker.aws.accounts.acting_as(variant.role_arn)
        environment |= {"AWS_ACCESS_KEY_ID": principal.access_key, "AWS_SECRET_ACCESS_KEY": principal.secret_key}
    return load(variant.containers, s3, environment, log)
