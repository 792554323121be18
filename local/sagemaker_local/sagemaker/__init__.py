"""The embedded SageMaker: registry, models, endpoints that answer, data capture, deployments on the virtual clock.

It keeps its own state and takes the place of moto's SageMaker for the operations that it knows; moto answers the rest.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sagemaker_local.moto_state import log_on

from . import (
    components,
    endpoint_configs,
    endpoints,
    job_definitions,
    models,
    monitoring_schedules,
    packages,
    registry,
    runtime,
    scaling,
    utilization,
)
from .options import Options
from .service import SageMaker

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws

__all__ = ["Options", "SageMaker", "install", "of"]

_PARTS = (
    registry,
    packages,
    models,
    endpoint_configs,
    endpoints,
    components,
    runtime,
    scaling,
    job_definitions,
    monitoring_schedules,
)
_REAL_TIME = timedelta(seconds=2)
_services: WeakKeyDictionary[LocalAws, SageMaker] = WeakKeyDictionary()


def install(aws: LocalAws) -> None:
    """Answer SageMaker's API in an embedded AWS."""
    sagemaker = SageMaker(aws)
    _services[aws] = sagemaker
    for part in _PARTS:
        part.install(sagemaker)

    def before_a_minute(old: datetime, new: datetime) -> None:
        sagemaker.backlog.publish(new)
        utilization.publish(sagemaker, new)
        sagemaker.flush()

    def before_others(old: datetime, new: datetime) -> None:
        if new - old > _REAL_TIME:
            sagemaker.flush()
            return
        sagemaker.metrics.flush()
        sagemaker.logs.flush()
        sagemaker.capture.flush_due()

    def after_a_jump(old: datetime, new: datetime) -> None:
        # The timeline follows real time by itself.
        if new - old > _REAL_TIME:
            sagemaker.timeline.run_due()

    aws.clock.on_advance(before_a_minute, ticks=True, first=True)
    aws.clock.on_advance(before_others, first=True)
    aws.clock.on_advance(lambda old, new: sagemaker.timeline.run_due(), ticks=True)
    aws.clock.on_advance(after_a_jump)
    aws.front.local("sagemaker/flush", lambda method, body, query: _flush(sagemaker))
    aws.on_stop(log_on(aws.clock.now))
    aws.on_stop(sagemaker.stop)


def of(aws: LocalAws) -> SageMaker:
    """Return the SageMaker of an embedded AWS: its options, and `flush` for what it buffers.

    Raises:
        KeyError: if the feature is not installed.
    """
    return _services[aws]


def _flush(sagemaker: SageMaker) -> dict[str, str]:
    sagemaker.flush()
    return {"flushed": "capture, metrics, logs"}
