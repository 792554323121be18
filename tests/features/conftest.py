"""An embedded AWS with a feature store and Athena, and short cuts for what every test does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import boto3
import pytest

from sagemaker_features import Athena
from sagemaker_local import featurestore
from sagemaker_local.server import LocalAws

ACCOUNT, REGION = "123456789012", "eu-west-1"


@dataclass
class Shop:
    """Feature groups and queries of one account."""

    aws: LocalAws
    session: Any
    bucket: str = "features"
    made: list[str] = field(default_factory=list)

    def client(self, service: str) -> Any:
        return self.aws.client(service, ACCOUNT, REGION)

    @property
    def athena(self) -> Athena:
        return Athena(output=f"s3://{self.bucket}/results", session=self.session)

    @property
    def store(self) -> featurestore.FeatureStore:
        return featurestore.of(self.aws)

    def group(
        self,
        features: dict[str, str],
        *,
        identifier: str = "id",
        event_time: str = "at",
        name: str | None = None,
        online: dict[str, Any] | None = None,
        table_format: str = "Glue",
        offline: bool = True,
    ) -> str:
        """Create a feature group and return its name."""
        name = name or f"group-{uuid4().hex[:8]}"
        stores: dict[str, Any] = {"OnlineStoreConfig": {"EnableOnlineStore": True, **(online or {})}}
        if offline:
            stores["OfflineStoreConfig"] = {
                "S3StorageConfig": {"S3Uri": f"s3://{self.bucket}/offline"},
                "TableFormat": table_format,
            }
            stores["RoleArn"] = f"arn:aws:iam::{ACCOUNT}:role/features"
        self.client("sagemaker").create_feature_group(
            FeatureGroupName=name,
            RecordIdentifierFeatureName=identifier,
            EventTimeFeatureName=event_time,
            FeatureDefinitions=[{"FeatureName": key, "FeatureType": value} for key, value in features.items()],
            **stores,
        )
        return name

    def put(self, group: str, **values: str) -> None:
        """Put a record; values are text already."""
        record = [{"FeatureName": key, "ValueAsString": value} for key, value in values.items()]
        self.client("sagemaker-featurestore-runtime").put_record(FeatureGroupName=group, Record=record)

    def delete(self, group: str, identifier: str, at: str, mode: str = "SoftDelete") -> None:
        self.client("sagemaker-featurestore-runtime").delete_record(
            FeatureGroupName=group, RecordIdentifierValueAsString=identifier, EventTime=at, DeletionMode=mode
        )


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with LocalAws(features=("sagemaker", "featurestore", "athena")) as aws:
        environ = aws.environ(ACCOUNT, REGION)
        session = boto3.session.Session(
            aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", aws.url)
            shop = Shop(aws, session)
            shop.store.options.groups_per_account = 10_000
            location = {"LocationConstraint": REGION}
            shop.client("s3").create_bucket(Bucket=shop.bucket, CreateBucketConfiguration=location)
            yield shop
