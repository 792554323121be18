"""The gates of the ready pipeline by SageMaker's own check steps, for accounts that have Model Monitor and Clarify.

`Evaluate` writes what the checks read: traffic as the endpoint will have it, predictions with labels as 0 and 1,
encoded rows for attributions, and Clarify's configurations, which need columns that only the data know.
"""

from __future__ import annotations

from typing import Any

from . import steps as st
from .images import Images
from .steps.base import Text
from .tabular_gates import Gated, Trained, baseline_uri, file_of
from .tabular_jobs import SERVING, Assembly
from .values import PipelineParameter

#: Outputs of `Evaluate` that only these checks read.
CHECK_OUTPUTS = ("traffic", "labelled", "encoded", "bias", "attribution")
_PREDICTION, _PREDICTED = "prediction", "predicted"
_NAMES = {
    "data_quality": ("CheckDataQuality", "DATA_QUALITY"),
    "model_quality": ("CheckModelQuality", "MODEL_QUALITY"),
    "bias": ("CheckBias", "MODEL_BIAS"),
    "attribution": ("CheckAttribution", "MODEL_EXPLAINABILITY"),
}


def model_monitor_gates(given: Assembly, trained: Trained) -> Gated:
    """Four check steps, and a model for Clarify to ask."""
    options, evaluate = given.options, trained.evaluate
    binary = options.problem == "binary-classification"
    parameters: list[PipelineParameter] = []
    analyzer, clarify = Images.model_monitor(given.scope), Images.clarify(given.scope)

    def common(kind: str, image: str) -> dict[str, Any]:
        name, check = _NAMES[kind]
        gate = options.gate(kind)
        end = name.removeprefix("Check")
        # The first execution of a group has nothing to compare with, so both are parameters.
        skip = PipelineParameter(f"SkipCheck{end}", gate.skip)
        register = PipelineParameter(f"RegisterNewBaseline{end}", gate.register_baseline)
        parameters.extend((skip, register))
        return {
            "name": name,
            "check": check,
            "image": image,
            "group": options.group.group_name,
            "skip": skip,
            "register_baseline": register,
            "output": baseline_uri(given, kind),
            "compute": options.preparation,
        }

    data = st.QualityCheckStep(**common("data_quality", analyzer), data=evaluate.output_uri("traffic"))
    quality = st.QualityCheckStep(
        **common("model_quality", analyzer),
        data=evaluate.output_uri("labelled"),
        problem_type="BinaryClassification" if binary else "Regression",
        label=options.label,
        prediction=_PREDICTED if binary else _PREDICTION,
        probability=_PREDICTION if binary else None,
        threshold=options.threshold,
    )
    steps: list[st.Step] = [data, quality]
    bias = None
    if options.facet:
        bias = st.ClarifyCheckStep(
            **common("bias", clarify),
            data=evaluate.output_uri("labelled"),
            config=evaluate.output_uri("bias"),
        )
        steps.append(bias)
    model = st.ModelStep(
        name="ModelToExplain",
        containers=[
            st.ModelContainer(
                image=given.image,
                model_uri=trained.model_uri,
                # Clarify's rows are numbers already: categories were encoded by the step that evaluates.
                environment={**SERVING, "TABULAR_TRAINING_ENCODED": "1"},
            )
        ],
    )
    attribution = st.ClarifyCheckStep(
        **common("attribution", clarify),
        data=evaluate.output_uri("encoded"),
        config=evaluate.output_uri("attribution"),
        model_name=model.property("ModelName"),
    )
    steps += [model, attribution]

    def reports(statistics: Text) -> st.Reports:
        return st.Reports(
            data_quality=(data.used_statistics, data.used_constraints),
            model_quality=(statistics, quality.used_constraints),
            bias=bias.used_constraints if bias else None,
            explainability=attribution.used_constraints,
        )

    return Gated(
        steps=steps,
        metrics=reports(file_of(evaluate, "evaluation", "evaluation.json")),
        baselines=reports(quality.used_statistics),
        parameters=parameters,
    )
