"""An image of one's own for the engine `container`: Model Monitor's and Clarify's, as far as the contract is the same.

What differs is done here: labels lie beside the captures, so they are merged first, and a model comes as its archive.
"""

from __future__ import annotations

import json
from typing import Any

from model_analyzer import attribution, inputs
from sagemaker_local.monitor_images import analyzer, clarify
from sagemaker_local.monitor_images.job import ContainerJob, main
from sagemaker_local.monitor_images.merger import merge
from sagemaker_local.monitor_images.traffic import MERGED, frames, output_columns


def work(job: ContainerJob) -> None:
    kind = job.settings.get("analysis_type")
    if kind == "MODEL_EXPLAINABILITY":
        explain(job)
    elif kind == "MODEL_BIAS":
        clarify.analyse(merged(job))
    else:
        analyzer.analyse(merged(job) if kind else job)


def merged(job: ContainerJob) -> ContainerJob:
    """The job with its labels in the captured records."""
    target = job.root / "merged"
    target.mkdir()
    merge(ContainerJob(job.root, {**job.settings, "output_path": str(target)}))
    form = json.dumps({MERGED: {"captureIndexNames": ["endpointInput", "endpointOutput"]}})
    return ContainerJob(job.root, {**job.settings, "dataset_source": str(target), "dataset_format": form})


def explain(job: ContainerJob) -> None:
    """Explain the window's requests by the model's archive."""
    config = _document(job, "analysis_config")
    features = config["headers"]
    (archive,) = job.folder("model_source").iterdir()
    explainer = attribution.load_model(archive)
    read = inputs.InputReport()
    rows = (frame.select(features) for frame in frames(job, [*output_columns(job), *features], read))
    summary = attribution.summarize_all(rows, explainer, features)
    document = attribution.analysis(summary, config["methods"]["shap"]["agg_method"])
    job.write("analysis.json", json.dumps(document))
    if job.path("baseline_constraints"):
        baseline = attribution.AttributionAnalysis(_document(job, "baseline_constraints"))
        found = attribution.check(attribution.AttributionAnalysis(document), baseline)
        job.write("constraint_violations.json", found.to_json())


def _document(job: ContainerJob, name: str) -> dict[str, Any]:
    path = job.path(name)
    assert path is not None, name
    document: dict[str, Any] = json.loads(path.read_text())
    return document


if __name__ == "__main__":
    main(work)
