"""Executing a change: resources in dependency order, replacements before their predecessors go, rollback in reverse."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from sagemaker_local.errors import AwsError

from .intrinsics import Resolver
from .journal import Announcer, Journal
from .resources import Failed, ResourceOperations, explain, summary
from .schema import schema_of
from .scope import StackScope, effective_properties
from .state import Desired, Resource, Stack, Stacks
from .types import Created, resource_type

if TYPE_CHECKING:
    from sagemaker_local.accounts import Principal
    from sagemaker_local.server import LocalAws


@dataclass
class _Step:
    """Something that was done and can be undone: `before` existed, `after` exists now; None means nothing."""

    logical_id: str
    before: Resource | None
    after: Resource | None
    replaced: bool = False


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
        self._steps: list[_Step] = []
        self._resources = ResourceOperations(aws, stack, principal, self.journal, self.lingering.set)

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
        before = (dict(stack.resources), dict(stack.outputs), set(stack.imports))
        stack.updated = self._aws.clock.now()
        self.journal.stack_status("UPDATE_IN_PROGRESS", "User Initiated")
        stack.desired = desired
        try:
            obsolete = self._converge(desired)
        except Failed as failure:
            if desired.disable_rollback:
                self.journal.stack_status("UPDATE_FAILED", str(failure))
                return
            self._roll_back(previous, before[1], before[2], str(failure))
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
        for name in self._deletion_order():
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

    def _deletion_order(self) -> list[str]:
        stack = self._stack
        order = [name for name in stack.desired.template.order() if name in stack.resources]
        # Resources that the present template does not know are left from an operation that failed.
        return [name for name in stack.resources if name not in order] + order[::-1]

    # Going forward

    def _converge(self, desired: Desired) -> list[tuple[Resource, str]]:
        """Create and update until every resource is as desired; return what is obsolete then, with its policy."""
        stack = self._stack
        scope = StackScope(self._aws, self._stacks, stack, desired, self._principal)
        resolver = Resolver(desired.template, scope)
        obsolete: list[tuple[Resource, str]] = []
        try:
            included = resolver.included()
            for name in included:
                if self.cancelled.is_set():
                    raise Failed("Resource update cancelled")
                replaced = self._settle(name, resolver, desired)
                if replaced is not None:
                    obsolete.insert(0, (replaced, replaced.template.replace_policy))
            removed = [name for name in self._deletion_order() if name not in included]
            for name in removed:
                resource = stack.resources.pop(name)
                self._steps.append(_Step(name, resource, None))
                obsolete.append((resource, resource.template.deletion_policy))
            self._publish_outputs(resolver, scope)
        except AwsError as error:
            raise Failed(error.message) from error
        return obsolete

    def _settle(self, name: str, resolver: Resolver, desired: Desired) -> Resource | None:
        """Bring one resource to its desired state; return its predecessor if it was replaced."""
        stack, template = self._stack, desired.template.resources[name]
        existing = stack.resources.get(name)
        try:
            properties = effective_properties(template, resolver, stack, desired)
        except (AwsError, ClientError, ValueError, TypeError, KeyError, IndexError) as error:
            status = "CREATE_FAILED" if existing is None else "UPDATE_FAILED"
            self.journal.resource(name, template.type, status, reason=explain(error))
            raise Failed(summary(name, existing is None)) from error
        if existing is None:
            self._steps.append(
                _Step(
                    name, None, self._resources.create(Resource(template, Created(""), properties, "", stack.created))
                )
            )
            return None
        if existing.type == template.type and existing.properties == properties:
            existing.template = template
            return None
        implementation = resource_type(template.type)
        changed = [
            key
            for key in existing.properties.keys() | properties
            if existing.properties.get(key) != properties.get(key)
        ]
        replace = (
            existing.type != template.type
            or schema_of(template.type).replacement(changed, existing.properties, properties) == "True"
            or implementation.replaces(existing.properties, properties)
        )
        if replace:
            reason = "Requested update requires the creation of a new physical resource; hence creating one."
            self.journal.resource(name, template.type, "UPDATE_IN_PROGRESS", existing.created.ref, reason, properties)
            fresh = Resource(template, Created(""), properties, "", stack.created)
            self._steps.append(_Step(name, existing, self._resources.create(fresh, updating=True), replaced=True))
            return existing
        step = _Step(name, existing, existing)
        self._steps.append(step)
        try:
            updated = self._resources.update(
                existing, Resource(template, existing.created, properties, "", stack.created)
            )
        except Failed as failure:
            if failure.untouched:
                self._steps.pop()
            raise
        step.after = updated
        if updated.created.ref != existing.created.ref:
            # A custom resource that answers with another physical id has replaced itself.
            step.replaced = True
            return existing
        return None

    def _publish_outputs(self, resolver: Resolver, scope: StackScope) -> None:
        stack = self._stack
        outputs = resolver.outputs()
        before, after = stack.exports(), {str(o["Export"]): str(o["Value"]) for o in outputs.values() if "Export" in o}
        for name, value in before.items():
            users = self._stacks.importers(name, stack.account, stack.region)
            if users and after.get(name) != value:
                verb = "delete" if name not in after else "update"
                raise Failed(
                    f"Cannot {verb} export {name} as it is in use by {', '.join(user.name for user in users)}."
                )
        for name in after:
            owner = self._stacks.exporter(name, stack.account, stack.region)
            if owner is not None and owner.id != stack.id:
                raise Failed(f"Export with name {name} is already exported by stack {owner.name}.")
        stack.outputs, stack.imports = outputs, set(scope.imported)

    # Going back

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

    def _undo_update(self, step: _Step) -> None:
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

    def _attempted(self, step: _Step) -> dict[str, object]:
        for event in reversed(self._stack.events):
            if event.logical_id == step.logical_id and event.status == "UPDATE_FAILED" and event.properties is not None:
                return event.properties
        return {}


def _never_lived(status: str) -> bool:
    return status in ("CREATE_FAILED", "ROLLBACK_FAILED", "ROLLBACK_COMPLETE")
