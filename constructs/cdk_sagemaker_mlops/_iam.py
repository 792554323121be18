"""Roles and policies, computed in Python.

A policy document is plain JSON that one `CfnRole` takes in a single call; the CDK's `Role.add_to_policy` would cost a
round trip per statement and per principal, and would put the policy into a resource of its own, which a consumer can
outrun.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from aws_cdk.aws_iam import CfnRole, CfnRoleProps

from . import _refs

if TYPE_CHECKING:
    from aws_cdk.aws_iam import Grant, IGrantable
    from constructs import Construct

    from ._block import Block, Member

#: Metadata key under which a role's resource lists why each of its wildcards is there, by statement id.
WILDCARD_REASONS = "WildcardReasons"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One Allow statement of an identity policy.

    :param sid: Statement id, unique within the role.
    :param actions: IAM actions.
    :param resources: ARNs.
    :param conditions: Condition block. Default: - none.
    :param reason: Why there is a wildcard. Required as soon as an action or a resource holds one.
    """

    sid: str
    actions: Sequence[str]
    resources: Sequence[str]
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reason: str = ""

    def __post_init__(self) -> None:
        if self.has_wildcard and not self.reason:
            raise ValueError(f"statement {self.sid} has a wildcard but no reason for it")

    @property
    def has_wildcard(self) -> bool:
        """Whether an action or a resource holds a `*`."""
        return any("*" in text for text in (*self.actions, *self.resources))

    def to_json(self) -> dict[str, Any]:
        """The statement as IAM reads it. A single value stands without a list, as IAM itself normalises it."""
        document: dict[str, Any] = {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": _one_or_many(self.actions),
            "Resource": _one_or_many(self.resources),
        }
        if self.conditions:
            document["Condition"] = {operator: dict(operands) for operator, operands in self.conditions.items()}
        return document


def _one_or_many(values: Sequence[str]) -> str | list[str]:
    unique = list(dict.fromkeys(values))
    return unique[0] if len(unique) == 1 else unique


def policy_document(statements: Sequence[Statement]) -> dict[str, Any]:
    """Statements as a policy document."""
    return {"Version": "2012-10-17", "Statement": [statement.to_json() for statement in statements]}


def merge(statements: Sequence[Statement]) -> list[Statement]:
    """Join the resources of statements with one id: two variants that each read their own model need one statement.

    :raises ValueError: Two statements have one id but allow different things.
    """
    merged: dict[str, Statement] = {}
    for statement in statements:
        first = merged.get(statement.sid, statement)
        if (tuple(first.actions), dict(first.conditions)) != (tuple(statement.actions), dict(statement.conditions)):
            raise ValueError(f"two statements called {statement.sid} allow different things")
        resources = tuple(dict.fromkeys([*first.resources, *statement.resources]))
        merged[statement.sid] = replace(first, resources=resources, reason=first.reason or statement.reason)
    return list(merged.values())


def trust_document(service: str, conditions: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """A trust policy for one AWS service.

    :param service: Service principal, e.g. `sagemaker.amazonaws.com`.
    :param conditions: e.g. `aws:SourceAccount` against the confused deputy. Default: - none.
    """
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    if conditions:
        statement["Condition"] = {operator: dict(operands) for operator, operands in conditions.items()}
    return {"Version": "2012-10-17", "Statement": [statement]}


def service_role(
    scope: Construct,
    construct_id: str,
    *,
    service: str,
    statements: Sequence[Statement],
    description: str,
    trust_conditions: Mapping[str, Mapping[str, Any]] | None = None,
) -> CfnRole:
    """Define a role that one service assumes, with one inline policy.

    The policy is inline so that the role never exists without its permissions: a model that is created the moment the
    role is ready already reads its artefacts. Reasons for wildcards go into the resource's metadata for those who
    review it.

    :param service: Service principal.
    :param statements: What the role may do; see :func:`merge`.
    :param description: What the role is for, at most 1000 characters.
    :param trust_conditions: Conditions on who may assume it. Default: - none.
    """
    merged = merge(statements)
    role = CfnRole(
        scope,
        construct_id,
        assume_role_policy_document=trust_document(service, trust_conditions),
        description=description,
        policies=_inline(merged),
    )
    reasons = _reasons(merged)
    if reasons:
        role.add_metadata(WILDCARD_REASONS, reasons)
    return role


def add_service_role(
    block: Block,
    construct_id: str,
    *,
    service: str,
    statements: Sequence[Statement],
    description: str,
    trust_conditions: Mapping[str, Mapping[str, Any]] | None = None,
) -> Member:
    """Add such a role to a block; see :func:`service_role`."""
    merged = merge(statements)
    reasons = _reasons(merged)
    return block.add(
        construct_id,
        "AWS::IAM::Role",
        CfnRoleProps(
            assume_role_policy_document=trust_document(service, trust_conditions),
            description=description,
            policies=_inline(merged),
        ),
        metadata={WILDCARD_REASONS: reasons} if reasons else None,
    )


def _inline(statements: Sequence[Statement]) -> list[CfnRole.PolicyProperty] | None:
    if not statements:
        return None
    return [CfnRole.PolicyProperty(policy_name="Inline", policy_document=policy_document(statements))]


def _reasons(statements: Sequence[Statement]) -> dict[str, str]:
    return {statement.sid: statement.reason for statement in statements if statement.has_wildcard}


def pass_role(sid: str, role_arns: Sequence[str], service: str = "sagemaker.amazonaws.com") -> Statement:
    """Allow handing exactly these roles to exactly one service."""
    return Statement(
        sid=sid,
        actions=["iam:PassRole"],
        resources=role_arns,
        conditions={"StringEquals": {"iam:PassedToService": service}},
    )


def same_account_only() -> dict[str, dict[str, Any]]:
    """Trust condition: the service acts for a resource of this account (confused deputy prevention)."""
    return {"StringEquals": {"aws:SourceAccount": _refs.account()}}


def grant(grantee: IGrantable, statements: Sequence[Statement]) -> Grant:
    """Allow somebody outside what statements say; an imported role is left to whoever owns it."""
    from aws_cdk.aws_iam import Grant

    grants = [
        Grant.add_to_principal(
            grantee=grantee,
            actions=list(statement.actions),
            resource_arns=list(statement.resources),
            conditions={operator: dict(operands) for operator, operands in statement.conditions.items()} or None,
        )
        for statement in statements
    ]
    whole = grants[0]
    for further in grants[1:]:
        whole = whole.combine(further)
    return whole
