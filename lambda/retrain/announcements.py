"""What is told: events on the bus, messages to the topic, metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from retrain.state import Attempt, Evidence
from shared import events, metrics
from shared.log import Logger

SOURCE = "sagemaker-mlops.retraining"
DETAIL_TYPE = "Model Retraining"
NAMESPACE = "SageMakerMLOps/Retraining"
_MAX_SUBJECT = 100

log = Logger("retrain.announcements")


class Status(StrEnum):
    """What happened. ``Stopped`` and ``Pending`` need a person."""

    STARTED = "Started"
    WAITING = "Waiting"
    PENDING = "PendingApproval"
    PROMOTED = "Promoted"
    FRUITLESS = "Fruitless"
    STOPPED = "Stopped"
    RESET = "Reset"


_SUBJECTS = {
    Status.STARTED: "{model}: retraining started",
    Status.PENDING: "{model}: a retrained version waits for your approval",
    Status.PROMOTED: "{model}: the retrained version was approved",
    Status.FRUITLESS: "{model}: retraining brought no new version",
    Status.STOPPED: "{model}: retraining does not help and was stopped",
}


@dataclass(frozen=True)
class Announcer:
    """Publishes what happens to one model.

    :ivar events: EventBridge client.
    :ivar sns: SNS client.
    :ivar cloudwatch: CloudWatch client.
    :ivar environment: Name of the environment.
    :ivar model: Name of the model.
    :ivar pipeline: Name of the pipeline.
    :ivar topic_arn: Topic for people; None for events only.
    """

    events: Any
    sns: Any
    cloudwatch: Any
    environment: str
    model: str
    pipeline: str
    topic_arn: str | None

    def announce(
        self, status: Status, reason: str, *, attempt: Attempt | None = None, evidence: Evidence | None = None
    ) -> None:
        """Put the event on the bus, and tell the topic's subscribers what concerns them."""
        detail = {
            "environment": self.environment,
            "model": self.model,
            "pipelineName": self.pipeline,
            "status": status.value,
            "reason": reason,
            "attempt": attempt.number if attempt else None,
            "pipelineExecutionArn": attempt.arn if attempt else None,
            "modelPackageArn": attempt.version if attempt else None,
            "monitor": evidence.source if evidence else None,
            "features": list(evidence.features) if evidence else [],
            "reportUri": evidence.report if evidence else None,
        }
        log.info("announced", **detail)
        events.publish(self.events, source=SOURCE, detail_type=DETAIL_TYPE, detail=detail)
        if status not in _SUBJECTS or self.topic_arn is None:
            return
        line = _SUBJECTS[status].format(model=self.model)
        rows = [line, "", reason, "", f"environment: {self.environment}", f"pipeline: {self.pipeline}"]
        rows += [f"{name}: {value}" for name, value in (attempt.reason if attempt else {}).items() if value != "none"]
        rows += [f"execution: {attempt.arn}"] if attempt and attempt.arn else []
        rows += [f"version: {attempt.version}"] if attempt and attempt.version else []
        self.sns.publish(
            TopicArn=self.topic_arn,
            # SNS takes printable ASCII only.
            Subject=f"[{self.environment}] {line}".encode("ascii", "replace").decode()[:_MAX_SUBJECT],
            Message="\n".join(rows),
            MessageAttributes={
                "status": {"DataType": "String", "StringValue": status.value},
                "model": {"DataType": "String", "StringValue": self.model},
            },
        )

    def metric(self, name: str, value: float, at: datetime, unit: str = "Count") -> metrics.Metric:
        """A metric with the model's dimensions."""
        return metrics.Metric(name, value, at, {"Environment": self.environment, "Model": self.model}, unit)

    def measure(self, points: Sequence[metrics.Metric]) -> None:
        """Publish metrics."""
        metrics.publish(self.cloudwatch, NAMESPACE, points)
