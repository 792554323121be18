"""What an operation tells the world: events of stacks and resources, in the stack's history and on the event bus."""

from __future__ import annotations

import json
import logging
import queue
import threading
import uuid
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from .state import STACK_TYPE, Event, Resource, Stack

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws

_log = logging.getLogger(__name__)


class Announcer:
    """Puts CloudFormation's events on the default bus of the stack's account, in order, without holding up stacks."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._queue: queue.SimpleQueue[tuple[str, str, dict[str, Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="cloudformation-events", daemon=True)
        self._thread.start()

    def put(self, account: str, region: str, entry: dict[str, Any]) -> None:
        self._queue.put((account, region, entry))

    def stop(self) -> None:
        self._queue.put(None)
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            account, region, entry = item
            try:
                # Only services may put events of `aws.` sources.
                service = self._aws.accounts.service(account, "cloudformation.amazonaws.com")
                self._aws.clients.of(service, "events", region).put_events(Entries=[entry])
            except (BotoCoreError, ClientError) as error:
                _log.warning("cannot put a CloudFormation event on the bus: %s", error)


class Journal:
    """The history of one operation on one stack."""

    def __init__(self, aws: LocalAws, announcer: Announcer, stack: Stack, token: str | None) -> None:
        self._aws = aws
        self._announcer = announcer
        self._stack = stack
        self._token = token
        self.operation_id = str(uuid.uuid4())

    def stack_status(self, status: str, reason: str | None = None) -> None:
        """Move the stack to a status and say so."""
        self._stack.status, self._stack.reason = status, reason
        self._record(self._stack.name, self._stack.id, STACK_TYPE, status, reason, None)
        detail = {"stack-id": self._stack.id, "status-details": {"status": status, "status-reason": reason or ""}}
        self._announce("CloudFormation Stack Status Change", detail)

    def resource(
        self,
        logical_id: str,
        type_name: str,
        status: str,
        physical_id: str = "",
        reason: str | None = None,
        properties: dict[str, Any] | None = None,
    ) -> None:
        """Say what happened to a resource."""
        self._record(logical_id, physical_id, type_name, status, reason, properties)
        detail = {
            "stack-id": self._stack.id,
            "logical-resource-id": logical_id,
            "physical-resource-id": physical_id,
            "status-details": {"status": status, "status-reason": reason or ""},
            "resource-type": type_name,
        }
        self._announce("CloudFormation Resource Status Change", detail)

    def settled(self, resource: Resource, status: str, reason: str | None = None) -> None:
        """Say what happened to a resource that exists, and remember it as its status."""
        resource.status, resource.reason, resource.changed = status, reason, self._aws.clock.now()
        self.resource(resource.logical_id, resource.type, status, resource.created.ref, reason, resource.properties)

    def _record(
        self,
        logical_id: str,
        physical_id: str,
        type_name: str,
        status: str,
        reason: str | None,
        properties: dict[str, Any] | None,
    ) -> None:
        self._stack.events.append(
            Event(
                id=f"{logical_id}-{status}-{uuid.uuid4()}",
                at=self._aws.clock.now(),
                logical_id=logical_id,
                physical_id=physical_id,
                type=type_name,
                status=status,
                reason=reason,
                token=self._token,
                operation_id=self.operation_id,
                properties=properties,
            )
        )

    def _announce(self, detail_type: str, detail: dict[str, Any]) -> None:
        entry = {
            "Source": "aws.cloudformation",
            "DetailType": detail_type,
            "Detail": json.dumps({**detail, "client-request-token": self._token or ""}),
            "Resources": [self._stack.id],
            "Time": self._aws.clock.now(),
        }
        self._announcer.put(self._stack.account, self._stack.region, entry)
