"""Model package groups."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns

import cdk_sagemaker_mlops as mlops

REMOTE = "arn:aws:sagemaker:eu-west-1:111111111111:model-package-group/Churn"


def test_a_group_that_is_not_retained_is_emptied_first(stack: cdk.Stack, synthesise: Callable) -> None:
    """SageMaker deletes no group that holds versions, so without this `cdk destroy` would fail."""
    mlops.ModelPackageGroup(stack, "Registry", name="churn", retain=False, log_retention_days=3)
    template = synthesise()

    (versions,) = (r for r in template.resources.values() if r["Type"] == "Custom::ModelPackageGroupVersions")
    group = {"Fn::GetAtt": ["Registry4DB9CCA5", "ModelPackageGroupArn"]}
    assert versions["Properties"]["GroupName"] == {"Fn::Select": [1, {"Fn::Split": ["/", group]}]}, "goes before it"
    assert template.resources["Registry4DB9CCA5"]["DeletionPolicy"] == "Delete"
    (policy,) = template.only("IAM::Role")["Policies"]
    allowed = [statement["Action"] for statement in policy["PolicyDocument"]["Statement"]]
    actions = {name for names in allowed for name in ([names] if isinstance(names, str) else names)}
    assert actions == {
        "cloudformation:DescribeStacks",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "sagemaker:DeleteModelPackage",
        "sagemaker:ListModelPackages",
    }
    assert template.only("Logs::LogGroup")["RetentionInDays"] == 3


def test_a_group_is_retained_and_carries_no_description(stack: cdk.Stack, synthesise: Callable) -> None:
    mlops.ModelPackageGroup(stack, "Registry", name="churn")
    template = synthesise()
    # Name and description cannot change without replacement; the id is pinned for the same reason.
    assert template.resources == {
        "Registry4DB9CCA5": {
            "Type": "AWS::SageMaker::ModelPackageGroup",
            "Properties": {"ModelPackageGroupName": "churn"},
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
        }
    }


def test_other_accounts_deploy_or_approve_as_they_are_allowed(stack: cdk.Stack, synthesise: Callable) -> None:
    mlops.ModelPackageGroup(
        stack,
        "Registry",
        name="churn",
        consumer_accounts=["111111111111", "222222222222"],
        approver_accounts=["222222222222"],
    )
    policy = synthesise().only("SageMaker::ModelPackageGroup")["ModelPackageGroupPolicy"]
    statements = {s["Sid"]: s for s in policy["Statement"]}
    assert set(statements) == {"ReadGroup", "ReadVersions", "DeployVersions", "ApproveVersions"}
    assert len(statements["ReadGroup"]["Principal"]["AWS"]) == 2
    assert len(statements["ApproveVersions"]["Principal"]["AWS"]) == 1
    assert statements["DeployVersions"]["Action"] == "sagemaker:CreateModel"
    assert statements["ApproveVersions"]["Action"] == "sagemaker:UpdateModelPackage"
    assert joined(statements["ReadGroup"]["Resource"]).endswith(":model-package-group/churn")
    assert joined(statements["ReadVersions"]["Resource"]).endswith(":model-package/churn/*")


def test_proposers_propose_and_never_approve(stack: cdk.Stack, synthesise: Callable) -> None:
    mlops.ModelPackageGroup(stack, "Registry", name="churn", proposer_accounts=["222222222222"])
    policy = synthesise().only("SageMaker::ModelPackageGroup")["ModelPackageGroupPolicy"]
    statements = {s["Sid"]: s for s in policy["Statement"]}
    assert set(statements) == {"ReadGroup", "ReadVersions", "ProposeVersions"}
    assert statements["ProposeVersions"]["Action"] == "sagemaker:UpdateModelPackage"
    assert statements["ProposeVersions"]["Condition"] == {
        "StringEqualsIfExists": {"sagemaker:ModelLifeCycle:stageStatus": "PendingApproval"},
        "Null": {"sagemaker:ModelApprovalStatus": "true"},
    }


def test_events_are_forwarded_to_at_most_five_buses_a_rule(
    stack: cdk.Stack, synthesise: Callable, lint: Callable
) -> None:
    group = mlops.ModelPackageGroup(stack, "Registry", name="churn")
    accounts = [f"{number:012}" for number in range(1, 8)]
    mlops.RegistryEvents(stack, "Events", groups=[group], accounts=[*accounts, accounts[0]])
    template = synthesise()
    rules = [r["Properties"] for r in template.resources.values() if r["Type"] == "AWS::Events::Rule"]
    assert sorted(len(rule["Targets"]) for rule in rules) == [2, 5]
    assert {rule["EventPattern"]["detail"]["ModelPackageGroupName"][0] for rule in rules} == {"churn"}
    buses = [joined(target["Arn"]) for rule in rules for target in rule["Targets"]]
    assert sorted(re.findall(r"\d{12}", " ".join(buses))) == accounts
    (role,) = [r["Properties"] for r in template.resources.values() if r["Type"] == "AWS::IAM::Role"]
    (statement,) = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "events:PutEvents"
    assert sorted(map(joined, statement["Resource"])) == sorted(buses)
    assert lint(template.template) == []


def test_mistakes_of_forwarding(stack: cdk.Stack) -> None:
    with pytest.raises(mlops.ConstructError) as caught:
        mlops.RegistryEvents(stack, "Events", groups=[], accounts=["12"])
    assert "name at least one group" in str(caught.value)
    assert 'accounts is "12"' in str(caught.value)
    with pytest.raises(mlops.ConstructError, match="nobody gets the events"):
        mlops.RegistryEvents(stack, "More", groups=[mlops.ModelPackageGroup(stack, "G", name="g")], accounts=[])


def joined(value: Any) -> str:
    """An `Fn::Join` as text, references as their names."""
    if isinstance(value, str):
        return value
    if "Ref" in value:
        return f"<{value['Ref']}>"
    if "Fn::GetAtt" in value:
        return f"<{'.'.join(value['Fn::GetAtt'])}>"
    separator, parts = value["Fn::Join"]
    return separator.join(joined(part) for part in parts)


@pytest.mark.parametrize(
    ("grant", "action"),
    [
        ("grant_read", None),
        ("grant_register", "sagemaker:CreateModelPackage"),
        ("grant_approve", "sagemaker:UpdateModelPackage"),
        ("grant_deploy", "sagemaker:CreateModel"),
    ],
)
def test_grants_add_one_ability_to_reading(
    stack: cdk.Stack, synthesise: Callable, grant: str, action: str | None
) -> None:
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    getattr(mlops.ModelPackageGroup(stack, "Registry", name="churn"), grant)(role)
    (statement,) = synthesise().only("IAM::Policy")["PolicyDocument"]["Statement"]
    abilities = {
        "sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage", "sagemaker:CreateModel",
    } & set(statement["Action"])  # fmt: skip
    assert abilities == ({action} if action else set())
    assert "sagemaker:DescribeModelPackage" in statement["Action"]
    assert [joined(arn).rsplit(":", 1)[-1] for arn in statement["Resource"]] == [
        "model-package-group/churn",
        "model-package/churn/*",
    ]


def test_approval_rule_matches_versions_registered_as_approved_too(stack: cdk.Stack, synthesise: Callable) -> None:
    group = mlops.ModelPackageGroup(stack, "Registry", name="churn")
    topic = sns.Topic(stack, "Topic")
    group.on_approval_change("Announce", targets.SnsTopic(topic))
    rule = synthesise().only("Events::Rule")
    assert rule["EventPattern"] == {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelPackageGroupName": ["churn"], "ModelApprovalStatus": ["Approved", "Rejected"]},
    }
    assert len(rule["Targets"]) == 1


def test_a_misspelt_status_is_refused(stack: cdk.Stack) -> None:
    group = mlops.ModelPackageGroup(stack, "Registry", name="churn")
    with pytest.raises(mlops.ConstructError, match=r'Serving/Registry/Rule: statuses is "Aproved".*mean "Approved"\?'):
        group.on_approval_change("Rule", statuses=["Aproved"])
    with pytest.raises(mlops.ConstructError, match="statuses is empty"):
        group.on_approval_change("Rule", statuses=[])


def test_a_group_of_another_account_is_read_from_its_arn(stack: cdk.Stack) -> None:
    group = mlops.ModelPackageGroup.from_model_package_group_arn(stack, "Remote", REMOTE)
    assert (group.account, group.region, group.group_name) == ("111111111111", "eu-west-1", "Churn")
    # Names in ARNs are lower-case whatever the name is.
    assert group.group_arn.endswith(":sagemaker:eu-west-1:111111111111:model-package-group/churn")
    assert group.package_arn(3).endswith(":111111111111:model-package/churn/3")


def test_an_arn_of_something_else_is_refused(stack: cdk.Stack) -> None:
    with pytest.raises(mlops.ConstructError, match="for a group of this account use from_model_package_group_name"):
        mlops.ModelPackageGroup.from_model_package_group_arn(stack, "Remote", REMOTE.replace("-group", ""))
    with pytest.raises(mlops.ConstructError, match='name is "a_b"'):
        mlops.ModelPackageGroup.from_model_package_group_name(stack, "Local", "a_b")


def test_tags_replace_nothing(synthesise: Callable, stack: cdk.Stack, app: cdk.App) -> None:
    group = mlops.ModelPackageGroup(stack, "Registry", name="churn")
    cdk.Tags.of(app).add("team", "risk")
    properties = synthesise().only("SageMaker::ModelPackageGroup")
    # Tags of a group are changed in place; what would replace it stays as it is.
    assert properties == {"ModelPackageGroupName": "churn", "Tags": [{"Key": "team", "Value": "risk"}]}
    assert group.cfn_group.model_package_group_description is None
