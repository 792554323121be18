"""A small table, prepared and trained on once."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_training.configuration import Configuration
from tabular_training.prepare import prepare
from tabular_training.train import Folders, train

ROUNDS = {
    "num_round": "25",
    "max_depth": "3",
    "eta": "0.3",
    "subsample": "0.8",
    "checkpoint_rounds": "5",
    "nthread": "1",
}


def customers(rows: int = 600, seed: int = 3) -> pd.DataFrame:
    """Whether customers left: more often with a plan, long calls, and many calls to the hotline."""
    random = np.random.default_rng(seed)
    minutes, calls = random.gamma(4, 50, rows), random.poisson(1.5, rows)
    plan = random.choice(["none", "basic", "world"], rows, p=[0.6, 0.3, 0.1])
    risk = 0.012 * (minutes - 200) + 0.8 * (calls - 1.5) + 1.5 * (plan == "world")
    left = random.random(rows) < 1 / (1 + np.exp(-risk + 1))
    frame = pd.DataFrame({"id": np.arange(rows), "left": np.where(left, "yes", "no"), "plan": plan})
    frame["minutes"], frame["calls"] = minutes.round(1), calls
    frame.loc[::25, "minutes"] = np.nan
    return frame


@dataclass
class Trained:
    """What a pipeline's first steps leave."""

    configuration: Configuration
    root: Path
    folders: Folders
    diagnostics: dict[str, Any]

    def archive(self, target: Path, model: Path | None = None) -> Path:
        with tarfile.open(target, "w:gz") as tar:
            for path in (model or self.folders.model).iterdir():
                tar.add(path, path.name)
        return target


@pytest.fixture(scope="session")
def make_customers() -> Callable[..., pd.DataFrame]:
    return customers


@pytest.fixture(scope="session")
def hyperparameters() -> dict[str, str]:
    return ROUNDS


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    return {
        "label": "left",
        "problem": "binary-classification",
        "positive_label": "yes",
        "exclude": ["id"],
        "facet": {"name": "plan", "values": ["world"]},
        "gates": {name: {"skip": False, "register_baseline": True} for name in ("data_quality", "bias")},
    }


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]) -> Trained:
    root = tmp_path_factory.mktemp("trained")
    (root / "input" / "data").mkdir(parents=True)
    frame = customers()
    frame.iloc[:300].to_csv(root / "input" / "data" / "part-0.csv", index=False)
    frame.iloc[300:].to_csv(root / "input" / "data" / "part-1.csv", index=False)
    configuration = Configuration.from_dict(document)
    prepare(configuration, root / "input" / "data", root)
    folders = Folders(root / "train", root / "validation", root / "preparation", root / "model")
    diagnostics = train(ROUNDS, folders)
    for source, name in (("test", "test"), ("baseline", "training")):
        shutil.copytree(root / source, root / "input" / name)
    return Trained(configuration, root, folders, diagnostics)
