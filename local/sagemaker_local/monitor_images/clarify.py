"""The image of Clarify, as the monitors of bias and of attribution use it.

https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-model-monitor-bias-drift.html
https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-model-monitor-feature-attribution-drift.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from model_analyzer import attribution, bias, inputs, report

from .dataset import analyse_dataset
from .job import ContainerJob, JobError, main
from .shadow import predictor
from .traffic import frames, joined, output_columns

_STAGES = {"pre_training_bias_metrics": "Pre-training", "post_training_bias_metrics": "Post-Training"}
_LARGEST = 2.0**360
#: Rows explained: a real endpoint is asked thousands of times for each.
_EXPLAINED_ROWS = 100


def analyse(job: ContainerJob) -> None:
    """Do the job that the analysis config asks for."""
    path = job.path("analysis_config")
    if path is None:
        # Monitors name their config in the environment; other jobs bring it as an input.
        analyse_dataset(job)
        return
    config = json.loads(path.read_text())
    if "methods" in config and "shap" in config["methods"]:
        _attribution(job, config)
    elif "facet" in config:
        _bias(job, config)
    else:
        raise JobError("the analysis config asks for neither bias (facet) nor attribution (methods.shap)")


def _bias(job: ContainerJob, config: dict[str, Any]) -> None:
    label = config.get("label")
    headers = [str(name) for name in config.get("headers") or () if name != label]
    outputs = output_columns(job)
    names = headers or [f"_c{len(outputs) + number}" for number in range(_columns_used(config))]
    settings = bias.BiasConfig.from_analysis_config(
        {**config, "headers": names},
        label=inputs.GROUND_TRUTH,
        predicted_label=_column(job, "inference_attribute", outputs),
        probability=_column(job, "probability_attribute", outputs),
        probability_threshold=float(job.settings.get("probability_threshold_attribute") or 0.5),
    )
    read = inputs.InputReport()
    summary = bias.summarize_all(joined(job, [*outputs, *names], read, with_input=True), settings)
    if not summary.rows:
        raise JobError("Job inputs had no data")
    document = bias.analysis(summary)
    for section in _STAGES:
        if section in document and label:
            document[section]["label"] = label
    current = bias.BiasAnalysis(document)
    violations = None
    constraints = job.path("baseline_constraints")
    if constraints is not None:
        violations = bias.check(current, bias.BiasAnalysis.from_json(constraints.read_text()))
        job.write("constraint_violations.json", violations.to_json())
    job.write("analysis.json", json.dumps(document, indent=2))
    job.write("report.html", report.bias_html(current, violations, None, read, title="Bias"))
    job.publish("bias-metrics", _bias_metrics(current, settings, str(label or inputs.GROUND_TRUTH)))
    job.end(len(violations or ()))


def _bias_metrics(
    current: bias.BiasAnalysis, config: bias.BiasConfig, label: str
) -> Iterator[tuple[str, Mapping[str, str], float]]:
    thresholds = {facet.name: facet.threshold for facet in config.facets}
    value = (
        _above(config.label_threshold) if config.label_threshold is not None else ",".join(config.label_values or ())
    )
    for entry in current.entries:
        if entry.value is None:
            continue
        threshold = thresholds.get(entry.facet)
        dimensions = {
            "BiasStage": _STAGES[entry.section],
            "Label": label,
            "LabelValue": value,
            "Facet": entry.facet,
            "FacetValue": entry.group if threshold is None else _above(threshold),
        }
        yield f"bias_metric_{entry.name}", dimensions, max(-_LARGEST, min(_LARGEST, entry.value))


def _above(threshold: float) -> str:
    return f"({int(threshold) if threshold == int(threshold) else threshold}, Infinity)"


def _column(job: ContainerJob, name: str, outputs: list[str]) -> str | None:
    text = job.settings.get(name)
    if text is None:
        return None
    return outputs[int(text)] if text.isdigit() and int(text) < len(outputs) else text


def _columns_used(config: Mapping[str, Any]) -> int:
    entries = config["facet"] if isinstance(config["facet"], list) else [config["facet"]]
    used = [entry.get("name_or_index") for entry in entries] + [config.get("group_variable")]
    return max((number + 1 for number in used if isinstance(number, int)), default=0)


def _attribution(job: ContainerJob, config: dict[str, Any]) -> None:
    shap = config["methods"]["shap"]
    names = [str(name) for name in config.get("headers") or ()]
    outputs = output_columns(job)
    read = inputs.InputReport()
    rows = None
    for frame in frames(job, [*outputs, *names] if names else None, read):
        features = names or frame.columns[len(outputs) :]
        part = frame.select(features).head(_EXPLAINED_ROWS - (0 if rows is None else rows.height))
        rows = part if rows is None else rows.vstack(part)
    if rows is None or not rows.height:
        raise JobError("Job inputs had no data")
    matrix = attribution.matrix_of(rows, rows.columns)
    background = attribution.matrix_of(rows.head(1), rows.columns)
    if shap.get("baseline"):
        import numpy as np

        background = np.array(shap["baseline"], float)
    with predictor(job.settings["sagemaker_endpoint_name"], config.get("predictor") or {}) as ask:
        explanation = attribution.kernel_shap(
            ask,
            matrix,
            background,
            shap.get("num_samples"),
            int(shap.get("seed") or 0),
            "logit" if shap.get("use_logit") else "identity",
        )
    summary = attribution.summarize(explanation, rows.columns, "kernel_shap")
    labels = (config.get("predictor") or {}).get("label_headers")
    document = attribution.analysis(summary, shap.get("agg_method", "mean_abs"), labels)
    current = attribution.AttributionAnalysis(document)
    violations = None
    constraints = job.path("baseline_constraints")
    if constraints is not None:
        baseline = attribution.AttributionAnalysis.from_json(constraints.read_text())
        violations = attribution.check(current, baseline)
        job.write("constraint_violations.json", violations.to_json())
    job.write("analysis.json", json.dumps(document, indent=2))
    job.write("report.html", report.attribution_html(current, violations, None, read))
    job.publish("explainability-metrics", _shap_metrics(current))
    job.end(len(violations or ()))


def _shap_metrics(current: attribution.AttributionAnalysis) -> Iterator[tuple[str, Mapping[str, str], float]]:
    for label in current.labels.values():
        where = {"ExplainabilityMethod": "KernelShap", "Label": label.label}
        for feature, value in label.values.items():
            yield f"feature_{feature}", where | {"ValueType": "GlobalShapValues"}, value
        if label.expected is not None:
            yield "ExpectedValue", where | {"ValueType": "ExpectedValue"}, label.expected


if __name__ == "__main__":
    main(analyse)
