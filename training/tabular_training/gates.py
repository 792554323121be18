"""Gates: baselines of the new version, checked against the live version's, and which of the two it is registered with.

For each kind of check, `skip` and `register_baseline` mean what they mean in SageMaker's own check steps:

===========  =====================  =============================================================
`skip`       `register_baseline`    what happens
===========  =====================  =============================================================
no           no                     it checks; the version keeps the live version's baseline
no           yes                    it checks; the version gets the new baseline
yes          no                     it does not check; the version keeps the live version's baseline
yes          yes                    it does not check; the version gets the new baseline
===========  =====================  =============================================================

Without a live baseline there is nothing to check and nothing to keep: the version gets the new one.

https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-quality-clarify-baseline-lifecycle.html
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .configuration import GATES, Configuration
from .evaluate import PREDICTION, predict, read_rows, write_predictions
from .serving import model_fn

#: Files of each kind of baseline.
FILES = {
    "data_quality": ("statistics", "constraints"),
    "model_quality": ("statistics", "constraints"),
    "bias": ("analysis",),
    "attribution": ("analysis",),
}
_PROBLEM_TYPES = {
    "binary-classification": "BinaryClassification",
    "multiclass-classification": "MulticlassClassification",
    "regression": "Regression",
}
_EXPLAINED_ROWS = 2000

#: Fetches a file of the live version's baseline, by kind and file; None if it has none.
Old = Callable[[str, str], "Path | None"]


@dataclass
class Result:
    """What one gate found.

    :ivar checked: Whether it compared.
    :ivar violations: What it found.
    :ivar registered: `new` or `live`: whose baseline the version gets.
    :ivar note: Why it did not compare.
    """

    checked: bool = False
    violations: list[dict[str, Any]] = field(default_factory=list)
    registered: str = "new"
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """As data."""
        return {
            "checked": self.checked,
            "passed": int(not self.violations),
            "violations": len(self.violations),
            "registered": self.registered,
            **({"note": self.note} if self.note else {}),
        }


@dataclass(frozen=True)
class Inputs:
    """What gates look at.

    :ivar model: The unpacked archive of the new version.
    :ivar training: Folder of the training data, as they came.
    :ivar predictions: Folder of the predictions for the test data.
    :ivar old: The live version's baselines.
    """

    model: Path
    training: Path
    predictions: Path
    old: Old


def run(configuration: Configuration, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Make all baselines, check, write `baselines/<kind>/…`, `drift-check/<kind>/…` and `gates/gates.json`.

    :returns: The content of `gates.json`.
    """
    training = _training_frame(inputs, out / "scratch")
    results = {}
    for kind in GATES:
        new = out / "baselines" / kind
        new.mkdir(parents=True, exist_ok=True)
        violations = _KINDS[kind](configuration, inputs, training, new)
        if violations is None:
            results[kind] = Result(registered="none", note="no facet is configured")
            shutil.rmtree(new)
            continue
        results[kind] = _settle(configuration, kind, inputs.old, new, out / "drift-check" / kind, violations)
    shutil.rmtree(out / "scratch", ignore_errors=True)
    report = {
        "passed": int(all(result.to_json()["passed"] for result in results.values())),
        "gates": {kind: result.to_json() for kind, result in results.items()},
        "violations": {kind: result.violations for kind, result in results.items() if result.violations},
    }
    folder = out / "gates"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gates.json").write_text(json.dumps(report, indent=1))
    return report


def _settle(
    configuration: Configuration, kind: str, old: Old, new: Path, target: Path, check: Callable[[Path], Any]
) -> Result:
    """Compare with the live version's baseline as configured, and put the one to register into `target`."""
    gate = configuration.gate(kind)
    kept = new.parent.parent / "scratch" / f"old-{kind}"
    kept.mkdir(parents=True, exist_ok=True)
    found = {name: old(kind, name) for name in FILES[kind]}
    for name, path in found.items():
        if path is not None:
            shutil.copyfile(path, kept / f"{name}.json")
    result = Result()
    # Statistics are optional, what is compared with is not.
    has_old = found[FILES[kind][-1]] is not None
    if gate.skip:
        result.note = "skipped"
    elif not has_old:
        result.note = "the live version has no baseline of this kind"
    else:
        result.checked = True
        result.violations = list(check(kept))
    use_old = has_old and not gate.register_baseline
    result.registered = "live" if use_old else "new"
    shutil.copytree(kept if use_old else new, target, dirs_exist_ok=True)
    (new / "constraint_violations.json").write_text(json.dumps({"violations": result.violations}, indent=1))
    return result


# -- the kinds: each writes the new baseline and returns what compares with an old one ---------------------------------

Check = Callable[[Path], Any]


def _data_quality(configuration: Configuration, inputs: Inputs, training: Path, out: Path) -> Check:
    """What the endpoint will say and see: predictions for the training data, and their features."""
    from model_analyzer import data_quality

    profile = data_quality.profile_all(_without(_frames(training), configuration.label))
    statistics = data_quality.statistics(profile)
    (out / "statistics.json").write_text(json.dumps(statistics))
    (out / "constraints.json").write_text(data_quality.suggest(profile).to_json())
    (out / "records.json").write_text(json.dumps(data_quality.records(profile)))

    def check(old: Path) -> Any:
        constraints = data_quality.Constraints.from_json((old / "constraints.json").read_text())
        file = old / "statistics.json"
        baseline = data_quality.Statistics(json.loads(file.read_text())) if file.is_file() else None
        return json.loads(data_quality.check(profile, constraints, baseline).to_json())["violations"]

    return check


def _model_quality(configuration: Configuration, inputs: Inputs, training: Path, out: Path) -> Check:
    from model_analyzer import model_quality

    binary = configuration.problem == "binary-classification"
    task = model_quality.Task(
        _PROBLEM_TYPES[configuration.problem],  # type: ignore[arg-type]  # the configuration knows no other
        ground_truth=configuration.label,
        inference=None if binary else PREDICTION,
        probability=PREDICTION if binary else None,
        probability_threshold=configuration.threshold,
        positive_label=configuration.positive_label,
    )
    statistics = model_quality.statistics(model_quality.summarize_all(_folder_frames(inputs.predictions), task))
    suggested = model_quality.suggest(statistics, configuration.tolerance)
    (out / "statistics.json").write_text(json.dumps(statistics))
    (out / "constraints.json").write_text(suggested.to_json())

    def check(old: Path) -> Any:
        constraints = model_quality.QualityConstraints.from_dict(json.loads((old / "constraints.json").read_text()))
        return json.loads(model_quality.check(statistics, constraints).to_json())["violations"]

    return check


def _bias(configuration: Configuration, inputs: Inputs, training: Path, out: Path) -> Check | None:
    from model_analyzer import bias

    if configuration.facet is None:
        return None
    binary = configuration.problem == "binary-classification"
    values = configuration.facet.get("values")
    positive = configuration.facet.get("positive_labels")
    config = bias.BiasConfig(
        facets=(
            bias.Facet(
                configuration.facet["name"],
                values=tuple(map(str, values)) if values else None,
                threshold=configuration.facet.get("threshold"),
            ),
        ),
        label=configuration.label,
        label_values=tuple(positive) if positive else (configuration.positive_label,) if binary else None,
        label_threshold=configuration.facet.get("label_threshold"),
        predicted_label=None if binary else PREDICTION,
        probability=PREDICTION if binary else None,
        probability_threshold=configuration.threshold,
    )
    analysis = bias.analysis(bias.summarize_all(_folder_frames(inputs.predictions), config))
    (out / "analysis.json").write_text(json.dumps(analysis))

    def check(old: Path) -> Any:
        before = json.loads((old / "analysis.json").read_text())
        return json.loads(bias.check(analysis, before).to_json())["violations"]

    return check


def _attribution(configuration: Configuration, inputs: Inputs, training: Path, out: Path) -> Check:
    from model_analyzer import attribution

    explainer = attribution.load_model(inputs.model)
    model = model_fn(str(inputs.model))
    header, rows = read_rows(inputs.predictions)
    places = [header.index(name) for name in model.encoder.features]
    matrix = model.encoder.matrix([[row[place] for place in places] for row in rows[:_EXPLAINED_ROWS]])
    explained = explainer.explain(matrix.astype(float))
    summary = attribution.summarize(explained, model.encoder.features, explainer.method)
    analysis = attribution.analysis(summary)
    (out / "analysis.json").write_text(json.dumps(analysis))

    def check(old: Path) -> Any:
        before = json.loads((old / "analysis.json").read_text())
        return json.loads(attribution.check(analysis, before).to_json())["violations"]

    return check


_KINDS: Mapping[str, Callable[[Configuration, Inputs, Path, Path], Any]] = {
    "data_quality": _data_quality,
    "model_quality": _model_quality,
    "bias": _bias,
    "attribution": _attribution,
}


def _training_frame(inputs: Inputs, scratch: Path) -> Path:
    """The training data with the new version's predictions in front, as a file."""
    model = model_fn(str(inputs.model))
    header, rows = read_rows(inputs.training)
    path = scratch / "training.csv"
    write_predictions(path, model, header, rows, model.answers(predict(model, header, rows)))
    return path


def _frames(path: Path) -> Any:
    from model_analyzer import inputs

    return inputs.read_table([path], format="csv", header=True, report=inputs.InputReport())


def _folder_frames(folder: Path) -> Any:
    from model_analyzer import inputs

    return inputs.read_table(sorted(folder.glob("*.csv")), format="csv", header=True, report=inputs.InputReport())


def _without(frames: Any, column: str) -> Any:
    return (frame.drop(column) for frame in frames)
