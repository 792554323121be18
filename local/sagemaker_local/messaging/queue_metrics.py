"""SQS's metrics on the depth of queues, which alarms on dead-letter queues watch.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sagemaker_local import metrics, moto_state

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws

_NAMES = ("Visible", "NotVisible", "Delayed")


class QueueMetrics:
    """Publishes depths once a minute while a queue holds messages, and zeros for the minute after."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._active: set[tuple[str, str, str]] = set()

    def tick(self, old: datetime, new: datetime) -> None:
        before, self._active = self._active, set()
        for account, region, name, *depths in moto_state.queue_depths():
            queue = (account, region, name)
            if any(depths):
                self._active.add(queue)
            elif queue not in before:
                continue
            for kind, depth in zip(_NAMES, depths, strict=True):
                metrics.publish(
                    self._aws,
                    account,
                    region,
                    "AWS/SQS",
                    f"ApproximateNumberOfMessages{kind}",
                    float(depth),
                    dimensions={"QueueName": name},
                    unit="Count",
                    at=new - timedelta(minutes=1),
                )


def install(aws: LocalAws) -> None:
    """Publish the depths of queues as time goes by."""
    aws.clock.on_advance(QueueMetrics(aws).tick, ticks=True)
