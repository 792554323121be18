"""The insights report: how models are doing, and what to do about it."""

from .page import InsightsPage
from .report import InsightsReport, InsightsSchedule
from .rule import InsightsRule

__all__ = ["InsightsPage", "InsightsReport", "InsightsRule", "InsightsSchedule"]
