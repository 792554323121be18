"""Training pipelines: definitions, roles, triggers, and retraining on drift."""

from .alarms import PipelineAlarms
from .definition import PipelineDefinition, PipelineSource
from .images import Images
from .pipeline import TrainingPipeline
from .pipeline_base import TrainingPipelineBase
from .triggers import TrainingSchedule
from .values import ExecutionVariable, Join, JsonGet, PipelineParameter

__all__ = [
    "ExecutionVariable",
    "Images",
    "Join",
    "JsonGet",
    "PipelineAlarms",
    "PipelineDefinition",
    "PipelineParameter",
    "PipelineSource",
    "TrainingPipeline",
    "TrainingPipelineBase",
    "TrainingSchedule",
]
