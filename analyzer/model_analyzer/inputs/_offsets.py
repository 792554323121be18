"""Time offsets of monitors that wait for labels.

Rules: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-schedule.html
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from ._capture import Window

_DURATION = re.compile(
    r"(?P<sign>[+-]?)P(?!$)(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?!$)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)


def parse_duration(text: str) -> timedelta:
    """An ISO 8601 duration of weeks, days, hours, minutes and seconds: `P1D`, `-PT36H`.

    Raises:
        ValueError: The text is something else.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no duration: write it as P8D, PT36H or -P1DT12H")
    parts = {name: int(value) for name, value in match.groupdict().items() if name != "sign" and value is not None}
    span = timedelta(**parts)
    return -span if match["sign"] == "-" else span


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
