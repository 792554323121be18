"""Stacks within stacks: a resource type whose work is the work of CloudFormation itself."""

from __future__ import annotations

from typing import Any

from sagemaker_local.errors import AwsError
from sagemaker_local.front import Context

from .service import CloudFormation
from .state import Stack
from .types.base import Created, Properties, ResourceType, Work


class NestedStack(ResourceType):
    """A stack within a stack: `GetAtt Outputs.Name` reads its outputs, its failure is the parent's failure."""

    def __init__(self, service: CloudFormation) -> None:
        self._service = service

    def create(self, work: Work, properties: Properties) -> Created:
        service, context = self._service, _context(work)
        request = self._request(work, properties)
        desired = service.desired(context, request, None, service.template_body(context, request))
        name = work.generated_name(128)
        parent = service.stacks.get(work.stack_id, work.account, work.region)
        place = {"parent_id": parent.id, "root_id": parent.root_id or parent.id}
        execution = service.create(context, name, desired, None, **place)
        execution.finished.wait()
        stack = service.stacks.get(name, work.account, work.region)
        if stack.status != "CREATE_COMPLETE":
            reason = _failure(stack)
            service.start(context, stack, stack.desired, None, lambda execution: execution.delete()).finished.wait()
            raise AwsError("NestedStackFailed", f"Embedded stack {stack.id} was not successfully created: {reason}")
        return _settled(stack)

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        service, context = self._service, _context(work)
        stack = service.stacks.get(existing.ref, work.account, work.region)
        request = self._request(work, new)
        desired = service.desired(context, request, stack, service.template_body(context, request))
        try:
            execution = service.update(context, stack, desired, None)
        except AwsError as error:
            if error.message == "No updates are to be performed.":
                return existing
            raise
        execution.finished.wait()
        if stack.status != "UPDATE_COMPLETE":
            raise AwsError(
                "NestedStackFailed", f"Embedded stack {stack.id} was not successfully updated: {_failure(stack)}"
            )
        return _settled(stack)

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        service, context = self._service, _context(work)
        stack = service.stacks.find(existing.ref, work.account, work.region)
        if stack is None or stack.status == "DELETE_COMPLETE":
            return
        service.start(context, stack, stack.desired, None, lambda execution: execution.delete()).finished.wait()
        if stack.status != "DELETE_COMPLETE":
            raise AwsError(
                "NestedStackFailed", f"Embedded stack {stack.id} was not successfully deleted: {stack.reason}"
            )

    def _request(self, work: Work, properties: Properties) -> dict[str, Any]:
        texts = {
            name: ",".join(str(item) for item in value) if isinstance(value, list) else str(value)
            for name, value in (properties.get("Parameters") or {}).items()
        }
        parent = self._service.stacks.get(work.stack_id, work.account, work.region)
        own = {tag["Key"]: tag["Value"] for tag in properties.get("Tags") or []}
        return {
            "TemplateURL": properties["TemplateURL"],
            "Parameters": [{"ParameterKey": name, "ParameterValue": text} for name, text in texts.items()],
            "Capabilities": parent.desired.capabilities,
            "Tags": [{"Key": key, "Value": value} for key, value in {**work.tags, **own}.items()],
            "RoleARN": parent.desired.role_arn,
        }


def _context(work: Work) -> Context:
    """Return the call of whom the parent is deployed for."""
    return Context(lambda: work.aws.clients, work.aws.clock, work.principal, work.region)


def _settled(stack: Stack) -> Created:
    return Created(stack.id, {f"Outputs.{name}": body["Value"] for name, body in stack.outputs.items()})


def _failure(stack: Stack) -> str:
    """Return the reason of the first resource that failed, or the stack's own."""
    failed = [event for event in stack.events if event.status.endswith("_FAILED") and event.reason]
    own = [event for event in failed if event.logical_id != stack.name]
    return (own or failed)[0].reason or "" if failed else stack.reason or stack.status
