"""What CloudFormation remembers: stacks, their resources and events, change sets, exports."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sagemaker_local.errors import AwsError

from .changes import Change
from .template import ResourceTemplate, Template, validation_error
from .types.base import Created

IN_PROGRESS = "_IN_PROGRESS"
STACK_TYPE = "AWS::CloudFormation::Stack"


@dataclass
class Desired:
    """What a stack operation wants: everything that a caller can give to create or update a stack."""

    template: Template
    parameters: dict[str, str]
    """As given or kept, by name."""
    values: dict[str, Any]
    """As the template sees them: lists split, SSM parameters looked up."""
    tags: dict[str, str] = field(default_factory=dict)
    role_arn: str | None = None
    capabilities: list[str] = field(default_factory=list)
    notification_arns: list[str] = field(default_factory=list)
    disable_rollback: bool = False
    on_failure: str = "ROLLBACK"


@dataclass
class Resource:
    """A resource that exists, as of its last successful operation."""

    template: ResourceTemplate
    created: Created
    properties: dict[str, Any]
    """Resolved, with the stack's tags where the type takes them."""
    status: str
    changed: datetime
    reason: str | None = None

    @property
    def logical_id(self) -> str:
        return self.template.logical_id

    @property
    def type(self) -> str:
        return self.template.type


@dataclass(frozen=True)
class Event:
    """One line of a stack's history."""

    id: str
    at: datetime
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str | None
    token: str | None
    operation_id: str
    properties: dict[str, Any] | None = None


@dataclass
class ChangeSet:
    """A previewed change, executable while its stack has not changed otherwise."""

    id: str
    name: str
    kind: str
    """CREATE or UPDATE."""
    desired: Desired
    created: datetime
    changes: list[Change]
    status: str = "CREATE_COMPLETE"
    reason: str | None = None
    execution: str = "AVAILABLE"
    description: str | None = None


@dataclass
class Stack:
    """One stack, alive or deleted."""

    id: str
    name: str
    account: str
    region: str
    created: datetime
    desired: Desired
    status: str = "REVIEW_IN_PROGRESS"
    reason: str | None = None
    updated: datetime | None = None
    deleted: datetime | None = None
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    """Names of the exports that its template uses."""
    termination_protection: bool = False
    parent_id: str | None = None
    root_id: str | None = None
    change_set_id: str | None = None

    @property
    def busy(self) -> bool:
        """Whether an operation is under way."""
        return self.status.endswith(IN_PROGRESS) and self.status != "REVIEW_IN_PROGRESS"

    def exports(self) -> dict[str, str]:
        """Return the exports by name."""
        return {str(body["Export"]): str(body["Value"]) for body in self.outputs.values() if "Export" in body}

    def deletion_order(self) -> list[str]:
        """Return the names of the resources so that none comes after what it depends on."""
        order = [name for name in self.desired.template.order() if name in self.resources]
        # Resources that the present template does not know are left from an operation that failed.
        return [name for name in self.resources if name not in order] + order[::-1]


class Stacks:
    """All stacks of all accounts and regions."""

    def __init__(self) -> None:
        self._all: dict[str, Stack] = {}
        self.lock = threading.RLock()

    def new(self, name: str, account: str, region: str, partition: str, now: datetime, desired: Desired) -> Stack:
        """Register a new stack."""
        identifier = f"arn:{partition}:cloudformation:{region}:{account}:stack/{name}/{uuid.uuid4()}"
        stack = Stack(identifier, name, account, region, now, desired)
        with self.lock:
            self._all[identifier] = stack
        return stack

    def remove(self, stack: Stack) -> None:
        """Forget a stack that never came to be."""
        with self.lock:
            self._all.pop(stack.id, None)

    def find(self, name_or_id: str, account: str, region: str) -> Stack | None:
        """Return a stack by id, or the live one of a name."""
        if name_or_id.startswith("arn:"):
            return self._all.get(name_or_id)
        return next((stack for stack in self.of(account, region) if stack.name == name_or_id), None)

    def get(self, name_or_id: str, account: str, region: str) -> Stack:
        """Return a stack.

        Raises:
            AwsError: `ValidationError` if there is none.
        """
        stack = self.find(name_or_id, account, region)
        if stack is None:
            raise validation_error(f"Stack with id {name_or_id} does not exist")
        return stack

    def of(self, account: str, region: str, *, deleted: bool = False) -> Iterator[Stack]:
        """Yield the stacks of an account and region, newest first; deleted ones only if asked for."""
        with self.lock:
            stacks = list(self._all.values())
        for stack in reversed(stacks):
            if (stack.account, stack.region) == (account, region) and (deleted or stack.status != "DELETE_COMPLETE"):
                yield stack

    def exporter(self, name: str, account: str, region: str) -> Stack | None:
        """Return the stack that exports a name."""
        return next((stack for stack in self.of(account, region) if name in stack.exports()), None)

    def importers(self, name: str, account: str, region: str) -> list[Stack]:
        """Return the stacks that import a name."""
        return [stack for stack in self.of(account, region) if name in stack.imports]

    def change_set(self, name: str, stack_name: str | None, account: str, region: str) -> tuple[Stack, ChangeSet]:
        """Return a change set by its ARN, or by its name and its stack's.

        Raises:
            AwsError: `ChangeSetNotFound` if there is none.
        """
        candidates = self.of(account, region, deleted=True)
        if not name.startswith("arn:") and stack_name:
            found = self.find(stack_name, account, region)
            if found is None:
                raise validation_error(f"Stack [{stack_name}] does not exist")
            candidates = iter([found])
        for stack in candidates:
            for change_set in stack.change_sets.values():
                if name in (change_set.id, change_set.name):
                    return stack, change_set
        raise AwsError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)
