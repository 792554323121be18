"""Steps of SageMaker pipelines, as typed descriptions of the calls that they stand for."""

from .base import Compute, JobNetwork, Retry, Step, StepContext
from .checks import ClarifyCheckStep, QualityCheckStep
from .control import (
    CallbackStep,
    Condition,
    ConditionStep,
    Either,
    EmrStep,
    FailStep,
    IsOneOf,
    LambdaStep,
    Negation,
)
from .lineage import Association, LineageEntity, LineageStep
from .models import ModelContainer, ModelStep, RegisterStep, Reports, TransformStep
from .processing import DataWranglerStep, ProcessingStep, PropertyFile, SparkStep
from .studio import AutoMLStep, NotebookStep
from .training import DEBUGGER_RULES, Channel, MlflowRun, Spot, Trainer, TrainingStep
from .tuning import Choice, Continuous, TuningStep, Whole

__all__ = [
    "DEBUGGER_RULES",
    "Association",
    "AutoMLStep",
    "CallbackStep",
    "Channel",
    "Choice",
    "ClarifyCheckStep",
    "Compute",
    "Condition",
    "ConditionStep",
    "Continuous",
    "DataWranglerStep",
    "Either",
    "EmrStep",
    "FailStep",
    "IsOneOf",
    "JobNetwork",
    "LambdaStep",
    "LineageEntity",
    "LineageStep",
    "MlflowRun",
    "ModelContainer",
    "ModelStep",
    "Negation",
    "NotebookStep",
    "ProcessingStep",
    "PropertyFile",
    "QualityCheckStep",
    "RegisterStep",
    "Reports",
    "Retry",
    "SparkStep",
    "Spot",
    "Step",
    "StepContext",
    "Trainer",
    "TrainingStep",
    "TransformStep",
    "TuningStep",
    "Whole",
]
