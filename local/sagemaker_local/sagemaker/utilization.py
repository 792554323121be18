"""CPU, memory and disk use of endpoint instances, published every minute of the clock.

CPU is the part of the minute in which the model worked. Disk is what the unpacked model takes of the instance's volume,
memory what it takes of the instance's memory: both say something about the model, nothing about this computer.
"""

from __future__ import annotations

from datetime import datetime

from .endpoint_metrics import Source
from .fleet import Variant
from .service import SageMaker

_VOLUME_GIB = 30
"""Volume that SageMaker attaches where VolumeSizeInGB is not given."""
_MEMORY_GIB = 8
"""Memory of an ml.m5.large, taken for every type: the point is a plausible curve."""
_SECONDS = 60.0


def publish(sagemaker: SageMaker, minute: datetime) -> None:
    """Write one reading per variant of every endpoint in service."""
    readings: list[tuple[Source, dict[str, float]]] = []
    for store in sagemaker.stores():
        for endpoint in list(store.endpoints.values()):
            fleet = endpoint.fleet
            if fleet is None:
                continue
            for variant in fleet.variants.values():
                source = Source(
                    store.account, store.region, variant.role_arn, endpoint.name, variant.name, fleet.config_name
                )
                readings.append((source, _reading(variant, sagemaker.metrics.busy_seconds(source))))
    if readings:
        sagemaker.metrics.put_utilization(readings, minute)


def _reading(variant: Variant, busy_seconds: float) -> dict[str, float]:
    size = variant.loaded.size_bytes / 2**30 if variant.loaded is not None else 0.0
    volume = float(variant.definition.get("VolumeSizeInGB", _VOLUME_GIB))
    return {
        "CPUUtilization": 100 * busy_seconds / (_SECONDS * max(variant.instances, 1)),
        "MemoryUtilization": min(100.0, 100 * size / _MEMORY_GIB),
        "DiskUtilization": min(100.0, 100 * size / volume),
    }
