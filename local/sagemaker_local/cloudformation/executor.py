"""Executing a change of a stack: the way forward, what is left behind at its end, and the way back."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .convergence import Convergence, Step
from .journal import Announcer, Journal
from .resources import Failed, ResourceOperations
from .scope import StackScope
from .state import Desired, Resource, Stack, Stacks

if TYPE_CHECKING:
    from sagemaker_local.accounts import Principal
    from sagemaker_local.server import LocalAws


class Execution:
    """One operation on one stack. `finished` is set at its end; `lingering` when something takes longer."""

    def __init__(
        self,
        aws: LocalAws,
        stacks: Stacks,
        announcer: Announcer,
        stack: Stack,
        principal: Principal,
        token: str | None = None,
    ) -> None:
        self._aws = aws
        self._stacks = stacks
        self._stack = stack
        self._principal = principal
        self.journal = Journal(aws, announcer, stack, token)
        self.finished = threading.Event()
        self.lingering = threading.Event()
        self.cancelled = threading.Event()
        self._resources = ResourceOperations(aws, stack, principal, self.journal, self.lingering.set)
        self._steps: list[Step] = []

    def create(self, desired: Desired) -> None:
        """Create the stack's resources; on failure delete them again, or keep them if rollback is disabled."""
        stack = self._stack
        stack.desired = desired
        self.journal.stack_status("CREATE_IN_PROGRESS", "User Initiated")
        try:
            self._converge(desired)
        except Failed as failure:
            self._fail_creation(desired, str(failure))
            return
        self.journal.stack_status("CREATE_COMPLETE")

    def update(self, desired: Desired) -> None:
        """Bring the stack to the desired state, clean up what it left behind, or go back on failure."""
        stack, previous = self._stack, self._stack.desired
        outputs, imports = dict(stack.outputs), set(stack.imports)
        stack.updated = self._aws.clock.now()
        self.journal.stack_status("UPDATE_IN_PROGRESS", "User Initiated")
        stack.desired = desired
        try:
            obsolete = self._converge(desired)
        except Failed as failure:
            if desired.disable_rollback:
                self.journal.stack_status("UPDATE_FAILED", str(failure))
                return
            self._roll_back(previous, outputs, imports, str(failure))
            return
        self.journal.stack_status("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        for resource, policy in obsolete:
            self._resources.discard(resource, policy)
        self.journal.stack_status("UPDATE_COMPLETE")

    def delete(self, retained: frozenset[str] = frozenset()) -> None:
        """Delete the stack's resources in reverse order; one that cannot be deleted keeps what it depends on."""
        stack = self._stack
        previous = stack.status
        for name in stack.exports():
            users = self._stacks.importers(name, stack.account, stack.region)
            if users:
                reason = f"Delete canceled. Cannot delete export {name} as it is in use by {users[0].name}."
                self.journal.stack_status(previous, reason)
                return
        self.journal.stack_status("DELETE_IN_PROGRESS", "User Initiated")
        failed: list[str] = []
        for name in stack.deletion_order():
            resource = stack.resources[name]
            if any(name in stack.desired.template.dependencies(other) for other in failed):
                continue
            policy = "Retain" if name in retained else resource.template.deletion_policy
            if self._resources.discard(
                resource, "Delete" if policy == "RetainExceptOnCreate" and _never_lived(previous) else policy
            ):
                del stack.resources[name]
            else:
                failed.append(name)
        if failed:
            self.journal.stack_status(
                "DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(failed)}]."
            )
            return
        stack.outputs, stack.imports, stack.deleted = {}, set(), self._aws.clock.now()
        self.journal.stack_status("DELETE_COMPLETE")

    def _converge(self, desired: Desired) -> list[tuple[Resource, str]]:
        scope = StackScope(self._aws, self._stacks, self._stack, desired, self._principal)
        convergence = Convergence(scope, self._stacks, self._stack, desired, self._resources, self.journal)
        self._steps = convergence.steps
        return convergence.run(self.cancelled)

    def _fail_creation(self, desired: Desired, reason: str) -> None:
        if desired.disable_rollback or desired.on_failure == "DO_NOTHING":
            self.journal.stack_status("CREATE_FAILED", reason)
            return
        deleting = desired.on_failure == "DELETE"
        self.journal.stack_status(
            "DELETE_IN_PROGRESS" if deleting else "ROLLBACK_IN_PROGRESS", f"{reason} Rollback requested by user."
        )
        failed = []
        for step in reversed(self._steps):
            if step.after is None:
                continue
            # RetainExceptOnCreate deletes what a failed creation made; Retain keeps it even then.
            policy = "Retain" if step.after.template.deletion_policy == "Retain" else "Delete"
            if self._resources.discard(step.after, policy):
                self._stack.resources.pop(step.logical_id, None)
            else:
                failed.append(step.logical_id)
        if failed:
            text = f"The following resource(s) failed to delete: [{', '.join(failed)}]."
            self.journal.stack_status("DELETE_FAILED" if deleting else "ROLLBACK_FAILED", text)
            return
        if deleting:
            self._stack.deleted = self._aws.clock.now()
        self.journal.stack_status("DELETE_COMPLETE" if deleting else "ROLLBACK_COMPLETE")

    def _roll_back(
        self, previous: Desired, outputs: dict[str, dict[str, object]], imports: set[str], reason: str
    ) -> None:
        stack = self._stack
        self.journal.stack_status("UPDATE_ROLLBACK_IN_PROGRESS", reason)
        surplus: list[Resource] = []
        for step in reversed(self._steps):
            if step.before is None:
                if step.after is not None:
                    surplus.append(step.after)
                    stack.resources.pop(step.logical_id, None)
                continue
            if step.after is not None and step.replaced:
                surplus.append(step.after)
                stack.resources[step.logical_id] = step.before
                self.journal.settled(step.before, "UPDATE_COMPLETE")
            elif step.after is not None:
                try:
                    self._undo_update(step)
                except Failed as failure:
                    self.journal.stack_status("UPDATE_ROLLBACK_FAILED", str(failure))
                    return
            else:
                stack.resources[step.logical_id] = step.before
        stack.desired, stack.outputs, stack.imports = previous, outputs, imports
        self.journal.stack_status("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        for resource in surplus:
            self._resources.discard(resource, "Delete")
        self.journal.stack_status("UPDATE_ROLLBACK_COMPLETE")

    def _undo_update(self, step: Step) -> None:
        before, after = step.before, step.after
        assert before is not None and after is not None  # noqa: S101 - only called for updates
        if after is before:
            # The update itself failed and may have come half way, so everything that it wanted is set back.
            attempted = Resource(before.template, before.created, {}, "", before.changed)
            attempted.properties = self._attempted(step)
            self._resources.update(
                attempted, Resource(before.template, before.created, before.properties, "", before.changed)
            )
        else:
            self._resources.update(
                after, Resource(before.template, before.created, before.properties, "", before.changed)
            )

    def _attempted(self, step: Step) -> dict[str, object]:
        for event in reversed(self._stack.events):
            if event.logical_id == step.logical_id and event.status == "UPDATE_FAILED" and event.properties is not None:
                return event.properties
        return {}


def _never_lived(status: str) -> bool:
    return status in ("CREATE_FAILED", "ROLLBACK_FAILED", "ROLLBACK_COMPLETE")
