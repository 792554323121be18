"""CloudFormation's operations that change something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagemaker_local.errors import AwsError

from . import present
from .queries import Lookup, Params, Queries
from .template import validation_error

if TYPE_CHECKING:
    from sagemaker_local.front import Context


class Api(Lookup):
    """Handlers of the CloudFormation API: one method per operation that changes something, and the queries."""

    def operations(self) -> dict[str, Any]:
        """Return the handlers by operation name."""
        return {
            **Queries(self._service).operations(),
            "CancelUpdateStack": self.cancel_update_stack,
            "ContinueUpdateRollback": self.continue_update_rollback,
            "CreateChangeSet": self.create_change_set,
            "CreateStack": self.create_stack,
            "DeleteChangeSet": self.delete_change_set,
            "DeleteStack": self.delete_stack,
            "DescribeChangeSet": self.describe_change_set,
            "ExecuteChangeSet": self.execute_change_set,
            "ListChangeSets": self.list_change_sets,
            "UpdateStack": self.update_stack,
            "UpdateTerminationProtection": self.update_termination_protection,
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
