"""The image of Clarify on a dataset, as processing jobs and the checks of pipelines use it.

https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-processing-job-configure-analysis.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import polars as pl

from model_analyzer import attribution, bias, inputs, report

from .job import ContainerJob, JobError
from .shadow import Floats, predictor

_FORMATS = {"text/csv": "csv", "application/jsonlines": "jsonl", "application/x-parquet": "parquet"}
_PREDICTED = "predicted_label"
_EXPLAINED_ROWS = 100
"""Rows explained: a real endpoint is asked thousands of times for each."""


def analyse_dataset(job: ContainerJob) -> None:
    """Do what `methods` of the analysis config asks for: bias before and after training, SHAP.

    Raises:
        JobError: if the config or the data is not there, or asks for nothing that is known.
    """
    folder = job.root / "processing" / "input"
    path = folder / "config" / "analysis_config.json"
    if not path.is_file():
        raise JobError("there is no analysis config in /opt/ml/processing/input/config")
    config = json.loads(path.read_text())
    if job.settings.get("model_name"):
        # The check of a pipeline names the model beside the config, which was written before there was one.
        config["predictor"] = {**(config.get("predictor") or {}), "model_name": job.settings["model_name"]}
    methods = config.get("methods") or {}
    unknown = sorted(set(methods) - {"pre_training_bias", "post_training_bias", "shap", "report"})
    if unknown:
        raise JobError(f"the embedded AWS has no {', '.join(unknown)}; it has bias and SHAP")
    read = inputs.InputReport()
    table = pl.concat(list(_frames(folder / "data", config, read)), how="vertical_relaxed")
    if not table.height:
        raise JobError("Job inputs had no data")
    document: dict[str, Any] = {"version": "1.0"}
    if {"pre_training_bias", "post_training_bias"} & set(methods):
        document |= _bias(table, config, "post_training_bias" in methods)
        if "pre_training_bias" not in methods:
            document.pop("pre_training_bias_metrics", None)
        _write(job, "report.html", report.bias_html(bias.BiasAnalysis(document), None, None, read, title="Bias"))
    if "shap" in methods:
        document |= {key: value for key, value in _shap(table, config).items() if key != "version"}
        current = attribution.AttributionAnalysis(document)
        _write(job, "report.html", report.attribution_html(current, None, None, read))
    _write(job, "analysis.json", json.dumps(document, indent=2))


def _frames(folder: Path, config: Mapping[str, Any], read: inputs.InputReport) -> Iterator[pl.DataFrame]:
    kind = str(config.get("dataset_type") or "text/csv")
    if kind not in _FORMATS:
        raise JobError(f"dataset_type is {kind}; allowed are {', '.join(_FORMATS)}")
    names = [str(name) for name in config.get("headers") or ()]
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise JobError("there is no dataset in /opt/ml/processing/input/data")
    with files[0].open("rb") as file:
        first = file.readline().decode(errors="replace").strip().split(",")
    # A file may repeat the headers that the config gives.
    has_header = not names or [cell.strip().strip('"') for cell in first] == names
    return inputs.read_table(
        [(path.name, path.read_bytes()) for path in files],
        format=cast("inputs.TableFormat", _FORMATS[kind]),
        header=has_header,
        columns=names or None,
        report=read,
    )


def _bias(table: pl.DataFrame, config: Mapping[str, Any], trained: bool) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if trained:
        settings = config.get("predictor") or {}
        if config.get("predicted_label") is not None:
            more["predicted_label"] = str(config["predicted_label"])
        else:
            answers = _predictions(table, config)[:, 0]
            table = table.with_columns(pl.Series(_PREDICTED, answers))
            threshold = config.get("probability_threshold")
            if threshold is not None or settings.get("probability") is not None:
                more |= {"probability": _PREDICTED, "probability_threshold": float(threshold or 0.5)}
            else:
                more["predicted_label"] = _PREDICTED
                table = table.with_columns(pl.Series(_PREDICTED, [_whole(value) for value in answers.tolist()]))
    summary = bias.summarize_all([table], bias.BiasConfig.from_analysis_config(config, **more))
    return dict(bias.analysis(summary))


def _whole(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _features(table: pl.DataFrame, config: Mapping[str, Any]) -> pl.DataFrame:
    dropped = {str(config.get("label")), str(config.get("predicted_label")), _PREDICTED}
    return table.select([name for name in table.columns if name not in dropped])


def _predictions(table: pl.DataFrame, config: Mapping[str, Any]) -> Floats:
    features = _features(table, config)
    with predictor(None, config.get("predictor") or {}) as ask:
        return ask(attribution.matrix_of(features, features.columns))


def _shap(table: pl.DataFrame, config: Mapping[str, Any]) -> dict[str, Any]:
    import numpy as np

    shap = config["methods"]["shap"]
    features = _features(table, config).head(_EXPLAINED_ROWS)
    matrix = attribution.matrix_of(features, features.columns)
    baseline = shap.get("baseline")
    background = np.array(baseline, float) if isinstance(baseline, list) else matrix.mean(axis=0, keepdims=True)
    with predictor(None, config.get("predictor") or {}) as ask:
        explanation = attribution.kernel_shap(
            ask,
            matrix,
            background,
            shap.get("num_samples"),
            int(shap.get("seed") or 0),
            "logit" if shap.get("use_logit") else "identity",
        )
    summary = attribution.summarize(explanation, features.columns, "kernel_shap")
    labels = (config.get("predictor") or {}).get("label_headers")
    return dict(attribution.analysis(summary, shap.get("agg_method", "mean_abs"), labels))


def _write(job: ContainerJob, name: str, text: str) -> None:
    place = job.root / "processing" / "output" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
