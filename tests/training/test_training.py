"""Training: archives that serve, resumption, diagnostics."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import xgboost

from model_analyzer import attribution
from tabular_training import train as training
from tabular_training.diagnostics import Limits, Series, diagnose
from tabular_training.serving import input_fn, model_fn, output_fn, predict_fn
from tabular_training.train import Folders, train


def test_the_archive_serves_itself_without_this_package(trained: Any, tmp_path: Path) -> None:
    """As SageMaker's container does: unpack, import code/inference.py, call its functions."""
    folder = tmp_path / "model"
    with tarfile.open(trained.archive(tmp_path / "model.tar.gz")) as tar:
        tar.extractall(folder, filter="data")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1] + '/code')\n"
        "import inference\n"
        "assert inference.model_fn.__module__ == 'tabular_training.serving'\n"
        "import tabular_training; assert tabular_training.__file__.startswith(sys.argv[1])\n"
        "model = inference.model_fn(sys.argv[1])\n"
        "rows = inference.input_fn('world,250.5,4\\nnone,,0\\n', 'text/csv')\n"
        "print(inference.output_fn(inference.predict_fn(rows, model), 'text/csv'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    risky, calm = map(float, done.stdout.split())
    assert risky > 0.5 > calm
    assert attribution.load_model(folder).feature_count == 3


def test_serving_refuses_what_it_cannot_read(trained: Any) -> None:
    model = model_fn(str(trained.folders.model))
    with pytest.raises(ValueError, match="send text/csv"):
        input_fn(b"{}", "application/json")
    with pytest.raises(ValueError, match="row 1 has 2 fields, the model needs 3"):
        predict_fn([["world", "1"]], model)
    assert json.loads(output_fn([0.5], "application/json")) == {"predictions": [0.5]}


def test_resumes_after_an_interruption_and_makes_the_same_model(
    trained: Any, hyperparameters: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Slow and by chance: the best round lies far behind the checkpoint, and each round draws rows of its own.
    wanted = hyperparameters | {"eta": "0.05", "subsample": "0.5", "colsample_bytree": "0.7"}
    whole = replace(trained.folders, model=tmp_path / "whole")
    straight = train(wanted, whole)
    assert straight["best_round"] > 15
    folders = replace(trained.folders, model=tmp_path / "model", checkpoints=tmp_path / "checkpoints" / "job")
    real = training._Watch.after_round

    def interrupted(self: Any, model: Any, *found: float) -> None:
        real(self, model, *found)
        if len(self.history.validation) == 13:
            raise KeyboardInterrupt

    monkeypatch.setattr(training._Watch, "after_round", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(wanted, folders)
    assert sorted(path.name for path in folders.checkpoints.iterdir()) == [
        "checkpoint-10.ubj",
        "checkpoint-5.ubj",
        "history.json",
    ]
    monkeypatch.setattr(training._Watch, "after_round", real)
    assert train(wanted, folders) == straight
    first, second = model_fn(str(whole.model)), model_fn(str(folders.model))
    assert first.booster.get_dump(with_stats=True) == second.booster.get_dump(with_stats=True)
    # Once more, with nothing left to do.
    assert train(wanted | {"num_round": "10"}, folders)["rounds"] >= 10


def test_stops_early_and_keeps_the_best_round(trained: Any, hyperparameters: dict[str, str], tmp_path: Path) -> None:
    folders = replace(trained.folders, model=tmp_path / "model")
    wild = hyperparameters | {"num_round": "200", "max_depth": "8", "early_stopping_rounds": "5"}
    found = train(wild, folders)
    assert found["rounds"] == found["best_round"] + 6
    assert found["rounds"] < 200
    booster = xgboost.Booster()
    booster.load_model(bytearray((folders.model / "xgboost-model").read_bytes()))
    assert booster.num_boosted_rounds() == found["best_round"] + 1
    assert "overfit" in {finding["rule"] for finding in found["findings"]}


@pytest.mark.parametrize("problem", ["multiclass-classification", "regression"])
def test_other_problems_train_and_answer(tmp_path: Path, make_customers: Any, problem: str) -> None:
    from tabular_training.configuration import Configuration
    from tabular_training.prepare import prepare

    (tmp_path / "data").mkdir()
    frame = make_customers(300)
    frame.to_csv(tmp_path / "data" / "a.csv", index=False)
    label = "plan" if problem.startswith("multi") else "minutes"
    configuration = Configuration.from_dict({"label": label, "problem": problem, "exclude": ["id"]})
    if label == "minutes":
        frame.dropna().to_csv(tmp_path / "data" / "a.csv", index=False)
    prepare(configuration, tmp_path / "data", tmp_path)
    folders = Folders(tmp_path / "train", tmp_path / "validation", tmp_path / "preparation", tmp_path / "model")
    train({"num_round": "8", "nthread": "1"}, folders)
    model = model_fn(str(tmp_path / "model"))
    row = dict(zip(frame.columns, frame.astype(str).iloc[3], strict=True))
    (answer,) = predict_fn([[row[name] for name in model.encoder.features]], model)
    assert answer in ("basic", "none", "world") if problem.startswith("multi") else answer > 0


def test_reads_the_container_s_variables(trained: Any) -> None:
    variables = {
        "SM_CHANNEL_TRAIN": "/opt/ml/input/data/train",
        "SM_CHANNEL_VALIDATION": "/opt/ml/input/data/validation",
        "SM_CHANNEL_PREPARATION": "/opt/ml/input/data/preparation",
        "SM_MODEL_DIR": "/opt/ml/model",
        "SM_HPS": '{"eta": 0.3, "_tuning_objective_metric": "validation:auc"}',
    }
    assert Folders.of_container(variables).model == Path("/opt/ml/model")
    assert training.hyperparameters_of(variables) == {"eta": 0.3, "_tuning_objective_metric": "validation:auc"}


# -- diagnostics: each rule with what fires it and what nearly does ----------------------------------------------------

_GOOD = Series(
    train=[0.7, 0.8, 0.86, 0.9],
    validation=[0.69, 0.78, 0.84, 0.87],
    higher_is_better=True,
    gradients=[0.4, 0.3, 0.2],
    labels={"no": 80, "yes": 20},
)


def test_a_good_training_has_no_findings() -> None:
    assert diagnose(_GOOD) == []


@pytest.mark.parametrize(
    ("rule", "fires", "passes"),
    [
        ("overfit", {"train": [0.9, 0.99, 0.999, 1.0], "validation": [0.6, 0.7, 0.8, 0.85]}, {"train": [0.9] * 4}),
        (
            "overtraining",
            {"train": [0.9] * 30, "validation": [0.9] + [0.88] * 29},
            {"train": [0.9] * 30, "validation": [0.9] + [0.8999] * 29},
        ),
        (
            "loss_not_decreasing",
            {"train": [0.8] * 12 + [0.80001], "validation": [0.8] * 12 + [0.81]},
            {"train": [0.5 + step / 50 for step in range(13)], "validation": [0.5 + step / 50 for step in range(13)]},
        ),
        ("vanishing_gradient", {"gradients": [0.1, 1e-4, 1e-8]}, {"gradients": [0.1, 1e-4, 1e-5]}),
        ("exploding_gradient", {"gradients": [0.1, 0.01, 5.0]}, {"gradients": [0.1, 0.5, 0.9]}),
        ("class_imbalance", {"labels": {"no": 990, "yes": 10}}, {"labels": {"no": 94, "yes": 6}}),
    ],
)
def test_rules(rule: str, fires: dict[str, Any], passes: dict[str, Any]) -> None:
    found = [finding for finding in diagnose(replace(_GOOD, **fires)) if finding.rule == rule]
    assert len(found) == 1, rule
    assert ":" in found[0].message
    assert found[0].to_json()["limit"] == found[0].limit
    assert rule not in {finding.rule for finding in diagnose(replace(_GOOD, **passes))}


def test_limits_can_be_moved_and_losses_are_worse_when_larger() -> None:
    assert [finding.rule for finding in diagnose(_GOOD, Limits(share=0.3))] == ["class_imbalance"]
    losses = Series(train=[0.5, 0.2, 0.1], validation=[0.6, 0.5, 0.45], higher_is_better=False)
    assert losses.best == 2
    assert [finding.rule for finding in diagnose(losses)] == ["overfit"]
