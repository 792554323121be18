"""What a training image runs: a user's script, a built-in algorithm, or a container's own command."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagemaker_local.sagemaker.faults import invalid

from . import script_mode
from .images import repository
from .instances import command_of
from .training_metrics import xgboost_definitions

SCRIPT_IMAGES = (
    "sagemaker-scikit-learn",
    "sagemaker-xgboost",
    "pytorch-training",
    "tensorflow-training",
    "mxnet-training",
    "huggingface-pytorch-training",
    "huggingface-tensorflow-training",
)
"""Repositories of SageMaker's images that run a script named by `sagemaker_program`."""
_NOTEBOOKS = "amazon_sagemaker_scheduler"
"""What notebook jobs start, whatever the image."""
_XGBOOST = ("sagemaker-xgboost", "xgboost")


@dataclass(frozen=True)
class Plan:
    """How a training job's processes are started, and which metrics are looked for in their log."""

    command: list[str] = field(default_factory=list)
    program: str | None = None
    """The user's script, in script mode."""
    metrics: list[dict[str, str]] = field(default_factory=list)


def plan(definition: dict[str, Any]) -> Plan:
    """Decide how to run a training job.

    Raises:
        AwsError: if nothing here can run its image.
    """
    algorithm = definition["AlgorithmSpecification"]
    metrics = list(algorithm.get("MetricDefinitions") or [])
    if algorithm.get("ContainerEntrypoint") == [_NOTEBOOKS]:
        return Plan([sys.executable, "-P", str(Path(__file__).with_name("notebook.py"))], metrics=metrics)
    if algorithm.get("ContainerEntrypoint"):
        arguments = algorithm.get("ContainerArguments") or []
        try:
            return Plan(command_of([*algorithm["ContainerEntrypoint"], *arguments]), metrics=metrics)
        except FileNotFoundError as error:
            raise invalid(f"The embedded AWS cannot run {algorithm.get('TrainingImage')}: {error}.") from error
    image = algorithm.get("TrainingImage")
    if not image:
        raise invalid(
            f"The embedded AWS has no algorithm {algorithm.get('AlgorithmName')}; give AlgorithmSpecification a "
            "TrainingImage."
        )
    program = script_mode.program_of(definition)
    name = repository(image)
    if program is not None:
        return Plan(program=program, metrics=metrics)
    if name in _XGBOOST:
        return Plan(_xgboost(image), metrics=[*xgboost_definitions(), *metrics])
    what = "hyperparameter sagemaker_program" if name in SCRIPT_IMAGES else "ContainerEntrypoint"
    raise invalid(
        f"The embedded AWS cannot run the image {image}: it pulls no images, and of SageMaker's own algorithms it has "
        f"XGBoost. It runs scripts (hyperparameters sagemaker_program and sagemaker_submit_directory) and "
        f"ContainerEntrypoints of python3, bash or sh; this job has no {what}."
    )


def _xgboost(image: str) -> list[str]:
    if importlib.util.find_spec("xgboost") is None:
        raise invalid(f"Training with {image} here needs the Python package xgboost (or xgboost-cpu).")
    return [sys.executable, "-P", str(Path(__file__).with_name("xgboost_algorithm.py"))]
