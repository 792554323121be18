"""A small evaluator of IAM policies: does what is deployed allow what was really called?

Permissions are not enforced by the embedded AWS, but every call is recorded with its caller. This module knows, for the
operations that this project's roles use, which actions on which resources AWS authorises them as, with which condition
keys (Service Authorization Reference), and what else a call needs: passing a role, tagging, the key of a bucket.
"""

from __future__ import annotations

import fnmatch
import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from e2e_support.requirements import Need, needs
from e2e_support.site import Site

from sagemaker_local.recorder import Call

Statement = Mapping[str, Any]


@dataclass
class Verdict:
    """Calls that are not allowed, and what is allowed without having been used, by role."""

    missing: dict[str, set[str]] = field(default_factory=dict)
    unused: dict[str, set[str]] = field(default_factory=dict)
    judged: int = 0


def judge(site: Site, calls: list[Call], *, without: str = "") -> Verdict:
    """Compare the policies of the site's roles with the calls that these roles made.

    Args:
        without: id of a statement that is thought away.
    """
    verdict = Verdict()
    roles = {arn: [s for s in statements if s.get("Sid") != without] for arn, statements in statements_of_roles(site)}
    tags = tags_of(calls)
    used: dict[str, set[str]] = {arn: set() for arn in roles}
    for call in calls:
        if call.caller_arn not in roles:
            continue
        verdict.judged += 1
        for need in needs(call, site, tags):
            used[call.caller_arn].add(need.action.lower())
            if not any(allows(statement, need) for statement in roles[call.caller_arn]):
                verdict.missing.setdefault(_short(site, call.caller_arn), set()).add(
                    f"{need.action} on {need.resource}"
                )
    for arn, statements in roles.items():
        granted = {action for statement in statements for action in _list(statement["Action"])}
        unused = {action for action in granted if not any(_like(name, action.lower()) for name in used[arn])}
        if unused:
            verdict.unused[_short(site, arn)] = unused
    return verdict


def granted(site: Site) -> dict[str, set[str]]:
    """Actions that the policies of the site's roles name, by role."""
    return {
        _short(site, arn): {action for statement in statements for action in _list(statement["Action"])}
        for arn, statements in statements_of_roles(site)
    }


def service_calls(site: Site, calls: list[Call]) -> dict[str, set[str]]:
    """Calls of AWS services to queues and topics that neither resource policies nor key policies allow."""
    missing: dict[str, set[str]] = {}
    for call in calls:
        if (call.account, call.region) != (site.account, site.region) or not call.caller_arn.endswith(".amazonaws.com"):
            continue
        for document, need in _resource_policies(site, call):
            statements = [s for s in document["Statement"] if call.caller_arn in _principals(s)]
            if not any(allows(statement, need) for statement in statements):
                missing.setdefault(call.caller_arn, set()).add(f"{need.action} on {need.resource}")
    return missing


def _resource_policies(site: Site, call: Call) -> Iterator[tuple[dict[str, Any], Need]]:
    context = {"aws:SourceAccount": site.account, "AWS:SourceAccount": site.account, "AWS:SourceOwner": site.account}
    if (call.service, call.operation) == ("sqs", "SendMessage"):
        url = call.params["QueueUrl"]
        attributes = site.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        policy = attributes.get("Policy", '{"Statement": []}')
        yield json.loads(policy), Need("sqs:SendMessage", attributes["QueueArn"], context)
    if (call.service, call.operation) == ("sns", "Publish"):
        arn = call.params["TopicArn"]
        attributes = site.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]
        yield json.loads(attributes["Policy"]), Need("sns:Publish", arn, context)
        key = attributes.get("KmsMasterKeyId", "")
        if key and not key.startswith("alias/aws/"):
            document = json.loads(site.client("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"])
            for action in ("kms:GenerateDataKey", "kms:Decrypt"):
                yield document, Need(action, key, context)


def statements_of_roles(site: Site) -> Iterator[tuple[str, list[Statement]]]:
    """Roles of the site's own stacks with the statements of their policies; the CDK's own helpers are left out."""
    iam = site.client("iam")
    pages = iam.get_paginator("list_roles").paginate()
    for role in (role for page in pages for role in page["Roles"]):
        name = role["RoleName"]
        if not name.startswith(site.prefix) or "CustomS3AutoDelete" in name:
            continue
        documents = [
            iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        ]
        yield role["Arn"], [s for document in documents for s in document["Statement"] if s["Effect"] == "Allow"]


def tags_of(calls: list[Call]) -> dict[str, dict[str, str]]:
    """Tags that resources were made with, by kind and name."""
    names = {"CreateModel": "ModelName", "CreateEndpointConfig": "EndpointConfigName", "CreateEndpoint": "EndpointName"}
    return {
        call.params[names[call.operation]].lower(): {tag["Key"]: tag["Value"] for tag in call.params.get("Tags") or []}
        for call in calls
        if call.operation in names and not call.error
    }


def allows(statement: Statement, need: Need) -> bool:
    if statement["Effect"] != "Allow":
        return False
    action = any(_like(need.action.lower(), pattern.lower()) for pattern in _list(statement["Action"]))
    resource = any(_like(need.resource, pattern) for pattern in _list(statement.get("Resource", "*")))
    return action and resource and _conditions_hold(statement.get("Condition") or {}, need.context)


def _conditions_hold(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    for operator, operands in conditions.items():
        for key, wanted in operands.items():
            value = context.get(key)
            if operator == "Null":
                if (value is None) is not (str(wanted).lower() == "true"):
                    return False
                continue
            if value is None:
                if not operator.endswith("IfExists"):
                    return False
                continue
            exact = operator.startswith(("StringEquals", "Bool"))
            if not any(value == str(one) if exact else _like(value, str(one)) for one in _list(wanted)):
                return False
    return True


def _principals(statement: Statement) -> list[str]:
    principal = statement.get("Principal", {})
    return _list(principal.get("Service", [])) if isinstance(principal, dict) else []


@functools.cache
def _like(value: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _short(site: Site, arn: str) -> str:
    """The construct that a role belongs to, without stack and what CloudFormation made up."""
    return arn.rsplit("/", 1)[1].removeprefix(f"{site.prefix}-").rsplit("-", 1)[0]
