"""One embedded AWS for all tests of SageMaker, with small real models in its S3."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import xgboost
from local_support.lab import ACCOUNT, REGION, SKLEARN, XGBOOST, archive

from sagemaker_local import sagemaker as local_sagemaker
from sagemaker_local.server import LocalAws

ROLE = f"arn:aws:iam::{ACCOUNT}:role/model"


def train(sign: float, rounds: int = 5) -> xgboost.Booster:
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(200, 4))
    labels = (sign * rows[:, 0] > 0).astype(int)
    return xgboost.train({"objective": "binary:logistic", "max_depth": 2}, xgboost.DMatrix(rows, labels), rounds)


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(features=("alarms", "sagemaker")) as running:
        yield running


@dataclass
class Lab:
    """Clients, a bucket with models, and short cuts for what every test does."""

    aws: LocalAws
    account: str = ACCOUNT
    region: str = REGION
    image: str = XGBOOST
    sklearn: str = SKLEARN
    role: str = ROLE
    bucket: str = "models"

    def client(self, service: str) -> Any:
        return self.aws.clients(service, self.account, self.region)

    @property
    def sm(self) -> Any:
        return self.client("sagemaker")

    @property
    def runtime(self) -> Any:
        return self.client("sagemaker-runtime")

    @property
    def service(self) -> local_sagemaker.SageMaker:
        return local_sagemaker.of(self.aws)

    def name(self, kind: str) -> str:
        return f"{kind}-{uuid4().hex[:8]}"

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def put(self, key: str, files: dict[str, bytes]) -> str:
        self.client("s3").put_object(Bucket=self.bucket, Key=key, Body=archive(files))
        return self.uri(key)

    def model(self, uri: str, image: str | None = None, environment: dict[str, str] | None = None) -> str:
        name = self.name("model")
        container = {"Image": image or self.image, "ModelDataUrl": uri, "Environment": environment or {}}
        self.sm.create_model(ModelName=name, ExecutionRoleArn=self.role, PrimaryContainer=container)
        return name

    def config(self, *models: str, instances: int = 2, weights: tuple[float, ...] = (), **more: Any) -> str:
        name = self.name("config")
        variants = [
            {
                "VariantName": f"variant-{number}" if len(models) > 1 else "AllTraffic",
                "ModelName": model,
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": instances,
                "InitialVariantWeight": weights[number] if weights else 1.0,
            }
            for number, model in enumerate(models)
        ]
        self.sm.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants, **more)
        return name

    def endpoint(self, config: str) -> str:
        name = self.name("endpoint")
        self.sm.create_endpoint(EndpointName=name, EndpointConfigName=config)
        assert self.settled(name)["EndpointStatus"] == "InService"
        return name

    def settled(self, endpoint: str, seconds: float = 20) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while True:
            described = self.sm.describe_endpoint(EndpointName=endpoint)
            if described["EndpointStatus"] in ("InService", "Failed") or time.monotonic() > end:
                return described
            time.sleep(0.02)

    def pending(self, endpoint: str, status: str, seconds: float = 20) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            summary = self.sm.describe_endpoint(EndpointName=endpoint).get("PendingDeploymentSummary")
            if summary and summary["ProductionVariants"][0]["VariantStatus"][0]["Status"] == status:
                return summary
            time.sleep(0.02)
        raise AssertionError(f"{endpoint} did not reach {status}: {summary}")

    def invoke(self, endpoint: str, body: str = "1,0,0,0", content_type: str = "text/csv", **more: Any) -> str:
        answer = self.runtime.invoke_endpoint(EndpointName=endpoint, Body=body, ContentType=content_type, **more)
        return answer["Body"].read().decode()

    def metric(self, metric: str, statistic: str, namespace: str = "AWS/SageMaker", **dimensions: str) -> float | None:
        """A metric of the last hour; None if it was never published."""
        points = self.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=self.aws.clock.now() - timedelta(minutes=30),
            EndTime=self.aws.clock.now() + timedelta(minutes=1),
            Period=7200,
            Statistics=[statistic],
        )["Datapoints"]
        return points[0][statistic] if points else None

    def events(self, detail_type: str) -> list[dict[str, Any]]:
        calls = self.aws.recorder.select(service="events", operation="PutEvents")
        entries = [entry for call in calls for entry in call.params["Entries"]]
        return [json.loads(entry["Detail"]) for entry in entries if entry["DetailType"] == detail_type]

    def alarm(self, endpoint: str, config: str) -> str:
        """An alarm on client errors of the fleet of one configuration."""
        name = self.name("alarm")
        dimensions = {"EndpointName": endpoint, "VariantName": "AllTraffic", "EndpointConfigName": config}
        self.client("cloudwatch").put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/SageMaker",
            MetricName="Invocation4XXErrors",
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            Statistic="Average",
            Period=60,
            EvaluationPeriods=1,
            Threshold=0.5,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="notBreaching",
        )
        return name

    def break_requests(self, endpoint: str, count: int = 20) -> None:
        """Send rows that no model understands."""
        for _ in range(count):
            with pytest.raises(self.runtime.exceptions.ModelError):
                self.invoke(endpoint, "these,are,no,numbers")


@pytest.fixture(scope="module")
def lab(aws: LocalAws) -> Lab:
    made = Lab(aws)
    made.client("s3").create_bucket(Bucket=made.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    made.put("up.tar.gz", {"xgboost-model": bytes(train(1.0).save_raw("ubj"))})
    made.put("down.tar.gz", {"xgboost-model": bytes(train(-1.0).save_raw("json"))})
    made.put("broken.tar.gz", {"xgboost-model": b"this is no model"})
    return made


@pytest.fixture(scope="module")
def up(lab: Lab) -> str:
    """A model that answers more than 0.5 for a positive first feature."""
    return lab.model(lab.uri("up.tar.gz"))


@pytest.fixture(scope="module")
def down(lab: Lab) -> str:
    """A model that answers less than 0.5 for a positive first feature."""
    return lab.model(lab.uri("down.tar.gz"))


@pytest.fixture(scope="module")
def broken(lab: Lab) -> str:
    """A model that does not load."""
    return lab.model(lab.uri("broken.tar.gz"))


@pytest.fixture
def refused(lab: Lab) -> Callable[..., str]:
    """Call an operation that must be refused; return the error's message."""

    def call(operation: str, code: str = "ValidationException", **params: Any) -> str:
        with pytest.raises(lab.sm.exceptions.ClientError) as caught:
            getattr(lab.sm, operation)(**params)
        assert caught.value.response["Error"]["Code"] == code
        return str(caught.value.response["Error"]["Message"])

    return call
