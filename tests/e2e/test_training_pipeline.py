"""The ready pipeline, run as it is deployed: every step fails once, instances are taken away, SageMaker's own gates."""

from __future__ import annotations

import io
import json
import tarfile
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aws_cdk as cdk
import numpy as np
import pandas as pd
import pytest
import xgboost
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from e2e_support.deployment import Deployment

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops import training as tr
from sagemaker_local import jobs as local_jobs
from sagemaker_local import pipelines as local_pipelines
from sagemaker_local.server import LocalAws

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("training-pipeline")]
ACCOUNT, REGION = "787878787878", "eu-west-1"
_DEPLOY = """
import boto3, os
def handler(event, context):
    found = boto3.client("s3").list_objects_v2(Bucket=os.environ["BUCKET"], Prefix="deploy/open")
    if not found.get("KeyCount"):
        raise RuntimeError("the rollout controller is away")
    return {}
"""


def customers(rows: int = 500) -> pd.DataFrame:
    """Whether customers left."""
    random = np.random.default_rng(3)
    minutes, calls = random.gamma(4, 50, rows).round(1), random.poisson(1.5, rows)
    plan = random.choice(["basic", "world"], rows, p=[0.7, 0.3])
    left = random.random(rows) < 1 / (1 + np.exp(-(0.02 * (minutes - 200) + 0.5 * (calls - 1.5))))
    table = {"left": np.where(left, "yes", "no"), "plan": plan, "minutes": minutes, "calls": calls}
    return pd.DataFrame(table)


def _app(folder: str) -> cdk.App:
    app = cdk.App(outdir=folder)
    stack = cdk.Stack(app, "Ready", env=cdk.Environment(account=ACCOUNT, region=REGION))
    bucket = s3.Bucket(stack, "Bucket", bucket_name="ready-pipelines")
    deploy = lambda_.Function(
        stack,
        "Deploy",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline(_DEPLOY),
        environment={"BUCKET": bucket.bucket_name},
    )
    bucket.grant_read(deploy)

    def pipeline(name: str, **options: Any) -> None:
        group = mlops.ModelPackageGroup(stack, f"Group-{name}", name=name, artifacts=[bucket], retain=False)
        definition = tr.TabularPipeline(
            data=f"s3://{bucket.bucket_name}/data/",
            label="left",
            problem="binary-classification",
            positive_label="yes",
            group=group,
            facet=tr.BiasFacet(name="plan", values=["world"]),
            **options,
        )
        tr.TrainingPipeline(stack, name, name=name, definition=definition, artifacts=bucket, inputs=[bucket])

    fixed = {"num_round": 200, "early_stopping_rounds": 200, "checkpoint_rounds": 10, "nthread": 1, "max_depth": 2}
    searched = {"eta": tr.steps.Continuous(0.02, 0.2), "subsample": tr.steps.Continuous(0.6, 0.9)}
    pipeline(
        "ready",
        hyperparameters=fixed,
        tuning=tr.Tuning(ranges=searched, strategy="Random", max_jobs=2, max_parallel_jobs=2, early_stopping=False),
        minimum=0.6,
        deploy=deploy,
    )
    pipeline(
        "native",
        hyperparameters={"num_round": 20, "nthread": 1, "max_depth": 2},
        tuning=None,
        gate_engine="model-monitor",
        better_than_live=False,
    )
    return app


@dataclass
class Lab:
    """A deployed pipeline and what happens to it."""

    aws: LocalAws
    first: str = ""
    failures: dict[str, tuple[dict[str, Any], int]] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return self.aws.client(service, ACCOUNT, REGION)

    @property
    def sm(self) -> Any:
        return self.client("sagemaker")

    @property
    def substitutes(self) -> Any:
        return local_pipelines.of(self.aws).substitutes

    def start(self, name: str, *selected: str, source: str = "", **parameters: str) -> str:
        """Start an execution, of some steps only if there are some; return its ARN when it has ended."""
        config: dict[str, Any] = {"SelectedSteps": [{"StepName": step} for step in selected]}
        config |= {"SourcePipelineExecutionArn": source} if source else {}
        arn = self.sm.start_pipeline_execution(
            PipelineName=name,
            ClientRequestToken=uuid4().hex,
            PipelineParameters=[{"Name": key, "Value": value} for key, value in parameters.items()],
            **({"SelectiveExecutionConfig": config} if selected else {}),
        )["PipelineExecutionArn"]
        return self.ended(arn)

    def retry(self) -> None:
        self.sm.retry_pipeline_execution(PipelineExecutionArn=self.first, ClientRequestToken=uuid4().hex)
        self.ended(self.first)

    def ended(self, arn: str) -> str:
        for _ in range(800):
            if self.status(arn) in ("Succeeded", "Failed", "Stopped"):
                return arn
            time.sleep(0.1)
        raise AssertionError(f"{arn} did not end: {self.steps(arn)}")

    def status(self, arn: str) -> str:
        return str(self.sm.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"])

    def steps(self, arn: str) -> dict[str, Any]:
        listed = self.sm.list_pipeline_execution_steps(PipelineExecutionArn=arn, MaxResults=100, SortOrder="Ascending")
        return {step["StepName"]: step for step in listed["PipelineExecutionSteps"]}

    def reasons(self, arn: str) -> dict[str, str]:
        """Why steps failed."""
        return {name: step["FailureReason"] for name, step in self.steps(arn).items() if "FailureReason" in step}

    def versions(self, group: str = "ready") -> list[dict[str, Any]]:
        found = self.sm.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
        return [self.sm.describe_model_package(ModelPackageName=item["ModelPackageArn"]) for item in found]

    def tuning(self, arn: str) -> dict[str, Any]:
        name = self.steps(arn)["Tune"]["Metadata"]["TuningJob"]["Arn"].rpartition("/")[2]
        jobs = self.sm.list_hyper_parameter_tuning_jobs()["HyperParameterTuningJobSummaries"]
        (name,) = (
            job["HyperParameterTuningJobName"] for job in jobs if job["HyperParameterTuningJobName"].lower() == name
        )
        described: dict[str, Any] = self.sm.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return described

    def read(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        content: bytes = self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    def trees(self, job: dict[str, Any]) -> list[str]:
        """The trees of a training job's model."""
        uri = self.sm.describe_training_job(TrainingJobName=job["TrainingJobName"])["ModelArtifacts"][
            "S3ModelArtifacts"
        ]
        with tarfile.open(fileobj=io.BytesIO(self.read(uri))) as tar:
            raw = tar.extractfile("xgboost-model").read()  # type: ignore[union-attr]
        booster = xgboost.Booster()
        booster.load_model(bytearray(raw))
        return list(booster.get_dump())

    def log(self, job: str) -> str:
        logs = self.client("logs")
        streams = logs.describe_log_streams(logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=job)
        # One for each instance that the job had.
        events = [
            event
            for stream in streams["logStreams"]
            for event in logs.get_log_events(
                logGroupName="/aws/sagemaker/TrainingJobs", logStreamName=stream["logStreamName"], startFromHead=True
            )["events"]
        ]
        return "\n".join(event["message"] for event in events)


#: Steps that fail, in order; what fails is the job where there is one.
JOBS = ("Prepare", "Tune", "Evaluate", "Gates")
BROKEN = (*JOBS, "CheckGates", "CheckMetric", "CheckAgainstLive", "Register")


@pytest.fixture(scope="module")
def lab(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    Deployment.of(aws, _app(str(tmp_path_factory.mktemp("app")))).deploy()
    lab = Lab(aws)
    lab.client("s3").put_object(
        Bucket="ready-pipelines", Key="data/customers.csv", Body=customers().to_csv(index=False).encode()
    )
    for step in BROKEN:
        if step in JOBS:
            for _ in range(2 if step == "Tune" else 1):
                local_jobs.of(aws).faults.fail_next(f"AlgorithmError: {step} broke", f"-{step}-")
        else:
            lab.substitutes.fail_next(step, f"ClientError: {step} broke")
    lab.first = lab.start("ready")
    for step in (*BROKEN, "Deploy"):
        steps = lab.steps(lab.first)
        lab.failures[step] = (steps, len(lab.versions()))
        assert lab.status(lab.first) == "Failed", (step, steps)
        if step == "Deploy":
            lab.client("s3").put_object(Bucket="ready-pipelines", Key="deploy/open", Body=b"")
        lab.retry()
    return lab


@pytest.mark.parametrize("broken", BROKEN)
def test_a_step_that_fails_stops_the_pipeline_and_nothing_is_registered(lab: Lab, broken: str) -> None:
    steps, versions = lab.failures[broken]
    assert versions == 0
    assert list(steps)[-1] == broken
    assert [name for name, step in steps.items() if step["StepStatus"] != "Succeeded"] == [broken]
    reason = steps[broken]["FailureReason"]
    assert ("All training jobs failed" if broken == "Tune" else f"{broken} broke") in reason


def test_a_deployment_that_fails_leaves_a_version_that_nobody_approved(lab: Lab) -> None:
    steps, versions = lab.failures["Deploy"]
    assert (list(steps)[-1], versions) == ("Deploy", 1)
    assert "RuntimeError: the rollout controller is away" in steps["Deploy"]["FailureReason"]
    assert lab.status(lab.first) == "Succeeded"
    (version,) = lab.versions()
    assert version["ModelApprovalStatus"] == "PendingManualApproval"
    assert version["MetadataProperties"]["GeneratedBy"] == lab.first
    uri = version["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    cost = json.loads(lab.read(uri))["cost"]
    assert (cost["training_jobs"], cost["instance_types"]) == (2, {"ml.m5.xlarge": 2})
    assert cost["billable_seconds"] <= cost["training_seconds"]


def _said(lab: Lab, step: str, output: str, document: dict[str, Any]) -> None:
    """Let a step have written this from now on."""
    place = f"said/{step}-{uuid4().hex[:4]}"
    body = json.dumps(document).encode()
    lab.client("s3").put_object(Bucket="ready-pipelines", Key=f"{place}/{output}.json", Body=body)
    uri = {"S3Uri": f"s3://ready-pipelines/{place}"}
    outputs = [{"OutputName": name, "S3Output": uri} for name in (output, "predictions", "baselines", "drift-check")]
    lab.substitutes.stand_in(step, {"ProcessingOutputConfig": {"Outputs": outputs}})


def test_conditions_that_do_not_hold_say_why(lab: Lab) -> None:
    poor = lab.start("ready", "CheckGates", source=lab.first, MinimumMetric="1.5")
    assert lab.reasons(poor)["NotGoodEnough"].startswith("The auc has to be at least 1.5; see s3://")
    report = {"binary_classification_metrics": {"auc": {"value": 0.9}}, "comparison": {"better": 0}}
    _said(lab, "Evaluate", "evaluation", report)
    _said(lab, "Gates", "gates", {"passed": 0})
    unfair = lab.start("ready", "Gates", "CheckGates", source=lab.first)
    assert lab.reasons(unfair)["GatesFailed"].startswith("A gate found violations; see s3://ready-pipelines/said/Gates")
    _said(lab, "Gates", "gates", {"passed": 1})
    same = lab.start("ready", "Evaluate", "Gates", "CheckGates", source=lab.first)
    assert "not better than the live one" in lab.reasons(same).get("NotBetter", ""), lab.reasons(same)
    assert {lab.status(arn) for arn in (poor, unfair, same)} == {"Failed"}
    assert len(lab.versions()) == 1
    for step in ("Evaluate", "Gates"):
        lab.substitutes.dismiss(step)


def test_instances_that_are_taken_away_cost_time_and_change_nothing(lab: Lab) -> None:
    best = lab.tuning(lab.first)["BestTrainingJob"]
    number = best["TrainingJobName"].split("-")[-2]
    local_jobs.of(lab.aws).spot.interrupt_when(r"\[60\]", f"-{number}-")
    again = lab.tuning(lab.start("ready", "Tune", source=lab.first))["BestTrainingJob"]
    described = lab.sm.describe_training_job(TrainingJobName=again["TrainingJobName"])
    assert "Interrupted" in [item["Status"] for item in described["SecondaryStatusTransitions"]]
    assert described["BillableTimeInSeconds"] <= described["TrainingTimeInSeconds"]
    assert "resumed after" in lab.log(again["TrainingJobName"])
    assert again["TunedHyperParameters"] == best["TunedHyperParameters"]
    metric = "FinalHyperParameterTuningJobObjectiveMetric"
    assert again[metric]["Value"] == pytest.approx(best[metric]["Value"], abs=1e-9)
    assert lab.trees(again) == lab.trees(best)


@pytest.mark.slow
def test_sagemakers_own_checks_follow_the_four_combinations(lab: Lab) -> None:
    kinds = ("DataQuality", "ModelQuality", "Bias", "Attribution")
    checks = [f"Check{kind}" for kind in kinds]
    # Nothing is approved yet, so the check of bias would have nothing to compare with.
    first = lab.start("native", SkipCheckBias="true")
    assert lab.status(first) == "Succeeded", lab.reasons(first)
    (version,) = lab.versions("native")
    lab.sm.update_model_package(ModelPackageArn=version["ModelPackageArn"], ModelApprovalStatus="Approved")
    # Bias is checked and keeps its baseline; data are checked and get a new one; the others are not and keep theirs.
    parameters = {f"RegisterNewBaseline{kind}": "false" for kind in kinds if kind != "DataQuality"}
    second = lab.start("native", *checks, "Register", source=first, SkipCheckDataQuality="false", **parameters)
    assert lab.status(second) == "Succeeded", lab.reasons(second)
    newer = max(lab.versions("native"), key=lambda item: item["ModelPackageVersion"])["DriftCheckBaselines"]
    older = version["DriftCheckBaselines"]
    assert {kind for kind in older if newer[kind] != older[kind]} == {"ModelDataQuality"}
    assert set(older) == {"Bias", "Explainability", "ModelDataQuality", "ModelQuality"}
    steps = lab.steps(second)
    assert "ViolationReport" in steps["CheckBias"]["Metadata"]["ClarifyCheck"]
    assert "CheckJobArn" not in steps["CheckAttribution"]["Metadata"]["ClarifyCheck"]
