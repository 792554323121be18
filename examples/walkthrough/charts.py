"""A dashboard's widgets as HTML and SVG, without any library."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape

from examples.walkthrough.dashboard import Line, Widget

_COLORS = ("#1f77b4", "#ff7f0e", "#9467bd", "#8c564b", "#e377c2", "#17becf", "#bcbd22", "#7f7f7f")
_WIDTH, _HEIGHT = 480, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 10, 24

STYLE = """
.dash { display:grid; grid-template-columns: repeat(24, 1fr); grid-auto-rows: 44px; gap:6px }
.dash > div { background:var(--wash); border:1px solid var(--line); border-radius:6px; padding:6px 10px; overflow:hidden;
        font-size:12px; min-width:0 }
.dash h3 { font-size:13px; margin:0 } .dash h4 { font-size:12px; margin:0 0 2px; font-weight:600 }
.dash p { margin:2px 0; overflow-wrap:anywhere; color:var(--soft) }
.dash svg { width:100%; height:calc(100% - 34px) } .dash text { font-size:10px; fill:var(--soft) }
.states { display:flex; flex-wrap:wrap; gap:4px } .states span { border-radius:4px; padding:0 6px; color:#fff; font-size:11px }
.key { display:flex; flex-wrap:wrap; gap:2px 10px; font-size:10px; color:var(--soft); max-height:14px; overflow:hidden }
.key i { display:inline-block; width:10px; height:3px; margin-right:4px; vertical-align:middle }
@media (max-width: 800px) { .dash > div { grid-column: 1 / -1 !important; grid-row: auto / span 6 !important } }
"""  # noqa: E501 - one rule a line


def html(widgets: Sequence[Widget], start: datetime, end: datetime) -> str:
    """The dashboard in CloudWatch's own grid."""
    if not widgets:
        return "<p class=soft>No dashboard was deployed.</p>"
    cells = []
    for widget in widgets:
        x, y, width, height = widget.place
        place = f"grid-column:{x + 1}/span {width};grid-row:{y + 1}/span {height}"
        cells.append(f"<div style='{place}'>{_content(widget, start, end)}</div>")
    return f"<div class=dash>{''.join(cells)}</div>"


def _content(widget: Widget, start: datetime, end: datetime) -> str:
    if widget.kind == "text":
        return _markdown(widget.text)
    heading = f"<h4>{escape(widget.title)}</h4>"
    if widget.kind == "alarm":
        return f"{heading}<div class=states>{_states(widget.states)}</div>"
    if not any(line.points for line in widget.lines):
        return f"{heading}<p>no data in this time</p>"
    if widget.kind == "bar":
        return heading + _bars(widget)
    return heading + _key(widget.lines) + _curves(widget, start, end)


def _markdown(text: str) -> str:
    lines = []
    for line in filter(None, text.split("\n")):
        shown = re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(line.lstrip("# ")))
        lines.append(f"<h3>{shown}</h3>" if line.startswith("#") else f"<p>{shown}</p>")
    return "".join(lines)


def _states(states: Mapping[str, str]) -> str:
    colors = {"ALARM": "var(--bad)", "OK": "var(--good)"}
    return "".join(
        f"<span style='background:{colors.get(state, 'var(--soft)')}' title='{escape(state)}'>{escape(name)}</span>"
        for name, state in states.items()
    )


def _key(lines: Sequence[Line]) -> str:
    items = (
        f"<span><i style='background:{_color(number, line)}'></i>{escape(line.label)}</span>"
        for number, line in enumerate(lines)
        if line.points
    )
    return f"<div class=key>{''.join(items)}</div>"


def _color(number: int, line: Line) -> str:
    return line.color or _COLORS[number % len(_COLORS)]


def _curves(widget: Widget, start: datetime, end: datetime) -> str:
    values = [value for line in widget.lines if not line.right for _, value in line.points]
    top = max([*values, widget.threshold or 0, 0.0]) * 1.08 or 1.0
    low = min([0.0, *values])
    span = (end - start).total_seconds() or 1.0

    def across(at: datetime) -> float:
        return _LEFT + (at - start).total_seconds() / span * (_WIDTH - _LEFT - _RIGHT)

    def up(value: float) -> float:
        return _HEIGHT - _BOTTOM - (value - low) / (top - low) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [_axes(low, top, start, end, up)]
    if widget.threshold is not None:
        parts.append(
            f"<line x1={_LEFT} x2={_WIDTH - _RIGHT} y1={up(widget.threshold):.1f} y2={up(widget.threshold):.1f} "
            "stroke='var(--bad)' stroke-dasharray='4 3'/>"
        )
    for number, line in enumerate(widget.lines):
        color = _color(number, line)
        if line.right:
            parts += [
                f"<line x1={across(at):.1f} x2={across(at):.1f} y1={_TOP} y2={_HEIGHT - _BOTTOM} stroke='{color}' "
                f"stroke-width=1.5><title>{escape(line.label)} {at:%H:%M}</title></line>"
                for at, value in line.points
                if value
            ]
        elif line.points:
            for piece in _pieces(line):
                path = " ".join(f"{across(at):.1f},{up(value):.1f}" for at, value in piece)
                parts.append(f"<polyline points='{path}' fill=none stroke='{color}' stroke-width=1.6 />")
            if len(line.points) <= 48:
                parts += [
                    f"<circle cx={across(at):.1f} cy={up(value):.1f} r=2.4 fill='{color}'>"
                    f"<title>{escape(line.label)} {at:%H:%M}: {value:g}</title></circle>"
                    for at, value in line.points
                ]
    return f"<svg viewBox='0 0 {_WIDTH} {_HEIGHT}' preserveAspectRatio=none>{''.join(parts)}</svg>"


def _pieces(line: Line) -> Iterator[list[tuple[datetime, float]]]:
    """Points without a gap between them, as CloudWatch connects them."""
    piece: list[tuple[datetime, float]] = []
    for at, value in line.points:
        if piece and (at - piece[-1][0]).total_seconds() > 2 * line.period:
            yield piece
            piece = []
        piece.append((at, value))
    yield piece


def _axes(low: float, top: float, start: datetime, end: datetime, up: Callable[[float], float]) -> str:
    parts = []
    for share in (0.0, 0.5, 1.0):
        value = low + (top - low) * share
        y = up(value)
        parts.append(f"<line x1={_LEFT} x2={_WIDTH - _RIGHT} y1={y:.1f} y2={y:.1f} stroke='var(--line)'/>")
        parts.append(f"<text x={_LEFT - 4} y={y + 3:.1f} text-anchor=end>{_short(value)}</text>")
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        at = start + (end - start) * share
        x = _LEFT + share * (_WIDTH - _LEFT - _RIGHT)
        anchor = "start" if share == 0 else "end" if share == 1 else "middle"
        parts.append(f"<text x={x:.1f} y={_HEIGHT - 8} text-anchor={anchor}>{at:%H:%M}</text>")
    return "".join(parts)


def _short(value: float) -> str:
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.2g}" if abs(value) < 10 else f"{value:.0f}"


def _bars(widget: Widget) -> str:
    most = max(value for line in widget.lines for _, value in line.points) or 1.0
    height = (_HEIGHT - _TOP) / max(len(widget.lines), 1)
    parts = []
    for number, line in enumerate(widget.lines):
        value = max(value for _, value in line.points)
        y = _TOP + number * height
        over = widget.threshold is not None and value > widget.threshold
        color = "var(--bad)" if over else "var(--accent)"
        parts.append(
            f"<text x=176 y={y + height * 0.68:.1f} text-anchor=end>{escape(line.label)}</text>"
            f"<rect x=182 y={y + 2:.1f} width={value / most * 250:.1f} height={height - 4:.1f} fill='{color}'/>"
            f"<text x={186 + value / most * 250:.1f} y={y + height * 0.68:.1f}>{value:.3f}</text>"
        )
    return f"<svg viewBox='0 0 {_WIDTH} {_HEIGHT}'>{''.join(parts)}</svg>"
