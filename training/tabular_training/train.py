"""Training: one booster, resumed from its checkpoint where there is one, with its encoder and serving code beside it.

Runs as a script of SageMaker's XGBoost image; hyper-parameters are XGBoost's own, plus `num_round`,
`early_stopping_rounds` and `checkpoint_rounds`.

https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost.html
"""

from __future__ import annotations

import json
import os
import pkgutil
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from .diagnostics import Series, diagnose
from .encoding import FILE, Encoder

MODEL = "xgboost-model"
DIAGNOSTICS = "diagnostics.json"
#: Rows that gradients are measured on: enough for a mean, cheap enough for every few rounds.
_GRADIENT_ROWS = 5000
_GRADIENT_EVERY = 5
_CURVE_POINTS = 60
_SERVING = ("__init__.py", "encoding.py", "errors.py", "serving.py")
_DEFAULTS = {
    "binary-classification": {"objective": "binary:logistic", "eval_metric": "auc"},
    "multiclass-classification": {"objective": "multi:softprob", "eval_metric": "mlogloss"},
    "regression": {"objective": "reg:squarederror", "eval_metric": "rmse"},
}
_OWN = {"num_round": 200, "early_stopping_rounds": 20, "checkpoint_rounds": 10}
#: Metrics of XGBoost of which more is better.
_MAXIMIZED = ("auc", "aucpr", "map", "ndcg", "pre")


@dataclass(frozen=True)
class Folders:
    """Where a training reads and writes.

    :ivar train: Training data.
    :ivar validation: Validation data.
    :ivar preparation: What was learnt of the columns.
    :ivar model: What becomes the model archive.
    :ivar checkpoints: What outlives an interruption. Default: - nothing does
    """

    train: Path
    validation: Path
    preparation: Path
    model: Path
    checkpoints: Path | None = None

    @classmethod
    def of_container(cls, variables: Mapping[str, str]) -> Folders:
        """As SageMaker's training toolkit names them."""
        checkpoints = Path("/opt/ml/checkpoints")
        # One folder per job: the jobs of a tuning may share the place that their checkpoints are kept in.
        job = variables.get("TRAINING_JOB_NAME") or "job"
        return cls(
            train=Path(variables["SM_CHANNEL_TRAIN"]),
            validation=Path(variables["SM_CHANNEL_VALIDATION"]),
            preparation=Path(variables["SM_CHANNEL_PREPARATION"]),
            model=Path(variables["SM_MODEL_DIR"]),
            checkpoints=checkpoints / job if checkpoints.is_dir() else None,
        )


@dataclass
class History:
    """Metrics by round, from the first round on, interruptions or not."""

    train: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    gradients: list[float] = field(default_factory=list)


def train(hyperparameters: Mapping[str, Any], folders: Folders) -> dict[str, Any]:
    """Train, write the model, return the diagnostics.

    A resumed training makes the same trees as one that was not interrupted.

    :param hyperparameters: XGBoost's, as numbers or text.
    :param folders: Where to read and write.
    """
    encoder = Encoder.from_json((folders.preparation / FILE).read_bytes())
    given = {name: value for name, value in hyperparameters.items() if not name.startswith("_")}
    own = {name: max(1, int(given.pop(name, default))) for name, default in _OWN.items()}
    parameters = {**_DEFAULTS[encoder.problem], "seed": 7, **given, "seed_per_iteration": True}
    if encoder.problem == "multiclass-classification":
        parameters["num_class"] = len(encoder.classes)
    sets = {
        name: _matrix(path, encoder) for name, path in (("train", folders.train), ("validation", folders.validation))
    }
    watch = _Watch(
        metric=str(parameters["eval_metric"]),
        patience=own["early_stopping_rounds"],
        checkpoint_rounds=own["checkpoint_rounds"],
        checkpoints=folders.checkpoints,
        sample=_sample(sets["train"]),
        problem=encoder.problem,
    )
    start = watch.resume()
    done = start.num_boosted_rounds() if start is not None else 0
    if done:
        print(f"resumed after {done} rounds", flush=True)  # noqa: T201  (the job's log)
    booster = _boost(parameters, sets, start, range(done, own["num_round"]), watch)
    series = watch.series(_label_counts(sets["train"], encoder))
    best = booster[: series.best + 1]
    best.feature_names = list(encoder.features)
    diagnostics: dict[str, Any] = {
        "metric": watch.metric,
        "rounds": len(series.validation),
        "best_round": series.best,
        "train": series.train[series.best],
        "validation": series.validation[series.best],
        "curve": {"train": _thinned(series.train), "validation": _thinned(series.validation)},
        "data": _data(folders.preparation),
        "findings": [finding.to_json() for finding in diagnose(series)],
    }
    _save(best, encoder, diagnostics, folders.model)
    for finding in diagnostics["findings"]:
        print(f"diagnosis {finding['rule']}: {finding['message']}", flush=True)  # noqa: T201
    return diagnostics


def _boost(parameters: Mapping[str, Any], sets: Mapping[str, Any], start: Any, rounds: range, watch: _Watch) -> Any:
    """Train these rounds.

    A booster remembers more than it writes down: where its draws of columns are, and what it has predicted. So that it
    makes no difference whether a training was interrupted, each stretch between two checkpoints begins as after one:
    from the model as it is written, with random numbers that depend on the round alone. `xgboost.train` cannot do that,
    and counts from 0 again.
    """
    booster, seed = start, int(parameters["seed"])
    for number in rounds:
        if watch.is_over():
            break
        if booster is None or number % watch.checkpoint_rounds == 0:
            written = booster.save_raw("ubj") if booster is not None else None
            booster = xgboost.Booster({**parameters, "seed": seed + number}, list(sets.values()), model_file=written)
        booster.update(sets["train"], number)
        found = _measured(booster.eval_set([(data, name) for name, data in sets.items()], number))
        said = "".join(f"\t{name}-{watch.metric}:{found[name]:.5f}" for name in sets)
        print(f"[{number}]{said}", flush=True)  # noqa: T201  (metrics are read from the job's log)
        watch.after_round(booster, found["train"], found["validation"])
    return booster


def _measured(text: str) -> dict[str, float]:
    """Metric by data set, out of `[3] train-auc:0.91 validation-auc:0.89`."""
    pairs = [part.rsplit(":", 1) for part in text.split()[1:]]
    return {name.split("-")[0]: float(value) for name, value in pairs}


class _Watch:
    """Keeps the history, writes checkpoints, measures gradients, stops early."""

    def __init__(
        self,
        *,
        metric: str,
        patience: int,
        checkpoint_rounds: int,
        checkpoints: Path | None,
        sample: tuple[Any, np.ndarray],
        problem: str,
    ) -> None:
        self.metric = metric
        self.history = History()
        self._patience = patience
        self.checkpoint_rounds = checkpoint_rounds
        self._folder = checkpoints
        self._sample, self._labels = sample
        self._problem = problem

    @property
    def _higher(self) -> bool:
        return self.metric.split("@")[0] in _MAXIMIZED

    def resume(self) -> Any:
        """The booster of the latest checkpoint, or None."""
        if self._folder is None or not (self._folder / "history.json").is_file():
            return None
        self.history = History(**json.loads((self._folder / "history.json").read_text()))
        booster = xgboost.Booster()
        booster.load_model(self._folder / f"checkpoint-{len(self.history.validation)}.ubj")
        return booster

    def is_over(self) -> bool:
        """Whether validation has not improved for long enough."""
        history = self.history.validation
        return bool(history) and len(history) - 1 - self.series({}).best >= self._patience

    def series(self, labels: Mapping[str, int]) -> Series:
        """What diagnostics read."""
        history = self.history
        return Series(history.train, history.validation, self._higher, history.gradients, labels)

    def after_round(self, model: Any, train: float, validation: float) -> None:
        """Note what a round brought."""
        self.history.train.append(train)
        self.history.validation.append(validation)
        rounds = len(self.history.validation)
        if rounds % _GRADIENT_EVERY == 1:
            self.history.gradients.append(self._gradient(model))
        if self._folder is not None and rounds % self.checkpoint_rounds == 0:
            self._checkpoint(model, rounds)

    def _gradient(self, model: Any) -> float:
        """Mean absolute gradient of the loss: prediction less label, for all three objectives."""
        predicted = model.predict(self._sample)
        if self._problem == "multiclass-classification":
            predicted = predicted - np.eye(predicted.shape[1])[self._labels.astype(int)]
            return float(np.abs(predicted).mean())
        return float(np.abs(predicted - self._labels).mean())

    def _checkpoint(self, model: Any, rounds: int) -> None:
        """The history last: it names the checkpoint that is whole."""
        assert self._folder is not None  # noqa: S101  (asked before)
        self._folder.mkdir(parents=True, exist_ok=True)
        model.save_model(self._folder / f"checkpoint-{rounds}.ubj")
        partial = self._folder / "history.json.partial"
        partial.write_text(json.dumps(vars(self.history)))
        partial.replace(self._folder / "history.json")
        for old in self._folder.glob("checkpoint-*.ubj"):
            if old.name not in (f"checkpoint-{rounds}.ubj", f"checkpoint-{rounds - self.checkpoint_rounds}.ubj"):
                old.unlink()


def _thinned(values: Sequence[float]) -> list[float]:
    """A history for a chart: at most so many points at equal distances, the last one among them."""
    step = -(-len(values) // _CURVE_POINTS)
    return [float(value) for value in values[::-1][:: max(step, 1)][::-1]]


def _data(preparation: Path) -> dict[str, Any]:
    """What the first step found in the data."""
    summary = preparation / "summary.json"
    found: dict[str, Any] = json.loads(summary.read_text()).get("quality", {}) if summary.is_file() else {}
    return found


def _matrix(folder: Path, encoder: Encoder) -> Any:
    import pandas as pd

    table = pd.concat([pd.read_csv(path, header=None) for path in sorted(folder.glob("*.csv"))]).to_numpy(np.float32)
    return xgboost.DMatrix(table[:, 1:], label=table[:, 0], feature_names=list(encoder.features))


def _sample(data: Any) -> tuple[Any, np.ndarray]:
    part = data.slice(np.arange(min(data.num_row(), _GRADIENT_ROWS)))
    return part, np.asarray(part.get_label())


def _label_counts(data: Any, encoder: Encoder) -> dict[str, int]:
    if not encoder.classes:
        return {}
    counts = np.bincount(np.asarray(data.get_label()).astype(int), minlength=len(encoder.classes))
    return {name: int(count) for name, count in zip(encoder.classes, counts, strict=True)}


def _save(booster: Any, encoder: Encoder, diagnostics: Mapping[str, Any], folder: Path) -> None:
    """What becomes the archive: the model, its encoder, and the code that serves both."""
    code = folder / "code" / __package__
    code.mkdir(parents=True, exist_ok=True)
    booster.save_model(folder / f"{MODEL}.ubj")
    # SageMaker's image looks for this name; the format is told by the content.
    shutil.move(folder / f"{MODEL}.ubj", folder / MODEL)
    (folder / FILE).write_text(encoder.to_json())
    (folder / DIAGNOSTICS).write_text(json.dumps(diagnostics, indent=1))
    for name in _SERVING:
        (code / name).write_bytes(_source(name))
    (code.parent / "inference.py").write_text(
        f"from {__package__}.serving import input_fn, model_fn, output_fn, predict_fn  # noqa: F401\n"
    )


def _source(name: str) -> bytes:
    found = pkgutil.get_data(__package__ or "tabular_training", name)
    assert found is not None  # noqa: S101  (the package's own files)
    return found


def hyperparameters_of(variables: Mapping[str, str]) -> dict[str, Any]:
    """The hyper-parameters of this job, as SageMaker's training toolkit gives them."""
    given: dict[str, Any] = json.loads(variables.get("SM_HPS", "{}"))
    return given


def main() -> None:
    """Train in SageMaker's container."""
    train(hyperparameters_of(os.environ), Folders.of_container(os.environ))
