"""The pipeline's construct: sources, roles, places, triggers, alarms, views."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from pipeline_templates import body, one_step, policies

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops import training as tr
from cdk_sagemaker_mlops.training import steps as st
from cdk_sagemaker_mlops.training.permissions import OTHERS, TABLE

Define = Callable[..., tr.TrainingPipeline]


def test_a_document_arrives_unchanged(define: Define, synthesise: Any, image: str, tmp_path: Path) -> None:
    document = one_step(image)
    path = tmp_path / "pipeline.json"
    path.write_text(json.dumps(document))
    define(tr.PipelineDefinition.from_file(path))
    template = synthesise()
    assert body(template) == document
    assert template.only("SageMaker::Pipeline")["PipelineName"] == "churn-training"
    statements = policies(template, "PipelineRole")
    assert statements["PassJobRoles"]["Resource"] == "arn:aws:iam::222222222222:role/given"
    # Every job brings its own role, so none is made.
    assert len(template.of_type("IAM::Role")) == 1


def test_tokens_survive_in_a_definition(define: Define, synthesise: Any, stack: cdk.Stack, image: str) -> None:
    document = one_step(image)
    document["Steps"][0]["Arguments"]["Environment"] = {"REGION": cdk.Aws.REGION, "URL": f"x-{cdk.Aws.URL_SUFFIX}-y"}
    define(tr.PipelineDefinition.from_document(document))
    text = synthesise().only("SageMaker::Pipeline")["PipelineDefinition"]["PipelineDefinitionBody"]
    assert {"Ref": "AWS::URLSuffix"} in text["Fn::Join"][1]


def test_a_large_definition_becomes_a_file(define: Define, app: cdk.App, stack: cdk.Stack, image: str) -> None:
    document = one_step(image)
    document["Metadata"] = {"notes": "x" * 150_000}
    define(tr.PipelineDefinition.from_document(json.dumps(document)))
    assembly = app.synth()
    template = assembly.get_stack_by_name(stack.stack_name).template
    (pipeline,) = (item for item in template["Resources"].values() if item["Type"] == "AWS::SageMaker::Pipeline")
    place = pipeline["Properties"]["PipelineDefinition"]["PipelineDefinitionS3Location"]
    file = Path(assembly.directory) / f"asset.{Path(place['Key']).stem}.json"
    assert json.loads(file.read_text()) == document


@pytest.mark.parametrize("kind", sorted(TABLE))
def test_each_type_of_step_gets_its_calls_and_no_others(define: Define, synthesise: Any, image: str, kind: str) -> None:
    needed = {
        "Processing": {"ProcessingResources": {"a": 1}, "AppSpecification": {"b": 1}},
        "Transform": dict.fromkeys(("ModelName", "TransformInput", "TransformOutput", "TransformResources"), "x"),
        "Tuning": {"HyperParameterTuningJobConfig": {"a": 1}},
        "AutoML": {"InputDataConfig": [{"a": 1}]},
        "Model": {"ExecutionRoleArn": "arn:aws:iam::222222222222:role/given"},
    }
    arguments = one_step(image)["Steps"][0]["Arguments"] | needed.get(kind, {})
    define(
        tr.PipelineDefinition.from_document(one_step(image, Type=kind, Arguments=arguments, CheckType="DATA_QUALITY"))
    )
    statements = policies(synthesise(), "PipelineRole")
    assert set(statements[f"Run{kind}"]["Action"]) == {f"sagemaker:{action}" for action in TABLE[kind].actions}
    ran = [sid for sid in statements if sid.startswith("Run")]
    assert ran == [f"Run{kind}"]


def test_other_types_of_steps_get_theirs(define: Define, synthesise: Any) -> None:
    document = {
        "Version": "2020-12-01",
        "Steps": [
            {"Name": "Call", "Type": "Lambda", "FunctionArn": "arn:aws:lambda:eu-west-1:222222222222:function:f"},
            {
                "Name": "Wait",
                "Type": "Callback",
                "SqsQueueUrl": "https://sqs.eu-west-1.amazonaws.com/222222222222/labels",
            },
            {"Name": "Emr", "Type": "EMR", "Arguments": {"ClusterId": "j-1"}},
            {
                "Name": "Reg",
                "Type": "RegisterModel",
                "Arguments": {"ModelPackageGroupName": "Churn", "InferenceSpecification": {"Containers": []}},
            },
            {
                "Name": "If",
                "Type": "Condition",
                "Arguments": {
                    "Conditions": [{"Type": "Equals"}],
                    "IfSteps": [],
                    "ElseSteps": [{"Name": "No", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}],
                },
            },
        ],
    }
    define(tr.PipelineDefinition.from_document(document))
    statements = policies(synthesise(), "PipelineRole")
    assert statements["CallFunctions"]["Resource"].endswith(":function:f")
    assert "222222222222:labels" in json.dumps(statements["SendCallbacks"]["Resource"])
    assert "elasticmapreduce:AddJobFlowSteps" in statements["RunOnClusters"]["Action"]
    assert "model-package-group/churn" in json.dumps(statements["RegisterVersions"]["Resource"])
    assert "sagemaker:UpdateModelPackage" not in json.dumps(statements)
    assert {"Callback", "Condition", "EMR", "Fail", "Lambda", "RegisterModel"} == set(OTHERS)


def test_the_ready_pipeline_s_roles(
    define: Define, synthesise: Any, tabular: Callable[..., Any], stack: cdk.Stack
) -> None:
    baselines = s3.Bucket.from_bucket_name(stack, "Baselines", "the-baselines")
    define(tabular(baselines=baselines))
    template = synthesise()
    starts = policies(template, "PipelineRole")
    assert {sid for sid in starts if sid.startswith("Run")} == {"RunProcessing", "RunTuning"}
    jobs = policies(template, "PipelineJobRole")
    assert jobs["WriteArtifacts"]["Resource"]["Fn::Join"][1][-1] == ":s3:::the-bucket/training/churn-training/*"
    assert "the-data/churn" in json.dumps(jobs["ReadGivenInputs"]["Resource"])
    assert "the-baselines/training/churn-training" in json.dumps(jobs["WriteGivenOutputs"]["Resource"])
    assert "repository/sagemaker-xgboost" in json.dumps(jobs["PullImages"]["Resource"])
    assert set(jobs["ReadLiveVersion"]["Action"]) == {"sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"}
    for statement in (*starts.values(), *jobs.values()):
        assert statement["Action"] != "*"
        assert "sagemaker:UpdateModelPackage" not in statement["Action"]
    for role in template.of_type("IAM::Role").values():
        wild = {
            s["Sid"]
            for s in role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
            if "*" in json.dumps([s["Action"], s["Resource"]])
        }
        assert wild <= set(role["Metadata"]["WildcardReasons"])


def test_the_ready_pipeline_s_definition(define: Define, tabular: Callable[..., Any]) -> None:
    pipeline = define(tabular())
    document = pipeline.document
    assert [step["Name"] for step in document["Steps"]] == ["Prepare", "Tune", "Evaluate", "Gates", "CheckGates"]
    assert [parameter["Name"] for parameter in document["Parameters"]] == [
        "ModelApprovalStatus",
        "RetrainingReason",
        "RetrainingMonitor",
        "RetrainingFeatures",
        "RetrainingWindow",
        "RetrainingReport",
        "InputData",
        "MinimumMetric",
    ]
    tune = document["Steps"][1]["Arguments"]
    assert tune["TrainingJobDefinition"]["EnableManagedSpotTraining"] is True
    assert tune["TrainingJobDefinition"]["StoppingCondition"] == {
        "MaxRuntimeInSeconds": 3600,
        "MaxWaitTimeInSeconds": 7200,
    }
    assert tune["TrainingJobDefinition"]["StaticHyperParameters"]["sagemaker_program"] == '"train.py"'
    assert tune["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"] == {
        "Type": "Maximize",
        "MetricName": "validation:auc",
    }
    assert tabular().largest_training_hours == 20
    nested, path = document["Steps"][-1], []
    while nested["Type"] == "Condition":
        path.append((nested["Name"], nested["Arguments"]["ElseSteps"][0]["Name"]))
        nested = nested["Arguments"]["IfSteps"][0]
    assert path == [("CheckGates", "GatesFailed"), ("CheckMetric", "NotGoodEnough"), ("CheckAgainstLive", "NotBetter")]
    assert nested["Arguments"]["CustomerMetadataProperties"]["RetrainingReport"] == {
        "Get": "Parameters.RetrainingReport"
    }
    assert nested["Arguments"]["MetadataProperties"] == {"GeneratedBy": {"Get": "Execution.PipelineExecutionArn"}}


def test_the_ready_pipeline_s_options(app: cdk.App, bucket: s3.IBucket, tabular: Callable[..., Any]) -> None:
    def of(construct_id: str, **options: Any) -> list[dict[str, Any]]:
        stack = cdk.Stack(app, construct_id, env=cdk.Environment(account="222222222222", region="eu-west-1"))
        definition = tabular(**options)
        pipeline = tr.TrainingPipeline(stack, "P", definition=definition, artifacts=bucket)
        steps: list[dict[str, Any]] = pipeline.document["Steps"]
        return steps

    plain = of("Plain", tuning=None, spot=False, minimum=None, better_than_live=False, facet=None, problem="regression")
    assert [step["Name"] for step in plain] == ["Prepare", "Train", "Evaluate", "Gates", "CheckGates"]
    assert "EnableManagedSpotTraining" not in plain[1]["Arguments"]
    assert plain[-1]["Arguments"]["IfSteps"][0]["Type"] == "RegisterModel"
    assert "Bias" not in plain[-1]["Arguments"]["IfSteps"][0]["Arguments"]["DriftCheckBaselines"]
    native = of("Native", gate_engine="model-monitor", tuning=None, debugger_rules={"Overfit": "rules:1"})
    by_name = {step["Name"]: step for step in native}
    checks = ["CheckDataQuality", "CheckModelQuality", "CheckBias", "CheckAttribution"]
    assert [step["Name"] for step in native if "Check" in step["Type"]] == checks
    for check in checks:
        end = check.removeprefix("Check")
        assert by_name[check]["SkipCheck"] == {"Get": f"Parameters.SkipCheck{end}"}
        assert by_name[check]["RegisterNewBaseline"] == {"Get": f"Parameters.RegisterNewBaseline{end}"}
    assert by_name["CheckAttribution"]["ModelName"] == {"Get": "Steps.ModelToExplain.ModelName"}
    assert "Gates" not in by_name
    condition = by_name["CheckMetric"]["Arguments"]["IfSteps"][0]
    register = condition["Arguments"]["IfSteps"][0]["Arguments"]
    kept = {"Get": "Steps.CheckBias.BaselineUsedForDriftCheckConstraints"}
    assert register["DriftCheckBaselines"]["Bias"]["PostTrainingConstraints"]["S3Uri"] == kept
    assert by_name["Train"]["Arguments"]["DebugRuleConfigurations"][0]["RuleEvaluatorImage"] == "rules:1"
    hyperband = of("Hyperband", tuning=tr.Tuning(strategy="Hyperband"), hyperparameters={"num_round": 50})
    job = hyperband[1]["Arguments"]["HyperParameterTuningJobConfig"]
    assert job["StrategyConfig"] == {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 50}}
    assert job["TrainingJobEarlyStoppingType"] == "Off"


def test_schedule_events_and_alarms(define: Define, synthesise: Any, image: str, stack: cdk.Stack) -> None:
    people = mlops.Notifications(stack, "People")
    rate = {"Parameters": [{"Name": "Rate", "Type": "String", "DefaultValue": "0.1"}]}
    pipeline = define(
        tr.PipelineDefinition.from_document(one_step(image) | rate),
        schedule=tr.TrainingSchedule.weekly("MON", 3, parameters={"Rate": "0.2"}, window_minutes=30),
        alarms=tr.PipelineAlarms(none_succeeded_for_days=7),
        notifications=[people],
        max_parallel_steps=4,
    )
    pipeline.start_on("Loaded", {"source": ["shop.etl"]}, parameters={"Rate": "$.detail.rate"}, description="new data")
    pipeline.on_execution("Ended", statuses=["Failed"])
    with pytest.raises(mlops.ConstructError, match="event_pattern is empty"):
        pipeline.start_on("Never", {})
    with pytest.raises(mlops.ConstructError, match=r'statuses is "Fialed".*did you mean "Failed"'):
        pipeline.on_execution("Odd", statuses=["Fialed"])
    template = synthesise()
    schedule = template.only("Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "cron(0 3 ? * MON *)"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 30}
    expected = {"PipelineParameterList": [{"Name": "Rate", "Value": "0.2"}]}
    assert schedule["Target"]["SageMakerPipelineParameters"] == expected
    (rule,) = (
        item["Properties"]
        for item in template.of_type("Events::Rule").values()
        if item["Properties"].get("Description") == "new data"
    )
    (target,) = rule["Targets"]
    assert target["SageMakerPipelineParameters"]["PipelineParameterList"] == [
        {"Name": "Rate", "Value": "$.detail.rate"}
    ]
    assert "pipeline/churn-training" in json.dumps(target["Arn"])
    names = {item["Properties"]["AlarmName"] for item in template.of_type("CloudWatch::Alarm").values()}
    assert names == {f"churn-training-{end}" for end in ("ExecutionFailed", "ExecutionTooLong", "NoneSucceeded")}
    assert template.only("SageMaker::Pipeline")["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 4}
    assert pipeline.metric_execution_duration().metric_name == "ExecutionDuration"


def test_grants_imports_and_given_roles(
    define: Define, synthesise: Any, image: str, stack: cdk.Stack, app: cdk.App
) -> None:
    role = iam.Role.from_role_arn(stack, "Given", "arn:aws:iam::222222222222:role/pipeline")
    jobs = iam.Role.from_role_arn(stack, "Jobs", "arn:aws:iam::222222222222:role/jobs")
    step = st.TrainingStep(name="Train", trainer=st.Trainer(image=image, hyperparameters={"a": 1}))
    pipeline = define(tr.PipelineDefinition.from_steps([step]), role=role, job_role=jobs)
    person = iam.Role(stack, "Person", assumed_by=iam.AccountRootPrincipal())
    pipeline.grant_start_execution(person)
    pipeline.grant_read(person)
    pipeline.grant_read_artifacts(person)
    known = tr.TrainingPipeline.from_pipeline_name(stack, "Known", "Other-Pipeline")
    known.grant_start_execution(person)
    assert known.metric_executions_failed().namespace == "AWS/Sagemaker/ModelBuildingPipeline"
    with pytest.raises(mlops.ConstructError, match='name is "a_b"'):
        tr.TrainingPipeline.from_pipeline_name(stack, "Wrong", "a_b")
    template = synthesise()
    assert template.only("SageMaker::Pipeline")["RoleArn"].endswith("role/pipeline")
    assert body(template)["Steps"][0]["Arguments"]["RoleArn"].endswith("role/jobs")
    text = json.dumps(template.of_type("IAM::Policy"))
    assert "sagemaker:StartPipelineExecution" in text
    assert "pipeline/other-pipeline" in text


def test_synthesis_does_not_import_the_sdk_and_is_repeatable(tabular: Callable[..., Any], define: Define) -> None:
    first = json.dumps(define(tabular()).document)
    assert "sagemaker" not in sys.modules
    stack = cdk.Stack(cdk.App(), "Training", env=cdk.Environment(account="222222222222", region="eu-west-1"))
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "the-bucket")
    group = mlops.ModelPackageGroup.from_model_package_group_name(stack, "Group", "churn", artifacts=[bucket])
    again = tr.TrainingPipeline(
        stack, "Pipeline", definition=tabular(group=group), artifacts=bucket, name="churn-training"
    )
    tokens = re.compile(r"Token\[[^\]]*\]")
    assert tokens.sub("", json.dumps(again.document)) == tokens.sub("", first)


def test_round_trips_do_not_grow_with_the_pipeline(
    round_trips: Any, tabular: Callable[..., Any], stack: cdk.Stack, bucket: s3.IBucket
) -> None:
    tr.TrainingPipeline(stack, "First", definition=tabular(), artifacts=bucket, name="first")
    before = round_trips.count
    tr.TrainingPipeline(stack, "Second", definition=tabular(), artifacts=bucket, name="second")
    resources = 5  # pipeline, two roles, two alarms
    assert round_trips.count - before <= 1.5 * resources
