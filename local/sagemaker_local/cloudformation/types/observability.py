"""CloudWatch, Logs, application auto scaling."""

from __future__ import annotations

from typing import Any

from .base import Created, Properties, ResourceType, Work, delete_quietly, tag_map
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

    def create(self, work: Work, properties: Properties) -> Created:
        created = super().create(work, properties)
        self._schedule(work, created, {}, properties)
        return created

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        unscheduled = [{k: v for k, v in item.items() if k != "ScheduledActions"} for item in (old, new)]
        updated = super().update(work, existing, *unscheduled)
        self._schedule(work, existing, old, new)
        return updated

    def _schedule(self, work: Work, target: Created, old: Properties, new: Properties) -> None:
        client = work.client(self.service)
        wanted = {action["ScheduledActionName"]: action for action in new.get("ScheduledActions") or []}
        had = {action["ScheduledActionName"]: action for action in old.get("ScheduledActions") or []}
        for name in had.keys() - wanted.keys():
            call(client, "delete_scheduled_action", {**target.keys, "ScheduledActionName": name})
        for name, action in wanted.items():
            if action != had.get(name):
                call(client, "put_scheduled_action", {**target.keys, **action})


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
