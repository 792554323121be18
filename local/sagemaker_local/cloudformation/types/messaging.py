"""SNS and SQS."""

from __future__ import annotations

import json
from typing import Any

from .base import Created, Properties, ResourceType, Work, as_json, delete_quietly, tag_list, tag_map
from .coerce import call

_TOPIC_ATTRIBUTES = (
    "DisplayName",
    "KmsMasterKeyId",
    "ContentBasedDeduplication",
    "SignatureVersion",
    "TracingConfig",
    "FifoTopic",
)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)


class Topic(ResourceType):
    """An SNS topic; inline subscriptions are subscribed as well."""

    def create(self, work: Work, properties: Properties) -> Created:
        client = work.client("sns")
        suffix = ".fifo" if properties.get("FifoTopic") in (True, "true") else ""
        name = properties.get("TopicName") or work.generated_name(250) + suffix
        attributes = {key: _text(properties[key]) for key in _TOPIC_ATTRIBUTES if key in properties}
        arn = call(
            client, "create_topic", {"Name": name, "Attributes": attributes, "Tags": tag_list(properties.get("Tags"))}
        )["TopicArn"]
        for subscription in properties.get("Subscription") or []:
            client.subscribe(TopicArn=arn, Protocol=subscription["Protocol"], Endpoint=subscription["Endpoint"])
        return Created(arn, {"TopicArn": arn, "TopicName": name})

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        client = work.client("sns")
        for key in _TOPIC_ATTRIBUTES:
            if old.get(key) != new.get(key):
                client.set_topic_attributes(
                    TopicArn=existing.ref, AttributeName=key, AttributeValue=_text(new.get(key, ""))
                )
        before, after = tag_map(old.get("Tags")), tag_map(new.get("Tags"))
        if before.keys() - after.keys():
            client.untag_resource(ResourceArn=existing.ref, TagKeys=sorted(before.keys() - after.keys()))
        if after and before != after:
            client.tag_resource(ResourceArn=existing.ref, Tags=tag_list(after))
        return existing

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        delete_quietly(work.client("sns").delete_topic, TopicArn=existing.ref)


class TopicPolicy(ResourceType):
    """The access policy of some topics."""

    def create(self, work: Work, properties: Properties) -> Created:
        self._put(work, properties["Topics"], as_json(properties["PolicyDocument"]))
        return Created(work.generated_name())

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        self._put(work, new["Topics"], as_json(new["PolicyDocument"]))
        return existing

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        # As on AWS, the policy stays on the topic: SNS has no call that takes it away.
        return

    def _put(self, work: Work, topics: list[str], document: str) -> None:
        for topic in topics:
            work.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=document)


class Subscription(ResourceType):
    """One subscription to a topic."""

    _ATTRIBUTES = (
        "DeliveryPolicy",
        "FilterPolicy",
        "FilterPolicyScope",
        "RawMessageDelivery",
        "RedrivePolicy",
        "SubscriptionRoleArn",
    )

    def create(self, work: Work, properties: Properties) -> Created:
        attributes = {key: _text(properties[key]) for key in self._ATTRIBUTES if key in properties}
        params = {
            "TopicArn": properties["TopicArn"],
            "Protocol": properties["Protocol"],
            "Endpoint": properties.get("Endpoint"),
            "Attributes": attributes,
            "ReturnSubscriptionArn": True,
        }
        arn = call(work.client("sns"), "subscribe", params)["SubscriptionArn"]
        return Created(arn, {"Arn": arn})

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        client = work.client("sns")
        for key in self._ATTRIBUTES:
            if old.get(key) != new.get(key):
                value = _text(new.get(key, {} if key.endswith("Policy") else ""))
                client.set_subscription_attributes(
                    SubscriptionArn=existing.ref, AttributeName=key, AttributeValue=value
                )
        return existing

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        delete_quietly(work.client("sns").unsubscribe, SubscriptionArn=existing.ref)


_QUEUE_ATTRIBUTES = (
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
)


class Queue(ResourceType):
    """An SQS queue. `Ref` is its URL."""

    def create(self, work: Work, properties: Properties) -> Created:
        client = work.client("sqs")
        fifo = properties.get("FifoQueue") in (True, "true")
        name = properties.get("QueueName") or work.generated_name(75) + (".fifo" if fifo else "")
        attributes = {key: _text(properties[key]) for key in _QUEUE_ATTRIBUTES if key in properties}
        url = client.create_queue(QueueName=name, Attributes=attributes, tags=tag_map(properties.get("Tags")))[
            "QueueUrl"
        ]
        arn = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return Created(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        client = work.client("sqs")
        changed = {key: _text(new.get(key, "")) for key in _QUEUE_ATTRIBUTES if old.get(key) != new.get(key)}
        if changed:
            client.set_queue_attributes(QueueUrl=existing.ref, Attributes=changed)
        before, after = tag_map(old.get("Tags")), tag_map(new.get("Tags"))
        if before.keys() - after.keys():
            client.untag_queue(QueueUrl=existing.ref, TagKeys=sorted(before.keys() - after.keys()))
        if after and before != after:
            client.tag_queue(QueueUrl=existing.ref, Tags=after)
        return existing

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        delete_quietly(work.client("sqs").delete_queue, QueueUrl=existing.ref)


class QueuePolicy(ResourceType):
    """The access policy of some queues."""

    def create(self, work: Work, properties: Properties) -> Created:
        self._put(work, properties["Queues"], as_json(properties["PolicyDocument"]))
        return Created(work.generated_name())

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        self._put(work, new["Queues"], as_json(new["PolicyDocument"]))
        return existing

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        for queue in properties["Queues"]:
            delete_quietly(work.client("sqs").set_queue_attributes, QueueUrl=queue, Attributes={"Policy": ""})

    def _put(self, work: Work, queues: list[str], document: str) -> None:
        for queue in queues:
            work.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": document})


TYPES: dict[str, ResourceType] = {
    "AWS::SNS::Topic": Topic(),
    "AWS::SNS::TopicPolicy": TopicPolicy(),
    "AWS::SNS::Subscription": Subscription(),
    "AWS::SQS::Queue": Queue(),
    "AWS::SQS::QueuePolicy": QueuePolicy(),
}
