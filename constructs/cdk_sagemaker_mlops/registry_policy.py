"""Resource policies of model package groups: what other accounts may do with the versions."""

from __future__ import annotations

from collections.abc import Sequence

from . import _refs

PACKAGE_READ = ["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"]


def group_policy(
    group_arn: str,
    package_arns: str,
    *,
    consumers: Sequence[str],
    approvers: Sequence[str],
    proposers: Sequence[str],
) -> dict[str, object] | None:
    """Policy for other accounts, as in https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-deploy.html.

    :param consumers: Accounts that may deploy.
    :param approvers: Accounts that may approve and reject.
    :param proposers: Accounts whose controllers may say that a version proved good, and propose it for the next stage:
        never approve it.
    :returns: None if there are no other accounts.
    """
    readers = list(dict.fromkeys([*consumers, *approvers, *proposers]))
    if not readers:
        return None
    statements = [
        _statement("ReadGroup", readers, "sagemaker:DescribeModelPackageGroup", group_arn),
        _statement("ReadVersions", readers, PACKAGE_READ, package_arns),
    ]
    for sid, numbers, action in (
        ("DeployVersions", consumers, "sagemaker:CreateModel"),
        ("ApproveVersions", approvers, "sagemaker:UpdateModelPackage"),
    ):
        if numbers:
            statements.append(_statement(sid, numbers, action, package_arns))
    if proposers:
        propose = _statement("ProposeVersions", proposers, "sagemaker:UpdateModelPackage", package_arns)
        statements.append({**propose, "Condition": proposal_conditions()})
    return {"Version": "2012-10-17", "Statement": statements}


def proposal_conditions() -> dict[str, dict[str, str]]:
    """Conditions under which an update of a version approves nothing.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-staging-construct-set-up.html
    """
    return {
        "StringEqualsIfExists": {"sagemaker:ModelLifeCycle:stageStatus": "PendingApproval"},
        "Null": {"sagemaker:ModelApprovalStatus": "true"},
    }


def _statement(sid: str, accounts: Sequence[str], action: str | Sequence[str], resource: str) -> dict[str, object]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:{_refs.partition()}:iam::{number}:root" for number in accounts]},
        "Action": action,
        "Resource": resource,
    }
