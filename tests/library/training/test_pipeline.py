"""The pipeline's construct: sources, mistakes, roles, places, triggers, alarms, views."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import jsii
import pipeline_grammar
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops import training as tr
from cdk_sagemaker_mlops.training import steps as st
from cdk_sagemaker_mlops.training.permissions import OTHERS, TABLE
from tools.oracles import OracleUnavailable, ask_once

Define = Callable[..., tr.TrainingPipeline]


def one_step(image: str, **changes: Any) -> dict[str, Any]:
    step = {
        "Name": "Train",
        "Type": "Training",
        "Arguments": {
            "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
            "OutputDataConfig": {"S3OutputPath": "s3://the-bucket/models"},
            "RoleArn": "arn:aws:iam::222222222222:role/given",
        },
    }
    return {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": [step | changes]}


def body(template: Any) -> Any:
    """The definition in a template, references resolved to their names."""
    found = template.only("SageMaker::Pipeline")["PipelineDefinition"]["PipelineDefinitionBody"]
    if isinstance(found, dict):
        parts = found["Fn::Join"][1]
        found = "".join(part if isinstance(part, str) else "-".join(map(str, part.popitem()[1])) for part in parts)
    return json.loads(found)


def policies(template: Any, beginning: str) -> dict[str, Any]:
    role = template.by_id(beginning, "IAM::Role")
    (policy,) = role["Properties"]["Policies"]
    return {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}


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


def test_says_everything_that_is_wrong_with_a_definition(define: Define, image: str) -> None:
    document = one_step(image)
    document["Version"] = "2021"
    document["Parameters"] = [
        {"Name": "Rate", "Type": "Number"},
        {"Name": "Rate", "Type": "Float", "DefaultValue": 3, "EnumValues": [1]},
    ]
    document["Steps"] += [
        {"Name": "Train", "Type": "Fail", "Arguments": {}},
        {
            "Name": "a b",
            "Type": "Training",
            "Arguments": {"RoleArn": "r", "OutputDataConfig": {"Get": "Steps.Trian.X"}},
        },
        {
            "Name": "One",
            "Type": "Lambda",
            "FunctionArn": "f",
            "Arguments": {"x": {"Get": "Parameters.Rat"}},
            "DependsOn": ["Two"],
        },
        {"Name": "Two", "Type": "Lambda", "Arguments": {"x": {"Get": "Execution.Nmae"}}, "DependsOn": ["One"]},
        {"Name": "Odd", "Type": "Quantum", "Arguments": {}},
        {
            "Name": "Reg",
            "Type": "RegisterModel",
            "Arguments": {
                "ModelPackageGroupName": "g",
                "InferenceSpecification": {"x": 1},
                "CustomerMetadataProperties": {"why": "a, b"},
            },
        },
        {
            "Name": "Proc",
            "Type": "Processing",
            "Arguments": {
                "ProcessingResources": {"x": {"Get": "Steps.Reg.PropertyFiles.Missing"}},
                "AppSpecification": {"y": {"Get": "Steps.One.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}},
                "RoleArn": {"Get": "Parameters.Rate"},
            },
        },
    ]
    with pytest.raises(mlops.ConstructError) as caught:
        define(tr.PipelineDefinition.from_document(document))
    said = str(caught.value)
    assert said.startswith("Training/Pipeline: ")
    for part in (
        'Version is "2021", allowed is 2020-12-01',
        'parameter Rate: Type is "Number", allowed are String, Integer, Float, Boolean',
        "parameter Rate is declared twice",
        "DefaultValue is 3, allowed are [1]",
        "two steps are called Train",
        'step is "a b", allowed are',
        'step a b refers to step Trian, which does not exist; did you mean "Train"?',
        "step One refers to parameter Rat, which is not declared",
        'Execution variable is "Nmae"',
        "step Two (Lambda) has no FunctionArn",
        "step Train (Fail) has no ErrorMessage",
        "steps wait for each other: ",
        "steps of type Quantum need",
        'metadata why is "a, b"',
        "reads property file Missing of Reg, which has none",
        "uses output out of One, which has none",
        "the role of step Proc is only known when the pipeline runs",
    ):
        assert part in said, part


def test_says_everything_that_is_wrong_with_the_props(
    stack: cdk.Stack, bucket: s3.IBucket, tabular: Callable[..., Any], group: Any
) -> None:
    with pytest.raises(mlops.ConstructError) as caught:
        tr.TrainingPipeline(
            stack,
            "Bad",
            name="-x",
            artifacts=bucket,
            max_parallel_steps=0,
            schedule=tr.TrainingSchedule(expression="every day", window_minutes=2000),
            alarms=tr.PipelineAlarms(max_hours=0, none_succeeded_for_days=9),
            network=st.JobNetwork(subnets=["subnet-1"]),
            definition=tabular(
                data="bucket/data",
                problem="guessing",
                split=(0.5, 0.5, 0.5),
                features=["left", "a"],
                exclude=["a"],
                hyperparameters={"eta": 0.1},
                gates={"fairness": tr.Gate()},
                gate_engine="clarify",
                debugger_rules={"Overfitting": "image"},
                approval="Maybe",
                threshold=2,
                tuning=tr.Tuning(
                    strategy="Bayes",
                    max_jobs=0,
                    ranges={"eta": st.Continuous(2, 1), "lambda": st.Continuous(0, 1, "Logarithmic")},
                ),
            ),
        )
    said = str(caught.value)
    for part in (
        'name is "-x"',
        "max_parallel_steps is 0",
        'schedule is "every day"',
        "window_minutes is 2000",
        "max_hours is 0",
        "none_succeeded_for_days is 9",
        "only one of subnets and security_groups",
        'data is "bucket/data"',
        'problem is "guessing"',
        "split is (0.5, 0.5, 0.5)",
        "features holds the label left",
        "both name a",
        "hyperparameters fixes eta, which tuning searches",
        'gates is "fairness"',
        'gate_engine is "clarify", allowed are analyzer, model-monitor',
        "tuning jobs have no Debugger",
        'debugger_rules is "Overfitting"',
        'approval is "Maybe"',
        "threshold is 2",
        'tuning.strategy is "Bayes"',
        "tuning.max_jobs is 0",
        "tuning.ranges.eta is 2 to 1",
        "a logarithmic scale needs more than 0",
    ):
        assert part in said, part


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (tr.PipelineDefinition.from_document("{"), "the definition is not JSON"),
        (tr.PipelineDefinition.from_document("[]"), "the definition is a JSON list"),
        (tr.PipelineDefinition.from_file("no/such.json"), r"no/such\.json cannot be read: No such file"),
        (tr.PipelineDefinition.from_sdk(object()), "the pipeline is object"),  # type: ignore[arg-type]
        (tr.PipelineDefinition.from_steps([]), "the definition has no steps"),
    ],
)
def test_sources_that_cannot_be_read_say_so(define: Define, source: tr.PipelineSource, said: str) -> None:
    with pytest.raises(mlops.ConstructError, match=said):
        define(source)


def test_a_missing_script_is_named(define: Define, image: str) -> None:
    step = st.ProcessingStep(name="A", image=image, code="gone/prepare.py")
    with pytest.raises(mlops.ConstructError, match=r"gone/prepare\.py does not exist"):
        define(tr.PipelineDefinition.from_steps([step]))


def test_numbers_that_come_at_deployment_are_refused(define: Define, image: str) -> None:
    document = one_step(image)
    document["Steps"][0]["Arguments"]["ResourceConfig"] = {"InstanceCount": cdk.Lazy.number(_Three())}
    with pytest.raises(mlops.ConstructError, match=r"Steps\[0\]\.Arguments\.ResourceConfig\.InstanceCount is a number"):
        define(tr.PipelineDefinition.from_document(document))


@jsii.implements(cdk.IStableNumberProducer)
class _Three:
    def produce(self) -> int:
        return 3


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


@pytest.fixture(scope="module")
def sdk_definition() -> dict[str, Any]:
    try:
        document: dict[str, Any] = ask_once("reference", "sagemaker_pipelines.py")
    except OracleUnavailable as error:
        pytest.skip(str(error))
    return document


@pytest.mark.oracle
def test_what_the_sagemaker_sdk_emits_goes_through(
    define: Define, synthesise: Any, sdk_definition: dict[str, Any]
) -> None:
    """Definitions of the SDK itself, with every kind of step that it has for what SageMaker has here."""

    class Pipeline:
        """As the SDK's own class answers."""

        def definition(self) -> str:
            return json.dumps(sdk_definition)

    # The grammar that our own definitions are held against takes what the SDK writes.
    assert pipeline_grammar.problems(sdk_definition) == []
    define(tr.PipelineDefinition.from_sdk(Pipeline()))
    template = synthesise()
    assert body(template) == sdk_definition
    ran = {sid for sid in policies(template, "PipelineRole") if sid.startswith("Run")}
    kinds = {step["Type"] for step in sdk_definition["Steps"]}
    assert kinds >= {"AutoML", "Callback", "Condition", "EMR", "Lineage", "Model", "QualityCheck", "Tuning"}
    assert ran >= {f"Run{kind}" for kind in kinds & set(TABLE)} | {"RunOnClusters", "RunTransform"}
    assert {"MakeClusters", "PassInstanceRoles", "SendCallbacks"} <= set(policies(template, "PipelineRole"))


@pytest.mark.oracle
def test_steps_say_what_the_sagemaker_sdk_says(image: str, sdk_definition: dict[str, Any]) -> None:
    """A training and a processing step of ours and of the SDK, with the same settings, have the same arguments."""
    by_name = {step["Name"]: step for step in sdk_definition["Steps"]}
    notebook = st.NotebookStep(name="Notebook", notebook="s3://n/a.ipynb", image=image).to_json(_context())["Arguments"]
    sdk_notebook = by_name["Notebook"]["Arguments"]
    assert notebook["AlgorithmSpecification"].keys() == sdk_notebook["AlgorithmSpecification"].keys()
    # It names an environment of Studio besides, which is the default.
    assert sdk_notebook["Environment"].keys() - notebook["Environment"].keys() == {"SM_ENV_NAME"}
    names = [item["InputDataConfig"][0]["ChannelName"] for item in (notebook, sdk_notebook)]
    assert names[0] == names[1]
    assert set(by_name["Train"]["Arguments"]) - set(_ours_train(image)) <= {
        "DebugHookConfig",
        "ProfilerConfig",
        "HyperParameters",
    }
    assert by_name["Train"]["Arguments"]["ResourceConfig"].keys() <= {
        "InstanceType",
        "InstanceCount",
        "VolumeSizeInGB",
        "VolumeKmsKeyId",
    }
    processing = by_name["Prepare"]["Arguments"]
    assert processing["ProcessingInputs"][0]["S3Input"].keys() == {
        "S3Uri",
        "LocalPath",
        "S3DataType",
        "S3InputMode",
        "S3DataDistributionType",
        "S3CompressionType",
    }


def _ours_train(image: str) -> dict[str, Any]:
    step = st.TrainingStep(name="Train", trainer=st.Trainer(image=image, channels={"train": "s3://x"}))
    arguments: dict[str, Any] = step.to_json(_context())["Arguments"]
    return arguments


def _context() -> Any:
    from types import SimpleNamespace

    return SimpleNamespace(role_arn="r", artifacts_uri="s3://a", network=None, volume_key_arn=None, output_key_arn=None)
