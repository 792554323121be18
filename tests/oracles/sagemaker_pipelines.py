"""A pipeline as the SageMaker SDK writes it down. In: nothing. Out: the definition."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
os.environ["SAGEMAKER_SUPPRESS_V2_WARNING"] = "1"

import boto3
from sagemaker.automl.automl import AutoML, AutoMLInput  # noqa: TID251
from sagemaker.estimator import Estimator  # noqa: TID251
from sagemaker.inputs import TrainingInput, TransformInput  # noqa: TID251
from sagemaker.lambda_helper import Lambda  # noqa: TID251
from sagemaker.lineage.artifact import Artifact  # noqa: TID251
from sagemaker.lineage.context import Context  # noqa: TID251
from sagemaker.model import Model  # noqa: TID251
from sagemaker.model_monitor import DatasetFormat  # noqa: TID251
from sagemaker.processing import ProcessingInput, ProcessingOutput, Processor  # noqa: TID251
from sagemaker.telemetry import telemetry_logging  # noqa: TID251
from sagemaker.transformer import Transformer  # noqa: TID251
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner, IntegerParameter  # noqa: TID251
from sagemaker.workflow.automl_step import AutoMLStep  # noqa: TID251
from sagemaker.workflow.callback_step import CallbackOutput, CallbackOutputTypeEnum, CallbackStep  # noqa: TID251
from sagemaker.workflow.check_job_config import CheckJobConfig  # noqa: TID251
from sagemaker.workflow.condition_step import ConditionStep  # noqa: TID251
from sagemaker.workflow.conditions import ConditionGreaterThanOrEqualTo, ConditionIn, ConditionNot  # noqa: TID251
from sagemaker.workflow.emr_step import EMRStep, EMRStepConfig  # noqa: TID251
from sagemaker.workflow.fail_step import FailStep  # noqa: TID251
from sagemaker.workflow.functions import Join, JsonGet  # noqa: TID251
from sagemaker.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep  # noqa: TID251
from sagemaker.workflow.lineage_step import LineageAssociation, LineageEntityReference, LineageStep  # noqa: TID251
from sagemaker.workflow.model_step import ModelStep  # noqa: TID251
from sagemaker.workflow.notebook_job_step import NotebookJobStep  # noqa: TID251
from sagemaker.workflow.parameters import ParameterFloat, ParameterString  # noqa: TID251
from sagemaker.workflow.pipeline import Pipeline  # noqa: TID251
from sagemaker.workflow.pipeline_context import PipelineSession  # noqa: TID251
from sagemaker.workflow.properties import PropertyFile  # noqa: TID251
from sagemaker.workflow.quality_check_step import DataQualityCheckConfig, QualityCheckStep  # noqa: TID251
from sagemaker.workflow.retry import StepExceptionTypeEnum, StepRetryPolicy  # noqa: TID251
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TransformStep, TuningStep  # noqa: TID251

# The SDK reports each call to its makers, and waits for the network with every one.
telemetry_logging._send_telemetry_request = lambda *_, **__: None

# Nor does it ask S3 whether its bucket is there.
PipelineSession.default_bucket = lambda self: "the-bucket"

# Nor does a notebook leave this machine.
NotebookJobStep._upload_job_files = lambda *_, **__: None

ROLE = "arn:aws:iam::222222222222:role/sagemaker"
IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1"
FUNCTION = "arn:aws:lambda:eu-west-1:222222222222:function:deploy"
COMPUTE = {"instance_count": 1, "instance_type": "ml.m5.xlarge"}


def definition() -> str:
    session = PipelineSession(
        boto_session=boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="eu-west-1"),
        default_bucket="the-bucket",
    )
    data = ParameterString("InputData", default_value="s3://data/raw")
    threshold = ParameterFloat("Threshold", default_value=0.8)
    retry = StepRetryPolicy(exception_types=[StepExceptionTypeEnum.SERVICE_FAULT], max_attempts=3)
    processor = Processor(
        role=ROLE, image_uri=IMAGE, entrypoint=["python3", "x.py"], sagemaker_session=session, **COMPUTE
    )
    report = PropertyFile("Report", output_name="report", path="report.json")
    prepare = ProcessingStep(
        "Prepare",
        step_args=processor.run(
            inputs=[ProcessingInput(source=data, destination="/opt/ml/processing/input/data")],
            outputs=[
                ProcessingOutput(output_name="train", source="/opt/ml/processing/train"),
                ProcessingOutput(output_name="report", source="/opt/ml/processing/report"),
            ],
        ),
        property_files=[report],
        cache_config=CacheConfig(enable_caching=True, expire_after="P1D"),
        retry_policies=[retry],
    )
    uri = prepare.properties.ProcessingOutputConfig.Outputs["train"].S3Output.S3Uri
    estimator = Estimator(IMAGE, ROLE, sagemaker_session=session, output_path="s3://the-bucket/models", **COMPUTE)
    train = TrainingStep("Train", step_args=estimator.fit({"train": TrainingInput(uri, content_type="text/csv")}))
    tuner = HyperparameterTuner(
        estimator,
        "validation:auc",
        {"eta": ContinuousParameter(0.1, 0.3), "max_depth": IntegerParameter(2, 6)},
        metric_definitions=[{"Name": "validation:auc", "Regex": "auc:(.*)"}],
        max_jobs=4,
    )
    tune = TuningStep("Tune", step_args=tuner.fit({"train": TrainingInput(uri, content_type="text/csv")}))
    check = QualityCheckStep(
        name="Quality",
        quality_check_config=DataQualityCheckConfig(
            baseline_dataset=uri, dataset_format=DatasetFormat.csv(header=True), output_s3_uri="s3://the-bucket/check"
        ),
        check_job_config=CheckJobConfig(role=ROLE, sagemaker_session=session),
        skip_check=True,
        register_new_baseline=True,
        model_package_group_name="churn",
    )
    top = tuner_model(tune, session)
    create = ModelStep("Create", step_args=top.create(instance_type="ml.m5.large"))
    register = ModelStep(
        "Register",
        step_args=top.register(
            content_types=["text/csv"],
            response_types=["text/csv"],
            model_package_group_name="churn",
            inference_instances=["ml.m5.large"],
            transform_instances=["ml.m5.large"],
            customer_metadata_properties={"why": "drift"},
        ),
    )
    transformer = Transformer(
        create.properties.ModelName, 1, "ml.m5.large", output_path="s3://the-bucket/out", sagemaker_session=session
    )
    transform = TransformStep("Transform", step_args=transformer.transform(TransformInput("s3://data/batch").data))
    call = LambdaStep(
        "Call",
        lambda_func=Lambda(function_arn=FUNCTION, session=session),
        inputs={"model": create.properties.ModelName},
        outputs=[LambdaOutput("ok", LambdaOutputTypeEnum.String)],
    )
    value = JsonGet(step_name="Prepare", property_file=report, json_path="a.b")
    decide = ConditionStep(
        "Decide",
        conditions=[
            ConditionGreaterThanOrEqualTo(value, threshold),
            ConditionNot(ConditionIn(data, ["s3://bad", "s3://worse"])),
        ],
        if_steps=[register, transform, call],
        else_steps=[FailStep("Stop", error_message=Join(on=" ", values=["below", threshold]))],
    )
    pipeline = Pipeline(
        "churn",
        parameters=[data, threshold],
        steps=[prepare, train, tune, check, create, decide, *others(session)],
        sagemaker_session=session,
    )
    return pipeline.definition()


def others(session: PipelineSession) -> list[Any]:
    """Steps that stand for other services, or for nothing that the ones above stand for."""
    work = EMRStepConfig(jar="command-runner.jar", args=["spark-submit", "s3://code/job.py"])
    cluster = {
        "Instances": {"InstanceGroups": []},
        "ServiceRole": "EMR_DefaultRole",
        "JobFlowRole": "EMR_EC2_DefaultRole",
    }
    automl = AutoML(
        role=ROLE,
        target_attribute_name="left",
        sagemaker_session=session,
        mode="ENSEMBLING",
        output_path="s3://the-bucket/a",
    )
    data = AutoMLInput("s3://data/train", target_attribute_name="left", channel_type="training")
    artifact = Artifact.create(
        artifact_name="raw", source_uri="s3://data/raw", artifact_type="DataSet", sagemaker_session=session
    )
    context = Context.create(
        context_name="churn", source_uri="s3://data/churn", context_type="Project", sagemaker_session=session
    )
    return [
        EMRStep("Running", "Running", "", "j-123", work),
        EMRStep("Own", "Own", "", None, work, cluster_config=cluster),
        CallbackStep(
            "Wait",
            sqs_queue_url="https://sqs.eu-west-1.amazonaws.com/222222222222/labels",
            inputs={"where": "s3://labels"},
            outputs=[CallbackOutput("labels", CallbackOutputTypeEnum.String)],
        ),
        AutoMLStep("Search", step_args=automl.fit(inputs=[data])),
        LineageStep(
            "Record",
            artifacts=artifact,
            contexts=context,
            associations=[
                LineageAssociation(
                    LineageEntityReference("raw", "Artifact"),
                    LineageEntityReference("churn", "Context"),
                    "AssociatedWith",
                )
            ],
        ),
        NotebookJobStep(
            input_notebook=__file__,
            image_uri=IMAGE,
            kernel_name="python3",
            name="Notebook",
            role=ROLE,
            s3_root_uri="s3://n",
        ),
    ]


def tuner_model(tune: TuningStep, session: PipelineSession) -> Model:
    return Model(
        IMAGE, model_data=tune.get_top_model_s3_uri(0, "the-bucket", "models"), role=ROLE, sagemaker_session=session
    )


sys.stdout.write(json.dumps(json.loads(definition())))
