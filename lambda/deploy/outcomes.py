"""Pure reading of a stack's events: which operations ran, how each ended, and what failed first.

Statuses: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_STACK = "AWS::CloudFormation::Stack"
_TOKEN = re.compile(r"(?P<kind>rollout|refresh)-(?P<version>\d+)-[0-9a-f]+")
# What CloudFormation says of resources that it stopped because another one had failed.
_CONSEQUENCES = ("cancelled", "canceled")
MAX_REASON = 600


@dataclass(frozen=True)
class Failure:
    """The first thing that went wrong in an operation."""

    resource: str
    resource_type: str
    reason: str

    def __str__(self) -> str:
        if not self.resource:
            return self.reason
        return f"{self.resource} ({self.resource_type}): {self.reason}"


@dataclass(frozen=True)
class Operation:
    """One create, update or rollback of a stack; ``event_id`` and ``at`` are of its last stack-level event."""

    token: str
    status: str
    event_id: str
    at: datetime
    failure: Failure | None = None

    @property
    def finished(self) -> bool:
        """CloudFormation works on it no more. The clean-up after a successful update still counts as work."""
        return not self.status.endswith("_IN_PROGRESS")

    @property
    def kind(self) -> str | None:
        """``rollout`` or ``refresh`` if this controller began it, else None."""
        match = _TOKEN.fullmatch(self.token)
        return match["kind"] if match else None

    @property
    def version(self) -> int:
        """The version that an operation of this controller carried."""
        match = _TOKEN.fullmatch(self.token)
        if match is None:
            raise ValueError(f"{self.token!r} is not a token of this controller")
        return int(match["version"])


def operations(events: Iterable[Mapping[str, Any]], stack_id: str) -> list[Operation]:
    """The operations behind a stack's events (given newest first, as CloudFormation returns them), oldest first."""
    found: list[Operation] = []
    current: list[Mapping[str, Any]] = []
    for event in reversed(list(events)):
        current.append(event)
        if _is_stack(event, stack_id) and not str(event["ResourceStatus"]).endswith("_IN_PROGRESS"):
            found.append(_operation(current, stack_id))
            current = []
    if any(_is_stack(event, stack_id) for event in current):
        found.append(_operation(current, stack_id))
    return found


def _operation(events: list[Mapping[str, Any]], stack_id: str) -> Operation:
    last = [event for event in events if _is_stack(event, stack_id)][-1]
    tokens = [str(event["ClientRequestToken"]) for event in events if event.get("ClientRequestToken")]
    status = str(last["ResourceStatus"])
    return Operation(
        token=tokens[-1] if tokens else "",
        status=status,
        event_id=str(last["EventId"]),
        at=last["Timestamp"],
        failure=None if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"} else _failure(events, stack_id),
    )


def _failure(events: list[Mapping[str, Any]], stack_id: str) -> Failure | None:
    for event in events:
        reason = str(event.get("ResourceStatusReason") or "")
        failed = str(event["ResourceStatus"]).endswith("_FAILED") and not _is_stack(event, stack_id)
        if failed and not any(word in reason.lower() for word in _CONSEQUENCES):
            return Failure(str(event["LogicalResourceId"]), str(event["ResourceType"]), reason[:MAX_REASON])
    # An alarm of the stack's rollback configuration or a person stops an operation without any resource failing.
    for event in events:
        if _is_stack(event, stack_id) and event.get("ResourceStatusReason"):
            status = str(event["ResourceStatus"])
            if "ROLLBACK" in status or status.endswith("_FAILED"):
                return Failure("", _STACK, str(event["ResourceStatusReason"])[:MAX_REASON])
    return None


def _is_stack(event: Mapping[str, Any], stack_id: str) -> bool:
    return event.get("ResourceType") == _STACK and event.get("PhysicalResourceId") == stack_id
