"""Explainers of models of XGBoost, LightGBM and scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ._explain import Explainer, Explanation, Floats
from ._trees import Tree, TreeEnsemble


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

    def explain(self, rows: Floats) -> Explanation:
        """SHAP values of rows."""
        import xgboost

        if not rows.shape[0]:
            return _nothing(self)
        data = xgboost.DMatrix(rows, feature_names=self.booster.feature_names, missing=np.nan)
        found = self.booster.predict(data, pred_contribs=True, strict_shape=True).astype(float)
        return Explanation(np.ascontiguousarray(found[:, :, :-1].transpose(0, 2, 1)), found[0, :, -1].copy())


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
        raise UnsupportedModel("the model is a pipeline: explain it with kernel SHAP, over its predict function")
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
    trees = []
    for stage in model._predictors:
        for label, predictor in enumerate(stage):
            nodes = predictor.nodes
            if nodes["is_categorical"].any():
                raise UnsupportedModel("the model splits on categorical features: explain it with kernel SHAP")
            is_leaf = nodes["is_leaf"].astype(np.bool_)
            values = np.zeros((nodes.size, labels))
            values[:, label] = nodes["value"]
            trees.append(
                Tree(
                    np.where(is_leaf, -1, nodes["left"].astype(np.int64)),
                    np.where(is_leaf, -1, nodes["right"].astype(np.int64)),
                    nodes["feature_idx"].astype(np.int64),
                    nodes["num_threshold"].astype(float),
                    nodes["missing_go_to_left"].astype(np.bool_),
                    nodes["count"].astype(float),
                    values,
                )
            )
    return TreeEnsemble(trees, np.asarray(model._baseline_prediction, float).reshape(-1), **common)
