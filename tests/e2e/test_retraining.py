"""The loop that closes itself: drift, retraining, a better version, approval, rollout, quiet monitors."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from e2e_support import policies
from e2e_support.deployment import Deployment
from e2e_support.site import Site, environment

from cdk_sagemaker_mlops.training.tabular_jobs import SERVING
from examples.walkthrough import traffic
from sagemaker_local.server import LocalAws
from tabular_training.configuration import Configuration
from tabular_training.evaluate import evaluate
from tabular_training.gates import Inputs, run
from tabular_training.prepare import prepare
from tabular_training.train import Folders, train

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("retraining")]
ACCOUNT = "777777777777"
REQUESTS = 200
PIPELINE = "e2e-loop-churn-training"


def customers(rows: int, seed: int, *, new_tariff: bool = False) -> pd.DataFrame:
    """Customers, and whether they left. Under the new tariff they talk longer, and long calls keep them."""
    random = np.random.default_rng(seed)
    minutes = random.gamma(4, 50, rows) + (220 if new_tariff else 0)
    calls, plan = random.poisson(1.5, rows), random.choice(["basic", "family", "world"], rows, p=[0.6, 0.3, 0.1])
    risk = (-1 if new_tariff else 1) * 0.015 * (minutes - minutes.mean()) + 0.6 * (calls - 1.5)
    left = random.random(rows) < 1 / (1 + np.exp(-risk))
    frame = pd.DataFrame({"left": np.where(left, "yes", "no"), "plan": plan, "minutes": minutes.round(1)})
    return frame.assign(calls=calls)


def bodies(frame: pd.DataFrame) -> list[str]:
    return [f"{row.plan},{row.minutes:g},{row.calls}" for row in frame.itertuples()]


@dataclass
class Loop:
    """What happened, in order."""

    site: Site
    network: dict[str, Any]
    first: dict[str, Any] = field(default_factory=dict)
    second: dict[str, Any] = field(default_factory=dict)
    evaluation: dict[str, Any] = field(default_factory=dict)
    drifted: dict[str, Any] = field(default_factory=dict)
    quiet: dict[str, Any] = field(default_factory=dict)
    executions: list[dict[str, Any]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture(scope="module")
def loop(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Loop:
    # One instance, exchanged at once: careful rollouts have tests of their own.
    endpoint = {"instance_count": 1, "rollout": {"strategy": "all-at-once"}}
    settings = environment(ACCOUNT, endpoint=endpoint, data_quality={"alarm_features": ["minutes"]})
    settings["models"]["churn"] |= {
        "training": {
            "data": "training-data/churn",
            "label": "left",
            "problem": "binary-classification",
            "positive_label": "yes",
            "tuning": False,
            "hyperparameters": {"num_round": 40, "max_depth": 3, "nthread": 1},
            "minimum": 0.6,
        },
        "on_drift": {"cooldown_hours": 0},
    }
    settings["network"] = _network(aws, settings["region"])
    Deployment(aws, tmp_path_factory.mktemp("loop"), {"loop": settings}).deploy()
    story = Loop(Site(aws, "loop", settings), settings["network"])
    story.first = _train_at_home(story.site, tmp_path_factory.mktemp("home"))
    # A rolling window of labelled customers: those of before the tariff are not in it any more.
    _bring_data(story.site, "labelled", customers(1000, 6, new_tariff=True))
    story.drifted = _hour(story.site, customers(REQUESTS, 7, new_tariff=True))
    story.second = _version(story, 2)
    story.evaluation = _evaluation(story)
    story.site.judge(story.second["ModelPackageArn"], "Approved")
    story.site.until_live(story.second["ModelPackageArn"])
    story.quiet = _hour(story.site, customers(REQUESTS, 8, new_tariff=True))
    story.executions = _executions(story.site)
    story.told = story.site.events("Model Retraining")
    return story


def _network(aws: LocalAws, region: str) -> dict[str, Any]:
    """A VPC without a way out of it; endpoint and jobs stand in it."""
    ec2 = aws.client("ec2", ACCOUNT, region)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{region}{zone}")["Subnet"]
        for number, zone in enumerate("ab")
    ]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    private = {"route_table_ids": [table], "allow_from": ["10.0.0.0/16"]}
    return {"vpc_id": vpc, "subnet_ids": [subnet["SubnetId"] for subnet in subnets], "vpc_endpoints": private}


def _train_at_home(site: Site, folder: Path) -> dict[str, Any]:
    """The version of before the tariff, made by the pipeline's own scripts, approved and live."""
    configuration = Configuration.from_dict(
        {"label": "left", "problem": "binary-classification", "positive_label": "yes"}
    )
    (folder / "data").mkdir()
    customers(1000, 4).to_csv(folder / "data" / "labelled.csv", index=False)
    prepare(configuration, folder / "data", folder)
    train(
        {"num_round": 20, "max_depth": 3, "nthread": 1},
        Folders(folder / "train", folder / "validation", folder / "preparation", folder / "model"),
    )
    evaluate(configuration, folder / "model", folder / "test", folder)
    run(configuration, Inputs(folder / "model", folder / "baseline", folder / "predictions", lambda *_: None), folder)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for path in (folder / "model").iterdir():
            tar.add(path, path.name)
    names = ("statistics.json", "constraints.json")
    baseline = {name: (folder / "drift-check" / "data_quality" / name).read_text() for name in names}
    arn = site.register(1, archive.getvalue(), baseline, environment=SERVING)
    site.judge(arn, "Approved")
    site.until_live(arn)
    package: dict[str, Any] = site.client("sagemaker").describe_model_package(ModelPackageName=arn)
    return package


def _bring_data(site: Site, name: str, frame: pd.DataFrame) -> None:
    site.live.upload("Models", f"training-data/churn/{name}.csv", frame.to_csv(index=False).encode())


def _version(story: Loop, number: int) -> dict[str, Any]:
    sagemaker = story.site.client("sagemaker")

    def registered() -> list[dict[str, Any]]:
        failed = [item for item in _executions(story.site) if item["PipelineExecutionStatus"] == "Failed"]
        assert not failed, failed
        found = sagemaker.list_model_packages(ModelPackageGroupName="churn")["ModelPackageSummaryList"]
        return [item for item in found if item["ModelPackageVersion"] == number]

    story.site.until(registered, f"version {number}", step=60)
    package: dict[str, Any] = sagemaker.describe_model_package(ModelPackageName=registered()[0]["ModelPackageArn"])
    return package


def _executions(site: Site) -> list[dict[str, Any]]:
    sagemaker = site.client("sagemaker")
    listed = sagemaker.list_pipeline_executions(PipelineName=PIPELINE)["PipelineExecutionSummaries"]
    return [sagemaker.describe_pipeline_execution(PipelineExecutionArn=item["PipelineExecutionArn"]) for item in listed]


def _evaluation(story: Loop) -> dict[str, Any]:
    uri = story.second["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    report: dict[str, Any] = json.loads(story.site.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    return report


def _hour(site: Site, frame: pd.DataFrame) -> dict[str, Any]:
    """An hour of requests and the monitor's run about it."""
    start = site.next_hour()
    answers = traffic.send(site.client("sagemaker-runtime"), site.live.endpoint, bodies(frame))
    assert answers.failed == 0, answers.first_failure
    site.aws.clock.advance((start + timedelta(hours=1, minutes=16) - site.aws.clock.now()).total_seconds())

    def ran() -> list[dict[str, Any]]:
        runs = [event for event in site.events("Monitoring Execution") if event["window"]]
        return [run for run in runs if datetime.fromisoformat(run["window"]["start"]) == start]

    site.until(ran, f"the run of the hour from {start}", step=60)
    found: dict[str, Any] = ran()[-1]
    return found


def test_drift_starts_one_retraining_that_knows_why(loop: Loop) -> None:
    assert loop.drifted["status"] == "CompletedWithViolations"
    (execution,) = loop.executions
    assert loop.second["MetadataProperties"]["GeneratedBy"] == execution["PipelineExecutionArn"]
    reason = loop.second["CustomerMetadataProperties"]
    assert reason["RetrainingMonitor"] == "e2e-loop-churn-data-quality"
    assert "minutes" in reason["RetrainingFeatures"].split()
    assert reason["RetrainingReport"] == loop.drifted["reportUri"]
    assert reason["RetrainingWindow"].startswith(loop.drifted["window"]["start"])
    assert [event["status"] for event in loop.told][:3] == ["Started", "PendingApproval", "Promoted"]


def test_the_new_version_is_better_on_the_same_data(loop: Loop) -> None:
    comparison = loop.evaluation["comparison"]
    assert comparison["live_version"] == loop.first["ModelPackageArn"]
    assert comparison["better"] == 1
    assert comparison["gain"] > 0.02


def test_its_monitors_are_quiet_with_its_own_baseline(loop: Loop) -> None:
    assert (loop.quiet["status"], loop.quiet["modelPackageArn"]) == ("Completed", loop.second["ModelPackageArn"])


def test_everything_of_it_stands_in_the_vpc(loop: Loop) -> None:
    network = loop.network
    made = loop.site.client("ec2").describe_vpc_endpoints()["VpcEndpoints"]
    services = {item["ServiceName"].split(".", 3)[3]: item for item in made if item["VpcId"] == network["vpc_id"]}
    assert set(services) == {"events", "monitoring", "s3", "sagemaker.api", "sagemaker.runtime"}
    assert services["s3"]["RouteTableIds"] == network["vpc_endpoints"]["route_table_ids"]
    assert sorted(services["sagemaker.api"]["SubnetIds"]) == sorted(network["subnet_ids"])
    sagemaker = loop.site.client("sagemaker")
    jobs = [sagemaker.describe_training_job(TrainingJobName=_job(loop, "TrainingJob"))["VpcConfig"]]
    name = _job(loop, "ProcessingJob")
    jobs.append(sagemaker.describe_processing_job(ProcessingJobName=name)["NetworkConfig"]["VpcConfig"])
    assert [job["Subnets"] for job in jobs] == [network["subnet_ids"]] * 2
    assert jobs[0]["SecurityGroupIds"] == jobs[1]["SecurityGroupIds"]


def _job(loop: Loop, kind: str) -> str:
    """Name of a job of the retraining."""
    listed = loop.site.client("sagemaker").list_pipeline_execution_steps(
        PipelineExecutionArn=loop.executions[0]["PipelineExecutionArn"]
    )["PipelineExecutionSteps"]
    arns = [step["Metadata"][kind]["Arn"] for step in listed if kind in step.get("Metadata", {})]
    return str(arns[0].rpartition("/")[2])


def test_nothing_was_called_that_no_policy_allows(loop: Loop) -> None:
    """Roles of the pipeline, of its jobs and of the function against the calls that were recorded of them."""
    calls = [call for call in loop.site.aws.calls if "-Training-" in call.caller_arn]
    verdict = policies.judge(loop.site, calls)
    assert verdict.judged > 50
    assert verdict.missing == {}
