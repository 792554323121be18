# ruff: noqa: TID251
"""A pipeline as the SageMaker SDK builds it: the question names bucket, role and the folder with the scripts.

The SDK uploads the scripts by itself, to whatever AWS_ENDPOINT_URL names.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import boto3
from sagemaker.estimator import Estimator
from sagemaker.image_uris import retrieve
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.parameter import ContinuousParameter, IntegerParameter
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.tuner import HyperparameterTuner
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThanOrEqualTo, ConditionIn, ConditionNot
from sagemaker.workflow.execution_variables import ExecutionVariables
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TuningStep

question = json.load(sys.stdin)
bucket, role, folder = question["bucket"], question["role"], Path(question["folder"])
session = PipelineSession(boto_session=boto3.session.Session(), default_bucket=bucket)
rows = ParameterInteger("Rows", 200)
least = ParameterFloat("LeastAuc", 0.7)
approval = ParameterString("Approval", "PendingManualApproval", enum_values=["PendingManualApproval", "Approved"])
image = retrieve("xgboost", session.boto_region_name, "1.7-1")

prepare = ProcessingStep(
    "Prepare",
    step_args=SKLearnProcessor(
        framework_version="1.2-1",
        role=role,
        instance_type="ml.m5.large",
        instance_count=1,
        base_job_name="prepare",
        sagemaker_session=session,
    ).run(
        code=str(folder / "prepare.py"),
        arguments=["--rows", rows.to_string()],
        outputs=[
            ProcessingOutput(output_name=name, source=f"/opt/ml/processing/{name}") for name in ("train", "validation")
        ],
    ),
    cache_config=CacheConfig(enable_caching=True, expire_after="P1D"),
)


def output(name: str) -> TrainingInput:
    uri = prepare.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri
    return TrainingInput(uri, content_type="text/csv")


estimator = Estimator(
    image_uri=image,
    role=role,
    instance_type="ml.m5.large",
    instance_count=1,
    output_path=Join(on="/", values=[f"s3://{bucket}", ExecutionVariables.PIPELINE_EXECUTION_ID, "models"]),
    sagemaker_session=session,
)
estimator.set_hyperparameters(objective="binary:logistic", num_round=3, eval_metric="auc")
tuner = HyperparameterTuner(
    estimator,
    "validation:auc",
    {"eta": ContinuousParameter(0.05, 0.5), "max_depth": IntegerParameter(2, 4)},
    strategy="Random",
    max_jobs=2,
    max_parallel_jobs=2,
)
tune = TuningStep("Tune", step_args=tuner.fit({"train": output("train"), "validation": output("validation")}))
evaluation = PropertyFile("Evaluation", output_name="evaluation", path="evaluation.json")
best = tune.get_top_model_s3_uri(
    top_k=0,
    s3_bucket=Join(on="/", values=[bucket, ExecutionVariables.PIPELINE_EXECUTION_ID]),
    prefix="models",
)
evaluate = ProcessingStep(
    "Evaluate",
    step_args=ScriptProcessor(
        image_uri=image,
        command=["python3"],
        role=role,
        instance_type="ml.m5.large",
        instance_count=1,
        sagemaker_session=session,
    ).run(
        code=str(folder / "evaluate.py"),
        inputs=[
            ProcessingInput(source=best, destination="/opt/ml/processing/model"),
            ProcessingInput(
                source=prepare.properties.ProcessingOutputConfig.Outputs["validation"].S3Output.S3Uri,
                destination="/opt/ml/processing/validation",
            ),
        ],
        outputs=[ProcessingOutput(output_name="evaluation", source="/opt/ml/processing/evaluation")],
    ),
    property_files=[evaluation],
)
auc = JsonGet(step_name=evaluate.name, property_file=evaluation, json_path="metrics.auc.value")
register = ModelStep(
    "Register",
    step_args=Model(image_uri=image, model_data=best, role=role, sagemaker_session=session).register(
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=["ml.m5.large"],
        model_package_group_name="sdk",
        approval_status=approval,
    ),
)
refuse = FailStep("Refuse", error_message=Join(on=" ", values=["auc below", least]))
gate = ConditionStep(
    "Gate",
    conditions=[
        ConditionGreaterThanOrEqualTo(left=auc, right=least),
        ConditionNot(ConditionIn(value=approval, in_values=["Rejected"])),
    ],
    if_steps=[register],
    else_steps=[refuse],
)
pipeline = Pipeline(
    "sdk", parameters=[rows, least, approval], steps=[prepare, tune, evaluate, gate], sagemaker_session=session
)
print()
print(json.dumps(pipeline.definition()))
