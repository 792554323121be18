"""CloudWatch metrics and alarms: points are kept, alarms judged, and their state changes felt elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws


def install(aws: LocalAws) -> None:
    """Answer CloudWatch's operations on metrics and alarms, and evaluate alarms on new data and as time goes by."""
    from sagemaker_local import metrics
    from sagemaker_local.metrics.api import Api as MetricsApi

    from .api import Api
    from .service import Alarms

    alarms = Alarms(aws)
    handlers = MetricsApi(metrics.of(aws)).handlers() | Api(alarms).handlers()
    for operation, handler in handlers.items():
        aws.front.op("cloudwatch", operation, handler)
    metrics.of(aws).on_data(alarms.on_data)
    aws.clock.on_advance(alarms.tick, ticks=True)
