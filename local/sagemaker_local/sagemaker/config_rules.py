"""What SageMaker refuses in endpoint configurations, by serving mode.

See https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html and, for what does not go
together, the pages on serverless endpoints, asynchronous inference, shadow variants and inference components.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .faults import invalid
from .models import find_model, is_direct, is_multi_model
from .state import Store

Params = dict[str, Any]

_LOCAL_STORAGE = re.compile(r"ml\.(?:[a-z]+\d+[a-z]*d[a-z]*|g4dn|g5|g6e?|p4de?|p5e?n?|i\d\w*|trn\d\w*)\.")
_MEMORY_STEP = 1024


def check(store: Store, params: Params) -> None:
    """Refuse a configuration that SageMaker would refuse.

    Raises:
        AwsError: with the first reason.
    """
    variants = params["ProductionVariants"]
    shadows = params.get("ShadowProductionVariants") or []
    for variant in [*variants, *shadows]:
        _check_variant(store, params, variant)
    names = [variant["VariantName"] for variant in [*variants, *shadows]]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise invalid(f"Production variant names must be unique in an endpoint configuration: {', '.join(repeated)}.")
    for reason in _together(store, params, variants, shadows):
        raise invalid(reason)


def _check_variant(store: Store, params: Params, variant: Params) -> None:
    name = variant["VariantName"]
    serverless = variant.get("ServerlessConfig")
    if serverless and variant.get("InstanceType"):
        raise invalid(f"Variant {name} cannot have both InstanceType and ServerlessConfig.")
    if not serverless and not variant.get("InstanceType"):
        raise invalid(f"Variant {name} must have either InstanceType or ServerlessConfig.")
    if "ModelName" in variant:
        find_model(store, variant["ModelName"])
    elif serverless:
        raise invalid(f"Variant {name} is serverless and has no ModelName.")
    elif not params.get("ExecutionRoleArn"):
        raise invalid(
            f"Variant {name} has no ModelName, so it hosts inference components, which need an ExecutionRoleArn in the "
            "endpoint configuration."
        )
    if serverless:
        _check_serverless(name, serverless)


def _check_serverless(name: str, config: Params) -> None:
    memory, most = config["MemorySizeInMB"], config["MaxConcurrency"]
    if memory % _MEMORY_STEP:
        raise invalid(f"MemorySizeInMB of variant {name} is {memory}; it must be a multiple of {_MEMORY_STEP}.")
    provisioned = config.get("ProvisionedConcurrency")
    if provisioned is not None and provisioned > most:
        raise invalid(
            f"ProvisionedConcurrency of variant {name} is {provisioned}; it must be less than or equal to "
            f"MaxConcurrency, which is {most}."
        )


def _together(store: Store, params: Params, variants: list[Params], shadows: list[Params]) -> Iterator[str]:
    if params.get("ExplainerConfig"):
        yield "The embedded AWS cannot serve endpoints with ExplainerConfig."
    serverless = [variant for variant in variants if variant.get("ServerlessConfig")]
    models = [find_model(store, variant["ModelName"]) for variant in [*variants, *shadows] if "ModelName" in variant]
    hosts = [variant for variant in variants if "ModelName" not in variant]
    multi = [model.name for model in models if is_multi_model(model)]
    capture = params.get("DataCaptureConfig") or {}
    captures = bool(capture) and capture.get("EnableCapture") is not False
    if serverless:
        if captures:
            yield "DataCaptureConfig is not supported for serverless variants."
        if len(variants) > 1:
            yield "An endpoint configuration with a serverless variant can have only one variant."
        if multi or any(len(model.definition.get("Containers") or []) > 1 for model in models):
            yield "Serverless variants support neither multi-model containers nor several containers."
        if any(model.definition.get("VpcConfig") for model in models):
            yield "VpcConfig is not supported for models of serverless variants."
        if any(model.definition.get("EnableNetworkIsolation") for model in models):
            yield "EnableNetworkIsolation is not supported for models of serverless variants."
    if params.get("AsyncInferenceConfig"):
        if not params["AsyncInferenceConfig"]["OutputConfig"].get("S3OutputPath"):
            yield "The embedded AWS needs AsyncInferenceConfig.OutputConfig.S3OutputPath, the place for answers."
        if serverless or hosts or shadows:
            yield (
                "AsyncInferenceConfig goes together with variants on instances that name a model, and neither with "
                "serverless and shadow variants nor with inference components."
            )
        if multi:
            yield "AsyncInferenceConfig is not supported for multi-model containers: its requests name no model."
        if captures:
            yield "DataCaptureConfig is not supported for asynchronous endpoints."
    if shadows:
        yield from _with_shadows(variants, shadows, serverless, hosts, multi, [is_direct(m.definition) for m in models])
    if multi and captures:
        yield f"The embedded AWS does not capture data of multi-model containers ({', '.join(multi)})."
    if hosts and len(hosts) != len(variants):
        yield "Either all variants name a model or none does: variants without one host inference components."
    if params.get("KmsKeyId"):
        local = [item["InstanceType"] for item in variants if _LOCAL_STORAGE.match(item.get("InstanceType") or "")]
        if local:
            yield f"KmsKeyId cannot be specified with instance types that use local storage: {', '.join(local)}."


def _with_shadows(
    variants: list[Params],
    shadows: list[Params],
    serverless: list[Params],
    hosts: list[Params],
    multi: list[str],
    direct: list[bool],
) -> Iterator[str]:
    if len(variants) != 1 or len(shadows) != 1:
        yield "With ShadowProductionVariants there must be exactly one production variant and one shadow variant."
    if serverless or any(shadow.get("ServerlessConfig") for shadow in shadows):
        yield "Shadow variants are not supported for serverless variants."
    if hosts or any("ModelName" not in shadow for shadow in shadows):
        yield "Shadow variants need a ModelName, and so does the variant that they shadow."
    if multi or any(direct):
        yield "Shadow variants support neither multi-model containers nor containers that are invoked directly."
