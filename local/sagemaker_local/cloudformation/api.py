"""CloudFormation's operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagemaker_local.errors import AwsError

from . import present
from .service import CloudFormation
from .state import ChangeSet, Stack
from .template import Template, validation_error

if TYPE_CHECKING:
    from sagemaker_local.front import Context

Params = dict[str, Any]
_PAGE = 100


class Api:
    """Handlers of the CloudFormation API, one method per operation."""

    def __init__(self, service: CloudFormation) -> None:
        self._service = service
        self._stacks = service.stacks
        self._clock = service.aws.clock

    def operations(self) -> dict[str, Any]:
        """Return the handlers by operation name."""
        return {
            "CancelUpdateStack": self.cancel_update_stack,
            "ContinueUpdateRollback": self.continue_update_rollback,
            "CreateChangeSet": self.create_change_set,
            "CreateStack": self.create_stack,
            "DeleteChangeSet": self.delete_change_set,
            "DeleteStack": self.delete_stack,
            "DescribeChangeSet": self.describe_change_set,
            "DescribeEvents": self.describe_events,
            "DescribeStackEvents": self.describe_stack_events,
            "DescribeStackResource": self.describe_stack_resource,
            "DescribeStackResources": self.describe_stack_resources,
            "DescribeStacks": self.describe_stacks,
            "ExecuteChangeSet": self.execute_change_set,
            "GetStackPolicy": self.get_stack_policy,
            "GetTemplate": self.get_template,
            "GetTemplateSummary": self.get_template_summary,
            "ListChangeSets": self.list_change_sets,
            "ListExports": self.list_exports,
            "ListHookResults": lambda context, params: {"HookResults": []},
            "ListImports": self.list_imports,
            "ListStackResources": self.list_stack_resources,
            "ListStacks": self.list_stacks,
            "UpdateStack": self.update_stack,
            "UpdateTerminationProtection": self.update_termination_protection,
            "ValidateTemplate": self.validate_template,
        }

    # Changing stacks

    def create_stack(self, context: Context, params: Params) -> Params:
        desired = self._service.desired(context, params, None, self._service.template_body(context, params))
        protected = bool(params.get("EnableTerminationProtection", False))
        token = params.get("ClientRequestToken")
        self._service.create(context, params["StackName"], desired, token, termination_protection=protected)
        return {"StackId": self._find(context, params["StackName"]).id}

    def update_stack(self, context: Context, params: Params) -> Params:
        stack = self._stacks.find(params["StackName"], context.account, context.region)
        if stack is None or stack.status == "REVIEW_IN_PROGRESS":
            raise validation_error(f"Stack [{params['StackName']}] does not exist")
        self._service.check_updatable(stack)
        body = self._service.template_body(context, params)
        if body is None and not params.get("UsePreviousTemplate"):
            raise validation_error("Either Template URL or Template Body must be specified.")
        desired = self._service.desired(context, params, stack, body)
        self._service.update(context, stack, desired, params.get("ClientRequestToken"))
        return {"StackId": stack.id}

    def delete_stack(self, context: Context, params: Params) -> Params:
        stack = self._stacks.find(params["StackName"], context.account, context.region)
        if stack is None or stack.status == "DELETE_COMPLETE":
            return {}
        if stack.status == "REVIEW_IN_PROGRESS":
            self._stacks.remove(stack)
            return {}
        retained = frozenset(params.get("RetainResources") or [])
        execution = self._service.delete(
            context, stack, params.get("ClientRequestToken"), retained, params.get("RoleARN")
        )
        self._service.join(execution)
        return {}

    def cancel_update_stack(self, context: Context, params: Params) -> Params:
        self._service.cancel(self._find(context, params["StackName"]))
        return {}

    def continue_update_rollback(self, context: Context, params: Params) -> Params:
        stack = self._find(context, params["StackName"])
        raise AwsError(
            "NotImplemented",
            f"Stack {stack.name} is in {stack.status}: a failed rollback cannot be continued here; delete the stack",
        )

    def update_termination_protection(self, context: Context, params: Params) -> Params:
        stack = self._find(context, params["StackName"])
        stack.termination_protection = bool(params["EnableTerminationProtection"])
        return {"StackId": stack.id}

    # Change sets

    def create_change_set(self, context: Context, params: Params) -> Params:
        name, kind = params["StackName"], params.get("ChangeSetType") or "UPDATE"
        if kind not in ("CREATE", "UPDATE"):
            raise AwsError("NotImplemented", f"change sets of type {kind} are not supported, CREATE and UPDATE are")
        stack = self._stacks.find(name, context.account, context.region)
        if stack is None and kind == "UPDATE":
            raise validation_error(f"Stack [{name}] does not exist")
        if stack is not None and kind == "CREATE" and stack.status != "REVIEW_IN_PROGRESS":
            raise validation_error(
                f"Stack [{name}] already exists and cannot be created again "
                f"with the changeSet [{params['ChangeSetName']}]."
            )
        if stack is not None and kind == "UPDATE":
            self._service.check_updatable(stack)
        body = self._service.template_body(context, params)
        desired = self._service.desired(context, params, stack, body)
        if stack is None:
            stack = self._service.new_stack(context, name, desired)
        elif any(item.name == params["ChangeSetName"] for item in stack.change_sets.values()):
            raise AwsError(
                "AlreadyExistsException",
                f"ChangeSet {params['ChangeSetName']} cannot be created due to a mismatch with existing attributes",
            )
        change_set = self._service.new_change_set(context, stack, kind, desired, params)
        return {"Id": change_set.id, "StackId": stack.id}

    def describe_change_set(self, context: Context, params: Params) -> Params:
        stack, change_set = self._change_set(context, params)
        return present.change_set(stack, change_set, with_values=bool(params.get("IncludePropertyValues")))

    def execute_change_set(self, context: Context, params: Params) -> Params:
        stack, change_set = self._change_set(context, params)
        if change_set.execution != "AVAILABLE":
            raise AwsError(
                "InvalidChangeSetStatus",
                f"ChangeSet [{change_set.id}] cannot be executed in its current status of [{change_set.status}]",
            )
        desired, token = change_set.desired, params.get("ClientRequestToken")
        desired.disable_rollback = bool(params.get("DisableRollback", desired.disable_rollback))
        if change_set.kind == "UPDATE":
            self._service.check_updatable(stack)
        change_set.execution = "EXECUTE_COMPLETE"
        # Executing one change set makes all others of the stack stale.
        stack.change_sets.clear()
        stack.change_set_id = change_set.id
        execution = self._service.start(
            context,
            stack,
            desired,
            token,
            lambda execution: execution.create(desired) if change_set.kind == "CREATE" else execution.update(desired),
        )
        self._service.join(execution)
        return {}

    def delete_change_set(self, context: Context, params: Params) -> Params:
        try:
            stack, change_set = self._change_set(context, params)
        except AwsError as error:
            if error.code == "ChangeSetNotFound":
                return {}
            raise
        stack.change_sets.pop(change_set.id, None)
        return {}

    def list_change_sets(self, context: Context, params: Params) -> Params:
        stack = self._find(context, params["StackName"])
        return {"Summaries": [present.change_set_summary(stack, item) for item in stack.change_sets.values()]}

    # Reading

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
        return _page([present.event(stack, item) for item in reversed(stack.events)], params, "StackEvents")

    def describe_events(self, context: Context, params: Params) -> Params:
        stack = self._find(context, params["StackName"]) if params.get("StackName") else None
        if stack is None:
            # A change set that cannot be made says why in its status; there are no events beside that.
            self._change_set(context, params)
            return {"OperationEvents": []}
        failed_only = bool((params.get("Filters") or {}).get("FailedEvents"))
        events = [
            {**present.event(stack, item), "EventType": "STACK_EVENT"}
            for item in reversed(stack.events)
            if not failed_only or item.status.endswith("_FAILED")
        ]
        return _page(events, params, "OperationEvents")

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
        summaries = [present.resource(stack, item) for item in list(stack.resources.values())]
        return _page(summaries, params, "StackResourceSummaries")

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
        return _page(exports, params, "Exports")

    def list_imports(self, context: Context, params: Params) -> Params:
        users = self._stacks.importers(params["ExportName"], context.account, context.region)
        if not users:
            raise validation_error(f"Export '{params['ExportName']}' is not imported by any stack.")
        return {"Imports": [stack.name for stack in users]}

    def get_stack_policy(self, context: Context, params: Params) -> Params:
        self._find(context, params["StackName"])
        return {}

    def _find(self, context: Context, name: str) -> Stack:
        return self._stacks.get(name, context.account, context.region)

    def _change_set(self, context: Context, params: Params) -> tuple[Stack, ChangeSet]:
        return self._stacks.change_set(
            params["ChangeSetName"], params.get("StackName"), context.account, context.region
        )


def _page(items: list[Params], params: Params, name: str) -> Params:
    """Return one page of items; the token is the position of the next one."""
    token = params.get("NextToken")
    if token is not None and not str(token).isdigit():
        raise validation_error(f"NextToken {token} is not valid")
    start = int(token or 0)
    following = start + _PAGE
    return {name: items[start:following], "NextToken": str(following) if following < len(items) else None}
