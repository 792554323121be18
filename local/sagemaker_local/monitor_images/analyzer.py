"""The image of Model Monitor's analyzer: data quality and model quality, baselines and scheduled runs.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-pre-built-container.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, cast

import polars as pl

from model_analyzer import data_quality, inputs, model_quality

from .job import ContainerJob, JobError, main
from .traffic import frames, joined


def analyse(job: ContainerJob) -> None:
    """Do the job: statistics and constraints, violations if there is a baseline, metrics if it is scheduled."""
    if job.settings.get("analysis_type") == "MODEL_QUALITY":
        _model_quality(job)
    else:
        _data_quality(job)
    script = job.path("post_analytics_processor_script")
    if script is not None:
        inputs.run_postprocessor(script)


def _data_quality(job: ContainerJob) -> None:
    constraints_file, statistics_file = job.path("baseline_constraints"), job.path("baseline_statistics")
    baseline = None if constraints_file is None else json.loads(constraints_file.read_text())
    known = None if statistics_file is None else json.loads(statistics_file.read_text())
    names = [str(feature["name"]) for feature in (baseline or known or {}).get("features", [])] or None
    excluded = {name.strip() for name in job.settings.get("exclude_features_attribute", "").split(",") if name.strip()}
    for document in (baseline, known):
        if document is not None:
            document["features"] = [item for item in document["features"] if item["name"] not in excluded]
    report = inputs.InputReport()
    profile = data_quality.profile_all(_without(excluded, frames(job, names, report)))
    if not report.rows:
        raise JobError("Job inputs had no data")
    statistics = data_quality.statistics(profile)
    job.write("statistics.json", json.dumps(statistics, indent=2))
    job.write("constraints.json", data_quality.suggest(profile).to_json())
    distances: Mapping[str, float] = {}
    found = 0
    if baseline is not None:
        violations = data_quality.check(profile, data_quality.Constraints.from_dict(baseline), known)
        job.write("constraint_violations.json", violations.to_json())
        distances = {name: item.value for name, item in violations.distances.items()}
        found = len(violations)
    job.publish("data-metrics", _feature_metrics(statistics, distances))
    job.end(found)


def _without(excluded: set[str], batches: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    for frame in batches:
        yield frame.select([name for name in frame.columns if name not in excluded])


def _feature_metrics(
    statistics: Mapping[str, Any], distances: Mapping[str, float]
) -> Iterator[tuple[str, Mapping[str, str], float | Mapping[str, float]]]:
    for feature in statistics["features"]:
        name, numbers = feature["name"], feature.get("numerical_statistics")
        common = (numbers or feature.get("string_statistics") or {}).get("common", {})
        present, missing = int(common.get("num_present", 0)), int(common.get("num_missing", 0))
        if present + missing:
            whether = {
                "SampleCount": float(present + missing),
                "Sum": float(present),
                "Minimum": 0.0 if missing else 1.0,
                "Maximum": 1.0 if present else 0.0,
            }
            yield f"feature_non_null_{name}", {}, whether
        if numbers and present:
            values = {"SampleCount": float(present), "Sum": numbers["sum"]}
            yield f"feature_data_{name}", {}, {**values, "Minimum": numbers["min"], "Maximum": numbers["max"]}
        if name in distances:
            yield f"feature_baseline_drift_{name}", {}, distances[name]


def _model_quality(job: ContainerJob) -> None:
    settings = job.settings
    problem = cast("model_quality.ProblemType", settings.get("problem_type"))
    truth = settings.get("ground_truth_attribute")
    task = model_quality.Task(
        problem,
        **({"ground_truth": truth} if truth else {}),
        inference=settings.get("inference_attribute"),
        probability=settings.get("probability_attribute"),
        probability_threshold=float(settings.get("probability_threshold_attribute") or 0.5),
    )
    report = inputs.InputReport()
    summary = model_quality.summarize_all(joined(job, None, report, with_input=False), task)
    if not summary.rows:
        raise JobError("Job inputs had no data")
    statistics = model_quality.statistics(summary, evaluation_time=job.moment("end_time"))
    current = model_quality.QualityStatistics(statistics)
    job.write("statistics.json", json.dumps(statistics, indent=2))
    job.write("constraints.json", model_quality.suggest(current).to_json())
    constraints = job.path("baseline_constraints")
    found = 0
    if constraints is not None:
        violations = model_quality.check(current, model_quality.QualityConstraints.from_json(constraints.read_text()))
        job.write("constraint_violations.json", violations.to_json())
        found = len(violations)
    job.publish(
        "model-metrics", [(name, {}, item.value) for name, item in current.metrics.items() if _finite(item.value)]
    )
    job.end(found)


def _finite(value: float) -> bool:
    return math.isfinite(value)


if __name__ == "__main__":
    main(analyse)
