"""What everything else needs: key, buckets, notifications, private ways to AWS. Stateful; changes rarely."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_sns as sns
from constructs import Construct

import cdk_sagemaker_mlops as mlops

from .base import EnvironmentStack
from .network import define_vpc_endpoints
from .registry import owned_groups
from .settings import Environment


class FoundationStack(EnvironmentStack):
    """Storage, notifications and VPC endpoints of one environment.

    Everything that another stack may refer to is exported whether or not one does yet, so that adding or removing a
    model changes nothing here but what the file asks this stack for: events of new training data, private ways to AWS.
    """

    def __init__(self, scope: Construct, construct_id: str, *, environment_name: str, settings: Environment) -> None:
        super().__init__(
            scope,
            construct_id,
            environment_name=environment_name,
            settings=settings,
            description="MLOps: storage and notifications",
        )
        self.storage = mlops.Storage(
            self,
            "Storage",
            retain=self.retain,
            consumer_accounts=sorted(
                {account for shared in owned_groups(settings).values() for account in shared.accounts}
            ),
            event_bridge=["models"] if settings.watches_models() else [],
        )
        self.notifications = self._notifications()
        network = settings.network
        self.vpc_endpoints = (
            define_vpc_endpoints(self, network, network.vpc_endpoints, settings.vpc_endpoint_services)
            if network and network.vpc_endpoints
            else None
        )
        self._export()
        self._say_names()

    def _notifications(self) -> mlops.Notifications | mlops.TopicTarget:
        wanted = self.settings.notifications
        if wanted.topic_arn:
            return mlops.TopicTarget(topic=sns.Topic.from_topic_arn(self, "Topic", wanted.topic_arn))
        return mlops.Notifications(
            self, "Notifications", emails=wanted.email, encryption_key=self.storage.encryption_key
        )

    def _export(self) -> None:
        storage = self.storage
        self.export_value(storage.encryption_key.key_arn)
        for bucket in (storage.models, storage.capture, storage.baselines, storage.ground_truth, storage.reports):
            self.export_value(bucket.bucket_name)
        if isinstance(self.notifications, mlops.Notifications):
            self.export_value(self.notifications.topic_arn)

    def _say_names(self) -> None:
        """Outputs for people and scripts: generated names are nowhere else to be read."""
        buckets = {
            "Models": self.storage.models,
            "Capture": self.storage.capture,
            "Baselines": self.storage.baselines,
            "GroundTruth": self.storage.ground_truth,
            "Reports": self.storage.reports,
        }
        for kind, bucket in buckets.items():
            cdk.CfnOutput(self, f"{kind}BucketName", value=bucket.bucket_name)
