"""The embedded SageMaker Feature Store: feature groups, their online records, and their offline files in S3 and Glue.

It extends the embedded SageMaker, which must be installed as well.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sagemaker_local import moto_state

from . import groups, metadata, runtime
from .service import FeatureStore, Options

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws

__all__ = ["FeatureStore", "Options", "install", "of"]

_services: WeakKeyDictionary[LocalAws, FeatureStore] = WeakKeyDictionary()


def install(aws: LocalAws) -> None:
    """Answer the feature store's operations in an embedded AWS that has SageMaker.

    Raises:
        RuntimeError: if the feature `sagemaker` is not installed before.
    """
    from sagemaker_local import sagemaker

    try:
        service = FeatureStore(aws, sagemaker.of(aws))
    except KeyError:
        raise RuntimeError('the feature "featurestore" needs "sagemaker" installed before it') from None
    _services[aws] = service
    aws.extensions["featurestore"] = service
    for part in (groups, metadata, runtime):
        part.install(service)

    # What was written in an hour is what monitors of offline stores look at.
    aws.on_stop(moto_state.use_clock_for_objects(aws.clock.now))

    def flush(old: datetime, new: datetime) -> None:
        service.metrics.flush()
        service.flush_due()

    # Records reach S3 when time passes, before anybody looks at what has become of it.
    for ticks in (True, False):
        aws.clock.on_advance(flush, ticks=ticks, first=True)
    aws.front.local("featurestore/flush", lambda method, body, query: {"records": service.flush()})


def of(aws: LocalAws) -> FeatureStore:
    """Return the feature store of an embedded AWS: its options, and `flush` for what it buffers.

    Raises:
        KeyError: if the feature is not installed.
    """
    return _services[aws]
