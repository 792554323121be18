"""Stack operations: from a request to a checked intention, and from there to an execution in its own thread."""

from __future__ import annotations

import logging
import re
import threading
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from botocore.exceptions import ClientError

from sagemaker_local.errors import AwsError

from . import parameters
from .changes import Change
from .executor import Execution
from .journal import Announcer
from .planner import plan
from .scope import StackScope
from .state import ChangeSet, Desired, Stack, Stacks
from .template import Template, validation_error
from .types import supported

if TYPE_CHECKING:
    from sagemaker_local.accounts import Principal
    from sagemaker_local.front import Context
    from sagemaker_local.server import LocalAws

_log = logging.getLogger(__name__)
_BUCKET_HOST = re.compile(r"(?P<bucket>[a-z0-9.-]+?)\.s3[.-].*")
_IAM_TYPES = (
    "AWS::IAM::Role",
    "AWS::IAM::Policy",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::InstanceProfile",
    "AWS::IAM::User",
)
_NAMED = {"RoleName", "ManagedPolicyName", "InstanceProfileName", "UserName", "GroupName"}
_NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
_UPDATABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED", "IMPORT_COMPLETE")
# A fast execution is over before its request is answered, which spares the CLI a poll of five seconds.
_LONGEST_JOIN_SECONDS = 20.0


class CloudFormation:
    """All stacks of one embedded AWS, and everything that can be done with them."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.stacks = Stacks()
        self.announcer = Announcer(aws)
        self._executions: dict[str, Execution] = {}

    def desired(self, context: Context, params: dict[str, Any], stack: Stack | None, body: str | None) -> Desired:
        """Check a request's template, parameters and capabilities.

        Args:
            body: the template's text; None takes the stack's present one.

        Raises:
            AwsError: in CloudFormation's words.
        """
        previous = stack.desired if stack is not None and stack.status != "REVIEW_IN_PROGRESS" else None
        template = Template(body) if body is not None else previous.template if previous else None
        if template is None:
            raise validation_error("Either Template URL or Template Body must be specified.")
        unknown = sorted({item.type for item in template.resources.values() if not supported(item.type)})
        if unknown:
            raise validation_error(f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]")
        capabilities = list(params.get("Capabilities") or [])
        _check_capabilities(template, capabilities)
        texts = parameters.bind(template, params.get("Parameters") or [], previous.parameters if previous else {})
        role_arn = params.get("RoleARN") or (previous.role_arn if previous else None)
        tags = params.get("Tags")
        kept_tags = previous.tags if previous and tags is None else {}
        desired = Desired(
            template,
            texts,
            {},
            {tag["Key"]: tag["Value"] for tag in tags} if tags is not None else dict(kept_tags),
            role_arn,
            capabilities,
            list(params.get("NotificationARNs") or []),
            bool(params.get("DisableRollback", False)),
            params.get("OnFailure") or params.get("OnStackFailure") or "ROLLBACK",
        )
        principal = self.principal(context, desired)
        owner = stack or self._placeholder(context, desired)
        look_up = StackScope(self.aws, self.stacks, owner, desired, principal).ssm_value
        desired.values = parameters.evaluate(template, texts, look_up)
        return desired

    def template_body(self, context: Context, params: dict[str, Any]) -> str | None:
        """Return the template that a request gives by text or by S3 URL, None for `UsePreviousTemplate` or nothing."""
        if params.get("TemplateBody"):
            return str(params["TemplateBody"])
        if params.get("TemplateURL"):
            return self.fetch(context.principal, context.region, params["TemplateURL"])
        return None

    def fetch(self, principal: Principal, region: str, url: str) -> str:
        """Return the text of a template in S3, whatever form of S3 URL names it."""
        parsed = urlparse(url)
        host = _BUCKET_HOST.fullmatch(parsed.netloc)
        path = unquote(parsed.path.lstrip("/"))
        bucket, key = (host["bucket"], path) if host else tuple(path.split("/", 1))
        try:
            body = self.aws.clients.of(principal, "s3", region).get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            raise validation_error(f"S3 error: {error.response['Error'].get('Message', error)} For {url}") from error
        return str(body.decode())

    def principal(self, context: Context, desired: Desired) -> Principal:
        """Return who acts on resources: the stack's role, or the caller."""
        return self.aws.accounts.acting_as(desired.role_arn) if desired.role_arn else context.principal

    def create(self, context: Context, name: str, desired: Desired, token: str | None, **place: Any) -> Execution:
        """Start creating a stack."""
        existing = self.stacks.find(name, context.account, context.region)
        if existing is not None:
            raise AwsError("AlreadyExistsException", f"Stack [{name}] already exists")
        stack = self.new_stack(context, name, desired)
        for key, value in place.items():
            setattr(stack, key, value)
        return self.start(context, stack, desired, token, lambda execution: execution.create(desired))

    def new_stack(self, context: Context, name: str, desired: Desired) -> Stack:
        """Register a stack that has no resources yet."""
        if not re.fullmatch(r"[a-zA-Z][-a-zA-Z0-9]{0,127}", name):
            raise validation_error(
                f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: "
                "Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
            )
        partition = "aws-cn" if context.region.startswith("cn-") else "aws"
        return self.stacks.new(name, context.account, context.region, partition, self.aws.clock.now(), desired)

    def update(self, context: Context, stack: Stack, desired: Desired, token: str | None) -> Execution:
        """Start updating a stack.

        Raises:
            AwsError: `ValidationError` if it is busy or nothing would change.
        """
        self.check_updatable(stack)
        if not self.differs(stack, desired, self.changes(context, stack, desired)):
            raise validation_error("No updates are to be performed.")
        return self.start(context, stack, desired, token, lambda execution: execution.update(desired))

    def delete(
        self, context: Context, stack: Stack, token: str | None, retained: frozenset[str], role: str | None
    ) -> Execution:
        """Start deleting a stack."""
        if stack.termination_protection:
            raise validation_error(f"Stack [{stack.id}] cannot be deleted while TerminationProtection is enabled")
        if stack.busy and not stack.status.startswith("DELETE"):
            raise validation_error(f"Stack [{stack.id}] cannot be deleted while in status {stack.status}")
        if role:
            stack.desired.role_arn = role
        return self.start(context, stack, stack.desired, token, lambda execution: execution.delete(retained))

    def check_updatable(self, stack: Stack) -> None:
        """Refuse to update a stack whose status does not allow it."""
        if stack.status not in _UPDATABLE:
            raise validation_error(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")

    def changes(self, context: Context, stack: Stack, desired: Desired) -> list[Change]:
        """Preview what `desired` would change."""
        return plan(self.aws, self.stacks, stack, desired, self.principal(context, desired))

    def differs(self, stack: Stack, desired: Desired, changes: list[Change]) -> bool:
        """Whether executing would change anything: resources, outputs or the stack's own settings."""
        present = stack.desired
        if changes or present.tags != desired.tags or present.template.outputs != desired.template.outputs:
            return True
        return stack.status == "UPDATE_FAILED" or (
            # A changed parameter may show in an output only.
            present.values != desired.values
            and bool(desired.template.outputs)
            and _mentions(desired.template.outputs, present.values, desired.values)
        )

    def start(
        self, context: Context, stack: Stack, desired: Desired, token: str | None, run: Callable[[Execution], None]
    ) -> Execution:
        """Run an operation in its own thread. The stack is busy before this returns."""
        principal = self.principal(context, desired)
        execution = Execution(self.aws, self.stacks, self.announcer, stack, principal, token)
        self._executions[stack.id] = execution
        begun = threading.Event()

        def body() -> None:
            try:
                begun.set()
                run(execution)
            except Exception as error:  # noqa: BLE001 - reported as the stack's failure
                # An error of our own must not leave a stack that is busy for ever.
                _log.exception("the operation on stack %s broke down", stack.name)
                verb = stack.status.removesuffix("_IN_PROGRESS").split("_COMPLETE")[0]
                execution.journal.stack_status(f"{verb}_FAILED", f"Internal failure: {type(error).__name__}: {error}")
            finally:
                execution.finished.set()

        thread = threading.Thread(target=body, name=f"stack-{stack.name}", daemon=True)
        status = stack.status
        with self.stacks.lock:
            thread.start()
            begun.wait()
        while stack.status == status and not execution.finished.is_set():
            execution.finished.wait(0.001)
        return execution

    def join(self, execution: Execution) -> None:
        """Wait a while for an execution: to its end, or until a resource turns out to take longer."""
        deadline = self.aws.real_now().timestamp() + _LONGEST_JOIN_SECONDS
        while not execution.finished.wait(0.05):
            if execution.lingering.is_set() or self.aws.real_now().timestamp() > deadline:
                return

    def cancel(self, stack: Stack) -> None:
        """Ask an update under way to roll back."""
        if stack.status != "UPDATE_IN_PROGRESS":
            raise validation_error("CancelUpdateStack cannot be called from current stack status")
        self._executions[stack.id].cancelled.set()

    def new_change_set(
        self, context: Context, stack: Stack, kind: str, desired: Desired, params: dict[str, Any]
    ) -> ChangeSet:
        """Preview a change and keep it for execution."""
        arn = stack.id.split(":stack/", 1)[0]
        identifier = f"{arn}:changeSet/{params['ChangeSetName']}/{uuid.uuid4()}"
        change_set = ChangeSet(
            identifier,
            params["ChangeSetName"],
            kind,
            desired,
            self.aws.clock.now(),
            [],
            description=params.get("Description"),
        )
        try:
            change_set.changes = self.changes(context, stack, desired)
        except AwsError as error:
            change_set.status, change_set.reason, change_set.execution = "FAILED", error.message, "UNAVAILABLE"
        else:
            if kind == "UPDATE" and not self.differs(stack, desired, change_set.changes):
                change_set.status, change_set.execution = "FAILED", "UNAVAILABLE"
                change_set.reason = _NO_CHANGES
        stack.change_sets[change_set.id] = change_set
        return change_set

    def _placeholder(self, context: Context, desired: Desired) -> Stack:
        return Stack(
            "arn:aws:cloudformation:::stack/none/none",
            "",
            context.account,
            context.region,
            self.aws.clock.now(),
            desired,
        )


def _check_capabilities(template: Template, given: list[str]) -> None:
    named = any(item.type in _IAM_TYPES and _NAMED & item.properties.keys() for item in template.resources.values())
    iam = named or any(item.type in _IAM_TYPES for item in template.resources.values())
    if named and "CAPABILITY_NAMED_IAM" not in given:
        raise AwsError("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_NAMED_IAM]")
    if iam and not {"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"} & set(given):
        raise AwsError("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]")


def _mentions(outputs: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> bool:
    text = str(outputs)
    return any(name in text for name in after if before.get(name) != after.get(name))
