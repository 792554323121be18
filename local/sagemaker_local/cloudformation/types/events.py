"""EventBridge and its Scheduler."""

from __future__ import annotations

import json
from typing import Any

from sagemaker_local.errors import AwsError

from .base import Created, Properties, ResourceType, Work, as_json, delete_quietly, tag_list, tag_map
from .coerce import call
from .rows import Row, Tagging


class Rule(ResourceType):
    """An EventBridge rule and its targets."""

    def create(self, work: Work, properties: Properties) -> Created:
        name = properties.get("Name") or work.generated_name(64)
        arn = self._put(work, name, properties)
        bus = str(properties.get("EventBusName", "default"))
        # On another bus than the default one, `Ref` carries the bus in front.
        ref = name if bus == "default" else f"{bus.rsplit('/', 1)[-1]}|{name}"
        return Created(ref, {"Arn": arn}, {"Name": name, "EventBusName": bus})

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        client, keys = work.client("events"), existing.keys
        kept = {target["Id"] for target in new.get("Targets") or []}
        gone = [target["Id"] for target in old.get("Targets") or [] if target["Id"] not in kept]
        if gone:
            client.remove_targets(Rule=keys["Name"], EventBusName=keys["EventBusName"], Ids=gone)
        arn = self._put(work, keys["Name"], new)
        before, after = tag_map(old.get("Tags")), tag_map(new.get("Tags"))
        if before.keys() - after.keys():
            client.untag_resource(ResourceARN=arn, TagKeys=sorted(before.keys() - after.keys()))
        if after and before != after:
            client.tag_resource(ResourceARN=arn, Tags=tag_list(after))
        return existing

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        client, keys = work.client("events"), existing.keys
        ids = [target["Id"] for target in properties.get("Targets") or []]
        if ids:
            delete_quietly(client.remove_targets, Rule=keys["Name"], EventBusName=keys["EventBusName"], Ids=ids)
        delete_quietly(client.delete_rule, Name=keys["Name"], EventBusName=keys["EventBusName"])

    def _put(self, work: Work, name: str, properties: Properties) -> str:
        client = work.client("events")
        pattern = properties.get("EventPattern")
        params = {
            **properties,
            "Name": name,
            "EventPattern": json.dumps(pattern) if isinstance(pattern, dict) else pattern,
        }
        arn = str(call(client, "put_rule", params)["RuleArn"])
        targets = properties.get("Targets") or []
        if targets:
            request = {"Rule": name, "EventBusName": properties.get("EventBusName", "default"), "Targets": targets}
            result = call(client, "put_targets", request)
            if result.get("FailedEntryCount"):
                raise AwsError("ValidationError", f"PutTargets refused {result['FailedEntries']}")
        return arn


class EventBusPolicy(ResourceType):
    """A statement in the policy of an event bus."""

    def create(self, work: Work, properties: Properties) -> Created:
        params = dict(properties)
        statement = params.pop("Statement", None)
        if statement:
            params["Policy"] = as_json(
                {"Version": "2012-10-17", "Statement": [{"Sid": params["StatementId"], **statement}]}
            )
        call(work.client("events"), "put_permission", params)
        return Created(f"{properties.get('EventBusName', 'default')}|{properties['StatementId']}")

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        self.delete(work, existing, old)
        self.create(work, new)
        return existing

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        params = {"StatementId": properties["StatementId"], "EventBusName": properties.get("EventBusName", "default")}
        delete_quietly(work.client("events").remove_permission, **params)


class Schedule(Row):
    """A schedule of EventBridge Scheduler; an update replaces all of its settings."""

    def parameters(self, work: Work, properties: Properties) -> dict[str, Any]:
        return {**super().parameters(work, properties), "Target": _scheduler_target(properties["Target"])}


def _scheduler_target(target: dict[str, Any]) -> dict[str, Any]:
    # Input is JSON text in the API whatever the template holds.
    return {**target, "Input": as_json(target["Input"])} if "Input" in target else target


TYPES: dict[str, ResourceType] = {
    "AWS::Events::Rule": Rule(),
    "AWS::Events::EventBus": Row(
        "events",
        "create_event_bus",
        "delete_event_bus",
        ref="Name",
        keys={"Name": "Name"},
        attributes={"Arn": "EventBusArn", "Name": "Name"},
        tagging=Tagging("tag_resource", "untag_resource", "ResourceARN", "Arn"),
    ),
    "AWS::Events::EventBusPolicy": EventBusPolicy(),
    "AWS::Scheduler::Schedule": Schedule(
        "scheduler",
        "create_schedule",
        "delete_schedule",
        updated_by="update_schedule",
        ref="Name",
        name="Name",
        longest_name=64,
        keys={"Name": "Name", "GroupName": "GroupName"},
        attributes={"Arn": "ScheduleArn"},
    ),
    "AWS::Scheduler::ScheduleGroup": Row(
        "scheduler",
        "create_schedule_group",
        "delete_schedule_group",
        described_by="get_schedule_group",
        ref="Name",
        name="Name",
        longest_name=64,
        keys={"Name": "Name"},
        attributes={"Arn": "Arn", "State": "State"},
        tagging=Tagging("tag_resource", "untag_resource", "ResourceArn", "Arn"),
    ),
}
