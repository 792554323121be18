"""Training pipelines: definitions, roles, triggers, and retraining on drift."""

from .alarms import PipelineAlarms
from .callback_jobs import CallbackJobs
from .definition import PipelineDefinition, PipelineSource
from .images import Images
from .pipeline import TrainingPipeline
from .pipeline_base import TrainingPipelineBase
from .retrain import RetrainOnDrift
from .tabular import TabularPipeline
from .tabular_options import BiasFacet, Gate, TrainingQuery, Tuning
from .triggers import TrainingSchedule
from .values import ExecutionVariable, Join, JsonGet, PipelineParameter

__all__ = [
    "BiasFacet",
    "CallbackJobs",
    "ExecutionVariable",
    "Gate",
    "Images",
    "Join",
    "JsonGet",
    "PipelineAlarms",
    "PipelineDefinition",
    "PipelineParameter",
    "PipelineSource",
    "RetrainOnDrift",
    "TabularPipeline",
    "TrainingPipeline",
    "TrainingPipelineBase",
    "TrainingQuery",
    "TrainingSchedule",
    "Tuning",
]
