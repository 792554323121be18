"""Pipelines that events start, deployed: new data in a bucket of the environment, and events of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from e2e_support.deployment import Deployment

import cdk_sagemaker_mlops as mlops

DOCUMENT = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "Where", "Type": "String", "DefaultValue": "nowhere"}],
    "Steps": [{"Name": "Say", "Type": "Fail", "Arguments": {"ErrorMessage": {"Get": "Parameters.Where"}}}],
}


def test_new_data_and_events_really_start_it(lab: Any, tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path))
    stack = cdk.Stack(app, "Triggered", env=cdk.Environment(account=lab.account, region=lab.region))
    storage = mlops.Storage(stack, "Storage", event_bridge=["models"])
    pipeline = mlops.TrainingPipeline(
        stack,
        "Training",
        name="triggered",
        definition=mlops.PipelineDefinition.from_document(DOCUMENT),
        artifacts=storage.models,
    )
    pipeline.start_on_new_data(
        "NewData", storage.models, "in/", suffix="_SUCCESS", parameters={"Where": "$.detail.object.key"}
    )
    pipeline.start_on("Loaded", {"source": ["shop.etl"]}, parameters={"Where": "$.detail.table"})
    cdk.CfnOutput(stack, "Models", value=storage.models.bucket_name)
    cdk.CfnOutput(stack, "Baselines", value=storage.baselines.bucket_name)
    Deployment.of(lab.aws, app).deploy()
    described = lab.client("cloudformation").describe_stacks(StackName="Triggered")["Stacks"][0]["Outputs"]
    buckets = {output["OutputKey"]: output["OutputValue"] for output in described}

    for key in ("in/day=1/part-0.csv", "in/day=1/_SUCCESS", "training/triggered/_SUCCESS"):
        lab.s3.put_object(Bucket=buckets["Models"], Key=key, Body=b"")
    lab.s3.put_object(Bucket=buckets["Baselines"], Key="in/_SUCCESS", Body=b"")
    entry = {"Source": "shop.etl", "DetailType": "Load Finished", "Detail": json.dumps({"table": "customers"})}
    lab.client("events").put_events(Entries=[entry])

    def places() -> set[str]:
        listed = lab.sm.list_pipeline_executions(PipelineName="triggered")["PipelineExecutionSummaries"]
        steps = [lab.steps(item["PipelineExecutionArn"]).get("Say", {}) for item in listed]
        return {step.get("FailureReason", "") for step in steps}

    lab.eventually(lambda: places() == {"in/day=1/_SUCCESS", "customers"})
    # All events have been delivered, and nothing else has begun.
    lab.events()
    assert len(lab.sm.list_pipeline_executions(PipelineName="triggered")["PipelineExecutionSummaries"]) == 2
