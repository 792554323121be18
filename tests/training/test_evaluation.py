"""Evaluation and gates: metrics against scikit-learn, comparison with the live version, the four combinations."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError
from sklearn import metrics as reference

from tabular_training import command, metrics
from tabular_training.checks import write_check_data
from tabular_training.configuration import VARIABLE, Configuration
from tabular_training.cost import spent, told
from tabular_training.evaluate import evaluate
from tabular_training.gates import FILES, Inputs, run
from tabular_training.live import latest_approved, unpack
from tabular_training.serving import ENCODED, model_fn, predict_fn
from tabular_training.train import train


@pytest.fixture(scope="module")
def evaluated(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("evaluated")
    report = evaluate(trained.configuration, trained.folders.model, trained.root / "test", out)
    return out, report


def test_metrics_are_those_of_scikit_learn(evaluated: tuple[Path, dict[str, Any]]) -> None:
    import pandas as pd

    out, report = evaluated
    found = report["binary_classification_metrics"]
    predictions = pd.read_csv(out / "predictions" / "predictions.csv")
    truth, scores = predictions["left"] == "yes", predictions["prediction"]
    expected = {
        "auc": reference.roc_auc_score(truth, scores),
        "accuracy": reference.accuracy_score(truth, scores > 0.5),
        "precision": reference.precision_score(truth, scores > 0.5),
        "recall": reference.recall_score(truth, scores > 0.5),
        "f1": reference.f1_score(truth, scores > 0.5),
        "log_loss": reference.log_loss(truth, scores),
    }
    assert {name: found[name]["value"] for name in expected} == pytest.approx(expected, rel=1e-5)
    matrix = reference.confusion_matrix(truth, scores > 0.5)
    assert [list(row.values()) for row in found["confusion_matrix"].values()] == matrix.tolist()
    assert sum(report["feature_importance"].values()) == pytest.approx(1)
    assert report["training"]["metric"] == "auc"


def test_other_problems_metrics_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(5)
    truth, scores = random.integers(0, 3, 400), random.random((400, 3))
    found = metrics.evaluate("multiclass-classification", truth, scores, threshold=0.5, classes=("a", "b", "c"))
    said = scores.argmax(axis=1)
    assert found["accuracy"]["value"] == pytest.approx(reference.accuracy_score(truth, said))
    assert found["weighted_f1"]["value"] == pytest.approx(reference.f1_score(truth, said, average="weighted"))
    labels, guesses = random.normal(size=200), random.normal(size=200)
    found = metrics.evaluate("regression", labels, guesses, threshold=0.5, classes=())
    assert found["r2"]["value"] == pytest.approx(reference.r2_score(labels, guesses))
    assert found["rmse"]["value"] == pytest.approx(reference.root_mean_squared_error(labels, guesses))
    ties = np.array([0.2, 0.2, 0.2, 0.8])
    assert metrics.auc(np.array([0, 1, 1, 1]), ties) == pytest.approx(reference.roc_auc_score([0, 1, 1, 1], ties))


def test_compares_with_the_live_version_on_the_same_rows(trained: Any, tmp_path: Path) -> None:
    from dataclasses import replace

    weak = replace(trained.folders, model=tmp_path / "weak")
    train({"num_round": "1", "max_depth": "1", "nthread": "1"}, weak)
    test = trained.root / "test"
    better = evaluate(trained.configuration, trained.folders.model, test, tmp_path / "a", weak.model, "arn:1")
    worse = evaluate(trained.configuration, weak.model, test, tmp_path / "b", trained.folders.model, "arn:2")
    assert better["comparison"]["better"] == 1
    assert worse["comparison"]["better"] == 0
    assert worse["comparison"]["gain"] == pytest.approx(-better["comparison"]["gain"])
    same = evaluate(trained.configuration, weak.model, test, tmp_path / "c", weak.model, "arn:3")
    assert same["comparison"]["better"] == 0
    (tmp_path / "foreign").mkdir()
    foreign = evaluate(trained.configuration, weak.model, test, tmp_path / "d", tmp_path / "foreign", "arn:4")
    assert foreign["comparison"]["better"] == 1
    assert "has no preparation.json" in foreign["comparison"]["reason"]


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("register", [False, True])
def test_the_four_combinations(
    trained: Any,
    evaluated: tuple[Path, dict[str, Any]],
    document: dict[str, Any],
    tmp_path: Path,
    skip: bool,
    register: bool,
) -> None:
    old = tmp_path / "old"
    inputs = Inputs(trained.folders.model, trained.root / "baseline", evaluated[0] / "predictions", lambda *_: None)
    first = run(trained.configuration, inputs, old)
    assert first["passed"] == 1
    assert {gate["registered"] for gate in first["gates"].values()} == {"new"}
    for kind, names in FILES.items():
        for name in names:
            assert (old / "drift-check" / kind / f"{name}.json").is_file()
    # A baseline that the new version violates: other numbers in the constraints.
    constraints = json.loads((old / "baselines" / "data_quality" / "constraints.json").read_text())
    constraints["features"][-1]["completeness"] = 1.0
    constraints["features"] = [feature for feature in constraints["features"] if feature["name"] != "calls"]
    changed = tmp_path / "live.json"
    changed.write_text(json.dumps(constraints))

    def live(kind: str, name: str) -> Path:
        return changed if (kind, name) == ("data_quality", "constraints") else old / "baselines" / kind / f"{name}.json"

    gate = {"skip": skip, "register_baseline": register}
    configuration = Configuration.from_dict(document | {"gates": dict.fromkeys(FILES, gate)})
    report = run(configuration, Inputs(inputs.model, inputs.training, inputs.predictions, live), tmp_path / "new")
    assert report["passed"] == int(skip)
    assert report["gates"]["data_quality"]["checked"] is not skip
    assert ("data_quality" in report["violations"]) is not skip
    assert {found["registered"] for found in report["gates"].values()} == {"new" if register else "live"}
    used = (tmp_path / "new" / "drift-check" / "data_quality" / "constraints.json").read_text()
    assert (used == changed.read_text()) is not register
    assert (tmp_path / "new" / "baselines" / "bias" / "constraint_violations.json").is_file()


class _Jobs:
    """Two jobs of a tuning: one on spot instances that were cheaper."""

    def get_paginator(self, name: str) -> Any:
        assert name == "list_training_jobs_for_hyper_parameter_tuning_job"
        return self

    def paginate(self, HyperParameterTuningJobName: str) -> Any:
        assert HyperParameterTuningJobName == "tune"
        return [{"TrainingJobSummaries": [{"TrainingJobName": name}]} for name in ("one", "two")]

    def describe_training_job(self, TrainingJobName: str) -> dict[str, Any]:
        times = {"TrainingTimeInSeconds": 100, **({"BillableTimeInSeconds": 30} if TrainingJobName == "one" else {})}
        return {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2}, **times}


def test_says_what_training_cost() -> None:
    cost = spent(_Jobs(), {"TUNED_JOB_NAME": "tune"})
    assert cost == {
        "training_jobs": 2,
        "instance_types": {"ml.m5.large": 2},
        "training_seconds": 400,
        "billable_seconds": 260,
        "saved_by_spot": 0.35,
    }
    assert "spot instances saved 35%" in told(cost)
    assert spent(_Jobs(), {"TRAINED_JOB_NAME": "two"})["billable_seconds"] == 200  # type: ignore[index]
    assert spent(_Jobs(), {}) is None


def test_writes_what_sagemakers_own_checks_read(trained: Any, document: dict[str, Any], tmp_path: Path) -> None:
    import pandas as pd

    configuration = Configuration.from_dict(document | {"gate_engine": "model-monitor"})
    model = model_fn(str(trained.folders.model))
    write_check_data(configuration, model, trained.root / "baseline", trained.root / "test", tmp_path)
    traffic, labelled, encoded = (
        pd.read_csv(tmp_path / name / f"{name}.csv") for name in ("traffic", "labelled", "encoded")
    )
    assert list(traffic) == ["prediction", "plan", "minutes", "calls"]
    assert list(labelled) == ["prediction", "predicted", "left", "plan", "minutes", "calls"]
    test = pd.read_csv(trained.root / "test" / "test.csv")
    assert list(labelled["left"]) == list((test["left"] == "yes").astype(int))
    assert list(labelled["predicted"]) == list((labelled["prediction"] > 0.5).astype(int))
    # The model answers encoded rows as it answers those that they came from.
    rows = encoded.to_numpy(np.float32)
    assert np.allclose(model.encoded_scores(rows), labelled["prediction"], atol=1e-6)
    bias = json.loads((tmp_path / "bias" / "analysis_config.json").read_text())
    assert bias["facet"] == [{"name_or_index": "plan", "value_or_threshold": ["world"]}]
    assert (bias["label"], bias["predicted_label"], bias["label_values_or_threshold"]) == ("left", "predicted", [1])
    assert "shap" in json.loads((tmp_path / "attribution" / "analysis_config.json").read_text())["methods"]


def test_encoded_requests_are_answered_where_the_container_says_so(
    trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_fn(str(trained.folders.model))
    (plain,) = predict_fn([["world", "250.5", ""]], model)
    code = str(model.encoder.categories["plan"].index("world"))
    monkeypatch.setenv(ENCODED, "1")
    assert predict_fn([[code, "250.5", ""]], model) == [pytest.approx(plain)]


class _Registry:
    """Versions of a group, or none."""

    class exceptions:
        ClientError = ClientError

    def __init__(self, *versions: dict[str, Any], error: ClientError | None = None) -> None:
        self._versions, self._error = versions, error

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **filters: Any) -> Any:
        if self._error:
            raise self._error
        assert filters["ModelApprovalStatus"] == "Approved"
        return [{"ModelPackageSummaryList": list(self._versions)}]

    def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:
        return {
            "InferenceSpecification": {"Containers": [{"ModelDataUrl": f"s3://models/{ModelPackageName}.tar.gz"}]},
            "DriftCheckBaselines": {"ModelDataQuality": {"Constraints": {"S3Uri": "s3://b/constraints.json"}}},
        }


def test_finds_the_live_version_and_its_baselines() -> None:
    found = latest_approved(
        _Registry(
            {"ModelPackageArn": "v2", "ModelPackageVersion": 2},
            {"ModelPackageArn": "v10", "ModelPackageVersion": 10},
            {"ModelPackageArn": "v11", "ModelPackageVersion": 11, "ModelPackageStatus": "Failed"},
        ),
        "churn",
    )
    assert found is not None
    assert (found.arn, found.model_uri) == ("v10", "s3://models/v10.tar.gz")
    assert found.baselines == {("data_quality", "constraints"): "s3://b/constraints.json"}
    assert latest_approved(_Registry(), "churn") is None
    missing = ClientError({"Error": {"Code": "ValidationException", "Message": "Group does not exist"}}, "List")
    assert latest_approved(_Registry(error=missing), "churn") is None
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "List")
    with pytest.raises(ClientError):
        latest_approved(_Registry(error=denied), "churn")


def test_an_archive_unpacks_nothing_outside_of_its_folder(tmp_path: Path) -> None:
    import io
    import tarfile

    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        for name in ("../outside", "inside"):
            entry = tarfile.TarInfo(name)
            entry.size = 1
            tar.addfile(entry, io.BytesIO(b"x"))
    unpack(tmp_path / "a.tar.gz", tmp_path / "folder")
    assert (tmp_path / "folder" / "inside").is_file()
    assert not (tmp_path / "outside").exists()


def test_the_command_line_runs_the_steps(
    trained: Any,
    document: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "configuration.json").write_text(json.dumps(document))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "configuration.json"))
    shutil.copytree(trained.root / "input", tmp_path / "input")
    (tmp_path / "input" / "model").mkdir()
    trained.archive(tmp_path / "input" / "model" / "model.tar.gz")
    for step in ("prepare", "evaluate"):
        assert command.main([step, "--root", str(tmp_path)]) == 0
    shutil.copytree(tmp_path / "predictions", tmp_path / "input" / "predictions")
    assert command.main(["gates", "--root", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "gates" / "gates.json").read_text())["passed"] == 1
    (tmp_path / "input" / "model" / "model.tar.gz").unlink()
    assert command.main(["evaluate", "--root", str(tmp_path)]) == 1
    assert "holds 0 archives" in capsys.readouterr().err
    (tmp_path / "configuration.json").write_text("{}")
    assert command.main(["prepare", "--root", str(tmp_path)]) == 1
    assert "label is missing" in capsys.readouterr().err
