"""Bias of data and of predictions as SageMaker Clarify measured it.

config = bias.BiasConfig(facets=(bias.Facet("gender", values=("female",)),), label="approved", predicted_label="_c0")
analysis = bias.analysis(bias.summarize_all(frames, config))
...
violations = bias.check(analysis, baseline_analysis)
"""

from ._analysis import BiasAnalysis, BiasEntry, analysis
from ._check import BiasViolation, BiasViolations, check
from ._config import BiasConfig, Facet
from ._intervals import Interval, Key, intervals
from ._metrics import POST_TRAINING, PRE_TRAINING, Table
from ._summary import Summary, merge, summarize, summarize_all

__all__ = [
    "POST_TRAINING",
    "PRE_TRAINING",
    "BiasAnalysis",
    "BiasConfig",
    "BiasEntry",
    "BiasViolation",
    "BiasViolations",
    "Facet",
    "Interval",
    "Key",
    "Summary",
    "Table",
    "analysis",
    "check",
    "intervals",
    "merge",
    "summarize",
    "summarize_all",
]
