"""Explainers of models of XGBoost, LightGBM and scikit-learn."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from model_analyzer._arrays import Floats

from ._categories import Categories, Decoded, text_columns
from ._explain import Explainer, Explanation
from ._kernel import KernelExplainer
from ._summary import matrix_of
from ._trees import Tree, TreeEnsemble

_CATEGORICAL_OF_LIGHTGBM = re.compile(r"\[categorical_feature: ([0-9,]*)\]")


class UnsupportedModel(ValueError):
    """A model of a kind that cannot be explained; the message says what can be."""


@dataclass(frozen=True)
class XGBoostExplainer:
    """SHAP values as XGBoost computes them, of the margin (log odds for classification)."""

    booster: Any

    @property
    def feature_count(self) -> int:
        return int(self.booster.num_features())

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        names = self.booster.feature_names
        return tuple(names) if names else None

    @property
    def method(self) -> str:
        return "tree_shap"

    @cached_property
    def categories(self) -> Mapping[int, Categories]:
        """Text features; models of XGBoost 3.1 and later know the values that they were trained with."""
        if "c" not in (self.booster.feature_types or ()):
            return {}
        trees = json.loads(self.booster.save_raw("json"))["learner"]["gradient_booster"]
        encoded = (trees.get("cats") or trees.get("model", {}).get("cats") or {}).get("enc", ())
        values = {position: _xgboost_values(feature) for position, feature in enumerate(encoded)}
        return {position: Categories(known) for position, known in values.items() if known}

    def explain(self, rows: Floats) -> Explanation:
        """SHAP values of rows."""
        import xgboost

        if not rows.shape[0]:
            return _nothing(self)
        data = xgboost.DMatrix(
            rows,
            feature_names=self.booster.feature_names,
            feature_types=self.booster.feature_types,
            missing=np.nan,
            enable_categorical=True,
        )
        found = self.booster.predict(data, pred_contribs=True, strict_shape=True).astype(float)
        return Explanation(np.ascontiguousarray(found[:, :, :-1].transpose(0, 2, 1)), found[0, :, -1].copy())


def _xgboost_values(feature: Mapping[str, Any]) -> list[object]:
    """The categories of one feature: text as the bytes of all values with the offsets of each, numbers as they are."""
    values, offsets = feature.get("values") or [], feature.get("offsets")
    if offsets is None:
        return list(values)
    text = bytes(value % 256 for value in values)
    return [text[start:end].decode("utf-8", errors="replace") for start, end in pairwise(offsets)]


@dataclass(frozen=True)
class LightGBMExplainer:
    """SHAP values as LightGBM computes them, of the raw score."""

    booster: Any

    @property
    def feature_count(self) -> int:
        return int(self.booster.num_feature())

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        names = tuple(self.booster.feature_name())
        unnamed = tuple(f"Column_{n}" for n in range(len(names)))
        return None if names == unnamed else names

    @property
    def method(self) -> str:
        return "tree_shap"

    @cached_property
    def categories(self) -> Mapping[int, Categories]:
        """Text features, of models trained on pandas data frames; others take the codes that they were trained with."""
        known = self.booster.pandas_categorical or []
        named = _CATEGORICAL_OF_LIGHTGBM.search(self.booster.model_to_string(num_iteration=1))
        positions = [int(position) for position in named[1].split(",")] if named and named[1] else []
        if len(positions) != len(known):
            return {}
        return {position: Categories(values) for position, values in zip(positions, known, strict=True)}

    def explain(self, rows: Floats) -> Explanation:
        """SHAP values of rows."""
        if not rows.shape[0]:
            return _nothing(self)
        found = np.asarray(self.booster.predict(rows, pred_contrib=True), float)
        found = found.reshape(rows.shape[0], -1, self.feature_count + 1)
        return Explanation(np.ascontiguousarray(found[:, :, :-1].transpose(0, 2, 1)), found[0, :, -1].copy())


def _nothing(explainer: Explainer) -> Explanation:
    """What an explainer gives for no rows; the libraries refuse to be asked."""
    one = explainer.explain(np.zeros((1, explainer.feature_count)))
    return Explanation(one.values[:0], one.expected)


def of_sklearn(model: Any) -> TreeEnsemble:
    """The trees of a scikit-learn model; probabilities for forests of classifiers, log odds for boosted ones.

    Raises:
        UnsupportedModel: The model is no tree, forest or gradient boosting.
    """
    if hasattr(model, "steps"):
        raise UnsupportedModel(
            "the model is a pipeline: give a background, rows that stand for unknown features, to explain it by kernel "
            "SHAP in the columns that the pipeline takes"
        )
    names = getattr(model, "feature_names_in_", None)
    common: dict[str, Any] = {
        "feature_count": int(getattr(model, "n_features_in_", 0)),
        "feature_names": None if names is None else tuple(map(str, names)),
    }
    if hasattr(model, "tree_"):
        tree = _sklearn_tree(model.tree_, 1.0, hasattr(model, "classes_"))
        return TreeEnsemble((tree,), np.zeros(tree.values.shape[1]), single_precision=True, **common)
    if hasattr(model, "_predictors"):
        return _histogram_boosting(model, common)
    parts = getattr(model, "estimators_", None)
    if isinstance(parts, np.ndarray):
        return _gradient_boosting(model, common)
    if isinstance(parts, list) and parts and all(hasattr(part, "tree_") for part in parts):
        if hasattr(model, "estimator_weights_"):
            raise UnsupportedModel(f"{type(model).__name__} weighs its trees: explain it with kernel SHAP")
        classifies = hasattr(model, "classes_")
        trees = [_sklearn_tree(part.tree_, 1 / len(parts), classifies) for part in parts]
        return TreeEnsemble(trees, np.zeros(trees[0].values.shape[1]), single_precision=True, **common)
    raise UnsupportedModel(
        f"{type(model).__name__} is no tree ensemble: decision trees, forests and gradient boosting of scikit-learn "
        "are explained exactly, anything else with kernel SHAP"
    )


def of_function(model: Any, background: pl.DataFrame, names: Sequence[str] | None = None) -> KernelExplainer:
    """Kernel SHAP of anything with scikit-learn's `predict_proba` or `predict`, in the columns that it takes.

    Text features stay text for the model: a pipeline with its own encoder is explained in what it is given.
    """
    probabilities = getattr(model, "predict_proba", None)
    function = model.predict if probabilities is None else lambda rows: _of_positive(probabilities(rows))
    known = getattr(model, "feature_names_in_", None)
    columns = list(names or (map(str, known) if known is not None else background.columns))
    missing = [name for name in columns if name not in background.columns]
    if missing:
        raise UnsupportedModel(f"the background has no column {', '.join(missing)}, which the model takes")
    categories = text_columns(background, columns)
    rows = matrix_of(background, columns, categories)
    decoded = Decoded(function, categories, tuple(columns) if known is not None else None)
    return KernelExplainer(decoded, rows, feature_names=tuple(columns), categories=categories)


def _of_positive(probabilities: Any) -> Any:
    """Of two classes only the second is told apart from the first."""
    return probabilities[:, 1] if probabilities.shape[1] == 2 else probabilities


def _sklearn_tree(tree: Any, scale: float, classifies: bool) -> Tree:
    values = tree.value[:, 0, :].astype(float)
    if classifies:
        values = values / values.sum(axis=1, keepdims=True)
    missing = getattr(tree, "missing_go_to_left", None)
    count = tree.node_count
    return Tree(
        tree.children_left.astype(np.int64),
        tree.children_right.astype(np.int64),
        tree.feature.astype(np.int64),
        tree.threshold.astype(float),
        np.zeros(count, np.bool_) if missing is None else np.asarray(missing).astype(np.bool_),
        tree.weighted_n_node_samples.astype(float),
        values * scale,
    )


def _gradient_boosting(model: Any, common: dict[str, Any]) -> TreeEnsemble:
    labels = model.estimators_.shape[1]
    trees = []
    for stage in model.estimators_:
        for label, part in enumerate(stage):
            tree = _sklearn_tree(part.tree_, float(model.learning_rate), False)
            values = np.zeros((tree.values.shape[0], labels))
            values[:, label] = tree.values[:, 0]
            trees.append(Tree(**{**tree.__dict__, "values": values}))
    probe = np.zeros((1, common["feature_count"]))
    base = np.asarray(model._raw_predict_init(probe), float)[0]
    return TreeEnsemble(trees, base, single_precision=True, **common)


def _histogram_boosting(model: Any, common: dict[str, Any]) -> TreeEnsemble:
    labels = len(model._predictors[0])
    order, categories = _of_preprocessor(model, common["feature_count"])
    trees = []
    for stage in model._predictors:
        for label, predictor in enumerate(stage):
            nodes = predictor.nodes
            is_leaf = nodes["is_leaf"].astype(np.bool_)
            values = np.zeros((nodes.size, labels))
            values[:, label] = nodes["value"]
            trees.append(
                Tree(
                    np.where(is_leaf, -1, nodes["left"].astype(np.int64)),
                    np.where(is_leaf, -1, nodes["right"].astype(np.int64)),
                    order[nodes["feature_idx"].astype(np.int64)],
                    nodes["num_threshold"].astype(float),
                    nodes["missing_go_to_left"].astype(np.bool_),
                    nodes["count"].astype(float),
                    values,
                    {
                        int(node): _members(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]])
                        for node in np.flatnonzero(nodes["is_categorical"] & ~is_leaf)
                    },
                )
            )
    base = np.asarray(model._baseline_prediction, float).reshape(-1)
    return TreeEnsemble(trees, base, categories=categories, **common)


def _of_preprocessor(model: Any, features: int) -> tuple[npt.NDArray[np.int64], dict[int, Categories]]:
    """Which feature each column inside the model is, and the categories: the model puts encoded features in front."""
    preprocessor = getattr(model, "_preprocessor", None)
    categorical = getattr(model, "is_categorical_", None)
    if preprocessor is None or categorical is None:
        if categorical is not None and np.any(categorical):
            raise UnsupportedModel("the model was trained by an old scikit-learn: explain it with kernel SHAP")
        return np.arange(features), {}
    encoded = np.flatnonzero(categorical)
    known = preprocessor.named_transformers_["encoder"].categories_
    categories = {
        int(position): Categories(value for value in values if value is not None and value == value)
        for position, values in zip(encoded, known, strict=True)
    }
    return np.concatenate([encoded, np.flatnonzero(~np.asarray(categorical))]).astype(np.int64), categories


def _members(bits: npt.NDArray[np.uint32]) -> Floats:
    """Places whose bit is set."""
    return np.flatnonzero(np.unpackbits(bits.astype("<u4").view(np.uint8), bitorder="little")).astype(float)
