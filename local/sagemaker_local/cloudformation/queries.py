"""CloudFormation's operations that only read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from . import present
from .service import CloudFormation
from .state import ChangeSet, Stack
from .template import Template, validation_error

if TYPE_CHECKING:
    from sagemaker_local.front import Context

Item = TypeVar("Item")
Params = dict[str, Any]
_PAGE = 100


class Lookup:
    """Stacks and change sets by what a request calls them."""

    def __init__(self, service: CloudFormation) -> None:
        self._service = service
        self._stacks = service.stacks

    def _find(self, context: Context, name: str) -> Stack:
        return self._stacks.get(name, context.account, context.region)

    def _change_set(self, context: Context, params: Params) -> tuple[Stack, ChangeSet]:
        return self._stacks.change_set(
            params["ChangeSetName"], params.get("StackName"), context.account, context.region
        )


class Queries(Lookup):
    """Handlers of the operations, one method each."""

    def operations(self) -> dict[str, Any]:
        """Return the handlers by operation name."""
        return {
            "DescribeEvents": self.describe_events,
            "DescribeStackEvents": self.describe_stack_events,
            "DescribeStackResource": self.describe_stack_resource,
            "DescribeStackResources": self.describe_stack_resources,
            "DescribeStacks": self.describe_stacks,
            "GetStackPolicy": self.get_stack_policy,
            "GetTemplate": self.get_template,
            "GetTemplateSummary": self.get_template_summary,
            "ListExports": self.list_exports,
            "ListHookResults": lambda context, params: {"HookResults": []},
            "ListImports": self.list_imports,
            "ListStackResources": self.list_stack_resources,
            "ListStacks": self.list_stacks,
            "ValidateTemplate": self.validate_template,
        }

    def describe_stacks(self, context: Context, params: Params) -> Params:
        name = params.get("StackName")
        if name:
            return {"Stacks": [present.stack(self._find(context, name))]}
        return {"Stacks": [present.stack(item) for item in self._stacks.of(context.account, context.region)]}

    def list_stacks(self, context: Context, params: Params) -> Params:
        wanted = params.get("StackStatusFilter") or []
        stacks = self._stacks.of(context.account, context.region, deleted=True)
        return {"StackSummaries": [present.summary(item) for item in stacks if not wanted or item.status in wanted]}

    def describe_stack_events(self, context: Context, params: Params) -> Params:
        stack = self._find(context, params["StackName"])
        newest_first = stack.events[::-1]
        return _page(newest_first, params, "StackEvents", lambda item: present.event(stack, item))

    def describe_events(self, context: Context, params: Params) -> Params:
        stack = self._find(context, params["StackName"]) if params.get("StackName") else None
        if stack is None:
            # A change set that cannot be made says why in its status; there are no events beside that.
            self._change_set(context, params)
            return {"OperationEvents": []}
        failed_only = bool((params.get("Filters") or {}).get("FailedEvents"))
        events = [item for item in reversed(stack.events) if not failed_only or item.status.endswith("_FAILED")]
        return _page(
            events, params, "OperationEvents", lambda item: {**present.event(stack, item), "EventType": "STACK_EVENT"}
        )

    def describe_stack_resource(self, context: Context, params: Params) -> Params:
        stack = self._find(context, params["StackName"])
        found = stack.resources.get(params["LogicalResourceId"])
        if found is None:
            raise validation_error(f"Resource {params['LogicalResourceId']} does not exist for stack {stack.name}")
        return {"StackResourceDetail": present.resource(stack, found)}

    def describe_stack_resources(self, context: Context, params: Params) -> Params:
        physical = params.get("PhysicalResourceId")
        if params.get("StackName"):
            stacks = [self._find(context, params["StackName"])]
        else:
            stacks = list(self._stacks.of(context.account, context.region))
        found = [
            present.resource(stack, item)
            for stack in stacks
            for item in list(stack.resources.values())
            if physical in (None, item.created.ref) and params.get("LogicalResourceId") in (None, item.logical_id)
        ]
        if physical and not found:
            raise validation_error(f"Stack for {physical} does not exist")
        return {"StackResources": found}

    def list_stack_resources(self, context: Context, params: Params) -> Params:
        stack = self._find(context, params["StackName"])
        resources = list(stack.resources.values())
        return _page(resources, params, "StackResourceSummaries", lambda item: present.resource(stack, item))

    def get_template(self, context: Context, params: Params) -> Params:
        if params.get("ChangeSetName"):
            _, change_set = self._change_set(context, params)
            desired = change_set.desired
        else:
            stack = self._find(context, params["StackName"])
            # A stack that so far only has a change set has no template.
            if stack.status == "REVIEW_IN_PROGRESS":
                return {"TemplateBody": "", "StagesAvailable": ["Original", "Processed"]}
            desired = stack.desired
        return {"TemplateBody": desired.template.body, "StagesAvailable": ["Original", "Processed"]}

    def get_template_summary(self, context: Context, params: Params) -> Params:
        body = self._service.template_body(context, params)
        template = Template(body) if body is not None else self._find(context, params["StackName"]).desired.template
        return {
            "Parameters": [
                {
                    "ParameterKey": name,
                    "DefaultValue": present.text(definition.get("Default")),
                    "ParameterType": definition.get("Type", "String"),
                    "NoEcho": str(definition.get("NoEcho", "false")).lower() == "true",
                    "Description": definition.get("Description"),
                    "ParameterConstraints": {"AllowedValues": definition.get("AllowedValues")},
                }
                for name, definition in template.parameters.items()
            ],
            "Description": template.description,
            "Metadata": present.text(template.document.get("Metadata")),
            "Version": template.document.get("AWSTemplateFormatVersion"),
            "ResourceTypes": sorted({item.type for item in template.resources.values()}),
            "DeclaredTransforms": [],
            "ResourceIdentifierSummaries": [],
        }

    def validate_template(self, context: Context, params: Params) -> Params:
        summary = self.get_template_summary(context, params)
        return {"Parameters": summary["Parameters"], "Description": summary["Description"], "Capabilities": []}

    def list_exports(self, context: Context, params: Params) -> Params:
        exports = [
            {"ExportingStackId": stack.id, "Name": name, "Value": value}
            for stack in self._stacks.of(context.account, context.region)
            for name, value in stack.exports().items()
        ]
        return _page(exports, params, "Exports", lambda item: item)

    def list_imports(self, context: Context, params: Params) -> Params:
        users = self._stacks.importers(params["ExportName"], context.account, context.region)
        if not users:
            raise validation_error(f"Export '{params['ExportName']}' is not imported by any stack.")
        return {"Imports": [stack.name for stack in users]}

    def get_stack_policy(self, context: Context, params: Params) -> Params:
        self._find(context, params["StackName"])
        return {}


def _page(items: list[Item], params: Params, name: str, shown: Callable[[Item], Params]) -> Params:
    """Return one page of items as they are shown; the token is the position of the next one."""
    token = params.get("NextToken")
    if token is not None and not str(token).isdigit():
        raise validation_error(f"NextToken {token} is not valid")
    start = int(token or 0)
    following = start + _PAGE
    page = [shown(item) for item in items[start:following]]
    return {name: page, "NextToken": str(following) if following < len(items) else None}
