"""SHAP values by the shap package. In: pickled models and rows by name. Out: values by row, feature and label."""

from __future__ import annotations

import json
import pickle
import sys

import numpy as np
import shap

answer = {}
for name, (path, rows) in json.load(sys.stdin).items():
    with open(path, "rb") as file:  # noqa: PTH123
        model = pickle.load(file)
    explainer = shap.TreeExplainer(model)
    matrix = np.array([[np.nan if cell is None else cell for cell in row] for row in rows], float)
    values = np.asarray(explainer.shap_values(matrix, check_additivity=False))
    if values.ndim == 2:
        values = values[:, :, None]
    answer[name] = {"values": values.tolist(), "expected": np.atleast_1d(explainer.expected_value).tolist()}
print(json.dumps(answer))
