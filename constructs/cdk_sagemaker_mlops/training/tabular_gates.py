"""The gates of the ready pipeline by our own analyzer: one job that makes all baselines and checks them."""

from __future__ import annotations

from dataclasses import dataclass, field

from cdk_sagemaker_mlops.functions import PROCESSING_WHEELS

from . import steps as st
from .steps.base import Text
from .tabular_code import processing_code
from .tabular_jobs import Assembly, processing
from .values import ExecutionVariable, Join, PipelineParameter


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What gates look at.

    :param prepare: The step that divided the data.
    :param evaluate: The step that scored them.
    :param model_uri: Archive of the new version.
    """

    prepare: st.ProcessingStep
    evaluate: st.ProcessingStep
    model_uri: Text


@dataclass(frozen=True, kw_only=True)
class Gated:
    """Gates in the pipeline.

    :param steps: The steps that check.
    :param metrics: Reports that the version is registered with.
    :param baselines: Baselines that it is registered with.
    :param parameters: What executions may say about the checks.
    :param gate: Step whose property file says whether all passed; None where a check fails by itself.
    """

    steps: list[st.Step]
    metrics: st.Reports
    baselines: st.Reports
    parameters: list[PipelineParameter] = field(default_factory=list)
    gate: st.ProcessingStep | None = None


def analyzer_gates(given: Assembly, trained: Trained) -> Gated:
    """One job of our own."""
    gates = processing(
        given,
        "Gates",
        given.context.upload_zip(processing_code(given.configuration, with_analyzer=True), "training gates"),
        image=given.analysis_image,
        wheels=given.context.upload_wheels(PROCESSING_WHEELS),
        inputs={
            "model": trained.model_uri,
            "training": trained.prepare.output_uri("baseline"),
            "predictions": trained.evaluate.output_uri("predictions"),
        },
        outputs={"gates": None, **{name: baseline_uri(given, name) for name in ("baselines", "drift-check")}},
        files=(st.PropertyFile(name="Gates", output="gates", path="gates.json"),),
    )

    def reports(output: str, quality: Text) -> st.Reports:
        return st.Reports(
            data_quality=(
                file_of(gates, output, "data_quality/statistics.json"),
                file_of(gates, output, "data_quality/constraints.json"),
            ),
            model_quality=(quality, file_of(gates, output, "model_quality/constraints.json")),
            bias=file_of(gates, output, "bias/analysis.json") if given.options.facet else None,
            explainability=file_of(gates, output, "attribution/analysis.json"),
        )

    return Gated(
        steps=[gates],
        metrics=reports("baselines", file_of(trained.evaluate, "evaluation", "evaluation.json")),
        baselines=reports("drift-check", file_of(gates, "drift-check", "model_quality/statistics.json")),
        gate=gates,
    )


def baseline_uri(given: Assembly, name: str) -> Join | None:
    """Where an execution leaves baselines; None for the pipeline's artifacts."""
    if given.baselines_uri is None:
        return None
    return Join([given.baselines_uri, ExecutionVariable.EXECUTION_ID, name], on="/")


def file_of(step: st.ProcessingStep, output: str, path: str) -> Join:
    """URI of a file of a step's output."""
    return Join([step.output_uri(output), path], on="/")
