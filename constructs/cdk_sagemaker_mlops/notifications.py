"""Where alarms and announcements go: an encrypted topic with e-mail subscriptions, or a topic that you have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from . import _refs
from ._errors import Problems
from ._iam import WILDCARD_REASONS, Statement
from .alarming import AlarmActions, AlarmTarget, Severity

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PUBLISHERS = ("cloudwatch.amazonaws.com", "events.amazonaws.com")


@dataclass(frozen=True, kw_only=True)
class TopicTarget:
    """An existing topic as a target of alarms.

    The topic's policy, and the policy of its key if it is encrypted, have to let CloudWatch publish.

    :param topic: The topic.
    :param severities: Which alarms it hears of. Default: all
    :param when_ok: Whether it hears of the end of an alarm too. Default: True
    :param encryption_key: Key of the topic, so that functions may publish too. Default: - none of the customer's
    """

    topic: sns.ITopic
    severities: Sequence[Severity] = tuple(Severity)
    when_ok: bool = True
    encryption_key: kms.IKey | None = None

    @property
    def topic_arn(self) -> str:
        """ARN of the topic."""
        return _refs.remembered(self.topic, "arn", lambda: self.topic.topic_arn)

    def publish_statements(self) -> list[Statement]:
        """What a role needs to publish."""
        return publish_statements(self.topic_arn, _refs.key_arn(self.encryption_key) if self.encryption_key else None)

    def bind(self, scope: Construct, severity: Severity) -> AlarmActions:
        """The topic's ARN, for the severities that it wants."""
        if severity not in self.severities:
            return AlarmActions()
        return AlarmActions(alarm=(self.topic_arn,), ok=(self.topic_arn,) if self.when_ok else ())


class AnnouncementTopic(AlarmTarget, Protocol):
    """A topic that alarms go to and that functions of this library may publish to."""

    @property
    def topic_arn(self) -> str: ...
    def publish_statements(self) -> list[Statement]: ...


class Notifications(Construct):
    """A topic that people and tools subscribe to; a target of alarms.

    The topic is encrypted with a customer managed key (CloudWatch cannot publish to one under AWS's own key) and
    refuses plain HTTP. Only CloudWatch and EventBridge of this account, and roles that are allowed to, may publish.

    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html

    :param emails: Addresses that get a message each; every one has to confirm its subscription. Default: - none
    :param encryption_key: Key of the topic. Its policy has to let CloudWatch and EventBridge use it, as the key of
        :class:`Storage` does. Default: - a new key with yearly rotation
    :param display_name: Sender of e-mails. Default: `Model monitoring`
    :param severities: Which alarms it hears of. Default: all
    :param when_ok: Whether it hears of the end of an alarm too. Default: True
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        emails: Sequence[str] = (),
        encryption_key: kms.IKey | None = None,
        display_name: str = "Model monitoring",
        severities: Sequence[Severity] = tuple(Severity),
        when_ok: bool = True,
    ) -> None:
        problems = Problems()
        for address in emails:
            problems.require(
                _refs.is_token(address) or _EMAIL.fullmatch(address) is not None,
                f'emails holds "{address}", allowed are addresses such as ml-ops@example.com',
            )
        twice = sorted({address for address in emails if list(emails).count(address) > 1})
        problems.require(not twice, f"emails names {', '.join(twice)} twice")
        problems.require(len(display_name) <= 100, f"display_name has {len(display_name)} characters, allowed are 100")
        problems.raise_if_any(scope, construct_id)
        super().__init__(scope, construct_id)
        self._severities = tuple(severities)
        self._when_ok = when_ok
        self.key_arn = _refs.key_arn(encryption_key) if encryption_key is not None else self._make_key()
        self._resource = sns.CfnTopic(self, "Topic", kms_master_key_id=self.key_arn, display_name=display_name)
        self._topic_arn = self._resource.ref
        sns.CfnTopicPolicy(self, "Policy", topics=[self._topic_arn], policy_document=_topic_policy(self._topic_arn))
        for address in emails:
            # The id follows the address: removing one from the list leaves the others' subscriptions alone.
            sns.CfnSubscription(self, f"Email {address}", topic_arn=self.topic_arn, protocol="email", endpoint=address)

    def _make_key(self) -> str:
        key = kms.CfnKey(
            self,
            "Key",
            description="Encrypts alarm messages",
            enable_key_rotation=True,
            pending_window_in_days=7,
            key_policy=_key_policy(),
        )
        only_this_key = "inside a key policy * means this key and nothing else"
        key.add_metadata(
            WILDCARD_REASONS,
            {"AccountDecides": f"{only_this_key}; kms:* keeps it manageable", "PublishEncrypted": only_this_key},
        )
        return key.attr_arn

    @property
    def topic_arn(self) -> str:
        """ARN of the topic."""
        return self._topic_arn

    def bind(self, scope: Construct, severity: Severity) -> AlarmActions:
        """The topic's ARN, for the severities that it wants."""
        if severity not in self._severities:
            return AlarmActions()
        return AlarmActions(alarm=(self.topic_arn,), ok=(self.topic_arn,) if self._when_ok else ())

    def publish_statements(self) -> list[Statement]:
        """What a role needs to publish."""
        return publish_statements(self.topic_arn, self.key_arn)

    @cached_property
    def topic(self) -> sns.ITopic:
        """The topic as the CDK's interface: subscribe more to it."""
        return sns.Topic.from_topic_arn(self, "View", self.topic_arn)


def publish_statements(topic_arn: str, key_arn: str | None) -> list[Statement]:
    """What a role needs to publish to a topic and, where it is encrypted with a customer's key, to encrypt."""
    statements = [Statement(sid="Announce", actions=["sns:Publish"], resources=[topic_arn])]
    if key_arn:
        statements.append(
            Statement(sid="EncryptAnnouncements", actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[key_arn])
        )
    return statements


def _topic_policy(topic_arn: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": {"AWS": "*"},
                "Action": "sns:Publish",
                "Resource": topic_arn,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
            {
                "Sid": "ServicesOfThisAccount",
                "Effect": "Allow",
                "Principal": {"Service": list(_PUBLISHERS)},
                "Action": "sns:Publish",
                "Resource": topic_arn,
                "Condition": {"StringEquals": {"aws:SourceAccount": _refs.account()}},
            },
        ],
    }


def _key_policy() -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "AccountDecides",
                "Effect": "Allow",
                "Principal": {"AWS": _refs.arn("iam", "root", in_region="")},
                "Action": "kms:*",
                "Resource": "*",
            },
            {
                "Sid": "PublishEncrypted",
                "Effect": "Allow",
                "Principal": {"Service": list(_PUBLISHERS)},
                "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:SourceAccount": _refs.account()}},
            },
        ],
    }
