"""Monitors: what watches a model in production, and what watches the watching."""

from .attribution import AttributionMonitor
from .auto_engine import AutoEngine
from .baseline import Baseline
from .batch import BatchTransformInput
from .bias import BiasMonitor
from .bias_analysis import Facet
from .container_engine import ContainerEngine
from .data_quality import DataQualityMonitor
from .dataset_format import DatasetFormat
from .engine import Engine
from .explanation import ShadowEndpoint, Shap
from .ground_truth import Labels, Predictions
from .labelled import MetricAlarm
from .lambda_engine import LambdaEngine
from .model_monitor_engine import ModelMonitorEngine
from .model_quality import ModelQualityMonitor, ProblemType
from .monitor import Monitor
from .processing_engine import ProcessingEngine
from .run_rules import MonitorAlarms
from .schedule import MonitoringSchedule
from .scripts import Scripts
from .source import DatasetInput, EndpointInput, MonitorInput
from .spark_engine import SparkEngine
from .training_data import TrainingData

Engine.LAMBDA = LambdaEngine()
Engine.MODEL_MONITOR = ModelMonitorEngine()
Engine.PROCESSING = ProcessingEngine()
Engine.AUTO = AutoEngine()
Engine.SPARK = SparkEngine()

__all__ = [
    "AttributionMonitor",
    "AutoEngine",
    "Baseline",
    "BatchTransformInput",
    "BiasMonitor",
    "ContainerEngine",
    "DataQualityMonitor",
    "DatasetFormat",
    "DatasetInput",
    "EndpointInput",
    "Engine",
    "Facet",
    "Labels",
    "LambdaEngine",
    "MetricAlarm",
    "ModelMonitorEngine",
    "ModelQualityMonitor",
    "Monitor",
    "MonitorAlarms",
    "MonitorInput",
    "MonitoringSchedule",
    "Predictions",
    "ProblemType",
    "ProcessingEngine",
    "Scripts",
    "ShadowEndpoint",
    "Shap",
    "SparkEngine",
    "TrainingData",
]
