"""Trains a small model, registers it with its baseline, approves it, waits until it answers: `python publish.py`.

Works on whatever AWS the environment names; with the embedded one in a minute.
"""

from __future__ import annotations

import io
import json
import tarfile
import time
from typing import Any

import boto3
import numpy as np
import polars as pl
import xgboost

from model_analyzer import data_quality

STACK, GROUP, ENDPOINT = "shop-churn", "churn", "shop-churn"
IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1"
FEATURES = ("age", "monthly_charge", "calls")


def train() -> tuple[bytes, dict[str, str]]:
    """The model's archive, and its baseline: statistics and constraints of what it is asked and answers."""
    random = np.random.default_rng(7)
    table = np.column_stack([random.integers(18, 90, 2000), random.gamma(4, 15, 2000), random.poisson(1.5, 2000)])
    left = (table[:, 1] / 60 + table[:, 2] / 2 + random.normal(0, 0.4, 2000) > 2.2).astype(int)
    booster = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 3}, xgboost.DMatrix(table, left), num_boost_round=20
    )
    # As captured records are read: what the endpoint answered, then what it was asked.
    answers = booster.predict(xgboost.DMatrix(table)).astype(float)
    profile = data_quality.profile(pl.DataFrame({"probability": answers, **dict(zip(FEATURES, table.T, strict=True))}))
    baseline = {
        "statistics.json": json.dumps(data_quality.statistics(profile)),
        "constraints.json": data_quality.suggest(profile).to_json(),
    }
    stream, body = io.BytesIO(), bytes(booster.save_raw("ubj"))
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        member = tarfile.TarInfo("xgboost-model")
        member.size = len(body)
        tar.addfile(member, io.BytesIO(body))
    return stream.getvalue(), baseline


def register(sagemaker: Any, s3: Any, bucket: str) -> str:
    """Put archive and baseline into the bucket of models, and a version that is approved into the group."""
    archive, baseline = train()
    folder = f"churn/{int(time.time())}"
    files = {"model.tar.gz": archive, **{name: text.encode() for name, text in baseline.items()}}
    for name, body in files.items():
        s3.put_object(Bucket=bucket, Key=f"{folder}/{name}", Body=body)
    reports = {
        kind: {"ContentType": "application/json", "S3Uri": f"s3://{bucket}/{folder}/{kind.lower()}.json"}
        for kind in ("Statistics", "Constraints")
    }
    version = sagemaker.create_model_package(
        ModelPackageGroupName=GROUP,
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [{"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/{folder}/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        DriftCheckBaselines={"ModelDataQuality": reports},
    )
    return str(version["ModelPackageArn"])


def main() -> None:
    sagemaker, s3 = boto3.client("sagemaker"), boto3.client("s3")
    resources = boto3.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
    bucket = next(r["PhysicalResourceId"] for r in resources if r["LogicalResourceId"].startswith("StorageModels"))
    print("approved:", register(sagemaker, s3, bucket))
    print("waiting for the controller to roll it out ...")
    while not any(e["EndpointName"] == ENDPOINT for e in sagemaker.list_endpoints()["Endpoints"]):
        time.sleep(2)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=ENDPOINT, WaiterConfig={"Delay": 2})
    runtime = boto3.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName=ENDPOINT, ContentType="text/csv", Body="42,79.5,3")
    print("probability that this customer leaves:", answer["Body"].read().decode().strip())


if __name__ == "__main__":
    main()
