"""ISO 8601 durations; standard library only, because settings are read before anything heavy is imported."""

from __future__ import annotations

import re
from datetime import timedelta

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
