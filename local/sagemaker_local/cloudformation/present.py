"""Stacks, resources, events and change sets in the form of the API's answers."""

from __future__ import annotations

import json
from typing import Any

from .changes import Change, PropertyChange
from .state import ChangeSet, Desired, Event, Resource, Stack


def stack(item: Stack) -> dict[str, Any]:
    """Return a stack as DescribeStacks gives it."""
    desired = item.desired
    return {
        "StackId": item.id,
        "StackName": item.name,
        "ChangeSetId": item.change_set_id,
        "Description": desired.template.description,
        "Parameters": parameters(desired),
        "CreationTime": item.created,
        "LastUpdatedTime": item.updated,
        "DeletionTime": item.deleted,
        "RollbackConfiguration": {},
        "StackStatus": item.status,
        "StackStatusReason": item.reason,
        "DisableRollback": desired.disable_rollback,
        "NotificationARNs": desired.notification_arns,
        "Capabilities": desired.capabilities,
        "Outputs": [
            {
                "OutputKey": name,
                "OutputValue": text(body["Value"]),
                "Description": body.get("Description"),
                "ExportName": body.get("Export"),
            }
            for name, body in item.outputs.items()
        ],
        "RoleARN": desired.role_arn,
        "Tags": [{"Key": key, "Value": value} for key, value in desired.tags.items()],
        "EnableTerminationProtection": item.termination_protection,
        "ParentId": item.parent_id,
        "RootId": item.root_id,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def summary(item: Stack) -> dict[str, Any]:
    """Return a stack as ListStacks gives it."""
    names = (
        "StackId",
        "StackName",
        "CreationTime",
        "LastUpdatedTime",
        "DeletionTime",
        "StackStatus",
        "StackStatusReason",
    )
    full = stack(item)
    shown = {name: full[name] for name in names}
    return {
        **shown,
        "TemplateDescription": full["Description"],
        "ParentId": item.parent_id,
        "RootId": item.root_id,
        "DriftInformation": full["DriftInformation"],
    }


def parameters(desired: Desired) -> list[dict[str, Any]]:
    """Return the parameters with their values, hidden where the template says NoEcho."""
    shown = []
    for name, value in desired.parameters.items():
        definition = desired.template.parameters[name]
        hidden = str(definition.get("NoEcho", "false")).lower() == "true"
        entry: dict[str, Any] = {"ParameterKey": name, "ParameterValue": "****" if hidden else value}
        if str(definition.get("Type", "")).startswith("AWS::SSM::Parameter::Value"):
            entry["ResolvedValue"] = text(desired.values[name])
        shown.append(entry)
    return shown


def resource(item: Stack, found: Resource) -> dict[str, Any]:
    """Return a resource as DescribeStackResources and ListStackResources give it."""
    return {
        "StackName": item.name,
        "StackId": item.id,
        "LogicalResourceId": found.logical_id,
        "PhysicalResourceId": found.created.ref,
        "ResourceType": found.type,
        "Timestamp": found.changed,
        "LastUpdatedTimestamp": found.changed,
        "ResourceStatus": found.status,
        "ResourceStatusReason": found.reason,
        "Metadata": json.dumps(found.template.body["Metadata"]) if "Metadata" in found.template.body else None,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }


def event(item: Stack, found: Event) -> dict[str, Any]:
    """Return an event as DescribeStackEvents gives it."""
    return {
        "StackId": item.id,
        "StackName": item.name,
        "EventId": found.id,
        "OperationId": found.operation_id,
        "LogicalResourceId": found.logical_id,
        "PhysicalResourceId": found.physical_id,
        "ResourceType": found.type,
        "Timestamp": found.at,
        "ResourceStatus": found.status,
        "ResourceStatusReason": found.reason,
        "ResourceProperties": json.dumps(found.properties, default=str) if found.properties else None,
        "ClientRequestToken": found.token,
    }


def change_set(item: Stack, found: ChangeSet, *, with_values: bool) -> dict[str, Any]:
    """Return a change set as DescribeChangeSet gives it."""
    return {
        **change_set_summary(item, found),
        "Parameters": parameters(found.desired),
        "NotificationARNs": found.desired.notification_arns,
        "Capabilities": found.desired.capabilities,
        "Tags": [{"Key": key, "Value": value} for key, value in found.desired.tags.items()],
        "Changes": [_change(entry, with_values) for entry in found.changes],
        "RollbackConfiguration": {},
    }


def change_set_summary(item: Stack, found: ChangeSet) -> dict[str, Any]:
    """Return a change set as ListChangeSets gives it."""
    return {
        "StackId": item.id,
        "StackName": item.name,
        "ChangeSetId": found.id,
        "ChangeSetName": found.name,
        "Description": found.description,
        "CreationTime": found.created,
        "ExecutionStatus": found.execution,
        "Status": found.status,
        "StatusReason": found.reason,
        "IncludeNestedStacks": False,
    }


def _change(change: Change, with_values: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "Action": change.action,
        "LogicalResourceId": change.logical_id,
        "PhysicalResourceId": change.physical_id,
        "ResourceType": change.type,
        "Replacement": change.replacement,
        "Scope": [*(["Properties"] if change.properties else []), *change.attributes],
        "Details": [
            *(detail for item in change.properties for detail in _details(item, with_values)),
            *(
                {
                    "Target": {"Attribute": name, "RequiresRecreation": "Never"},
                    "Evaluation": "Static",
                    "ChangeSource": "DirectModification",
                }
                for name in change.attributes
            ),
        ],
    }
    return {"Type": "Resource", "ResourceChange": shown}


def _details(item: PropertyChange, with_values: bool) -> list[dict[str, Any]]:
    target: dict[str, Any] = {"Attribute": "Properties", "Name": item.name, "RequiresRecreation": item.recreation}
    if with_values:
        target.update(Path=f"/Properties/{item.name}", BeforeValue=text(item.before), AfterValue=text(item.after))
        target["AttributeChangeType"] = "Add" if item.before is None else "Remove" if item.after is None else "Modify"
    if not item.causes:
        return [{"Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification"}]
    return [
        {
            "Target": target,
            "Evaluation": "Dynamic",
            "ChangeSource": "ResourceAttribute" if "." in cause else "ResourceReference",
            "CausingEntity": cause,
        }
        for cause in item.causes
    ]


def text(value: Any) -> str | None:
    """Return a value as the text that the API shows."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, default=str) if isinstance(value, (dict, list)) else str(value)
