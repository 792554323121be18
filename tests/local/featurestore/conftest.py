"""An embedded AWS with a feature store, Athena and events."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from sagemaker_local import featurestore
from sagemaker_local.server import LocalAws

ACCOUNT, REGION = "123456789012", "eu-west-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/features"


@dataclass
class Store:
    """Clients and short cuts."""

    aws: LocalAws
    bucket: str = "offline"

    def client(self, service: str) -> Any:
        return self.aws.client(service, ACCOUNT, REGION)

    @property
    def sm(self) -> Any:
        return self.client("sagemaker")

    @property
    def runtime(self) -> Any:
        return self.client("sagemaker-featurestore-runtime")

    @property
    def service(self) -> featurestore.FeatureStore:
        return featurestore.of(self.aws)

    def request(self, **changes: Any) -> dict[str, Any]:
        """Return a CreateFeatureGroup request."""
        request: dict[str, Any] = {
            "FeatureGroupName": f"group-{uuid4().hex[:8]}",
            "RecordIdentifierFeatureName": "id",
            "EventTimeFeatureName": "at",
            "FeatureDefinitions": [
                {"FeatureName": "id", "FeatureType": "String"},
                {"FeatureName": "at", "FeatureType": "String"},
                {"FeatureName": "Count", "FeatureType": "Integral"},
                {"FeatureName": "share", "FeatureType": "Fractional"},
            ],
            "OnlineStoreConfig": {"EnableOnlineStore": True},
            "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": f"s3://{self.bucket}/root/"}},
            "RoleArn": ROLE,
            **changes,
        }
        return {name: value for name, value in request.items() if value is not None}

    def create(self, **changes: Any) -> str:
        request = self.request(**changes)
        self.sm.create_feature_group(**request)
        return str(request["FeatureGroupName"])

    def record(self, **values: str) -> list[dict[str, str]]:
        return [{"FeatureName": name, "ValueAsString": value} for name, value in values.items()]

    def put(self, group: str, values: dict[str, str], **choices: Any) -> None:
        self.runtime.put_record(FeatureGroupName=group, Record=self.record(**values), **choices)

    def get(self, group: str, identifier: str = "a", **choices: Any) -> dict[str, str] | None:
        answer = self.runtime.get_record(FeatureGroupName=group, RecordIdentifierValueAsString=identifier, **choices)
        record = answer.get("Record")
        return None if record is None else {item["FeatureName"]: item["ValueAsString"] for item in record}

    def keys(self, prefix: str) -> list[str]:
        listed = self.client("s3").list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for item in listed.get("Contents", [])]

    def offline(self, group: str) -> dict[str, Any]:
        described: dict[str, Any] = self.sm.describe_feature_group(FeatureGroupName=group)["OfflineStoreConfig"]
        return described

    def query(self, sql: str, **choices: Any) -> dict[str, Any]:
        """Execute a query and return its description when it has ended."""
        athena = self.client("athena")
        request = {"ResultConfiguration": {"OutputLocation": f"s3://{self.bucket}/results/"}, **choices}
        key = athena.start_query_execution(QueryString=sql, **request)["QueryExecutionId"]
        return self.ended(key)

    def ended(self, key: str) -> dict[str, Any]:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found: dict[str, Any] = self.client("athena").get_query_execution(QueryExecutionId=key)["QueryExecution"]
            if found["Status"]["State"] not in ("QUEUED", "RUNNING"):
                return found
            time.sleep(0.02)
        raise AssertionError("the query did not end")

    def rows(self, sql: str, **choices: Any) -> list[list[str | None]]:
        """Return a query's rows, the header left out."""
        found = self.query(sql, **choices)
        assert found["Status"]["State"] == "SUCCEEDED", found["Status"]
        result = self.client("athena").get_query_results(QueryExecutionId=found["QueryExecutionId"])["ResultSet"]
        return [[item.get("VarCharValue") for item in row["Data"]] for row in result["Rows"][1:]]

    def reason(self, sql: str, **choices: Any) -> str:
        """Return why a query failed."""
        found = self.query(sql, **choices)
        assert found["Status"]["State"] == "FAILED"
        return str(found["Status"]["StateChangeReason"])


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with LocalAws(features=("cloudformation", "events", "alarms", "sagemaker", "featurestore", "athena")) as aws:
        found = Store(aws)
        location = {"LocationConstraint": REGION}
        found.client("s3").create_bucket(Bucket=found.bucket, CreateBucketConfiguration=location)
        yield found
