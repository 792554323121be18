"""Lines over time as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from insights.facts import Series
from model_analyzer.report.drawing import number, svg, text

_WIDTH, _TOP, _FLOOR, _LEFT = 360.0, 10.0, 112.0, 4.0


def timeline(
    series: Series,
    since: datetime,
    until: datetime,
    *,
    limit: float | None = None,
    marks: Sequence[tuple[datetime, str]] = (),
    unit: str = "",
    near: bool = False,
) -> str:
    """One series between two moments, with an optional limit (dashed) and moments marked by name.

    ``near``: the vertical axis begins a little below the values and not at 0, for what moves within a few percent.
    """
    top = max([*series.values, limit or 0.0, 1e-9]) * (1.0 if near else 1.08)
    low = min(series.values, default=0.0) if near else 0.0
    if near:
        top, low = top + 0.1 * ((top - low) or 1.0), low - 0.1 * ((top - low) or 1.0)
    span = max((until - since).total_seconds(), 1.0)

    def x(moment: datetime) -> float:
        return _LEFT + (_WIDTH - 2 * _LEFT) * (moment - since).total_seconds() / span

    def y(value: float) -> float:
        return _FLOOR - (_FLOOR - _TOP) * (value - low) / (top - low)

    parts = [f'<line x1="0" x2="{_WIDTH}" y1="{_FLOOR}" y2="{_FLOOR}" class="axis"/>']
    for moment, name in marks:
        if since <= moment <= until:
            at = x(moment)
            parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{_FLOOR}" class="chance"/>')
            parts.append(text(at + 3, _TOP + 9, name))
    if limit is not None:
        parts.append(f'<line x1="0" x2="{_WIDTH}" y1="{y(limit):.1f}" y2="{y(limit):.1f}" class="limit"/>')
    if len(series.points) == 1:
        ((moment, value),) = series.points
        parts.append(f'<circle cx="{x(moment):.1f}" cy="{y(value):.1f}" r="4" class="mark"/>')
    elif series:
        line = " ".join(f"{x(moment):.1f},{y(value):.1f}" for moment, value in series.points)
        parts.append(f'<polyline points="{line}" class="curve current"/>')
    else:
        parts.append(text(_WIDTH / 2, 64, "no data in the period", "mid"))
    parts.append(text(0, 127, f"{since:%d %b}"))
    parts.append(text(_WIDTH, 127, f"{until:%d %b %H:%M}", "end"))
    if series:
        parts.append(text(_WIDTH / 2, 127, f"{_extent(series, near)}{unit}", "mid"))
    return svg(_WIDTH, 132, parts, series.name)


def _extent(series: Series, near: bool) -> str:
    highest = number(max(series.values), 3)
    return f"{number(min(series.values), 3)} to {highest}" if near else f"highest {highest}"
