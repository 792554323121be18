"""What a page takes for granted: constructs that an example mentions and does not make."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

import cdk_sagemaker_mlops as mlops

IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
#: Ids of what a reader has end with it, so that it can be told from what an example makes.
MARK = "_"


class Reader(dict[str, Any]):
    """Names that an example may use; each is made when it is asked for."""

    def __init__(self, scope: cdk.Stack, folder: Path) -> None:
        super().__init__(self=scope, mlops=mlops, cdk=cdk, image_uri=IMAGE, folder=folder)
        self.scope = scope

    def get_or_none(self, name: str) -> Any:
        """What is known by a name; None for a builtin or a typing mistake, which the block will show."""
        try:
            return self[name]
        except KeyError:
            return None

    def __missing__(self, name: str) -> Any:
        made = self._make(name)
        self[name] = made
        return made

    def _make(self, name: str) -> Any:
        scope = self.scope
        match name:
            case "app":
                return scope.node.root
            case "group":
                return mlops.ModelPackageGroup.from_model_package_group_name(scope, "Group_", "churn")
            case "storage":
                return mlops.Storage(scope, "Storage_")
            case "feature_storage":
                return mlops.FeatureStorage(scope, "FeatureStorage_")
            case "database":
                return mlops.FeatureDatabase(scope, "Database_", name="features")
            case "endpoint":
                return self._endpoint()
            case "registration":
                return mlops.RolloutRegistration(
                    scope, "Registration_", controller_name="shop", model="churn", endpoint=self["endpoint"]
                )
            case "pipeline":
                return mlops.TrainingPipeline.from_pipeline_name(scope, "Pipeline_", "churn-training")
            case "dashboard":
                return mlops.EndpointDashboard(scope, "Dashboard_", endpoint=self["endpoint"])
            case "people":
                return mlops.Notifications(scope, "People_")
            case "topic":
                topic = sns.Topic.from_topic_arn(scope, "Topic_", "arn:aws:sns:eu-west-1:111111111111:topic")
                return mlops.TopicTarget(topic=topic) if "InsightsReport" in self.get("source", "") else topic
            case "network":
                vpc = ec2.Vpc(scope, "Vpc_", max_azs=2, nat_gateways=0)
                return mlops.Network(vpc=vpc, subnets=ec2.SubnetSelection(subnets=vpc.isolated_subnets))
            case "labels":
                return mlops.Labels(bucket=self["storage"].ground_truth)
            case "data" | "answers" | "bucket" | "artifacts" | "features":
                return s3.Bucket.from_bucket_name(scope, f"{name}_", f"the-{name}")
            case "retrain":
                return lambda_.Function.from_function_name(scope, "Retrain_", "retrain")
            case "vpc_endpoint":
                return ec2.InterfaceVpcEndpoint.from_interface_vpc_endpoint_attributes(
                    scope, "Vpce_", port=443, vpc_endpoint_id="vpce-0a1b2c3d4e5f60718"
                )
            case "caller" | "ingestion" | "endpoint_caller" | "training" | "nightly_job" | "my_function":
                return iam.Role(scope, f"{name}_", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        raise KeyError(name)

    def _endpoint(self) -> mlops.Endpoint:
        return mlops.Endpoint(
            self.scope,
            "Endpoint_",
            endpoint_name="shop-churn",
            model=mlops.Model.latest_approved(self["group"]),
            capture=mlops.DataCapture(bucket=self["storage"].capture),
        )


def taken_for_granted(tree: ast.Module) -> list[str]:
    """Names that a block reads and does not make."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    made = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    return sorted({node.id for node in names if isinstance(node.ctx, ast.Load)} - made)
