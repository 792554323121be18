"""What the controller tells the world: events on the bus, messages to the topic, metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from deploy.state import Registration
from shared import events, metrics
from shared.log import Logger

SOURCE = "sagemaker-mlops.rollout"
DETAIL_TYPE = "Model Rollout"
NAMESPACE = "SageMakerMLOps/Rollouts"
#: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
MAX_SUBJECT = 100

log = Logger("deploy.announcements")


class Status(StrEnum):
    """What happened to a model's rollout. ``Waiting``, ``Failed`` and ``Proposed`` need a person."""

    STARTED = "Started"
    SUCCEEDED = "Succeeded"
    ROLLED_BACK = "RolledBack"
    FAILED = "Failed"
    WAITING = "Waiting"
    RELEASED = "Released"
    PROPOSED = "Proposed"
    PINNED = "Pinned"
    UNPINNED = "Unpinned"
    FROZEN = "Frozen"
    UNFROZEN = "Unfrozen"


_SUBJECTS = {
    Status.SUCCEEDED: "{model}: version {to} is live",
    Status.ROLLED_BACK: "{model}: version {to} was rolled back",
    Status.FAILED: "{model}: rollout failed",
    Status.WAITING: "{model}: rollout waits for you",
    Status.RELEASED: "{model}: version {to} was released",
    Status.PINNED: "{model}: version {to} is pinned",
    Status.UNPINNED: "{model}: no version is pinned any more",
    Status.FROZEN: "{model}: rollouts are frozen",
    Status.UNFROZEN: "{model}: rollouts go on",
    Status.PROPOSED: "{model}: version {to} waits for approval for the next stage",
}


@dataclass(frozen=True)
class Announcement:
    """One change. ``key`` is the same whenever the same change is told, so that consumers can drop repeats."""

    status: Status
    registration: Registration
    key: str
    reason: str
    from_version: int | None = None
    to_version: int | None = None

    @classmethod
    def of(
        cls,
        status: Status,
        registration: Registration,
        subject: str,
        reason: str,
        from_version: int | None = None,
        to_version: int | None = None,
    ) -> Announcement:
        """The announcement of a change that ``subject`` tells from all others of the same status."""
        key = f"{registration.stack_name}/{subject}/{status.value}"
        return cls(status, registration, key, reason, from_version, to_version)


class Announcer:
    """Publishes announcements and the environment's rollout metrics."""

    def __init__(self, *, events: Any, sns: Any, cloudwatch: Any, environment: str, topic_arn: str | None) -> None:
        self._events = events
        self._sns = sns
        self._cloudwatch = cloudwatch
        self._environment = environment
        self._topic_arn = topic_arn

    def announce(self, announcement: Announcement) -> None:
        """Put the event on the bus and, except for a mere start, tell the topic's subscribers."""
        registration = announcement.registration
        detail = {
            "id": announcement.key,
            "environment": self._environment,
            "model": registration.model,
            "stackName": registration.stack_name,
            "endpointName": registration.endpoint_name,
            "status": announcement.status.value,
            "fromVersion": announcement.from_version,
            "toVersion": announcement.to_version,
            "reason": announcement.reason,
        }
        log.info("announced", **detail)
        events.publish(self._events, source=SOURCE, detail_type=DETAIL_TYPE, detail=detail)
        subject = _SUBJECTS.get(announcement.status)
        if subject is None or self._topic_arn is None:
            return
        line = subject.format(model=registration.model, to=announcement.to_version)
        self._sns.publish(
            TopicArn=self._topic_arn,
            # SNS takes printable ASCII only.
            Subject=f"[{self._environment}] {line}".encode("ascii", "replace").decode()[:MAX_SUBJECT],
            Message=_message(self._environment, line, announcement),
            MessageAttributes={
                "status": {"DataType": "String", "StringValue": announcement.status.value},
                "model": {"DataType": "String", "StringValue": registration.model},
            },
        )

    def metric(self, registration: Registration, name: str, value: float, at: datetime, unit: str) -> metrics.Metric:
        """A rollout metric with the environment's dimensions."""
        dimensions = {"Environment": self._environment, "Model": registration.model}
        return metrics.Metric(name, value, at, dimensions, unit)

    def measure(self, points: Sequence[metrics.Metric]) -> None:
        """Publish rollout metrics."""
        metrics.publish(self._cloudwatch, NAMESPACE, points)


def _message(environment: str, line: str, announcement: Announcement) -> str:
    registration = announcement.registration
    versions = f"{announcement.from_version or 'none'} -> {announcement.to_version or 'none'}"
    rows = [line, "", announcement.reason, "", f"environment: {environment}", f"model: {registration.model}"]
    rows += [f"endpoint: {registration.endpoint_name}", f"stack: {registration.stack_name}", f"versions: {versions}"]
    return "\n".join(rows)
