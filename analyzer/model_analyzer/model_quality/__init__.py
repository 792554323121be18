"""Model quality as Model Monitor computed it: predictions against the labels that arrived for them.

task = model_quality.Task("BinaryClassification", label="ground_truth", probability="_c0")
summary = model_quality.summarize_all(frames, task)
statistics = model_quality.statistics(summary)
constraints = model_quality.suggest(statistics)
...
violations = model_quality.check(statistics, constraints)
"""

from ._classification import Confusion
from ._constraints import QualityConstraints, QualityViolation, QualityViolations, Threshold, check, suggest
from ._regression import Errors
from ._scores import ScoreCounts
from ._statistics import Metric, QualityStatistics, statistics
from ._summary import Summary, merge, summarize, summarize_all
from ._task import ProblemType, Task

__all__ = [
    "Confusion",
    "Errors",
    "Metric",
    "ProblemType",
    "QualityConstraints",
    "QualityStatistics",
    "QualityViolation",
    "QualityViolations",
    "ScoreCounts",
    "Summary",
    "Task",
    "Threshold",
    "check",
    "merge",
    "statistics",
    "suggest",
    "summarize",
    "summarize_all",
]
