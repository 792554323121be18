"""`model-analyzer attribution`: which features a model's answers depend on."""

from __future__ import annotations

import argparse
import csv
import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from . import _common as common
from . import _labelled as labelled
from ._progress import Progress

if TYPE_CHECKING:
    import polars as pl

    from model_analyzer.attribution import Explainer, Summary

_EPILOG = """\
examples:
  model-analyzer attribution validation.csv --model model.tar.gz --out baseline/
  model-analyzer attribution captured/ --model model.tar.gz --baseline baseline/ --out report/ --local
  model-analyzer attribution rows.csv --model pipeline.joblib --allow-pickle --background train.csv --out report/
  model-analyzer attribution rows.csv --predictor predict.py --background train.csv --rows 200 --out report/

XGBoost, LightGBM and scikit-learn trees are explained exactly, in the model's own scale (log odds for classification),
features with categories included. Anything else by kernel SHAP: a pickled model with --background, or a Python file
that defines predict(rows): an array in (of objects if a column holds text), one answer per row out. Without --baseline
the analysis.json that it writes is a baseline; with one it writes constraint_violations.json as well.
Exit code 3 means violations, 4 no data, 1 that the command failed.
"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "attribution",
        usage="%(prog)s DATA... (--model PATH | --predictor FILE) --out DIR [options]",
        help="which features the model's answers depend on",
        description="Compute SHAP values, rank features by them, and compare the ranking with a baseline's.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common.add_data_options(parser)
    group = parser.add_argument_group("model")
    source = group.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", type=Path, metavar="PATH", help="model.tar.gz, a folder or a file")
    source.add_argument(
        "--predictor", type=Path, metavar="FILE", help="Python file with predict(rows), for kernel SHAP"
    )
    group.add_argument(
        "--allow-pickle", action="store_true", help="load pickled models, which runs the code in them; only if trusted"
    )
    group.add_argument(
        "--background", type=Path, metavar="PATH", help="rows that stand for unknown features (kernel SHAP)"
    )
    group.add_argument("--background-rows", type=int, default=50, metavar="N", help="at most so many (default: 50)")
    group.add_argument("--samples", type=int, metavar="N", help="coalitions per row (default: 2 M + 2048, M features)")
    group.add_argument("--seed", type=int, default=0, metavar="N", help="of the drawing of coalitions (default: 0)")
    group.add_argument("--logit", action="store_true", help="explain log odds of a predictor that gives probabilities")
    group.add_argument("--features", metavar="NAMES", help="columns of the features in the model's order")
    group.add_argument("--label-headers", metavar="NAMES", help="names of the model's outputs (default: label0, ...)")
    group.add_argument(
        "--aggregate",
        choices=("mean_abs", "median", "mean_sq"),
        default="mean_abs",
        help="over rows (default: mean_abs)",
    )
    group.add_argument("--rows", type=int, metavar="N", help="explain only the first N rows")
    labelled.add_result_options(parser, labelled.ANALYSIS)
    parser.add_argument(
        "--local", action="store_true", help="write the SHAP values of every row to explanations_shap/out.csv"
    )
    parser.add_argument(
        "--threshold", type=float, default=0.9, metavar="SCORE", help="smallest nDCG allowed, 0 to 1 (default: 0.9)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from model_analyzer import attribution, inputs, report

    read = inputs.InputReport()
    baseline = None
    if options.baseline is not None:
        purpose = "make it with `model-analyzer attribution` without --baseline"
        baseline = common.required_json(options.baseline, labelled.ANALYSIS, purpose)
    headers = [name.strip() for name in options.label_headers.split(",")] if options.label_headers else None
    try:
        explainer = _explainer(options)
        # Explaining takes longer than reading by far, so it is what the progress is about.
        silent = argparse.Namespace(**{**vars(options), "quiet": True})
        summary = _summarize(options, common.frames(silent, read, None), explainer)
        analysis = attribution.analysis(summary, options.aggregate, headers if summary.rows else None)
        violations = None
        if baseline is not None:
            reference = attribution.AttributionAnalysis(baseline)
            found = attribution.check(analysis, reference, options.threshold)
            violations = found if summary.rows else attribution.AttributionViolations()
    except (ValueError, attribution.ModelError) as error:
        raise common.CommandError(str(error)) from error
    if not summary.rows and baseline is None:
        raise labelled.no_rows(options, {})
    files = {labelled.ANALYSIS: common.dumps(analysis), common.INPUT_REPORT: common.dumps(read.to_dict())}
    if violations is not None:
        files[common.VIOLATIONS] = violations.to_json()
    files[common.PAGE] = report.attribution_html(
        analysis,
        violations,
        baseline,
        read,
        title=options.title or "Feature attribution",
        subtitle=", ".join(map(str, options.data)),
    )
    lines = []
    for label in attribution.AttributionAnalysis(analysis).labels.values():
        best = ", ".join(f"{name} {label.values[name]:.4g}" for name in label.ranking()[:5])
        lines.append(f"  {label.label}: {best}")
    scores = violations.scores if violations is not None else ()
    result = {"analysis": analysis, "input": read.to_dict()}
    if violations is not None:
        result["scores"] = {score.label: score.value for score in scores}
        lines += [f"  {score.label} has no attributions and was not checked" for score in scores if score.value is None]
    entries = None if violations is None else violations.to_dict()["violations"]
    lines += [f"  {entry['label']}: {entry['description']}" for entry in entries or ()]
    return labelled.finish(options, files, summary.rows, entries, lines, result, read)


def _explainer(options: argparse.Namespace) -> Explainer:
    from model_analyzer import attribution

    names = [name.strip() for name in options.features.split(",")] if options.features else None
    background = None if options.background is None else _background(options)
    if options.model is not None:
        explainer = attribution.load_model(
            options.model, allow_pickle=options.allow_pickle, background=background, features=names
        )
        if isinstance(explainer, attribution.KernelExplainer):
            return replace(explainer, **_kernel_options(options))
        return explainer
    if background is None:
        raise common.CommandError("--predictor needs --background: rows that stand for features that are not known")
    function = _predict_function(options.predictor)
    columns = names or background.columns
    missing = [name for name in columns if name not in background.columns]
    if missing:
        raise common.CommandError(f"{options.background} has no column {', '.join(missing)}")
    categories = attribution.text_columns(background, columns)
    return attribution.KernelExplainer(
        attribution.Decoded(function, categories),
        attribution.matrix_of(background, columns, categories),
        feature_names=tuple(columns),
        categories=categories,
        **_kernel_options(options),
    )


def _kernel_options(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "num_samples": options.samples,
        "seed": options.seed,
        "link": "logit" if options.logit else "identity",
    }


def _background(options: argparse.Namespace) -> pl.DataFrame:
    from model_analyzer import inputs

    again = argparse.Namespace(**{**vars(options), "data": [options.background], **_PLAIN})
    for frame in common.frames(again, inputs.InputReport(), None):
        return frame.head(max(options.background_rows, 1))
    raise common.CommandError(f"{options.background}: there is not one row")


_PLAIN = {"format": "auto", "inference_ids": False} | dict.fromkeys(
    ("preprocessor", "features_attribute", "inference_attribute", "probability_attribute", "transform_files")
)
"""Options of the data that do not hold for the background."""


def _predict_function(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"predictor_{path.stem}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise common.CommandError(f"{path}: no such Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise common.CommandError(f"{path}: does not load: {type(error).__name__}: {error}") from error
    function = getattr(module, "predict", None)
    if not callable(function):
        raise common.CommandError(f"{path}: defines no function predict")

    def predict(rows: Any) -> Any:
        try:
            return function(rows)
        except Exception as error:
            raise common.CommandError(f"{path}: predict raised {type(error).__name__}: {error}") from error

    return predict


def _summarize(options: argparse.Namespace, frames: Iterator[pl.DataFrame], explainer: Explainer) -> Summary:
    from model_analyzer import attribution

    names = [name.strip() for name in options.features.split(",")] if options.features else None
    if options.rows is not None and options.rows < 1:
        raise common.CommandError(f"--rows is {options.rows}: give 1 or more")
    limited = _pieces(_first_rows(frames, options.rows), Progress(options.quiet))
    if not options.local:
        return attribution.summarize_all(limited, explainer, names)
    try:
        (options.out / "explanations_shap").mkdir(parents=True, exist_ok=True)
        with (options.out / "explanations_shap" / "out.csv").open("w", newline="", encoding="utf-8") as file:
            return _with_local_values(file, limited, explainer, names)
    except OSError as error:
        raise common.CommandError(f"{options.out}: cannot be written: {error}") from error


def _with_local_values(
    file: TextIO, frames: Iterator[pl.DataFrame], explainer: Explainer, names: list[str] | None
) -> Summary:
    from model_analyzer import attribution

    writer = csv.writer(file)
    whole = None
    for frame in frames:
        columns = attribution.columns_of(frame, explainer, names)
        found = explainer.explain(attribution.matrix_of(frame, columns, explainer.categories))
        labels = found.expected.size
        if whole is None:
            writer.writerow([f"{name}_label{label}" for label in range(labels) for name in columns])
        writer.writerows(found.values.transpose(0, 2, 1).reshape(found.values.shape[0], -1).tolist())
        part = attribution.summarize(found, attribution.labels_of(columns, explainer, names), explainer.method)
        whole = part if whole is None else attribution.merge(whole, part)
    return whole if whole is not None else attribution.summarize_all((), explainer, names)


def _pieces(frames: Iterator[pl.DataFrame], progress: Progress) -> Iterator[pl.DataFrame]:
    """The rows in pieces that take little time and memory, with progress."""
    from model_analyzer.attribution._summary import PIECE_ROWS

    done = 0
    for frame in frames:
        for piece in frame.iter_slices(PIECE_ROWS):
            yield piece
            done += piece.height
            progress.show(done, "explained")
    progress.end()


def _first_rows(frames: Iterator[pl.DataFrame], limit: int | None) -> Iterator[pl.DataFrame]:
    left = limit
    for frame in frames:
        if left is None:
            yield frame
            continue
        yield frame.head(left)
        left -= min(left, frame.height)
        if not left:
            return
