"""Native schedules from a template to events: executions, a rollout's new job definition, permissions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import numpy as np
import polars as pl
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from e2e_support import models, policies
from monitor_support.plant import Images

import cdk_sagemaker_mlops as mlops
from model_analyzer import bias, model_quality
from sagemaker_labels import GroundTruthClient
from sagemaker_local.server import LocalAws

pytestmark = [pytest.mark.xdist_group("native-engine")]
ACCOUNT, REGION = "111000000052", "eu-west-1"
ENDPOINT, DATA = "mlops-native-churn", "native-data"
ENCRYPTED = "native-encrypted-reports"
ASSETS = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
KINDS = {
    "DataQuality": "data-quality",
    "ModelQuality": "model-quality",
    "ModelBias": "bias",
    "ModelExplainability": "attribution",
}
FACET = models.FEATURES.index("balance")


@dataclass(eq=False)
class Native:
    """The stack in the embedded AWS, as the judge of policies knows a site."""

    aws: LocalAws
    account: str = ACCOUNT
    region: str = REGION
    prefix: str = "Native"

    def client(self, service: str) -> Any:
        return self.aws.clients(service, self.account, self.region)

    def owner(self, service: str) -> Any:
        return self.client(service)

    def put(self, key: str, body: str | bytes, bucket: str = DATA) -> str:
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        return f"s3://{bucket}/{key}"

    def exists(self, uri: str) -> bool:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return "Contents" in self.client("s3").list_objects_v2(Bucket=bucket, Prefix=key)

    @property
    def events(self) -> list[dict[str, Any]]:
        calls = self.aws.recorder.select(service="events", operation="PutEvents")
        entries = [entry for call in calls for entry in call.params["Entries"]]
        return [json.loads(entry["Detail"]) for entry in entries if entry["DetailType"] == "Monitoring Execution"]

    def until(self, check: Callable[[], Any], what: str, seconds: float = 120) -> Any:
        end = time.monotonic() + seconds
        while not (found := check()):
            assert time.monotonic() < end, f"{what} did not happen: {self.told()}"
            time.sleep(0.1)
        return found

    def told(self) -> dict[str, Any]:
        """What there is to be seen when something did not happen."""
        listed = self.client("sagemaker").list_monitoring_executions(MaxResults=20)["MonitoringExecutionSummaries"]
        ended = [(e["MonitoringScheduleName"], e["MonitoringExecutionStatus"], e.get("FailureReason")) for e in listed]
        return {"executions": ended, "events": [(e["monitoringType"], e["status"]) for e in self.events]}

    def spend(self, requests: np.ndarray, name: str, kinds: int) -> list[dict[str, Any]]:
        """An hour with requests and their labels; returns the events about it by so many kinds of monitors."""
        before = len(self.events)
        runtime = self.client("sagemaker-runtime")
        for number, row in enumerate(requests):
            body = ",".join(f"{value:g}" for value in row)
            runtime.invoke_endpoint(
                EndpointName=ENDPOINT, ContentType="text/csv", Body=body, InferenceId=f"{name}{number}"
            )["Body"].read()
        labels = GroundTruthClient(f"s3://{DATA}/{ENDPOINT}", s3=self.client("s3"), now=self.aws.clock.now)
        labels.write_labels((f"{name}{number}", int(row[0] + row[1] > 0)) for number, row in enumerate(requests))
        now = self.aws.clock.now()
        end = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        self.aws.clock.advance((end - now).total_seconds() + 360)
        self.until(lambda: len(self.events) >= before + kinds, f"{kinds} executions about {name}")
        return self.events[before:]

    def quiet_hour(self) -> list[dict[str, Any]]:
        """An hour without requests; nobody tells of it but the hourly look."""
        before = len(self.events)
        now = self.aws.clock.now()
        end = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        self.aws.clock.advance((end - now).total_seconds() + 52 * 60)
        self.until(lambda: len(self.events) > before, "the look")
        return self.events[before:]


def template(tmp_path: Path) -> tuple[str, Path]:
    """The stack's template, and the folder of its assets."""
    app = cdk.App(outdir=str(tmp_path / "out"))
    stack = cdk.Stack(app, "Native", env=cdk.Environment(account=ACCOUNT, region=REGION))
    bucket = s3.Bucket.from_bucket_name(stack, "Data", DATA)
    group = mlops.ModelPackageGroup.from_model_package_group_name(stack, "Group", "churn")
    endpoint = mlops.Endpoint(
        stack,
        "Endpoint",
        endpoint_name=ENDPOINT,
        model=mlops.Model.latest_approved(group),
        capture=mlops.DataCapture(bucket=bucket, prefix="captured"),
        alarms=mlops.EndpointAlarms.none(),
    )
    common: dict[str, Any] = {
        "endpoint": endpoint,
        "engine": mlops.Engine.MODEL_MONITOR,
        "schedule": mlops.MonitoringSchedule.hourly(),
        "alarms": mlops.MonitorAlarms(heartbeat_periods=None),
    }
    labels = mlops.Labels(bucket=bucket)
    # Keys for disks and reports, and a VPC.
    key = kms.Key(stack, "Key", removal_policy=cdk.RemovalPolicy.DESTROY)
    encrypted = s3.Bucket(stack, "Encrypted", encryption_key=key, bucket_name=ENCRYPTED)
    inside = ec2.SubnetConfiguration(name="inside", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24)
    zones = [f"{REGION}a", f"{REGION}b"]
    vpc = ec2.Vpc(stack, "Vpc", availability_zones=zones, nat_gateways=0, subnet_configuration=[inside])
    secured = mlops.ModelMonitorEngine(volume_key=key, network=mlops.Network(vpc=vpc), encrypt_traffic=True)
    versions = mlops.Baseline.from_registry(bucket)
    own = {"engine": secured, "reports": encrypted, "baseline": versions, "exclude_features": ["probability"]}
    mlops.DataQualityMonitor(stack, "DataQuality", **common | own)
    binary = mlops.ProblemType.BINARY_CLASSIFICATION
    mlops.ModelQualityMonitor(stack, "ModelQuality", problem_type=binary, labels=labels, **common)
    facet = mlops.Facet(name_or_index="balance", threshold=0.5)
    mlops.BiasMonitor(stack, "Bias", facets=[facet], headers=models.FEATURES, labels=labels, **common)
    shap = mlops.Shap(baseline=[[0, 0, 0, 0]], num_samples=20)
    mlops.AttributionMonitor(stack, "Attribution", headers=models.FEATURES, shap=shap, **common)
    app.synth()
    return (tmp_path / "out" / "Native.template.json").read_text(), tmp_path / "out"


def baselines() -> dict[str, str]:
    """By parameter: files about what the model was trained on, with room for the luck of an hour."""
    table = models.rows(2000, seed=2)
    columns = {name: table[:, number] for number, name in enumerate(models.FEATURES)}
    truth = (table[:, 0] + table[:, 1] > 0).astype(int)
    frame = pl.DataFrame({"prediction": models.answers(table).astype(float), **columns, "ground_truth": truth})
    task = model_quality.Task("BinaryClassification", probability="prediction")
    quality = model_quality.statistics(model_quality.summarize_all([frame], task))
    facet = bias.BiasConfig((bias.Facet("balance", threshold=0.5),), probability="prediction")
    shap = {"age": 0.3, "income": 0.3, "balance": 0.001, "visits": 0.001}
    explained = {"kernel_shap": {"label0": {"global_shap_values": shap, "expected_value": 0.5}}}
    return {
        "DataQualityConstraintsUri": models.baseline()["constraints.json"],
        "DataQualityStatisticsUri": models.baseline()["statistics.json"],
        "ModelQualityConstraintsUri": model_quality.suggest(quality, tolerance=0.4).to_json(),
        "ModelQualityStatisticsUri": json.dumps(quality),
        "ModelBiasConstraintsUri": json.dumps(bias.analysis(bias.summarize_all([frame], facet))),
        "ModelExplainabilityConstraintsUri": json.dumps({"version": "1.0", "explanations": explained}),
    }


@pytest.fixture(scope="module")
def native(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Native]:
    site, folder = Native(aws), tmp_path_factory.mktemp("native")
    images = Images(aws, ACCOUNT, REGION)
    text, out = template(folder)
    place = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    for bucket in (ASSETS, DATA, f"sagemaker-{REGION}-{ACCOUNT}"):
        site.client("s3").create_bucket(Bucket=bucket, **place)
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        site.client("s3").put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    for file in out.glob("asset.*"):
        site.put(file.name.removeprefix("asset."), file.read_bytes(), ASSETS)
    site.client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Type="String", Value="21")
    archive = site.put("model.tar.gz", models.archive(), f"sagemaker-{REGION}-{ACCOUNT}")
    sm = site.client("sagemaker")
    sm.create_model_package_group(ModelPackageGroupName="churn")
    package = sm.create_model_package(
        ModelPackageGroupName="churn",
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [{"Image": models.IMAGE, "ModelDataUrl": archive}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )["ModelPackageArn"]
    files = {name: site.put(f"baselines/1/{name}", body) for name, body in baselines().items()}
    # Made by an earlier version's training, for the version that comes later.
    files["DataQualityConstraintsUri"], later = "", files["DataQualityConstraintsUri"]
    url = site.put("template.json", text, ASSETS).replace("s3://", f"https://s3.{REGION}.amazonaws.com/")
    parameters = {"ModelPackageArn": package, **files}
    cfn = site.client("cloudformation")
    cfn.create_stack(
        StackName="Native", TemplateURL=url, Capabilities=["CAPABILITY_IAM"], Parameters=_given(parameters)
    )
    site.until(lambda: _status(site).endswith("COMPLETE"), "the stack")
    assert _status(site) == "CREATE_COMPLETE"
    site.later = {**parameters, "DataQualityConstraintsUri": later}  # type: ignore[attr-defined]
    yield site
    images.end()


def _given(parameters: dict[str, str]) -> list[dict[str, str]]:
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]


def _status(site: Native) -> str:
    return str(site.client("cloudformation").describe_stacks(StackName="Native")["Stacks"][0]["StackStatus"])


def _definition(site: Native) -> str:
    schedule = site.client("sagemaker").describe_monitoring_schedule(MonitoringScheduleName=f"{ENDPOINT}-data-quality")
    return str(schedule["MonitoringScheduleConfig"]["MonitoringJobDefinitionName"])


def customers(seed: int) -> np.ndarray:
    """Others than those of the training: richer, but those with a high balance poor."""
    table = models.rows(150, seed=seed, shift=2.0)
    table[table[:, FACET] > 0.5, 1] -= 6
    return table


@pytest.fixture(scope="module")
def first(native: Native) -> dict[str, dict[str, Any]]:
    """An hour of all kinds, in which data quality has no baseline yet."""
    return {event["monitoringType"]: event for event in native.spend(customers(12), "first", len(KINDS))}


@pytest.fixture(scope="module")
def second(native: Native, first: dict[str, Any]) -> dict[str, Any]:
    """After an update with the missing baseline: an hour of data quality alone."""
    for slug in set(KINDS.values()) - {"data-quality"}:
        native.client("sagemaker").stop_monitoring_schedule(MonitoringScheduleName=f"{ENDPOINT}-{slug}")
    native.before = _definition(native)  # type: ignore[attr-defined]
    native.client("cloudformation").update_stack(
        StackName="Native",
        UsePreviousTemplate=True,
        Capabilities=["CAPABILITY_IAM"],
        Parameters=_given(native.later),  # type: ignore[attr-defined]
    )
    native.until(lambda: _status(native).endswith("COMPLETE"), "the update")
    assert _status(native) == "UPDATE_COMPLETE"
    (event,) = native.spend(customers(13), "second", 1)
    return event


def test_every_kind_is_told_as_by_any_other_engine(native: Native, first: dict[str, Any]) -> None:
    assert set(first) == set(KINDS)
    for kind, event in first.items():
        assert (event["engine"], event["endpointName"]) == ("model-monitor", ENDPOINT)
        assert event["monitoringScheduleName"] == f"{ENDPOINT}-{KINDS[kind]}"
        assert event["status"].startswith("Completed"), (kind, event)
        assert event["modelPackageArn"].endswith("model-package/churn/1")
        for name in ("reportUri", "statisticsUri"):
            assert native.exists(event[name]), (kind, event[name])
    assert {kind: event["baselineMissing"] for kind, event in first.items()} == {
        kind: kind == "DataQuality" for kind in KINDS
    }
    assert first["DataQuality"]["records"] == first["ModelQuality"]["records"] == 150


def test_a_version_brings_its_baseline_by_another_definition(
    native: Native, first: dict[str, Any], second: dict[str, Any]
) -> None:
    assert _definition(native) != native.before  # type: ignore[attr-defined]
    listed = native.client("sagemaker").list_data_quality_job_definitions()["JobDefinitionSummaries"]
    assert [item["MonitoringJobDefinitionName"].lower() for item in listed] == [_definition(native).lower()]
    assert (first["DataQuality"]["baselineMissing"], second["baselineMissing"]) == (True, False)


def test_runs_have_the_keys_and_the_vpc_that_were_given(native: Native, second: dict[str, Any]) -> None:
    assert second["reportUri"].startswith(f"s3://{ENCRYPTED}/")
    job = native.client("sagemaker").describe_processing_job(ProcessingJobName=second["processingJobName"])
    network = job["NetworkConfig"]
    assert (len(network["VpcConfig"]["Subnets"]), network["EnableInterContainerTrafficEncryption"]) == (2, True)
    assert "VolumeKmsKeyId" in job["ProcessingResources"]["ClusterConfig"]
    assert "KmsKeyId" in job["ProcessingOutputConfig"]


def test_violations_arrive_with_names_and_numbers(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert (second["status"], second["checked"]) == ("CompletedWithViolations", True)
    drift = {item["feature"]: item for item in second["worstFeatures"] if item["check"] == "baseline_drift_check"}
    assert drift["income"]["value"] > drift["income"]["threshold"]
    biased = first["ModelBias"]
    assert biased["status"] == "CompletedWithViolations"
    assert {item["facet"] for item in biased["worstMetrics"]} == {"balance"}


def test_runs_have_the_metrics_that_alarms_look_at(native: Native, second: dict[str, Any]) -> None:
    cloudwatch = native.client("cloudwatch")
    for kind, slug in KINDS.items():
        dimensions = [{"Name": "MonitoringSchedule", "Value": f"{ENDPOINT}-{slug}"}]
        listed = cloudwatch.list_metrics(Namespace="SageMakerMLOps/Monitoring", Dimensions=dimensions)["Metrics"]
        names = {metric["MetricName"] for metric in listed}
        assert {"RunsCompleted", "RunsFailed", "BaselineMissing", "RunSeconds"} <= names, kind
    alarm = cloudwatch.describe_alarms(AlarmNamePrefix="Native", StateValue="ALARM")["MetricAlarms"]
    names = {item["AlarmName"] for item in alarm} or {
        item["AlarmName"] for item in cloudwatch.describe_alarms(StateValue="ALARM")["MetricAlarms"]
    }
    assert f"{ENDPOINT}-data-quality-Violations" in names
    explained = cloudwatch.list_metrics(Namespace="aws/sagemaker/Endpoints/explainability-metrics")["Metrics"]
    assert {"NDCG", "feature_age"} <= {metric["MetricName"] for metric in explained}


def test_hours_without_traffic_are_told_though_no_job_ran(native: Native, second: dict[str, Any]) -> None:
    told = native.quiet_hour()
    assert {(event["status"], event["noDataReason"]) for event in told} == {("NoData", "NoCaptures")}
    keys = [(event["monitoringScheduleName"], event["window"]["start"]) for event in native.events]
    assert len(keys) == len(set(keys)), "each execution is told once"


def test_roles_were_allowed_everything_that_they_did(native: Native, second: dict[str, Any]) -> None:
    verdict = policies.judge(native, native.aws.calls)  # type: ignore[arg-type]
    # The embedded AWS looks whether a variant is scaled as whoever deletes the endpoint; and the model's own role keeps
    # no log of the shadow endpoints that Clarify makes of it, which nobody misses.
    expected = ("application-autoscaling:DescribeScalableTargets", "/aws/sagemaker/Endpoints/sm-clarify-")
    missing = {
        role: unexpected
        for role, lacking in verdict.missing.items()
        if (unexpected := {need for need in lacking if not any(known in need for known in expected)})
    }
    assert missing == {}
    assert verdict.judged > 200
