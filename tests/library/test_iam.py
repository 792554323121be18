"""Roles: one resource, merged statements, a reason beside every wildcard."""

from __future__ import annotations

from collections.abc import Callable

import aws_cdk as cdk
import pytest

from cdk_sagemaker_mlops._iam import Statement, merge, pass_role, service_role


def test_a_wildcard_without_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="statement Read has a wildcard but no reason"):
        Statement(sid="Read", actions=["s3:GetObject"], resources=["*"])
    with pytest.raises(ValueError, match="statement Read has a wildcard but no reason"):
        Statement(sid="Read", actions=["s3:Get*"], resources=["arn:x"])


def test_statements_of_one_id_join_their_resources() -> None:
    one = Statement(sid="Read", actions=["s3:GetObject"], resources=["a", "b"])
    other = Statement(sid="Read", actions=["s3:GetObject"], resources=["b", "c"])
    (joined,) = merge([one, other])
    assert joined.to_json()["Resource"] == ["a", "b", "c"]


def test_statements_of_one_id_must_allow_the_same() -> None:
    one = Statement(sid="Read", actions=["s3:GetObject"], resources=["a"])
    other = Statement(sid="Read", actions=["s3:PutObject"], resources=["a"])
    with pytest.raises(ValueError, match="two statements called Read allow different things"):
        merge([one, other])


def test_a_role_is_one_resource_with_its_policy_and_reasons(stack: cdk.Stack, synthesise: Callable) -> None:
    service_role(
        stack,
        "Role",
        service="lambda.amazonaws.com",
        description="reads",
        statements=[
            Statement(sid="Read", actions=["s3:GetObject"], resources=["arn:b/*"], reason="files have generated names"),
            pass_role("Pass", ["arn:role"]),
        ],
    )
    template = synthesise()
    assert list(template.resources) == ["Role"]
    role = template.resources["Role"]
    assert role["Metadata"]["WildcardReasons"] == {"Read": "files have generated names"}
    trust = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust == [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    assert template.statements()["Pass"] == {
        "Sid": "Pass",
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": "arn:role",
        "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    }
