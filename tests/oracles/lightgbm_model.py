"""Trains LightGBM models, saves them as text, and loads them with the explainer. In: rows, labels, a folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import lightgbm
import numpy as np

from model_analyzer.attribution import load_model

question = json.load(sys.stdin)
rows, answer = np.array(question["rows"]), {}
for objective, label in (("binary", question["binary"]), ("multiclass", question["classes"])):
    extra = {"num_class": 3} if objective == "multiclass" else {}
    data = lightgbm.Dataset(rows, np.array(label))
    booster = lightgbm.train({"objective": objective, "verbose": -1, "num_leaves": 7, **extra}, data, 8)
    path = Path(question["folder"]) / f"{objective}.txt"
    booster.save_model(str(path))
    explainer = load_model(path)
    explanation = explainer.explain(rows)
    raw = np.asarray(booster.predict(rows, raw_score=True)).reshape(len(rows), -1)
    answer[objective] = {
        "largest_gap": float(np.abs(explanation.outputs - raw).max()),
        "shape": explanation.values.shape,
        "names": explainer.feature_names,
        "features": explainer.feature_count,
    }
print(json.dumps(answer))
