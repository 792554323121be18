"""The way forward: resources in dependency order, each replacement before its predecessor goes, then the outputs."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from botocore.exceptions import ClientError

from sagemaker_local.errors import AwsError

from .intrinsics import Resolver
from .journal import Journal
from .resources import Failed, ResourceOperations, explain, summary
from .schema import schema_of
from .scope import StackScope, effective_properties
from .state import Desired, Resource, Stack, Stacks
from .types import Created, resource_type


@dataclass
class Step:
    """Something that was done and can be undone: `before` existed, `after` exists now; None means nothing."""

    logical_id: str
    before: Resource | None
    after: Resource | None
    replaced: bool = False


class Convergence:
    """Brings the resources of a stack to a desired state."""

    def __init__(
        self,
        scope: StackScope,
        stacks: Stacks,
        stack: Stack,
        desired: Desired,
        resources: ResourceOperations,
        journal: Journal,
    ) -> None:
        self._scope = scope
        self._stacks = stacks
        self._stack = stack
        self._desired = desired
        self._resources = resources
        self._journal = journal
        self._resolver = Resolver(desired.template, scope)
        self.steps: list[Step] = []
        """What has been done so far, for the way back."""

    def run(self, cancelled: threading.Event) -> list[tuple[Resource, str]]:
        """Create and update until every resource is as desired; return what is obsolete then, with its policy.

        Raises:
            Failed: if a resource could not be brought there, or somebody cancelled.
        """
        stack, resolver = self._stack, self._resolver
        obsolete: list[tuple[Resource, str]] = []
        try:
            included = resolver.included()
            for name in included:
                if cancelled.is_set():
                    raise Failed("Resource update cancelled")
                replaced = self._settle(name)
                if replaced is not None:
                    obsolete.insert(0, (replaced, replaced.template.replace_policy))
            removed = [name for name in stack.deletion_order() if name not in included]
            for name in removed:
                resource = stack.resources.pop(name)
                self.steps.append(Step(name, resource, None))
                obsolete.append((resource, resource.template.deletion_policy))
            self._publish_outputs()
        except AwsError as error:
            raise Failed(error.message) from error
        return obsolete

    def _settle(self, name: str) -> Resource | None:
        """Bring one resource to its desired state; return its predecessor if it was replaced."""
        stack, template = self._stack, self._desired.template.resources[name]
        existing = stack.resources.get(name)
        try:
            properties = effective_properties(template, self._resolver, stack, self._desired)
        except (AwsError, ClientError, ValueError, TypeError, KeyError, IndexError) as error:
            status = "CREATE_FAILED" if existing is None else "UPDATE_FAILED"
            self._journal.resource(name, template.type, status, reason=explain(error))
            raise Failed(summary(name, existing is None)) from error
        if existing is None:
            self.steps.append(
                Step(name, None, self._resources.create(Resource(template, Created(""), properties, "", stack.created)))
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
            self._journal.resource(name, template.type, "UPDATE_IN_PROGRESS", existing.created.ref, reason, properties)
            fresh = Resource(template, Created(""), properties, "", stack.created)
            self.steps.append(Step(name, existing, self._resources.create(fresh, updating=True), replaced=True))
            return existing
        step = Step(name, existing, existing)
        self.steps.append(step)
        try:
            updated = self._resources.update(
                existing, Resource(template, existing.created, properties, "", stack.created)
            )
        except Failed as failure:
            if failure.untouched:
                self.steps.pop()
            raise
        step.after = updated
        if updated.created.ref != existing.created.ref:
            # A custom resource that answers with another physical id has replaced itself.
            step.replaced = True
            return existing
        return None

    def _publish_outputs(self) -> None:
        stack = self._stack
        outputs = self._resolver.outputs()
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
        stack.outputs, stack.imports = outputs, set(self._scope.imported)
