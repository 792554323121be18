"""The examples, deployed into the embedded AWS: a version is approved and goes live as their pages say."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from e2e_support import models, recorded
from e2e_support.deployment import Deployment

from examples.import_constructs.app import ChurnStack
from examples.minimal.app import define as define_minimal
from examples.platform.app import REGION
from examples.platform.app import define as define_platform
from sagemaker_local.messaging import deliveries
from sagemaker_local.server import LocalAws

pytestmark = pytest.mark.e2e
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SHARED, STAGING, PRODUCTION = "111000000071", "111000000072", "111000000073"
QUALIFIER, BOUNDARY = "mlteam", "ml-workloads"


class Place:
    """An account, its clients and what is deployed there."""

    def __init__(self, aws: LocalAws, account: str) -> None:
        self.aws, self.account = aws, account

    def client(self, service: str) -> Any:
        return self.aws.client(service, self.account, REGION)

    def resources(self) -> list[dict[str, Any]]:
        """Resources of all stacks."""
        client, found = self.client("cloudformation"), []
        for stack in client.describe_stacks()["Stacks"]:
            for page in client.get_paginator("list_stack_resources").paginate(StackName=stack["StackName"]):
                found += page["StackResourceSummaries"]
        return found

    def one(self, kind: str, begins: str = "") -> str:
        """Physical id of the one resource of a type, or of those whose logical id begins so."""
        (found,) = {
            item["PhysicalResourceId"]
            for item in self.resources()
            if item["ResourceType"] == kind and item["LogicalResourceId"].startswith(begins)
        }
        return str(found)

    def register(self, bucket: str) -> str:
        """A version that waits for approval, with its baseline."""
        s3 = self.client("s3")
        files = {"model.tar.gz": models.archive(), **{k: v.encode() for k, v in models.baseline().items()}}
        for name, body in files.items():
            s3.put_object(Bucket=bucket, Key=f"churn/1/{name}", Body=body)
        baseline = {
            kind: {"ContentType": "application/json", "S3Uri": f"s3://{bucket}/churn/1/{name}.json"}
            for kind, name in (("Statistics", "statistics"), ("Constraints", "constraints"))
        }
        created = self.client("sagemaker").create_model_package(
            ModelPackageGroupName="churn",
            ModelApprovalStatus="PendingManualApproval",
            InferenceSpecification={
                "Containers": [{"Image": models.IMAGE, "ModelDataUrl": f"s3://{bucket}/churn/1/model.tar.gz"}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
            DriftCheckBaselines={"ModelDataQuality": baseline},
        )
        return str(created["ModelPackageArn"])

    def is_in_service(self, endpoint: str) -> bool:
        """Whether the endpoint answers."""
        found = self.client("sagemaker").list_endpoints(NameContains=endpoint)["Endpoints"]
        return [item["EndpointStatus"] for item in found] == ["InService"]

    def answer(self, endpoint: str) -> float:
        """What the model says."""
        (body,) = models.bodies(1)
        runtime = self.client("sagemaker-runtime")
        answered = runtime.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Body=body)
        return float(answered["Body"].read())


def until(aws: LocalAws, condition: Callable[[], Any], what: str, minutes: float = 1) -> None:
    """Let virtual time pass until the condition holds; what a step sets off comes to its end before the next one."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        aws.clock.advance(60 * minutes)
        assert deliveries.of(aws).settle(30)


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws() as running:
        yield running
        recorded.collect(running, "examples")


@pytest.mark.parametrize(
    ("define", "account"),
    [
        pytest.param(define_minimal, "111000000074", id="minimal"),
        pytest.param(lambda app: ChurnStack(app, "shop-churn"), "111000000075", id="import_constructs"),
    ],
)
def test_an_app_of_one_stack_serves_what_is_approved(
    aws: LocalAws, define: Callable[[cdk.App], Any], account: str, tmp_path: Path
) -> None:
    app = cdk.App(outdir=str(tmp_path))
    define(app)
    assert Deployment.of(aws, app, account).deploy() == {"shop-churn": "created"}
    place = Place(aws, account)

    version = place.register(place.one("AWS::S3::Bucket", "StorageModels"))
    place.client("sagemaker").update_model_package(ModelPackageArn=version, ModelApprovalStatus="Approved")
    until(aws, lambda: place.is_in_service("shop-churn"), "the endpoint")

    assert 0 < place.answer("shop-churn") < 1
    assert place.one("AWS::Scheduler::Schedule")


@pytest.fixture(scope="module")
def platform(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The platform's accounts with what its team has prepared, and the assembly."""
    context = json.loads((EXAMPLES / "platform" / "cdk.json").read_text())["context"]
    places = {}
    for name, account in (("shared", SHARED), ("staging", STAGING), ("production", PRODUCTION)):
        places[name] = place = Place(aws, account)
        boundary = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        place.client("iam").create_policy(PolicyName=BOUNDARY, PolicyDocument=json.dumps(boundary))
        prepared = {"account": account, "key": place.client("kms").create_key()["KeyMetadata"]["Arn"]}
        if name != "shared":
            ec2 = place.client("ec2")
            vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
            subnets = [
                ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24")["Subnet"]["SubnetId"]
                for number in range(2)
            ]
            prepared |= {"vpc": vpc, "subnets": subnets}
        context["accounts"][name] = prepared
    app = cdk.App(outdir=str(tmp_path_factory.mktemp("platform")), context=context)
    define_platform(app)
    deployment = Deployment.of(aws, app)
    done = deployment.deploy()
    return {"places": places, "folder": deployment.folder, "done": done, "context": context}


def test_the_platform_comes_up_in_three_accounts(platform: dict[str, Any]) -> None:
    assert platform["done"] == dict.fromkeys(
        (
            "shop-shared-Registry",
            "shop-staging-Foundation",
            "shop-staging-Serving-churn",
            "shop-production-Foundation",
            "shop-production-Serving-churn",
        ),
        "created",
    )


@pytest.fixture(scope="module")
def version(aws: LocalAws, platform: dict[str, Any]) -> str:
    """A version that was approved in the registry and went live in staging."""
    shared, staging = platform["places"]["shared"], platform["places"]["staging"]
    registered = shared.register(f"shop-models-{SHARED}-{REGION}")
    shared.client("sagemaker").update_model_package(ModelPackageArn=registered, ModelApprovalStatus="Approved")
    until(aws, lambda: staging.is_in_service("shop-staging-churn"), "staging")
    return registered


@pytest.mark.slow
def test_with_a_persons_word_a_version_goes_from_staging_to_production(
    aws: LocalAws, platform: dict[str, Any], version: str
) -> None:
    shared, staging, production = (platform["places"][name] for name in ("shared", "staging", "production"))
    registry = shared.client("sagemaker")
    until(
        aws,
        lambda: registry.describe_model_package(ModelPackageName=version).get("ModelLifeCycle"),
        "staging's proposal",
        minutes=30,
    )
    proposed = registry.describe_model_package(ModelPackageName=version)["ModelLifeCycle"]
    assert (proposed["Stage"], proposed["StageStatus"]) == ("production", "PendingApproval")
    assert not production.is_in_service("shop-production-churn")

    registry.update_model_package(
        ModelPackageArn=version, ModelLifeCycle={"Stage": "production", "StageStatus": "Approved"}
    )
    until(aws, lambda: production.is_in_service("shop-production-churn"), "production")
    assert production.answer("shop-production-churn") == staging.answer("shop-staging-churn")


def test_staging_serves_it_in_the_accounts_vpc_under_the_accounts_key(platform: dict[str, Any], version: str) -> None:
    place, prepared = platform["places"]["staging"], platform["context"]["accounts"]["staging"]
    sagemaker = place.client("sagemaker")
    endpoint = sagemaker.describe_endpoint(EndpointName="shop-staging-churn")
    config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    model = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])

    assert model["PrimaryContainer"]["ModelPackageName"] == version
    assert config["KmsKeyId"] == prepared["key"]
    assert model["VpcConfig"]["Subnets"] == prepared["subnets"]
    capture = config["DataCaptureConfig"]["DestinationS3Uri"].split("/")[2]
    rules = place.client("s3").get_bucket_encryption(Bucket=capture)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == prepared["key"]
    assert 0 < place.answer("shop-staging-churn") < 1


def test_every_role_has_the_boundary_and_every_bootstrap_name_the_qualifier(platform: dict[str, Any]) -> None:
    for place in platform["places"].values():
        iam = place.client("iam")
        made = {i["PhysicalResourceId"] for i in place.resources() if i["ResourceType"] == "AWS::IAM::Role"}
        bounds = {
            name: iam.get_role(RoleName=name)["Role"].get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
            for name in made
        }
        assert made
        assert set(bounds.values()) == {f"arn:aws:iam::{place.account}:policy/{BOUNDARY}"}, bounds
        parameters = place.client("ssm").describe_parameters()["Parameters"]
        assert [p["Name"] for p in parameters if "bootstrap" in p["Name"]] == [f"/cdk-bootstrap/{QUALIFIER}/version"]
    written = "".join(file.read_text() for file in platform["folder"].rglob("*.json"))
    assert f"cdk-{QUALIFIER}-assets-{STAGING}-{REGION}" in written
    assert f"cdk-{QUALIFIER}-deploy-role-{STAGING}-{REGION}" in written
    assert cdk.DefaultStackSynthesizer.DEFAULT_QUALIFIER not in written
