"""The steps of the ready pipeline, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops.functions import PROCESSING_WHEELS

from . import steps as st
from .steps.base import Text
from .tabular_code import processing_code, training_code
from .values import ExecutionVariable, Join, PipelineParameter

if TYPE_CHECKING:
    from .steps import StepContext
    from .tabular import TabularPipeline

#: Objective of training by problem: XGBoost's metric, and whether more is better.
_OBJECTIVES = {
    "binary-classification": ("auc", True),
    "multiclass-classification": ("mlogloss", False),
    "regression": ("rmse", False),
}
#: What is compared with the minimum and with the live version, by problem: section and metric of evaluation.json.
_REPORTED = {
    "binary-classification": ("binary_classification_metrics", "auc", ">="),
    "multiclass-classification": ("multiclass_classification_metrics", "accuracy", ">="),
    "regression": ("regression_metrics", "rmse", "<="),
}
_NUMBER = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"
#: Parameters that say why an execution was started; retraining on drift fills them in.
REASON_PARAMETERS = (
    "RetrainingReason",
    "RetrainingMonitor",
    "RetrainingFeatures",
    "RetrainingWindow",
    "RetrainingReport",
)
#: Image that the analysis engine's wheels are for.
ANALYSIS_VERSION = "1.4-2-py312"
_NONE = "none"
_JOB_RETRIES = (
    st.Retry(max_attempts=3, interval_seconds=10),
    st.Retry(
        on=("SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT"),
        interval_seconds=60,
        backoff_rate=2.0,
        max_attempts=5,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """What the steps are made of."""

    options: TabularPipeline
    image: str
    analysis_image: str
    configuration: dict[str, Any]
    context: StepContext
    baselines_uri: str | None = None


@dataclass(frozen=True, kw_only=True)
class Assembled:
    """Steps and parameters of a pipeline."""

    steps: list[st.Step]
    parameters: list[PipelineParameter]


def assemble(given: Assembly) -> Assembled:
    """All steps, with the parameters that they use."""
    options = given.options
    parameters = [
        PipelineParameter("ModelApprovalStatus", options.approval, allowed=("Approved", "PendingManualApproval")),
        *(PipelineParameter(name, _NONE) for name in REASON_PARAMETERS),
    ]
    if options.approval == "Rejected":
        parameters[0] = PipelineParameter("ModelApprovalStatus", options.approval)
    data = PipelineParameter("InputData", options.data) if options.data is not None else None
    minimum = PipelineParameter("MinimumMetric", float(options.minimum)) if options.minimum is not None else None
    code = given.context.upload_zip(processing_code(given.configuration, with_analyzer=False), "training steps")
    prepare = _processing(
        given,
        "Prepare",
        code,
        inputs={"data": data} if data else {},
        outputs=dict.fromkeys(("train", "validation", "test", "baseline", "preparation")),
    )
    training, model_uri = _training(given, prepare)
    evaluate = _processing(
        given,
        "Evaluate",
        code,
        inputs={"model": model_uri, "test": prepare.output_uri("test")},
        outputs=dict.fromkeys(("evaluation", "predictions")),
        files=(st.PropertyFile(name="Evaluation", output="evaluation", path="evaluation.json"),),
    )
    gates = _processing(
        given,
        "Gates",
        given.context.upload_zip(processing_code(given.configuration, with_analyzer=True), "training gates"),
        image=given.analysis_image,
        wheels=given.context.upload_wheels(PROCESSING_WHEELS),
        inputs={
            "model": model_uri,
            "training": prepare.output_uri("baseline"),
            "predictions": evaluate.output_uri("predictions"),
        },
        outputs={
            "gates": None,
            **{
                name: Join([given.baselines_uri, ExecutionVariable.EXECUTION_ID, name], on="/")
                if given.baselines_uri
                else None
                for name in ("baselines", "drift-check")
            },
        },
        files=(st.PropertyFile(name="Gates", output="gates", path="gates.json"),),
    )
    register = _register(given, model_uri, evaluate, gates, parameters)
    decision = _decide(given, evaluate, gates, minimum, register)
    return Assembled(
        steps=[prepare, training, evaluate, gates, decision],
        parameters=[*parameters, *(parameter for parameter in (data, minimum) if parameter is not None)],
    )


def _processing(
    given: Assembly,
    name: str,
    code: str,
    *,
    inputs: dict[str, Any],
    outputs: Mapping[str, Text | None],
    image: str | None = None,
    wheels: str | None = None,
    files: tuple[st.PropertyFile, ...] = (),
) -> st.ProcessingStep:
    return st.ProcessingStep(
        name=name,
        image=image or given.image,
        code=code,
        args=[name.lower()],
        inputs={**inputs, "wheels": wheels} if wheels else inputs,
        outputs=outputs,
        property_files=files,
        environment=_environment(wheels),
        compute=given.options.preparation,
        retry=_JOB_RETRIES,
    )


def _environment(wheels: str | None) -> dict[str, str]:
    # The jobs' clients find no region in a container by themselves.
    variables = {"AWS_DEFAULT_REGION": _refs.region()}
    if wheels:
        variables |= {
            "WHEELS": f"/opt/ml/processing/input/wheels/{wheels.rsplit('/', 1)[-1]}",
            "WHEELS_PYTHON": PROCESSING_WHEELS.python_version,
            "WHEELS_MACHINE": PROCESSING_WHEELS.machine,
        }
    return variables


def _training(given: Assembly, prepare: st.ProcessingStep) -> tuple[st.Step, Text]:
    """The step that trains, and where its best model is."""
    options = given.options
    metric, maximize = _OBJECTIVES[options.problem]
    trainer = st.Trainer(
        image=given.image,
        script="train.py",
        source=given.context.upload_tar(training_code(), "training code"),
        channels={
            "train": st.Channel(uri=prepare.output_uri("train"), content_type="text/csv"),
            "validation": st.Channel(uri=prepare.output_uri("validation"), content_type="text/csv"),
            "preparation": st.Channel(uri=prepare.output_uri("preparation")),
        },
        hyperparameters={"eval_metric": metric, "seed": options.seed, **options.hyperparameters},
        metrics={f"{data}:{metric}": rf".*\[[0-9]+\].*{data}-{metric}:{_NUMBER}.*" for data in ("train", "validation")},
        compute=options.training,
        spot=st.Spot() if options.spot else None,
    )
    if options.tuning is None:
        train = st.TrainingStep(name="Train", trainer=trainer, retry=_JOB_RETRIES)
        return train, train.model_uri
    tune = st.TuningStep(
        name="Tune",
        trainer=trainer,
        ranges=options.tuning.ranges,
        objective=f"validation:{metric}",
        maximize=maximize,
        strategy=options.tuning.strategy,
        max_jobs=options.tuning.max_jobs,
        max_parallel_jobs=options.tuning.max_parallel_jobs,
        early_stopping=options.tuning.early_stopping,
        seed=options.tuning.seed,
        hyperband=(1, int(options.hyperparameters.get("num_round", 200))),
        retry=_JOB_RETRIES,
    )
    return tune, tune.best_model_uri(given.context)


def _register(
    given: Assembly,
    model_uri: Text,
    evaluate: st.ProcessingStep,
    gates: st.ProcessingStep,
    parameters: list[PipelineParameter],
) -> st.RegisterStep:
    by_name = {parameter.name: parameter for parameter in parameters}

    def file(step: st.ProcessingStep, output: str, path: str) -> Join:
        return Join([step.output_uri(output), path], on="/")

    def reports(output: str, quality: Text) -> st.Reports:
        return st.Reports(
            data_quality=(
                file(gates, output, "data_quality/statistics.json"),
                file(gates, output, "data_quality/constraints.json"),
            ),
            model_quality=(quality, file(gates, output, "model_quality/constraints.json")),
            bias=file(gates, output, "bias/analysis.json") if given.options.facet else None,
            explainability=file(gates, output, "attribution/analysis.json"),
        )

    return st.RegisterStep(
        name="Register",
        group=given.options.group.group_name,
        containers=[
            st.ModelContainer(
                image=given.image,
                model_uri=model_uri,
                environment={
                    "SAGEMAKER_PROGRAM": "inference.py",
                    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
                    # A client that asks for nothing gets CSV, as from the image's own algorithm, and capture sees CSV.
                    "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",
                },
            )
        ],
        approval=by_name["ModelApprovalStatus"],
        metrics=reports("baselines", file(evaluate, "evaluation", "evaluation.json")),
        baselines=reports("drift-check", file(gates, "drift-check", "model_quality/statistics.json")),
        generated_by=ExecutionVariable.EXECUTION_ARN,
        properties={name: by_name[name] for name in REASON_PARAMETERS},
    )


def _decide(
    given: Assembly,
    evaluate: st.ProcessingStep,
    gates: st.ProcessingStep,
    minimum: PipelineParameter | None,
    register: st.RegisterStep,
) -> st.ConditionStep:
    """One condition in the other, so that each has a failure of its own that says why."""
    options = given.options
    then: list[st.Step] = [register]
    if options.deploy is not None:
        then.append(
            st.LambdaStep(
                name="Deploy",
                function=options.deploy,
                inputs={"action": "reconcile", "modelPackageArn": register.property("ModelPackageArn")},
                depends_on=[register],
            )
        )
    section, metric, comparison = _REPORTED[options.problem]
    evaluation = Join([evaluate.output_uri("evaluation"), "evaluation.json"], on="/")
    if options.better_than_live:
        then = [
            st.ConditionStep(
                name="CheckAgainstLive",
                conditions=[st.Condition(evaluate.value("Evaluation", "comparison.better"), "==", 1)],
                then=then,
                otherwise=[
                    st.FailStep(
                        name="NotBetter",
                        message=Join(
                            ["The new version is not better than the live one; see comparison in ", evaluation]
                        ),
                    )
                ],
            )
        ]
    if minimum is not None:
        value = evaluate.value("Evaluation", f"{section}.{metric}.value")
        limit = "at least" if comparison == ">=" else "at most"
        then = [
            st.ConditionStep(
                name="CheckMetric",
                conditions=[st.Condition(value, comparison, minimum)],
                then=then,
                otherwise=[
                    st.FailStep(
                        name="NotGoodEnough",
                        message=Join([f"The {metric} has to be {limit} ", minimum, "; see ", evaluation]),
                    )
                ],
            )
        ]
    return st.ConditionStep(
        name="CheckGates",
        conditions=[st.Condition(gates.value("Gates", "passed"), "==", 1)],
        then=then,
        otherwise=[
            st.FailStep(
                name="GatesFailed",
                message=Join(
                    ["A gate found violations; see ", Join([gates.output_uri("gates"), "gates.json"], on="/")]
                ),
            )
        ],
    )
