"""The insights report, deployed into the embedded AWS and written by its schedule about a model with a history."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from e2e_support import policies
from e2e_support.deployment import Deployment

from model_analyzer import data_quality
from sagemaker_local.server import LocalAws

pytestmark = pytest.mark.e2e

ACCOUNT, REGION = "111111111111", "eu-west-1"
ENDPOINT, SCHEDULE = "mlops-dev-churn", "mlops-dev-churn-data-quality"
ENVIRONMENT = {
    "account": ACCOUNT,
    "region": REGION,
    "removal": "destroy",
    "termination_protection": False,
    "log_retention_days": 7,
    "notifications": {"email": ["owner@example.com"]},
    "bootstrap_qualifier": "mlteam",
    "permissions_boundary": "ml-workloads",
    # Of this one there is no version yet; the model with a history is registered as its serving stack would do it.
    "models": {"fresh": {"registry": {"group": "fresh"}, "endpoint": {"instance_type": "ml.m5.large"}}},
    "insights": {
        "schedule": "daily",
        "rules": {
            "many-versions": {"fact": "live.version", "above": 1, "step": "Tidy the group up.", "urgency": "note"}
        },
    },
}
# Of another account, so that there is none of this name here.
TRAINING_JOB = "churn-training-1"
EVALUATION = {
    "binary_classification_metrics": {"auc": {"value": 0.91, "standard_deviation": 0.01}},
    "feature_importance": {"minutes": 0.7, "age": 0.3},
    "training": {"metric": "auc", "train": 0.99, "validation": 0.91, "findings": [{"rule": "overfit"}]},
}


class Site:
    """The environment's account, as the policy evaluator looks at it."""

    prefix, account, region = "mlops-dev", ACCOUNT, REGION

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws

    def client(self, service: str) -> Any:
        return self.aws.client(service, ACCOUNT, REGION)

    def output(self, stack: str, key: str) -> str:
        described = self.client("cloudformation").describe_stacks(StackName=f"mlops-dev-{stack}")["Stacks"][0]
        return next(item["OutputValue"] for item in described["Outputs"] if item["OutputKey"] == key)


@pytest.fixture(scope="module")
def site(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An environment whose model has drifted, was trained badly, and has a version in quarantine."""
    site = Site(aws)
    boundary = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    site.client("iam").create_policy(PolicyName="ml-workloads", PolicyDocument=json.dumps(boundary))
    Deployment(aws, tmp_path_factory.mktemp("insights"), {"dev": ENVIRONMENT}).deploy()
    _seed(site)
    yield site


def _seed(site: Site) -> None:
    now = site.aws.clock.now()
    reports, models = site.output("Foundation", "ReportsBucketName"), site.output("Foundation", "ModelsBucketName")
    s3, sagemaker = site.client("s3"), site.client("sagemaker")
    s3.put_object(Bucket=models, Key="churn/evaluation.json", Body=json.dumps(EVALUATION))
    sagemaker.create_model_package_group(ModelPackageGroupName="churn")
    arns = [
        sagemaker.create_model_package(
            ModelPackageGroupName="churn",
            ModelApprovalStatus="Approved",
            ModelMetrics={
                "ModelQuality": {
                    "Statistics": {"ContentType": "application/json", "S3Uri": f"s3://{models}/churn/evaluation.json"}
                }
            },
            InferenceSpecification={
                "Containers": [
                    {
                        "Image": "1.dkr.ecr.eu-west-1.amazonaws.com/x:1",
                        "ModelDataUrl": f"s3://{models}/{TRAINING_JOB}/output/model.tar.gz",
                    }
                ],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        )["ModelPackageArn"]
        for _ in range(3)
    ]
    template = {
        "Parameters": {"ModelPackageArn": {"Type": "String"}},
        "Resources": {"Nothing": {"Type": "AWS::SNS::Topic"}},
    }
    site.client("cloudformation").create_stack(
        StackName="mlops-dev-Serving-churn",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": "ModelPackageArn", "ParameterValue": arns[1]}],
    )
    registration = {
        "model": "churn",
        "stack_name": "mlops-dev-Serving-churn",
        "endpoint_name": ENDPOINT,
        "model_package_group": "churn",
        "parameters": {"version": "ModelPackageArn"},
    }
    ssm = site.client("ssm")
    ssm.put_parameter(Name="/mlops-dev/serving/churn", Type="String", Value=json.dumps(registration))
    held = [{"model_package_arn": arns[2], "reason": "alarm ServerErrors", "resource": "Endpoint", "at": "2026-11-01"}]
    ssm.put_parameter(Name="/mlops-dev/quarantine/churn", Type="String", Value=json.dumps(held))
    dimensions = [{"Name": "Endpoint", "Value": ENDPOINT}, {"Name": "MonitoringSchedule", "Value": SCHEDULE}]
    put = site.client("cloudwatch").put_metric_data
    data = [("feature_baseline_drift_minutes", 0.6), *((f"feature_baseline_drift_{name}", 0.01) for name in "abcd")]
    for namespace, metrics in (
        ("aws/sagemaker/Endpoints/data-metrics", data),
        ("SageMakerMLOps/Monitoring", [("RunsCompleted", 1), ("RunsFailed", 0), ("Violations", 1)]),
    ):
        put(
            Namespace=namespace,
            MetricData=[
                {"MetricName": name, "Value": value, "Timestamp": now, "Dimensions": dimensions}
                for name, value in metrics
            ],
        )
    violation = {
        "feature_name": "minutes",
        "constraint_check_type": "baseline_drift_check",
        "description": "Baseline drift distance: 0.6 exceeds threshold: 0.1",
    }
    folder = f"{ENDPOINT}/{SCHEDULE}/{now:%Y/%m/%d/%H}"
    s3.put_object(
        Bucket=reports, Key=f"{folder}/constraint_violations.json", Body=json.dumps({"violations": [violation]})
    )
    once = pl.DataFrame({"minutes": [number * 0.7 for number in range(900)], "a": range(900)})
    retried = data_quality.records(data_quality.profile(pl.concat([once, once[:300]])))
    s3.put_object(Bucket=reports, Key=f"{folder}/records.json", Body=json.dumps(retried))


@pytest.fixture(scope="module")
def written(site: Site) -> dict[str, str]:
    """What the schedule wrote within a day, by file name."""
    events = site.client("events")
    for rule in events.list_rules(NamePrefix="mlops-dev-Delivery")["Rules"]:
        # The rollout controller's clock would tick three hundred times in that day.
        events.disable_rule(Name=rule["Name"])
    site.aws.clock.advance(timedelta(hours=24))
    bucket, s3 = site.output("Foundation", "ReportsBucketName"), site.client("s3")
    deadline = time.monotonic() + 60
    while True:
        listed = s3.list_objects_v2(Bucket=bucket, Prefix="insights/").get("Contents", [])
        if any(item["Key"].endswith("/index.html") for item in listed):
            break
        assert time.monotonic() < deadline, "no report was written"
        time.sleep(0.05)
    return {
        item["Key"].rpartition("/")[2]: s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read().decode()
        for item in listed
    }


def test_the_schedule_writes_the_pages(written: dict[str, str]) -> None:
    assert set(written) == {"index.html", "churn.html", "fresh.html", "insights.json"}
    assert "needs you" in written["index.html"]
    assert "not deployed" in written["fresh.html"]
    for said in ("Drift sits in minutes", "alarm ServerErrors", "by heart", "rolled back"):
        assert said in written["churn.html"], said


def test_what_is_known_of_the_model(written: dict[str, str]) -> None:
    model = json.loads(written["insights.json"])["models"]["churn"]

    rules = {item["rule"]: item for item in model["recommendations"]}
    assert {"drift-concentrated", "overfitting", "newer-version-not-live", "many-versions"} <= set(rules)
    assert rules["drift-concentrated"]["evidence"][-1] == "these features carry 70% of the model's decisions"
    assert model["live_version"].endswith("/churn/2")
    assert rules["repeated-requests"]["title"] == "25% of the requests repeat an earlier one"
    assert model["facts"]["monitors.DataQuality.repeated_share"] == 0.25
    assert model["facts"]["live.metrics.auc"] == 0.91
    assert model["unread"] == []


def test_the_owner_gets_a_digest(site: Site, written: dict[str, str]) -> None:
    published = [call for call in site.aws.calls if (call.service, call.operation) == ("sns", "Publish")]

    (call,) = [call for call in published if "/role/" not in call.caller_arn and "Insights" in call.caller_arn]
    assert call.params["Subject"] == "dev: churn needs you"
    assert "[act] Drift sits in minutes" in call.params["Message"]


def test_every_role_has_the_accounts_boundary(site: Site) -> None:
    """And the stacks came up from a bootstrap with a qualifier of its own: there is no other one in the account."""
    iam = site.client("iam")
    names = [role["RoleName"] for role in iam.list_roles()["Roles"] if role["RoleName"].startswith(site.prefix)]
    bounds = [iam.get_role(RoleName=name)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] for name in names]

    assert len(bounds) >= 7
    assert set(bounds) == {f"arn:aws:iam::{ACCOUNT}:policy/ml-workloads"}
    buckets = [bucket["Name"] for bucket in site.client("s3").list_buckets()["Buckets"]]
    assert [name for name in buckets if name.startswith("cdk-")] == [f"cdk-mlteam-assets-{ACCOUNT}-{REGION}"]


def test_the_role_allows_what_was_called_and_no_more(site: Site, written: dict[str, str]) -> None:
    verdict = policies.judge(site, site.aws.calls)  # type: ignore[arg-type]

    assert verdict.missing == {}
    unused = {action for role, actions in verdict.unused.items() if "Report" in role for action in actions}
    # The endpoint and the training job do not exist here; the queue is for runs that fail.
    assert unused <= {
        "sagemaker:DescribeEndpointConfig",
        "sagemaker:DescribeHyperParameterTuningJob",
        "sqs:SendMessage",
        "kms:Decrypt",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }
