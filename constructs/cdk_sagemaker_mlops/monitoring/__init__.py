"""Monitors: what watches a model in production, and what watches the watching."""

from .baseline import Baseline
from .data_quality import DataQualityMonitor
from .engine import Engine
from .lambda_engine import LambdaEngine
from .monitor import Monitor
from .run_rules import MonitorAlarms
from .schedule import MonitoringSchedule

Engine.LAMBDA = LambdaEngine()

__all__ = [
    "Baseline",
    "DataQualityMonitor",
    "Engine",
    "LambdaEngine",
    "Monitor",
    "MonitorAlarms",
    "MonitoringSchedule",
]
