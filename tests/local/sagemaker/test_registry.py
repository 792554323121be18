"""Model package groups and versions: registration, approval, events, sharing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

OTHER_ACCOUNT = "222222222222"


@pytest.fixture
def group(lab: Any) -> str:
    name = lab.name("churn")
    lab.sm.create_model_package_group(ModelPackageGroupName=name, Tags=[{"Key": "team", "Value": "ml"}])
    return name


def register(lab: Any, group: str, **more: Any) -> str:
    containers = [{"Image": lab.image, "ModelDataUrl": lab.uri("up.tar.gz"), "Environment": {"A": "1"}}]
    specification = {
        "Containers": containers,
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    answer = lab.sm.create_model_package(ModelPackageGroupName=group, InferenceSpecification=specification, **more)
    return answer["ModelPackageArn"]


def test_versions_keep_metrics_baselines_and_metadata(lab: Any, group: str) -> None:
    source = {"ContentType": "application/json", "S3Uri": "s3://models/statistics.json"}
    arn = register(
        lab,
        group,
        ModelMetrics={"ModelDataQuality": {"Statistics": source, "Constraints": source}},
        DriftCheckBaselines={"ModelDataQuality": {"Statistics": source, "Constraints": source}},
        CustomerMetadataProperties={"commit": "abc"},
    )
    assert arn == f"arn:aws:sagemaker:eu-west-1:111111111111:model-package/{group}/1"
    described = lab.sm.describe_model_package(ModelPackageName=arn)
    assert described["ModelPackageVersion"] == 1
    assert described["ModelPackageStatus"] == "Completed"
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    assert described["ModelMetrics"]["ModelDataQuality"]["Statistics"] == source
    assert described["DriftCheckBaselines"]["ModelDataQuality"]["Constraints"] == source
    assert described["CustomerMetadataProperties"] == {"commit": "abc"}


def test_the_newest_approved_version_is_found_first(lab: Any, group: str) -> None:
    arns = [register(lab, group, ModelApprovalStatus="Approved") for _ in range(3)]
    lab.sm.update_model_package(ModelPackageArn=arns[2], ModelApprovalStatus="Rejected", ApprovalDescription="bad")
    found = lab.sm.list_model_packages(
        ModelPackageGroupName=group, ModelApprovalStatus="Approved", SortBy="CreationTime", SortOrder="Descending"
    )
    assert [item["ModelPackageVersion"] for item in found["ModelPackageSummaryList"]] == [2, 1]
    assert lab.sm.describe_model_package(ModelPackageName=arns[2])["ApprovalDescription"] == "bad"


def test_lists_come_in_pages(lab: Any, group: str) -> None:
    for _ in range(5):
        register(lab, group)
    pages = lab.sm.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, SortOrder="Ascending", PaginationConfig={"PageSize": 2}
    )
    versions = [[item["ModelPackageVersion"] for item in page["ModelPackageSummaryList"]] for page in pages]
    assert versions == [[1, 2], [3, 4], [5]]


def test_every_change_is_announced(lab: Any, group: str) -> None:
    arn = register(lab, group)
    lab.sm.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    details = [
        detail
        for detail in lab.events("SageMaker Model Package State Change")
        if detail["ModelPackageGroupName"] == group
    ]
    assert [detail["ModelApprovalStatus"] for detail in details] == ["PendingManualApproval", "Approved"]
    assert [detail["UpdatedModelPackageFields"] for detail in details] == [[], ["ModelApprovalStatus"]]
    assert details[1]["ModelPackageArn"] == arn
    assert details[1]["ModelPackageVersion"] == 1
    assert details[1]["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == lab.uri("up.tar.gz")


def test_a_change_may_be_announced_more_than_once(lab: Any, group: str) -> None:
    lab.service.options.events_per_change = 2
    try:
        arn = register(lab, group)
    finally:
        lab.service.options.events_per_change = 1
    details = [item for item in lab.events("SageMaker Model Package State Change") if item["ModelPackageArn"] == arn]
    assert len(details) == 2


def test_a_group_with_versions_cannot_be_deleted(lab: Any, group: str, refused: Callable[..., str]) -> None:
    arn = register(lab, group)
    message = refused("delete_model_package_group", "ConflictException", ModelPackageGroupName=group)
    assert "contains 1 model package" in message
    lab.sm.delete_model_package(ModelPackageName=arn)
    lab.sm.delete_model_package_group(ModelPackageGroupName=group)
    assert "does not exist" in refused("describe_model_package_group", ModelPackageGroupName=group)


def test_versions_are_never_used_twice(lab: Any, group: str) -> None:
    lab.sm.delete_model_package(ModelPackageName=register(lab, group))
    assert register(lab, group).endswith("/2")


def test_another_account_reads_and_deploys_by_arn(lab: Any, group: str) -> None:
    arn = register(lab, group, ModelApprovalStatus="Approved")
    group_arn = lab.sm.describe_model_package_group(ModelPackageGroupName=group)["ModelPackageGroupArn"]
    policy = json.dumps({"Statement": [{"Principal": {"AWS": f"arn:aws:iam::{OTHER_ACCOUNT}:root"}}]})
    lab.sm.put_model_package_group_policy(ModelPackageGroupName=group, ResourcePolicy=policy)
    assert lab.sm.get_model_package_group_policy(ModelPackageGroupName=group)["ResourcePolicy"] == policy
    other = lab.aws.clients("sagemaker", OTHER_ACCOUNT, "eu-west-1")
    listed = other.list_model_packages(ModelPackageGroupName=group_arn)["ModelPackageSummaryList"]
    assert [item["ModelPackageArn"] for item in listed] == [arn]
    shared = other.list_model_package_groups(CrossAccountFilterOption="CrossAccount")["ModelPackageGroupSummaryList"]
    assert group in [item["ModelPackageGroupName"] for item in shared]
    other.create_model(
        ModelName="from-the-registry",
        ExecutionRoleArn=f"arn:aws:iam::{OTHER_ACCOUNT}:role/model",
        Containers=[{"ModelPackageName": arn}],
    )
    described = other.describe_model(ModelName="from-the-registry")
    assert described["Containers"] == [{"ModelPackageName": arn}]


def test_metadata_is_merged_and_removed(lab: Any, group: str) -> None:
    arn = register(lab, group, CustomerMetadataProperties={"a": "1", "b": "2"})
    lab.sm.update_model_package(
        ModelPackageArn=arn, CustomerMetadataProperties={"c": "3"}, CustomerMetadataPropertiesToRemove=["a"]
    )
    described = lab.sm.describe_model_package(ModelPackageName=arn)
    assert described["CustomerMetadataProperties"] == {"b": "2", "c": "3"}


def test_tags_of_groups(lab: Any, group: str) -> None:
    arn = lab.sm.describe_model_package_group(ModelPackageGroupName=group)["ModelPackageGroupArn"]
    lab.sm.add_tags(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "prod"}])
    lab.sm.delete_tags(ResourceArn=arn, TagKeys=["team"])
    assert lab.sm.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "stage", "Value": "prod"}]


def test_names_are_checked_and_unique(lab: Any, group: str, refused: Callable[..., str]) -> None:
    assert "already exists" in refused("create_model_package_group", ModelPackageGroupName=group.upper())
    message = refused("create_model_package_group", ModelPackageGroupName="under_score")
    assert "Value 'under_score' at 'modelPackageGroupName' failed to satisfy constraint" in message
    assert "regular expression pattern" in message
    assert "does not exist" in refused("describe_model_package", ModelPackageName=f"{group}/7")
