"""The jobs of the ready pipeline: prepare, train or tune, evaluate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops.functions import PROCESSING_WHEELS

from . import steps as st
from .steps.base import Text
from .tabular_code import training_code

if TYPE_CHECKING:
    from constructs import Construct

    from .steps import StepContext
    from .tabular_settings import TabularSettings

#: Objective of training by problem: XGBoost's metric, and whether more is better.
_OBJECTIVES = {
    "binary-classification": ("auc", True),
    "multiclass-classification": ("mlogloss", False),
    "regression": ("rmse", False),
}
_NUMBER = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"
#: Image that the analysis engine's wheels are for.
ANALYSIS_VERSION = "1.4-2-py312"
#: How SageMaker's XGBoost image serves an archive of the ready pipeline.
SERVING = {
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
    # A client that asks for nothing gets CSV, as from the image's own algorithm, and capture sees CSV.
    "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",
}
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

    options: TabularSettings
    scope: Construct
    image: str
    analysis_image: str
    configuration: dict[str, Any]
    context: StepContext
    baselines_uri: str | None = None


def processing(
    given: Assembly,
    name: str,
    code: str,
    *,
    inputs: dict[str, Any],
    outputs: Mapping[str, Text | None],
    image: str | None = None,
    wheels: str | None = None,
    files: tuple[st.PropertyFile, ...] = (),
    environment: Mapping[str, Text] | None = None,
) -> st.ProcessingStep:
    """A step that runs one of the scripts, which has the step's name in small letters."""
    return st.ProcessingStep(
        name=name,
        image=image or given.image,
        code=code,
        args=[name.lower()],
        inputs={**inputs, "wheels": wheels} if wheels else inputs,
        outputs=outputs,
        property_files=files,
        environment={**_environment(wheels), **(environment or {})},
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


def training(given: Assembly, prepare: st.ProcessingStep) -> tuple[st.Step, Text]:
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
        train = st.TrainingStep(
            name="Train", trainer=trainer, debugger_rules=options.debugger_rules, retry=_JOB_RETRIES
        )
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
