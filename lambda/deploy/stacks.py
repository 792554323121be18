"""CloudFormation: reads a serving stack, its operations, and starts an update. The controller's only writer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from deploy.outcomes import Operation, operations
from deploy.state import Stack
from shared.clients import error_code, error_text, says

#: Pages of 100 events that are read at most to catch up: some hundred operations.
MAX_EVENT_PAGES = 50


class StackBusy(RuntimeError):
    """Another operation began between reading the stack and updating it."""


class UpdateRefused(RuntimeError):
    """CloudFormation refuses this update and would refuse it again."""


class NothingToUpdate(RuntimeError):
    """The new parameters change no resource."""


class Stacks:
    """Access to the serving stacks; every update runs under the scoped role and keeps the stack's own template."""

    def __init__(self, cloudformation: Any, role_arn: str) -> None:
        self._cloudformation = cloudformation
        self._role_arn = role_arn

    def read(self, name: str) -> Stack | None:
        """The stack with its parameters and the resources that matter to a rollout; None when there is none."""
        try:
            document = self._cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if error_code(error) == "ValidationError" and says(error, "does not exist"):
                return None
            raise
        physical = self._physical_ids(name)
        changed_at = document.get("LastUpdatedTime") or document["CreationTime"]
        return Stack(
            stack_id=document["StackId"],
            name=name,
            status=document["StackStatus"],
            changed_at=str(changed_at),
            parameters={item["ParameterKey"]: item["ParameterValue"] for item in document.get("Parameters", [])},
            # The physical id of these types is their ARN, which SageMaker writes in lower case.
            configs=frozenset(_name(item) for item in physical.get("AWS::SageMaker::EndpointConfig", ())),
            endpoints=frozenset(_name(item) for item in physical.get("AWS::SageMaker::Endpoint", ())),
            registrations=frozenset(physical.get("AWS::SSM::Parameter", ())),
        )

    def operations(self, stack: Stack, since: str) -> list[Operation]:
        """Operations after the one whose last event is ``since`` (all that are kept when it is empty), oldest first."""
        events: list[Mapping[str, Any]] = []
        pages = self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack.stack_id)
        for number, page in enumerate(pages, start=1):
            for event in page["StackEvents"]:
                if event["EventId"] == since:
                    return operations(events, stack.stack_id)
                events.append(event)
            if number == MAX_EVENT_PAGES:
                break
        return operations(events, stack.stack_id)

    def update(self, stack: Stack, changes: Mapping[str, str], token: str) -> None:
        """Start an update that changes these parameters and nothing else.

        Raises :class:`StackBusy`, :class:`NothingToUpdate` or :class:`UpdateRefused`; returns as well when an equal
        request was accepted before, which CloudFormation recognises by ``token``.
        """
        parameters: list[dict[str, Any]] = [
            {"ParameterKey": name, "ParameterValue": changes[name]}
            if name in changes
            else {"ParameterKey": name, "UsePreviousValue": True}
            for name in stack.parameters
        ]
        try:
            self._cloudformation.update_stack(
                StackName=stack.stack_id,
                UsePreviousTemplate=True,
                Parameters=parameters,
                Capabilities=["CAPABILITY_NAMED_IAM"],
                RoleARN=self._role_arn,
                ClientRequestToken=token,
            )
        except ClientError as error:
            code = error_code(error)
            if code == "TokenAlreadyExistsException":
                return
            if code == "ValidationError" and says(error, "no updates are to be performed"):
                raise NothingToUpdate(error_text(error)) from error
            if code == "ValidationError" and says(error, "_IN_PROGRESS state"):
                raise StackBusy(error_text(error)) from error
            if code in {"ValidationError", "InsufficientCapabilitiesException"}:
                raise UpdateRefused(error_text(error)) from error
            raise

    def _physical_ids(self, name: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for page in self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=name):
            for item in page["StackResourceSummaries"]:
                if item.get("PhysicalResourceId") and item["ResourceStatus"] != "DELETE_COMPLETE":
                    found.setdefault(item["ResourceType"], []).append(item["PhysicalResourceId"])
        return found


def _name(physical_id: str) -> str:
    return physical_id.rpartition("/")[2].lower()
