"""Plots of model quality, bias and attribution as inline SVG; colours come from the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ._charts import _rect, _svg, _text, shortened
from ._page import number, percent


@dataclass(frozen=True)
class Line:
    """One curve in the unit square: its points, and whether it is the baseline's."""

    x: Sequence[float]
    y: Sequence[float]
    is_baseline: bool = False


def unit_curves(
    lines: Sequence[Line], x_name: str, y_name: str, *, diagonal: bool = False, mark: tuple[float, float] | None = None
) -> str:
    """Curves between 0 and 1 on both axes; `mark` is the point at which the model decides."""
    left, top, size = 46.0, 8.0, 250.0

    def at(x: float, y: float) -> tuple[float, float]:
        return left + x * size, top + (1 - y) * size

    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = at(tick, tick)
        parts.append(f'<line x1="{x}" x2="{x}" y1="{top}" y2="{top + size}" class="axis"/>')
        parts.append(f'<line x1="{left}" x2="{left + size}" y1="{y}" y2="{y}" class="axis"/>')
        parts.append(_text(x, top + size + 15, f"{tick:g}", "mid"))
        parts.append(_text(left - 6, y + 4, f"{tick:g}", "end"))
    if diagonal:
        (x1, y1), (x2, y2) = at(0, 0), at(1, 1)
        parts.append(f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" class="chance"/>')
    for line in sorted(lines, key=lambda entry: not entry.is_baseline):
        points = " ".join("{:.2f},{:.2f}".format(*at(x, y)) for x, y in zip(line.x, line.y, strict=True))
        parts.append(f'<polyline points="{points}" class="curve {"before" if line.is_baseline else "current"}"/>')
    if mark is not None:
        x, y = at(*mark)
        hint = f"the model decides here: {x_name} {percent(mark[0])}, {y_name} {percent(mark[1])}"
        parts.append(f'<circle cx="{x:.2f}" cy="{y:.2f}" r="5" class="mark"><title>{escape(hint)}</title></circle>')
    parts.append(_text(left + size / 2, top + size + 32, x_name, "mid"))
    middle = top + size / 2
    parts.append(
        f'<text x="10" y="{middle}" class="mid" transform="rotate(-90 10 {middle})" dy="-2">{escape(y_name)}</text>'
    )
    return _svg(left + size + 14, top + size + 40, parts, f"{y_name} over {x_name}")


def confusion_grid(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """Rows by actual (down) and predicted (across) label, shaded by the share of the actual label."""
    size = len(labels)
    cell = max(54.0, min(104.0, 420.0 / max(size, 1)))
    left, top = 74.0, 40.0
    parts = [_text(left + cell * size / 2, 13, "predicted", "mid")]
    parts += [_text(left + (n + 0.5) * cell, 31, shortened(label, 10), "mid ink") for n, label in enumerate(labels)]
    parts.append(_text(0, 31, "actual"))
    for row, label in enumerate(labels):
        total = sum(counts[row])
        y = top + row * cell * 0.62
        parts.append(_text(left - 10, y + cell * 0.31 + 4, shortened(label, 9), "end ink"))
        for column, count in enumerate(counts[row]):
            share = count / total if total else 0.0
            x = left + column * cell
            hint = f"actual {label}, predicted {labels[column]}: {count:,} of {total:,}"
            css = "now" if row == column else "off"
            parts.append(
                f'<rect x="{x + 1.5:.1f}" y="{y + 1.5:.1f}" width="{cell - 3:.1f}" height="{cell * 0.62 - 3:.1f}" '
                f'rx="5" class="{css}" fill-opacity="{0.06 + 0.74 * share:.3f}"><title>{escape(hint)}</title></rect>'
            )
            strong = "onfill" if share > 0.75 else "ink"
            middle = y + cell * 0.31
            parts.append(_text(x + cell / 2, middle, number(count), f"mid strong {strong}"))
            parts.append(_text(x + cell / 2, middle + 13, percent(round(share, 4)), f"mid {strong}"))
    width = max(left + cell * size + 8, 310)
    return _svg(width, top + size * cell * 0.62 + 6, parts, "confusion matrix")


@dataclass(frozen=True)
class Deviation:
    """A number around its neutral value, the baseline's distance as the limit on both sides, perhaps an interval."""

    name: str
    meaning: str
    hint: str
    value: float
    neutral: float = 0.0
    limit: float | None = None
    off: bool = False
    interval: tuple[float, float] | None = None


def figure(value: float) -> str:
    """A number with three digits."""
    return number(value, 3)


def deviations(rows: Sequence[Deviation], label: str) -> str:
    """Bars that grow from the middle: to the right above neutral, to the left below it.

    The scale ends at 1, as most metrics do; a longer bar is cut, its number says how long it is.
    """
    line, left, right, width = 26.0, 400.0, 150.0, 1100.0
    reach = [abs(row.value - row.neutral) for row in rows if abs(row.value) != float("inf")]
    reach += [row.limit for row in rows if row.limit is not None and row.limit != float("inf")]
    top = min(max([*reach, 0.1]), 1.0) * 1.06
    middle = left + (width - left - right) / 2
    scale = (width - left - right) / 2 / top
    parts = [f'<line x1="{middle}" x2="{middle}" y1="0" y2="{len(rows) * line}" class="axis zero"/>']
    for position, row in enumerate(rows):
        y = position * line
        off = max(-top, min(top, row.value - row.neutral))
        parts.append(_text(0, y + 17, row.name, "ink strong"))
        parts.append(_text(58, y + 17, shortened(row.meaning, 60)))
        parts.append(_rect(left, y + 7, width - left - right, 12, "track", radius=3))
        x = middle + min(off, 0) * scale
        parts.append(_rect(x, y + 7, abs(off) * scale, 12, "off" if row.off else "now", row.hint, 3))
        if row.limit is not None and row.limit <= top:
            parts += [
                f'<line x1="{edge:.1f}" x2="{edge:.1f}" y1="{y + 3:.1f}" y2="{y + 23:.1f}" class="limit"/>'
                for edge in (middle - row.limit * scale, middle + row.limit * scale)
            ]
        if row.interval is not None:
            low, high = (middle + max(-top, min(top, end - row.neutral)) * scale for end in row.interval)
            parts.append(f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y + 13:.1f}" y2="{y + 13:.1f}" class="interval"/>')
        text = figure(row.value)
        if row.limit is not None:
            text += f" / {'±' if row.limit else ''}{figure(row.limit)}" + (
                f" of {row.neutral:g}" if row.neutral else ""
            )
        parts.append(_text(width, y + 17, text, "end off-text" if row.off else "end"))
    return _svg(width, max(len(rows), 1) * line, parts, label)


def attributions(rows: Sequence[tuple[str, float, float | None, int | None]], label: str) -> str:
    """Strengths by falling value, the present above the baseline.

    Rows are (feature, value, the baseline's value, how many ranks it moved up).
    """
    line, left, right, width = 30.0, 230.0, 190.0, 1100.0
    top = max([abs(value) for _, now, then, _ in rows for value in (now, then or 0.0)] + [1e-12]) * 1.02
    scale = (width - left - right) / top
    parts = []
    for position, (name, now, then, moved) in enumerate(rows):
        y = position * line
        parts.append(_text(0, y + 19, f"{position + 1}", "end-rank"))
        parts.append(_text(26, y + 19, shortened(name, 30), "ink strong"))
        hint = f"{name}: {number(now)}" + ("" if then is None else f", baseline {number(then)}")
        parts.append(_rect(left, y + 6, max(abs(now) * scale, 1), 12, "now", hint, 3))
        if then is not None:
            parts.append(_rect(left, y + 20, max(abs(then) * scale, 1), 5, "then", hint, 2))
        parts.append(_text(width - 64, y + 19, number(now, 3), "end ink"))
        if moved is not None:
            arrow = "=" if not moved else f"▲ {moved}" if moved > 0 else f"▼ {-moved}"
            parts.append(_text(width, y + 19, arrow, "end"))
    return _svg(width, max(len(rows), 1) * line + 2, parts, label)
