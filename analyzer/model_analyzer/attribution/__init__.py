"""Feature attribution as SageMaker Clarify reported it: SHAP values, their global ranking, and its drift.

model = attribution.load_model("model.tar.gz")
summary = attribution.summarize_all(frames, model)
analysis = attribution.analysis(summary)
...
violations = attribution.check(analysis, baseline_analysis)

Boosting libraries are imported when a model of theirs is loaded, never before.
"""

from ._analysis import AttributionAnalysis, LabelAttribution, analysis
from ._archive import ModelError, load_model
from ._categories import Categories, Decoded, text_columns
from ._check import AttributionScore, AttributionViolations, check, ndcg
from ._explain import Explainer, Explanation
from ._kernel import KernelExplainer, kernel_shap
from ._summary import Aggregation, Summary, columns_of, labels_of, matrix_of, merge, summarize, summarize_all
from ._trees import Tree, TreeEnsemble, tree_shap

__all__ = [
    "Aggregation",
    "AttributionAnalysis",
    "AttributionScore",
    "AttributionViolations",
    "Categories",
    "Decoded",
    "Explainer",
    "Explanation",
    "KernelExplainer",
    "LabelAttribution",
    "ModelError",
    "Summary",
    "Tree",
    "TreeEnsemble",
    "analysis",
    "check",
    "columns_of",
    "kernel_shap",
    "labels_of",
    "load_model",
    "matrix_of",
    "merge",
    "ndcg",
    "summarize",
    "summarize_all",
    "text_columns",
    "tree_shap",
]
