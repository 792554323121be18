"""SageMaker's built-in XGBoost algorithm: channels, hyperparameters, evaluation lines, checkpoints and model file.

Runs in a process of its own as `python xgboost_algorithm.py` and reads SageMaker's folders below /opt/ml, so it imports
nothing of this project. See https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost_hyperparameters.html

Differing from the container: random numbers are seeded anew every ten rounds, and checkpoints are saved there instead
of after every round, so that a job that was interrupted and resumed ends with the same model as one that was not.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

# The native interface needs neither; xgboost imports them where it finds them, which takes longer than small trainings.
sys.modules.setdefault("sklearn", None)  # type: ignore[arg-type]
sys.modules.setdefault("pandas", None)  # type: ignore[arg-type]

import xgboost  # noqa: E402

ROOT = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
_CHECKPOINT = "xgboost-checkpoint"
_KEPT_CHECKPOINTS = 5
_ROUNDS_PER_CHECKPOINT = 10
_MAXIMISED = ("auc", "aucpr", "map", "ndcg", "pre")
_OWN = ("num_round", "early_stopping_rounds", "csv_weights", "save_model_on_termination", "deterministic_histogram")


class UserError(Exception):
    """Something that the job's owner has to change."""


def hyperparameters() -> dict[str, Any]:
    """Return the hyperparameters; numbers and booleans as such."""
    given: dict[str, Any] = json.loads((ROOT / "input/config/hyperparameters.json").read_text())
    if "num_round" not in given:
        raise UserError("hyperparameter num_round is missing")
    return {name: _value(text) for name, text in given.items()}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def channel(name: str, weights: bool) -> xgboost.DMatrix | None:
    """Return the data of a channel, the label first in CSV and Parquet; None if the job has no such channel."""
    folder = ROOT / "input/data" / name
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((".", "_")))
    if not files:
        return None
    settings = json.loads((ROOT / "input/config/inputdataconfig.json").read_text())[name]
    kind = str(settings.get("ContentType") or "text/libsvm").split(";")[0].strip().lower()
    if kind in ("text/csv", "csv"):
        rows = np.concatenate([_csv(path) for path in files])
    elif kind in ("application/x-parquet", "parquet"):
        import polars

        rows = np.concatenate([polars.read_parquet(path).to_numpy().astype(np.float32) for path in files])
    elif kind in ("text/libsvm", "text/x-libsvm", "libsvm"):
        return _libsvm(files)
    else:
        raise UserError(f"channel {name} has ContentType {kind}; supported are text/csv, text/libsvm, parquet")
    start = 2 if weights else 1
    matrix = xgboost.DMatrix(rows[:, start:], label=rows[:, 0])
    if weights:
        matrix.set_weight(rows[:, 1])
    return matrix


def _csv(path: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    try:
        lines = [
            [float(field) if field.strip() else np.nan for field in line.split(",")]
            for line in path.read_text().splitlines()
            if line.strip()
        ]
        return np.array(lines, dtype=np.float32)
    except ValueError as error:
        raise UserError(f"{path.name} is not CSV of numbers without a header: {error}") from error


def _libsvm(files: list[Path]) -> xgboost.DMatrix:
    labels: list[float] = []
    entries: list[dict[int, float]] = []
    for path in files:
        for line in path.read_text().splitlines():
            fields = line.split()
            if not fields:
                continue
            labels.append(float(fields[0]))
            entries.append({int(key): float(value) for key, value in (field.split(":", 1) for field in fields[1:])})
    rows = np.full((len(entries), max((max(item, default=-1) for item in entries), default=-1) + 1), np.nan, np.float32)
    for number, item in enumerate(entries):
        for index, value in item.items():
            rows[number, index] = value
    return xgboost.DMatrix(rows, label=labels)


def checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """Return the checkpoints in a folder with their rounds."""
    found = [(path.name.rpartition("."), path) for path in folder.glob(f"{_CHECKPOINT}.*")]
    return [(int(number), path) for (_, _, number), path in found if number.isdecimal()]


def save_checkpoint(booster: xgboost.Booster, folder: Path, number: int) -> None:
    """Save the model as it is after a round; the last few checkpoints are kept."""
    target = folder / f"{_CHECKPOINT}.{number}"
    # Whoever copies checkpoints away must never see half a file.
    partial = folder / f".{target.name}"
    partial.write_bytes(bytes(booster.save_raw("ubj")))
    partial.replace(target)
    for _, path in sorted(checkpoints(folder))[:-_KEPT_CHECKPOINTS]:
        path.unlink(missing_ok=True)


class EarlyStopping:
    """Ends the training when the last metric of the validation data has not become better for some rounds."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._best: float | None = None
        self.best_round = 0

    def over(self, number: int, line: str) -> bool:
        """Look at the evaluation of a round; return whether the training is over."""
        name, _, text = line.rpartition("\t")[2].rpartition(":")
        value = float(text) * (-1 if name.removeprefix("validation-").split("@")[0] in _MAXIMISED else 1)
        if self._best is None or value < self._best:
            self._best, self.best_round = value, number
        return number - self.best_round >= self._rounds


def parameters(given: dict[str, Any]) -> dict[str, Any]:
    """Return XGBoost's own parameters."""
    params = {name: value for name, value in given.items() if name not in _OWN}
    text = str(params.pop("eval_metric", ""))
    metrics = [item.strip() for item in text.strip("[]").replace('"', "").split(",") if item.strip()]
    # The metric that a tuning job optimises; `validation:auc` is the metric auc.
    objective = str(params.pop("_tuning_objective_metric", "")).rpartition(":")[2]
    if objective and objective not in metrics:
        metrics.append(objective)
    if metrics:
        params["eval_metric"] = metrics
    params.setdefault("nthread", 1)
    return params


def train() -> None:
    """Train the model that the folders describe."""
    given = hyperparameters()
    weights = bool(given.get("csv_weights"))
    data, validation = channel("train", weights), channel("validation", weights)
    if data is None:
        raise UserError("the channel train is missing or empty")
    watched = [(data, "train")] + ([(validation, "validation")] if validation is not None else [])
    folder = ROOT / "checkpoints"
    done = max(checkpoints(folder), default=None) if folder.is_dir() else None
    if done:
        print(f"Resuming from the checkpoint of round {done[0]}", flush=True)  # noqa: T201
    model = bytearray(done[1].read_bytes()) if done else None
    patience = given.get("early_stopping_rounds")
    stopping = EarlyStopping(int(patience)) if patience and validation is not None else None
    if done:
        print(f"Resuming from the checkpoint of round {done[0]}", flush=True)  # noqa: T201 - the log is the interface
    booster = xgboost.Booster(model_file=model)
    for number in range(done[0] + 1 if done else 0, int(given["num_round"])):
        if number % _ROUNDS_PER_CHECKPOINT == 0:
            # A booster keeps the state of its random numbers, which no file holds: begin as after an interruption.
            params = {**parameters(given), "seed": int(given.get("seed", 0)) + number}
            previous = bytearray(booster.save_raw("ubj")) if number else None
            booster = xgboost.Booster(params, [matrix for matrix, _ in watched], model_file=previous)
        booster.update(data, iteration=number)
        line = booster.eval_set(watched, number)
        print(line.replace("\t", "#011"), flush=True)  # noqa: T201
        if folder.is_dir() and (number + 1) % _ROUNDS_PER_CHECKPOINT == 0:
            save_checkpoint(booster, folder, number)
        if stopping is not None and stopping.over(number, line):
            booster = booster[: stopping.best_round + 1]
            break
    (ROOT / "model").mkdir(exist_ok=True)
    (ROOT / "model" / "xgboost-model").write_bytes(bytes(booster.save_raw("ubj")))


def main() -> None:
    """Train; errors go where SageMaker reads them."""
    try:
        train()
    except (UserError, xgboost.core.XGBoostError) as error:
        text = str(error).splitlines()
        reason = next((line for line in text if "Check failed" in line or line.startswith("ValueError")), text[0])
        kind = "Customer Error" if isinstance(error, UserError) else "XGB train call failed with exception"
        (ROOT / "output" / "failure").write_text(f"{kind}: {reason}")
        print(f"{kind}: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(1)


if __name__ == "__main__":
    main()
