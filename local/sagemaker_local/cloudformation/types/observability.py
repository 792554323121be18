"""CloudWatch, Logs, EventBridge and its Scheduler, application auto scaling."""

from __future__ import annotations

import json
from typing import Any

from .base import Created, Properties, ResourceType, Work, as_json, delete_quietly, tag_list, tag_map
from .coerce import call
from .rows import Row, Tagging

_CLOUDWATCH_TAGS = Tagging("tag_resource", "untag_resource", "ResourceARN", "Arn")


class Alarm(Row):
    """A metric or composite alarm: PutAlarm both creates and updates."""

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        call(work.client("cloudwatch"), self.created_by, {**new, "AlarmName": existing.ref})
        self.retag(work, existing, old, new)
        return existing

    def observe(
        self, work: Work, params: dict[str, Any], result: dict[str, Any], existing: Created | None = None
    ) -> Created:
        name = params["AlarmName"]
        arn = f"arn:{work.partition}:cloudwatch:{work.region}:{work.account}:alarm:{name}"
        return Created(name, {"Arn": arn}, {"AlarmNames": [name]})


class Dashboard(ResourceType):
    """A dashboard."""

    def create(self, work: Work, properties: Properties) -> Created:
        name = properties.get("DashboardName") or work.generated_name(255)
        call(
            work.client("cloudwatch"),
            "put_dashboard",
            {"DashboardName": name, "DashboardBody": properties["DashboardBody"]},
        )
        return Created(name)

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        self.create(work, {**new, "DashboardName": existing.ref})
        return existing

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        delete_quietly(work.client("cloudwatch").delete_dashboards, DashboardNames=[existing.ref])


class LogGroup(ResourceType):
    """A log group with its retention."""

    def create(self, work: Work, properties: Properties) -> Created:
        client = work.client("logs")
        name = properties.get("LogGroupName") or work.generated_name(512)
        params = {**properties, "logGroupName": name, "tags": tag_map(properties.get("Tags"))}
        call(
            client,
            "create_log_group",
            {key: value for key, value in params.items() if key not in ("Tags", "LogGroupName")},
        )
        self._retain(work, name, {}, properties)
        return Created(name, {"Arn": f"arn:{work.partition}:logs:{work.region}:{work.account}:log-group:{name}:*"})

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        client = work.client("logs")
        self._retain(work, existing.ref, old, new)
        if old.get("KmsKeyId") != new.get("KmsKeyId"):
            if new.get("KmsKeyId"):
                client.associate_kms_key(logGroupName=existing.ref, kmsKeyId=new["KmsKeyId"])
            else:
                client.disassociate_kms_key(logGroupName=existing.ref)
        before, after = tag_map(old.get("Tags")), tag_map(new.get("Tags"))
        arn = existing.attributes["Arn"].removesuffix(":*")
        if before.keys() - after.keys():
            client.untag_resource(resourceArn=arn, tagKeys=sorted(before.keys() - after.keys()))
        if after and before != after:
            client.tag_resource(resourceArn=arn, tags=after)
        return existing

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        delete_quietly(work.client("logs").delete_log_group, logGroupName=existing.ref)

    def _retain(self, work: Work, name: str, old: Properties, new: Properties) -> None:
        days = new.get("RetentionInDays")
        if days == old.get("RetentionInDays"):
            return
        if days is None:
            work.client("logs").delete_retention_policy(logGroupName=name)
        else:
            work.client("logs").put_retention_policy(logGroupName=name, retentionInDays=int(days))


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
                raise RuntimeError(f"PutTargets refused {result['FailedEntries']}")
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


class ScalingPolicy(Row):
    """A scaling policy, bound to its target either by id or by its three names."""

    def parameters(self, work: Work, properties: Properties) -> dict[str, Any]:
        params = super().parameters(work, properties)
        target = params.pop("ScalingTargetId", None)
        if target:
            resource, dimension, namespace = str(target).split("|")
            params.update(ResourceId=resource, ScalableDimension=dimension, ServiceNamespace=namespace)
        return params


class ScalableTarget(Row):
    """A scalable target. Its id joins resource, dimension and namespace."""

    def parameters(self, work: Work, properties: Properties) -> dict[str, Any]:
        params = super().parameters(work, properties)
        params.pop("ScheduledActions", None)
        return params


TYPES: dict[str, ResourceType] = {
    "AWS::CloudWatch::Alarm": Alarm(
        "cloudwatch", "put_metric_alarm", "delete_alarms", name="AlarmName", longest_name=255, tagging=_CLOUDWATCH_TAGS
    ),
    "AWS::CloudWatch::CompositeAlarm": Alarm(
        "cloudwatch",
        "put_composite_alarm",
        "delete_alarms",
        name="AlarmName",
        longest_name=255,
        tagging=_CLOUDWATCH_TAGS,
    ),
    "AWS::CloudWatch::Dashboard": Dashboard(),
    "AWS::Logs::LogGroup": LogGroup(),
    "AWS::Logs::LogStream": Row(
        "logs",
        "create_log_stream",
        "delete_log_stream",
        ref="LogStreamName",
        name="LogStreamName",
        keys={"logGroupName": "LogGroupName", "logStreamName": "LogStreamName"},
    ),
    "AWS::Logs::MetricFilter": Row(
        "logs",
        "put_metric_filter",
        "delete_metric_filter",
        updated_by="put_metric_filter",
        ref="FilterName",
        name="FilterName",
        keys={"logGroupName": "LogGroupName", "filterName": "FilterName"},
    ),
    "AWS::Logs::SubscriptionFilter": Row(
        "logs",
        "put_subscription_filter",
        "delete_subscription_filter",
        updated_by="put_subscription_filter",
        ref="FilterName",
        name="FilterName",
        keys={"logGroupName": "LogGroupName", "filterName": "FilterName"},
    ),
    "AWS::Logs::ResourcePolicy": Row(
        "logs",
        "put_resource_policy",
        "delete_resource_policy",
        updated_by="put_resource_policy",
        ref="PolicyName",
        keys={"policyName": "PolicyName"},
    ),
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
    "AWS::ApplicationAutoScaling::ScalableTarget": ScalableTarget(
        "application-autoscaling",
        "register_scalable_target",
        "deregister_scalable_target",
        updated_by="register_scalable_target",
        ref="join('|', [ResourceId, ScalableDimension, ServiceNamespace])",
        keys={
            "ResourceId": "ResourceId",
            "ScalableDimension": "ScalableDimension",
            "ServiceNamespace": "ServiceNamespace",
        },
        attributes={"Id": "join('|', [ResourceId, ScalableDimension, ServiceNamespace])"},
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ScalingPolicy(
        "application-autoscaling",
        "put_scaling_policy",
        "delete_scaling_policy",
        updated_by="put_scaling_policy",
        ref="PolicyARN",
        keys={
            "PolicyName": "PolicyName",
            "ResourceId": "ResourceId",
            "ScalableDimension": "ScalableDimension",
            "ServiceNamespace": "ServiceNamespace",
        },
        attributes={"Arn": "PolicyARN"},
    ),
}
