"""CPU, memory and disk use of endpoint instances, published every minute of the clock.

CPU is the part of the minute in which the model worked. Disk is what the unpacked model takes of the instance's volume,
memory what it takes of the instance's memory: both say something about the model, nothing about this computer.
"""

from __future__ import annotations

from datetime import datetime

from .endpoint_metrics import COMPONENTS, INSTANCES, INVOCATIONS, Source
from .fleet import Variant
from .service import SageMaker
from .state import Endpoint, Store

_VOLUME_GIB = 30
"""Volume that SageMaker attaches where VolumeSizeInGB is not given."""
_MEMORY_GIB = 8
"""Memory of an ml.m5.large, taken for every type: the point is a plausible curve."""
_SECONDS = 60.0


def publish(sagemaker: SageMaker, minute: datetime) -> None:
    """Write one reading per variant of every endpoint in service, and per inference component."""
    readings: list[tuple[Source, dict[str, float]]] = []
    serverless: list[tuple[Source, dict[str, float]]] = []
    components: list[tuple[Source, dict[str, float]]] = []
    for store in sagemaker.stores():
        for endpoint in list(store.endpoints.values()):
            fleet = endpoint.fleet
            if fleet is None:
                continue
            for variant in fleet.everything:
                source = sagemaker.invocations.source(endpoint, fleet, variant)
                reading = _reading(variant, sagemaker.metrics.busy_seconds(source))
                if variant.gate is not None:
                    # The only one that there is for serverless variants.
                    serverless.append((source, {"MemoryUtilization": reading["MemoryUtilization"]}))
                elif variant.instances > 0:
                    readings.append((source, reading | _reservations(store, endpoint, variant)))
        for component in list(store.components.values()):
            for variant in component.fleet.variants.values() if component.fleet is not None else ():
                source = Source(
                    store.account,
                    store.region,
                    variant.role_arn,
                    component.host.name,
                    component.variant,
                    component=component.name,
                )
                reading = _reading(variant, sagemaker.metrics.busy_seconds(source))
                components.append(
                    (source, {f"{name}Normalized": reading[name] for name in ("CPUUtilization", "MemoryUtilization")})
                )
    for found, namespace in ((readings, INSTANCES), (serverless, INVOCATIONS), (components, COMPONENTS)):
        if found:
            sagemaker.metrics.put_readings(found, minute, namespace)


def _reservations(store: Store, endpoint: Endpoint, variant: Variant) -> dict[str, float]:
    """What inference components have reserved, of a variant that hosts some."""
    if not variant.hosts_components:
        return {}
    memory = sum(
        item.copies * float((item.definition.get("ComputeResourceRequirements") or {}).get("MinMemoryRequiredInMb", 0))
        for item in store.components.values()
        if item.host is endpoint and item.variant == variant.name
    )
    return {"MemoryReservation": min(100.0, 100 * memory / (_MEMORY_GIB * 1024 * variant.instances))}


def _reading(variant: Variant, busy_seconds: float) -> dict[str, float]:
    size = variant.loaded.size_bytes / 2**30 if variant.loaded is not None else 0.0
    volume = float(variant.definition.get("VolumeSizeInGB", _VOLUME_GIB))
    reading = {
        "CPUUtilization": 100 * busy_seconds / (_SECONDS * max(variant.instances, 1)),
        "MemoryUtilization": min(100.0, 100 * size / _MEMORY_GIB),
        "DiskUtilization": min(100.0, 100 * size / volume),
    }
    if variant.loaded is not None and variant.loaded.multi_model:
        reading["LoadedModelCount"] = float(variant.loaded.loaded_models)
    return reading
