"""What the steps are to do: one document for all of them, checked at synthesis and again where it is read."""

from __future__ import annotations

import json
import os
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

PROBLEMS = ("binary-classification", "multiclass-classification", "regression")
#: Where a local run finds its configuration, instead of in the code's own archive.
VARIABLE = "TABULAR_TRAINING_CONFIGURATION"
FILE = "configuration.json"
GATES = ("data_quality", "model_quality", "bias", "attribution")
ANALYZER, MODEL_MONITOR = "analyzer", "model-monitor"


class ConfigurationError(ValueError):
    """The configuration cannot be used; the message says why."""


@dataclass(frozen=True)
class Query:
    """A query with Athena that gives the data.

    :ivar sql: The query.
    :ivar workgroup: Workgroup that runs it; it says where results go.
    :ivar database: Database of tables without one.
    """

    sql: str
    workgroup: str
    database: str = "default"


@dataclass(frozen=True)
class Gate:
    """What one check does with old and new baselines.

    :ivar skip: Do not check.
    :ivar register_baseline: The version gets the new baseline; otherwise it keeps the latest approved version's.
    """

    skip: bool = False
    register_baseline: bool = True


@dataclass(frozen=True)
class Configuration:
    """All settings of a ready pipeline's scripts.

    :ivar label: Column that is predicted.
    :ivar problem: One of :data:`PROBLEMS`.
    :ivar features: Columns that it is predicted from. Default: all others
    :ivar exclude: Columns that are left out.
    :ivar categorical: Columns that are categories whatever they look like. Default: columns of text
    :ivar positive_label: The label that a binary classification looks for.
    :ivar threshold: Probability above which a binary classification says yes.
    :ivar format: csv, jsonl or parquet.
    :ivar query: Query that gives the data, instead of files.
    :ivar split: Shares of training, validation and test data.
    :ivar seed: Makes the split and the training repeatable.
    :ivar time_column: Column whose order divides the data, oldest first; it is no feature. Default: by chance
    :ivar group: Model package group with the live version.
    :ivar gates: What each check does.
    :ivar facet: Column, and values or threshold, of the group that bias is measured for.
    :ivar gate_engine: Who checks: `analyzer`, or SageMaker's own check steps.
    :ivar tolerance: Share by which model quality may be worse than the old baseline.
    """

    label: str
    problem: str
    features: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    positive_label: str = "1"
    threshold: float = 0.5
    format: str = "csv"
    query: Query | None = None
    split: tuple[float, float, float] = (0.7, 0.15, 0.15)
    seed: int = 7
    time_column: str | None = None
    group: str | None = None
    gates: Mapping[str, Gate] = field(default_factory=dict)
    facet: Mapping[str, Any] | None = None
    gate_engine: str = ANALYZER
    tolerance: float = 0.0

    @property
    def metric(self) -> str:
        """The metric that two versions are compared by."""
        return {"binary-classification": "auc", "multiclass-classification": "accuracy", "regression": "rmse"}[
            self.problem
        ]

    @property
    def higher_is_better(self) -> bool:
        """Whether more of it is better."""
        return self.problem != "regression"

    def gate(self, name: str) -> Gate:
        """What a check does."""
        return self.gates.get(name, Gate())

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Configuration:
        """A parsed document.

        :raises ConfigurationError: It has unknown keys, lacks some, or has values that cannot be.
        """
        known = {entry.name for entry in fields(cls)}
        unknown = sorted(set(document) - known)
        problems = [f"unknown keys: {', '.join(unknown)}"] if unknown else []
        problems += [f"{key} is missing" for key in ("label", "problem") if not document.get(key)]
        if document.get("problem") not in (None, *PROBLEMS):
            problems.append(f"problem is {document['problem']!r}, allowed are {', '.join(PROBLEMS)}")
        if document.get("gate_engine", ANALYZER) not in (ANALYZER, MODEL_MONITOR):
            problems.append(f"gate_engine is {document['gate_engine']!r}, allowed are {ANALYZER}, {MODEL_MONITOR}")
        split = tuple(document.get("split", (0.7, 0.15, 0.15)))
        if len(split) != 3 or min(split) <= 0 or abs(sum(split) - 1) > 1e-9:
            problems.append(f"split is {list(split)}, allowed are three positive shares that add up to 1")
        if problems:
            raise ConfigurationError("configuration: " + "; ".join(problems))
        values = dict(document)
        for name in ("features", "exclude", "categorical", "split"):
            if name in values:
                values[name] = tuple(values[name])
        if values.get("query"):
            values["query"] = Query(**values["query"])
        values["gates"] = {name: Gate(**gate) for name, gate in (values.get("gates") or {}).items()}
        return cls(**values)


def load() -> Configuration:
    """The configuration beside the code, or the one that a local run names.

    :raises ConfigurationError: There is none, or it cannot be used.
    """
    path = os.environ.get(VARIABLE)
    text = Path(path).read_bytes() if path else _packaged()
    if text is None:
        raise ConfigurationError(f"no {FILE} lies beside the code; name one with {VARIABLE}")
    return Configuration.from_dict(json.loads(text))


def _packaged() -> bytes | None:
    try:
        return pkgutil.get_data(__package__ or "tabular_training", FILE)
    except OSError:
        return None
