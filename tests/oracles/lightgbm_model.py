"""Trains LightGBM models, saves them as text, and loads them with the explainer. In: rows, labels, a folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import lightgbm
import numpy as np
import pandas
import polars

from model_analyzer.attribution import load_model, matrix_of

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
colours = pandas.Categorical(question["colours"])
frame = pandas.DataFrame({"x": rows[:, 0], "colour": colours, "floor": pandas.Categorical(question["floors"])})
booster = lightgbm.train({"verbose": -1, "min_data_in_leaf": 5}, lightgbm.Dataset(frame, question["binary"]), 8)
booster.save_model(str(path))
explainer = load_model(path)
captured = polars.DataFrame(
    {
        "x": [repr(float(value)) for value in rows[:, 0]],
        "colour": question["colours"],
        "floor": map(str, question["floors"]),
    }
)
explanation = explainer.explain(matrix_of(captured, captured.columns, explainer.categories))
answer["categories"] = {
    "largest_gap": float(np.abs(explanation.outputs[:, 0] - booster.predict(frame, raw_score=True)).max()),
    "known": {str(place): values.values for place, values in explainer.categories.items()},
}
print(json.dumps(answer))
