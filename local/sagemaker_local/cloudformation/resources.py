"""Creating, updating and deleting one resource of a stack, with its events."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_local.errors import AwsError

from .journal import Journal
from .state import Resource, Stack
from .types import Work, resource_type

if TYPE_CHECKING:
    from sagemaker_local.accounts import Principal
    from sagemaker_local.server import LocalAws

_log = logging.getLogger(__name__)


class Failed(Exception):
    """A resource could not be brought to where it should be.

    Args:
        untouched: whether the resource is as it was before, because the attempt was refused as a whole.
    """

    def __init__(self, message: str, *, untouched: bool = False) -> None:
        super().__init__(message)
        self.untouched = untouched


class ResourceOperations:
    """What an operation on a stack does to its resources."""

    def __init__(
        self, aws: LocalAws, stack: Stack, principal: Principal, journal: Journal, waiting: Callable[[], None]
    ) -> None:
        self._aws = aws
        self._stack = stack
        self._principal = principal
        self._journal = journal
        self._waiting = waiting

    def create(self, resource: Resource, *, updating: bool = False) -> Resource:
        word = "UPDATE" if updating else "CREATE"
        name = resource.logical_id
        if not updating:
            self._journal.resource(name, resource.type, "CREATE_IN_PROGRESS", properties=resource.properties)
        try:
            resource.created = resource_type(resource.type).create(self._work(resource), resource.properties)
        except Exception as error:
            _note_unexpected(error)
            self._journal.resource(
                name, resource.type, f"{word}_FAILED", reason=explain(error), properties=resource.properties
            )
            raise Failed(summary(name, not updating)) from error
        self._stack.resources[name] = resource
        self._journal.settled(resource, f"{word}_COMPLETE")
        return resource

    def update(self, old: Resource, new: Resource) -> Resource:
        self._journal.resource(
            new.logical_id, new.type, "UPDATE_IN_PROGRESS", old.created.ref, properties=new.properties
        )
        try:
            implementation = resource_type(new.type)
            new.created = implementation.update(self._work(new), old.created, old.properties, new.properties)
        except Exception as error:
            _note_unexpected(error)
            reason = explain(error)
            self._journal.resource(new.logical_id, new.type, "UPDATE_FAILED", old.created.ref, reason, new.properties)
            raise Failed(summary(new.logical_id, False), untouched=_refused(error)) from error
        self._stack.resources[new.logical_id] = new
        self._journal.settled(new, "UPDATE_COMPLETE")
        return new

    def discard(self, resource: Resource, policy: str) -> bool:
        """Delete a resource unless its policy keeps it; return whether the stack is rid of it."""
        if policy in ("Retain", "RetainExceptOnCreate"):
            self._journal.settled(resource, "DELETE_SKIPPED")
            return True
        self._journal.settled(resource, "DELETE_IN_PROGRESS")
        try:
            resource_type(resource.type).delete(self._work(resource), resource.created, resource.properties)
        except Exception as error:  # noqa: BLE001 - reported as the resource's failure
            _note_unexpected(error)
            self._journal.settled(resource, "DELETE_FAILED", explain(error))
            return False
        self._journal.settled(resource, "DELETE_COMPLETE")
        return True

    def _work(self, resource: Resource) -> Work:
        stack = self._stack
        return Work(
            aws=self._aws,
            principal=self._principal,
            region=stack.region,
            stack_id=stack.id,
            stack_name=stack.name,
            logical_id=resource.logical_id,
            type=resource.type,
            tags=stack.desired.tags,
            waiting=self._waiting,
        )


def summary(name: str, creating: bool) -> str:
    return f"The following resource(s) failed to {'create' if creating else 'update'}: [{name}]."


def _note_unexpected(error: Exception) -> None:
    if not isinstance(error, (AwsError, ClientError)):
        _log.warning("a resource failed in an unexpected way", exc_info=error)


def _refused(error: Exception) -> bool:
    code = error.response["Error"].get("Code") if isinstance(error, ClientError) else getattr(error, "code", None)
    return code in ("NotUpdatable", "NotImplemented")


def explain(error: Exception) -> str:
    """Return a failure's reason in the form in which CloudFormation reports resource handlers."""
    if isinstance(error, AwsError):
        return error.message
    if isinstance(error, ClientError):
        details = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        service = error.operation_name
        cause = f"(Service: {service}, Status Code: {status}, Error Code: {details.get('Code')})"
        message = f'Resource handler returned message: "{details.get("Message", error)} {cause}"'
        return f"{message} (RequestToken: {uuid.uuid4()}, HandlerErrorCode: InvalidRequest)"
    kind = "request could not be built" if isinstance(error, BotoCoreError) else type(error).__name__
    return f'Resource handler returned message: "{kind}: {error}" (HandlerErrorCode: InternalFailure)'
