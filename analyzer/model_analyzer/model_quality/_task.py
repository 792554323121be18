"""What is predicted, and in which columns prediction and label stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from model_analyzer.inputs import GROUND_TRUTH

ProblemType = Literal["BinaryClassification", "MulticlassClassification", "Regression"]


@dataclass(frozen=True)
class Task:
    """A prediction task; the fields carry the names of Model Monitor's settings without `_attribute`.

    Attributes:
        problem_type: What is predicted.
        ground_truth: Column of the label: a name, or a position as text (`"0"`) among the data's own columns.
        inference: Column of the predicted label or number. Default: for binary classification the probability decides.
        probability: Column of the probability of the positive label (binary classification only).
        probability_threshold: A probability above it means the positive label, 0 to 1. Default: 0.5.
        positive_label: The positive label of a binary classification. Default: `1`.
    """

    problem_type: ProblemType
    ground_truth: str = GROUND_TRUTH
    inference: str | None = None
    probability: str | None = None
    probability_threshold: float = 0.5
    positive_label: str = "1"

    def __post_init__(self) -> None:
        problems = []
        if self.problem_type not in get_args(ProblemType):
            problems.append(f"problem_type is {self.problem_type!r}: use {', '.join(get_args(ProblemType))}")
        if self.inference is None and self.probability is None:
            problems.append("neither inference nor probability is given: name the column of the prediction")
        if self.probability is not None and self.problem_type != "BinaryClassification":
            problems.append(f"probability is {self.probability!r}: only binary classification has one")
        if not 0 <= self.probability_threshold <= 1:
            problems.append(f"probability_threshold is {self.probability_threshold!r}: use a number from 0 to 1")
        if problems:
            raise ValueError("task: " + "; ".join(problems))
