"""Model sources: the container, and what the role needs to load it."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops


def bound(stack: cdk.Stack, model: mlops.Model, package_arn: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    """The container as CloudFormation gets it, and the statements by id."""
    part = model.bind(package_arn)
    assert list(model.problems()) == []
    (only,) = part.containers
    container = stack.resolve(only._values)
    return container, {s.sid: stack.resolve(s.to_json()) for s in part.statements}


def test_a_repository_and_a_tag_make_an_image(stack: cdk.Stack) -> None:
    repository = ecr.Repository.from_repository_name(stack, "Repository", "churn")
    container, statements = bound(stack, mlops.Model.from_image(repository=repository, tag="2.1"))
    assert "/churn:2.1" in str(container["image"])
    assert "repository/churn" in str(statements["PullImage"]["Resource"])
    digest = "sha256:" + "0" * 64
    container, _ = bound(stack, mlops.Model.from_image(repository=repository, tag=digest))
    assert f"/churn@{digest}" in str(container["image"])


def test_an_image_of_this_app_takes_its_permissions_from_the_repository(stack: cdk.Stack) -> None:
    repository = ecr.Repository(stack, "Repository")
    uri = repository.repository_uri_for_tag("1")
    _, statements = bound(stack, mlops.Model.from_image(uri, repository=repository))
    assert statements["PullImage"]["Resource"]["Fn::GetAtt"][1] == "Arn"


@pytest.mark.parametrize(
    ("uri", "resource"),
    [
        ("111111111111.dkr.ecr.eu-west-1.amazonaws.com/a/b:1", ":ecr:eu-west-1:111111111111:repository/a/b"),
        ("111111111111.dkr.ecr.cn-north-1.amazonaws.com.cn/a", ":ecr:cn-north-1:111111111111:repository/a"),
        (
            f"111111111111.dkr.ecr-fips.us-gov-west-1.amazonaws.com/a@sha256:{'0' * 64}",
            ":ecr:us-gov-west-1:111111111111:repository/a",
        ),
    ],
)
def test_only_the_named_repository_may_be_pulled(stack: cdk.Stack, uri: str, resource: str) -> None:
    _, statements = bound(stack, mlops.Model.from_image(uri))
    assert statements["PullImage"]["Resource"]["Fn::Join"][1][-1] == resource


def test_compressed_data_is_one_object(stack: cdk.Stack, image_uri: str) -> None:
    key = kms.Key.from_key_arn(stack, "Key", "arn:aws:kms:eu-west-1:111111111111:key/abc")
    model = mlops.Model.from_image(
        image_uri, model_data_url="s3://models/a/model.tar.gz", model_data_key=key, environment={"LEVEL": "info"}
    )
    container, statements = bound(stack, model)
    assert container == {
        "image": image_uri,
        "model_data_url": "s3://models/a/model.tar.gz",
        "environment": {"LEVEL": "info"},
    }
    assert statements["DecryptModelData"]["Resource"] == "arn:aws:kms:eu-west-1:111111111111:key/abc"


def test_a_prefix_is_uncompressed_data(stack: cdk.Stack, image_uri: str) -> None:
    bucket = s3.Bucket(stack, "Models")
    container, statements = bound(
        stack, mlops.Model.from_image(image_uri, model_data_url=f"s3://{bucket.bucket_name}/llm/")
    )
    assert "model_data_url" not in container
    source = container["model_data_source"]["s3DataSource"]
    assert (source["s3DataType"], source["compressionType"]) == ("S3Prefix", "None")
    assert statements["ReadModelData"]["Resource"]["Fn::Join"][1][-1] == "/llm/*"


def test_a_group_of_another_account_reads_that_accounts_default_bucket(stack: cdk.Stack) -> None:
    arn = "arn:aws:sagemaker:eu-west-1:111111111111:model-package-group/churn"
    group = mlops.ModelPackageGroup.from_model_package_group_arn(stack, "Group", arn)
    container, statements = bound(stack, mlops.Model.latest_approved(group, environment={"A": "b"}), "the-version")
    assert container == {"model_package_name": "the-version", "environment": {"A": "b"}}
    assert "sagemaker-eu-west-1-111111111111/*" in str(statements["ReadArtifacts"]["Resource"])


def test_repositories_of_the_group_replace_the_prebuilt_images(stack: cdk.Stack) -> None:
    repository = ecr.Repository.from_repository_name(stack, "Repository", "churn")
    group = mlops.ModelPackageGroup(stack, "Registry", name="churn", repositories=[repository])
    _, statements = bound(stack, mlops.Model.latest_approved(group), "x")
    assert "PullPrebuiltImages" not in statements and "repository/churn" in str(statements["PullImage"]["Resource"])
