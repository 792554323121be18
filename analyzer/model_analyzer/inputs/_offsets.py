"""Time offsets of monitors that wait for labels.

Rules: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-schedule.html
"""

from __future__ import annotations

from datetime import datetime

from model_analyzer.durations import parse_duration

from ._capture import Window

__all__ = ["offset_window", "parse_duration"]


def offset_window(scheduled: datetime, start_offset: str, end_offset: str) -> Window:
    """The captures that a run at `scheduled` looks at: offsets `-P8D` and `-P1D` give the week that ended yesterday.

    Args:
        scheduled: When the run was due, an aware datetime.
        start_offset: Duration from the run back to the start; the sign may be left out, as both lie in the past.
        end_offset: The same for the end.

    Raises:
        ValueError: An offset is no duration, or the end is not after the start.
    """
    return Window(scheduled - abs(parse_duration(start_offset)), scheduled - abs(parse_duration(end_offset)))
