"""Step types: their arguments are requests that SageMaker's own service model accepts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import botocore.session
import pipeline_grammar
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from botocore.validate import ParamValidator

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops import training as tr
from cdk_sagemaker_mlops.training import steps as st
from cdk_sagemaker_mlops.training.validation import steps_of

ROLE = "arn:aws:iam::222222222222:role/jobs"
#: The call that a step stands for, and what SageMaker adds to its arguments.
CALLS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "Processing": ("CreateProcessingJob", {"ProcessingJobName": "job"}),
    "QualityCheck": ("CreateProcessingJob", {"ProcessingJobName": "job"}),
    "ClarifyCheck": ("CreateProcessingJob", {"ProcessingJobName": "job"}),
    "Training": ("CreateTrainingJob", {"TrainingJobName": "job"}),
    "Tuning": ("CreateHyperParameterTuningJob", {"HyperParameterTuningJobName": "job"}),
    "Transform": ("CreateTransformJob", {"TransformJobName": "job"}),
    "Model": ("CreateModel", {"ModelName": "job"}),
    "RegisterModel": ("CreateModelPackage", {}),
    "AutoML": ("CreateAutoMLJob", {"AutoMLJobName": "job"}),
}


class Context:
    """What steps are rendered with."""

    role_arn = ROLE
    artifacts_uri = "s3://artifacts/training"
    network = st.JobNetwork(subnets=["subnet-1"], security_groups=["sg-1"], encrypt_traffic=True)
    volume_key_arn = "arn:aws:kms:eu-west-1:222222222222:key/volumes"
    output_key_arn = "arn:aws:kms:eu-west-1:222222222222:key/outputs"

    def upload(self, path: Path) -> str:
        return f"s3://assets/{path.name}"

    def upload_tar(self, files: Mapping[str, bytes], display_name: str) -> str:
        return "s3://assets/code.tar.gz"

    def upload_zip(self, files: Mapping[str, bytes], display_name: str) -> str:
        return "s3://assets/code.zip"

    def upload_wheels(self, wheels: Any) -> str:
        return "s3://assets/wheels.zip"


def concrete(value: Any) -> Any:
    """A definition's arguments with values of the execution replaced by examples."""
    if isinstance(value, Mapping):
        if set(value) == {"Get"}:
            return 1 if "Count" in value["Get"] else "s3://example/value"
        if set(value) == {"Std:Join"}:
            return "s3://example/joined"
        return {key: concrete(inner) for key, inner in value.items()}
    return [concrete(inner) for inner in value] if isinstance(value, list) else value


def problems_of(step: Mapping[str, Any]) -> str:
    """What the service model finds wrong with a step's arguments."""
    service = botocore.session.get_session().get_service_model("sagemaker")
    operation, added = CALLS[step["Type"]]
    shape = service.operation_model(operation).input_shape
    arguments = concrete(step["Arguments"]) | added
    report: str = ParamValidator().validate(arguments, shape).generate_report()
    return report


@pytest.fixture
def every_step(image: str) -> list[st.Step]:
    trainer = st.Trainer(
        image=image,
        script="train.py",
        source=Path("folder"),
        channels={
            "train": "s3://data/train",
            "validation": st.Channel(uri="s3://data/v", content_type="text/csv", sharded=True),
        },
        hyperparameters={"eta": 0.1, "rounds": tr.PipelineParameter("Rounds", 10), "verbose": True},
        metrics={"validation:auc": "auc:(.*)"},
        spot=st.Spot(),
        environment={"A": "b"},
    )
    prepare = st.ProcessingStep(
        name="Prepare",
        image=image,
        code=Path("prepare.py"),
        args=["--fast"],
        inputs={"data": "s3://data/raw"},
        outputs={"train": None, "report": "s3://fixed/report"},
        property_files=[st.PropertyFile(name="Report", output="report", path="report.json")],
        retry=[st.Retry(), st.Retry(on=["SageMaker.CAPACITY_ERROR"], expire_minutes=30)],
        cache="P7D",
    )
    spark = st.SparkStep(
        name="Spark", image=image, code="s3://code/job.py", spark_events="s3://logs/spark", depends_on=[prepare]
    )
    wrangler = st.DataWranglerStep(name="Wrangle", image=image, flow="s3://flows/a.flow", node="1234.default")
    train = st.TrainingStep(
        name="Train",
        trainer=trainer,
        debugger_rules={"Overfit": image},
        mlflow=st.MlflowRun(
            resource_arn="arn:aws:sagemaker:eu-west-1:222222222222:mlflow-app/app-1", experiment="churn"
        ),
    )
    notebook = st.NotebookStep(name="Notebook", notebook="s3://notebooks/explore/first.ipynb", image=image)
    tune = st.TuningStep(
        name="Tune",
        trainer=trainer,
        objective="validation:auc",
        strategy="Hyperband",
        hyperband=(1, 100),
        seed=3,
        ranges={
            "eta": st.Continuous(0.1, 0.3, "Logarithmic"),
            "depth": st.Whole(2, 9),
            "booster": st.Choice(("gbtree", "dart")),
        },
    )
    automl = st.AutoMLStep(
        name="AutoML", data="s3://data/train", target="left", problem_type="BinaryClassification", objective="AUC"
    )
    model = st.ModelStep(name="Model", containers=[st.ModelContainer(image=image, model_uri=train.model_uri)])
    serial = st.ModelStep(name="Serial", containers=[st.ModelContainer(image=image, model_uri="s3://m/a.tar.gz")] * 2)
    transform = st.TransformStep(name="Transform", model_name="model", data="s3://data/batch", join_input=True)
    quality = st.QualityCheckStep(
        name="DataQuality",
        image=image,
        check="DATA_QUALITY",
        group="churn",
        data=prepare.output_uri("train"),
        skip=True,
        register_baseline=True,
    )
    model_quality = st.QualityCheckStep(
        name="ModelQuality",
        image=image,
        check="MODEL_QUALITY",
        group="churn",
        data=prepare.output_uri("train"),
        problem_type="BinaryClassification",
        label="left",
        probability="prediction",
        statistics=quality.used_statistics,
    )
    clarify = st.ClarifyCheckStep(
        name="Attribution",
        image=image,
        check="MODEL_EXPLAINABILITY",
        group="churn",
        data=prepare.output_uri("train"),
        config="s3://configs/explain",
        model_name=model.property("ModelName"),
        constraints=quality.used_constraints,
    )
    data = st.LineageEntity(kind="Artifact", name="data", type="DataSet", uri="s3://data/raw", properties={"rows": "5"})
    version = st.LineageEntity(kind="Action", name="training", type="Training", uri=train.model_uri)
    lineage = st.LineageStep(
        name="Lineage",
        entities=[data, version],
        associations=[st.Association(data, version), st.Association(version, "arn:aws:sagemaker:x", "Produced")],
    )
    register = st.RegisterStep(
        name="Register",
        group="churn",
        containers=[st.ModelContainer(image=image, model_uri=train.model_uri)],
        metrics=st.Reports(
            model_quality=("s3://r/e.json", None), bias="s3://r/b.json", bias_pre_training="s3://r/p.json"
        ),
        baselines=st.Reports(data_quality=("s3://r/s.json", "s3://r/c.json"), explainability="s3://r/a.json"),
        properties={"why": "drift"},
        generated_by="execution",
        version_description="first",
    )
    return [
        prepare,
        spark,
        wrangler,
        train,
        notebook,
        tune,
        automl,
        model,
        serial,
        transform,
        quality,
        model_quality,
        clarify,
        lineage,
        register,
    ]


def test_arguments_are_requests_that_the_service_accepts(every_step: list[st.Step]) -> None:
    rendered = [step.to_json(Context()) for step in every_step]
    json.dumps(rendered)
    lineage = [step for step in rendered if step["Type"] == "Lineage"]
    found = {step["Name"]: problems_of(step) for step in rendered if step not in lineage}
    # The shape of a checks' own keys is the pipeline's; what stands in Arguments is a processing job.
    assert {name: report for name, report in found.items() if report} == {}
    assert {step["Type"] for step in rendered} == {*CALLS, "Lineage"}


def test_what_lineage_steps_make_is_what_the_service_makes(every_step: list[st.Step]) -> None:
    (step,) = (item for item in every_step if isinstance(item, st.LineageStep))
    arguments = concrete(step.to_json(Context())["Arguments"])
    service = botocore.session.get_session().get_service_model("sagemaker")
    for key, operation in (("Actions", "CreateAction"), ("Artifacts", "CreateArtifact")):
        for request in arguments[key]:
            shape = service.operation_model(operation).input_shape
            assert ParamValidator().validate(request, shape).generate_report() == "", key
    first, second = arguments["Associations"]
    assert first == {
        "Source": {"Name": "data", "Type": "Artifact"},
        "Destination": {"Name": "training", "Type": "Action"},
        "AssociationType": "ContributedTo",
    }
    assert second["Destination"] == {"Arn": "arn:aws:sagemaker:x"}
    assert step.arn(step.entities[0]).to_json() == {"Get": "Steps.Lineage.ArtifactArns['data']"}


def test_notebooks_run_as_the_sdk_runs_them(every_step: list[st.Step]) -> None:
    (step,) = (item for item in every_step if isinstance(item, st.NotebookStep))
    arguments = step.to_json(Context())["Arguments"]
    assert arguments["AlgorithmSpecification"]["ContainerEntrypoint"] == ["amazon_sagemaker_scheduler"]
    assert arguments["Environment"]["SM_INPUT_NOTEBOOK_NAME"] == "first.ipynb"
    (channel,) = arguments["InputDataConfig"]
    assert channel["DataSource"]["S3DataSource"]["S3Uri"] == "s3://notebooks/explore/"
    assert arguments["Environment"]["SM_EXECUTION_INPUT_PATH"].endswith(channel["ChannelName"])


def test_a_definition_of_every_step_is_right(
    every_step: list[st.Step], image: str, stack: Any, define: Any, synthesise: Any
) -> None:
    queue = sqs.Queue.from_queue_arn(stack, "Queue", "arn:aws:sqs:eu-west-1:222222222222:labels")
    call = st.LambdaStep(
        name="Call",
        function="arn:aws:lambda:eu-west-1:222222222222:function:f",
        inputs={"a": 1},
        outputs={"b": "Float"},
    )
    wait = st.CallbackStep(name="Wait", queue=queue, inputs={"bucket": "x"}, outputs={"labels": "String"})
    emr = st.EmrStep(
        name="Emr", cluster_id="j-1", jar="command-runner.jar", args=["spark-submit", wait.output("labels")]
    )
    own = st.EmrStep(
        name="OwnCluster",
        cluster={"Instances": {"InstanceGroups": []}, "ServiceRole": "EMR_Default", "JobFlowRole": "EMR_EC2"},
        jar="s3://jars/job.jar",
    )
    prepare = every_step[0]
    assert isinstance(prepare, st.ProcessingStep)
    decide = st.ConditionStep(
        name="Decide",
        conditions=[
            st.Condition(call.output("b"), ">", 0.5),
            st.Either(
                [
                    st.IsOneOf(tr.ExecutionVariable.PIPELINE_NAME, ["a"]),
                    st.Negation(st.Condition(prepare.value("Report", "x[0].y"), "<=", 3)),
                ]
            ),
        ],
        then=[every_step[-1]],
        otherwise=[st.FailStep(name="Stop", message=tr.Join(["no: ", prepare.output_uri("report")]))],
    )
    pipeline = define(
        tr.PipelineDefinition.from_steps(
            [*every_step[1:-1], call, wait, emr, own, decide, _local(prepare)],
            [tr.PipelineParameter("Rounds", 10)],
            mlflow=st.MlflowRun(resource_arn="arn:aws:sagemaker:eu-west-1:222222222222:mlflow-app/app-2"),
        )
    )
    assert len(steps_of(pipeline.document)) == len(every_step) + 6
    assert pipeline.document["MlflowConfig"]["MlflowResourceArn"].endswith("mlflow-app/app-2")
    assert pipeline_grammar.problems(pipeline.document) == []
    found = synthesise().of_type("IAM::Role")
    statements = {
        statement["Sid"]: statement
        for role in found.values()
        for policy in role["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    }
    assert statements["MakeClusters"]["Action"] == "elasticmapreduce:RunJobFlow"
    for sid, role, service in (
        ("PassClusterRoles", "role/EMR_Default", "elasticmapreduce"),
        ("PassInstanceRoles", "role/EMR_EC2", "ec2"),
    ):
        assert role in json.dumps(statements[sid]["Resource"])
        assert statements[sid]["Condition"]["StringEquals"]["iam:PassedToService"] == f"{service}.amazonaws.com"
    # Each role logs to both: the pipeline's own and that of one training job.
    assert len(statements["LogToMlflow"]["Resource"]) == 2
    assert statements["CallMlflow"]["Action"] == "sagemaker:CallMlflowAppApi"
    assert "sagemaker:CreateArtifact" in statements["RunLineage"]["Action"]
    # Clarify asks the model through an endpoint that it makes for the time of the job.
    assert "sagemaker:CreateEndpoint" in statements["MakeShadow"]["Action"]


def _local(step: st.ProcessingStep) -> st.ProcessingStep:
    """The same step with a script that exists."""
    from dataclasses import replace

    return replace(step, code=Path(__file__))


@pytest.fixture(autouse=True)
def _sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "train.py").write_text("print('trains')\n")
    monkeypatch.chdir(tmp_path)
    yield


def test_steps_say_everything_that_is_wrong_with_them(define: Any, image: str) -> None:
    trainer = st.Trainer(image=image, metrics={"validation:auc": "(.*)"})
    stranger = st.LineageEntity(kind="Artifact", name="other", type="Model", uri="s3://x")
    fact = st.LineageEntity(kind="Artefact", name="data", type="DataSet", uri="s3://x")
    common = {"image": image, "group": "churn", "data": "s3://x"}
    steps = [
        st.TuningStep(name="Tune", trainer=trainer, objective="validation:acu", strategy="Bayes"),
        st.EmrStep(name="Emr", jar="a.jar", cluster={}, role_arn="r"),
        st.EmrStep(name="NoCluster", jar="a.jar"),
        st.LineageStep(name="Record", entities=[fact], associations=[st.Association(fact, stranger)]),
        st.QualityCheckStep(name="Quality", check="MODEL_QUALITY", **common),
        st.QualityCheckStep(name="Kind", check="BIAS", **common),
        st.ConditionStep(
            name="Decide",
            conditions=[st.Negation(st.Either([st.Condition(tr.PipelineParameter("A", 1), "=>", 1)]))],
            then=[st.ClarifyCheckStep(name="Explain", check="MODEL_EXPLAINABILITY", config="s3://x", **common)],
        ),
    ]
    with pytest.raises(mlops.ConstructError) as caught:
        define(tr.PipelineDefinition.from_steps(steps))
    said = str(caught.value)
    for part in (
        'step Tune: strategy is "Bayes", allowed are Bayesian, Random, Grid, Hyperband; did you mean "Bayesian"?',
        "step Tune has no ranges",
        'objective is "validation:acu", the trainer\'s metrics are validation:auc',
        "cluster has no Instances",
        "step Emr has a role_arn",
        "step NoCluster needs one of cluster_id",
        'kind of data is "Artefact", allowed are Action, Artifact, Context; did you mean "Artifact"?',
        "associates Artifact other, which is not among its entities",
        'step Quality: problem_type is "None"',
        "step Quality has no label",
        "step Quality has neither prediction nor probability",
        'step Kind: check is "BIAS", allowed are DATA_QUALITY, MODEL_QUALITY',
        'step Decide: comparison is "=>", allowed are ==, >, >=, <, <=',
        "step Explain explains a model and has no model_name",
    ):
        assert part in said, (part, said)


def test_retries_and_caching(every_step: list[st.Step]) -> None:
    document = every_step[0].to_json(Context())
    assert document["CacheConfig"] == {"Enabled": True, "ExpireAfter": "P7D"}
    first, second = document["RetryPolicies"]
    assert first == {
        "ExceptionType": ["Step.SERVICE_FAULT", "Step.THROTTLING"],
        "BackoffRate": 2.0,
        "IntervalSeconds": 1,
        "MaxAttempts": 5,
    }
    assert second["ExpireAfterMin"] == 30
    assert "MaxAttempts" not in second


def test_text_cannot_swallow_a_value() -> None:
    parameter = tr.PipelineParameter("Rate", 0.1)
    with pytest.raises(TypeError, match="put text together with Join"):
        f"{parameter}"
    assert [parameter.kind, tr.PipelineParameter("A", True).kind, tr.PipelineParameter("B", 1).kind] == [
        "Float",
        "Boolean",
        "Integer",
    ]
    assert tr.PipelineParameter("C", "x", allowed=("x", "y")).declaration() == {
        "Name": "C",
        "Type": "String",
        "DefaultValue": "x",
        "EnumValues": ["x", "y"],
    }


def test_the_ready_pipeline_s_arguments_are_requests_too(define: Any, tabular: Callable[..., Any]) -> None:
    pipeline = define(tabular())
    for step in steps_of(pipeline.document):
        if step.type in CALLS:
            # Tokens of the CDK are not yet values; they stand for texts.
            text = re.sub(r"\$\{(Token|Block)\[[^}]*\]\}", "a-text-of-the-deployment", json.dumps(step.document))
            assert problems_of(json.loads(text)) == "", step.name


def test_ground_truth_and_neo_are_steps_too(stack: Any, define: Any, synthesise: Any, image: str) -> None:
    role = iam.Role.from_role_arn(stack, "Labelers", "arn:aws:iam::222222222222:role/labelers")
    with pytest.raises(mlops.ConstructError, match=r"roles is empty.*\n.*poll_minutes is 1"):
        tr.CallbackJobs(stack, "None", roles=[], poll_minutes=1)
    jobs = tr.CallbackJobs(stack, "Jobs", roles=[role])
    train = st.TrainingStep(name="Train", trainer=st.Trainer(image=image))
    request = {
        "OutputConfig": {"S3OutputLocation": "s3://compiled", "TargetDevice": "ml_m5"},
        "InputConfig": {"S3Uri": train.model_uri, "Framework": "XGBOOST", "DataInputConfig": '{"input": [1, 3]}'},
        "RoleArn": role.role_arn,
        "StoppingCondition": {"MaxRuntimeInSeconds": 900},
    }
    with pytest.raises(mlops.ConstructError, match=r"step Label has no HumanTaskConfig(.|\n)*has a LabelingJobName"):
        jobs.labeling_step("Label", request | {"LabelingJobName": "x"})
    compile_ = jobs.compilation_step("Compile", request, depends_on=[train])
    register = st.RegisterStep(
        name="Register",
        group="churn",
        containers=[st.ModelContainer(image=image, model_uri=compile_.output("uri"))],
    )
    pipeline = define(tr.PipelineDefinition.from_steps([train, compile_, register]))
    arguments = next(step for step in pipeline.document["Steps"] if step["Name"] == "Compile")["Arguments"]
    parts = arguments["request"]["Std:Join"]["Values"]
    text = "".join(part if isinstance(part, str) else "s3://models/a.tar.gz" for part in parts)
    service = botocore.session.get_session().get_service_model("sagemaker")
    shape = service.operation_model("CreateCompilationJob").input_shape
    sent = json.loads(text) | {"CompilationJobName": "job"}
    assert ParamValidator().validate(sent, shape).generate_report() == ""
    assert sent["InputConfig"]["S3Uri"] == "s3://models/a.tar.gz"
    template = synthesise()
    assert template.only("Lambda::EventSourceMapping")["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert template.only("SQS::Queue")["VisibilityTimeout"] == 300
    text = json.dumps(template.of_type("IAM::Role"))
    assert "sagemaker:CreateLabelingJob" in text
    assert "role/labelers" in text


@pytest.mark.parametrize("options", [{}, {"gate_engine": "model-monitor"}, {"tuning": None, "minimum": None}])
def test_the_grammar_accepts_the_ready_pipeline(
    stack: cdk.Stack, define: Any, tabular: Callable[..., Any], options: dict[str, Any]
) -> None:
    arn = "arn:aws:lambda:eu-west-1:222222222222:function:deploy"
    function = lambda_.Function.from_function_arn(stack, "Deploy", arn)
    document = define(tabular(deploy=function, **options)).document
    assert pipeline_grammar.problems(document) == []


def test_the_grammar_refuses_what_is_wrong(define: Any, tabular: Callable[..., Any]) -> None:
    document = json.loads(json.dumps(define(tabular()).document))
    wrong = {
        "a name": lambda steps: steps[0].update(Name="a b"),
        "a type": lambda steps: steps[0].update(Type="Preparation"),
        "a member": lambda steps: steps[0].update(PropertyFile=[]),
        "a retry": lambda steps: steps[0]["RetryPolicies"][0].update(IntervalSeconds=0),
        "a comparison": lambda steps: steps[-1]["Arguments"]["Conditions"][0].update(Type="Like"),
        "a nested step": lambda steps: steps[-1]["Arguments"]["ElseSteps"][0].pop("Arguments"),
    }
    for what, change in wrong.items():
        changed = json.loads(json.dumps(document))
        change(changed["Steps"])
        assert pipeline_grammar.problems(changed), what
    document["Parameters"][0]["Type"] = "Integer"
    assert pipeline_grammar.problems(document)


def test_images_are_known_and_others_refused(stack: Any) -> None:
    assert tr.Images.sklearn(stack).endswith("/sagemaker-scikit-learn:1.4-2-cpu-py3")
    with pytest.raises(mlops.ConstructError, match=r'version of xgboost is "3\.0-4".*did you mean "3\.0-5"'):
        tr.Images.xgboost(stack, "3.0-4")
