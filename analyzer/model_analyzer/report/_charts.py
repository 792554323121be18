"""Charts as inline SVG; they take their colours from the page, so that they follow light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ._page import number, percent

_WIDTH = 320


def _text(x: float, y: float, text: str, css: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{css}">{escape(text)}</text>'


def _rect(x: float, y: float, width: float, height: float, css: str, title: str = "", radius: float = 0) -> str:
    corner = f' rx="{radius:g}"' if radius else ""
    hint = f"<title>{escape(title)}</title>" if title else ""
    return (
        f'<rect x="{x:.2f}" y="{y:.2f}" width="{max(width, 0):.2f}" height="{max(height, 0):.2f}"{corner} '
        f'class="{css}">{hint}</rect>'
    )


def _svg(width: float, height: float, parts: Sequence[str], label: str) -> str:
    return f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'


def shortened(text: str, limit: int) -> str:
    """Text cut to a number of characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def histogram(edges: Sequence[float], now: Sequence[float], then: Sequence[float] | None, label: str) -> str:
    """Shares per bin: the present as bars, the baseline as an outline behind them."""
    height, floor = 132.0, 112.0
    top = max([*now, *(then or ()), 1e-9])
    step = _WIDTH / len(now)
    y = [floor - 100 * share / top for share in now]
    parts = []
    if then:
        corners = [f"0,{floor}"]
        for position, share in enumerate(then):
            level = floor - 100 * share / top
            corners += [f"{position * step:.2f},{level:.2f}", f"{(position + 1) * step:.2f},{level:.2f}"]
        parts.append(f'<polygon class="outline" points="{" ".join([*corners, f"{_WIDTH},{floor}"])}"/>')
    for position, share in enumerate(now):
        hint = f"{number(edges[position])} to {number(edges[position + 1])}: {percent(share)}"
        if then:
            hint += f", baseline {percent(then[position])}"
        parts.append(_rect(position * step + 1, y[position], step - 2, floor - y[position], "now bars", hint, 1))
    parts.append(f'<line x1="0" x2="{_WIDTH}" y1="{floor}" y2="{floor}" class="axis"/>')
    middle = (edges[0] + edges[-1]) / 2
    parts += [
        _text(0, 127, number(edges[0])),
        _text(_WIDTH / 2, 127, number(middle, 3), "mid"),
        _text(_WIDTH, 127, number(edges[-1]), "end"),
    ]
    return _svg(_WIDTH, height, parts, f"distribution of {label}")


def category_bars(rows: Sequence[tuple[str, float, float | None]], label: str) -> str:
    """Shares per category, the present above the baseline. Rows are (name, share now, share then)."""
    line = 20.0
    top = max([share for _, now, then in rows for share in (now, then or 0.0)] + [1e-9])
    parts = []
    for position, (name, now, then) in enumerate(rows):
        y = position * line
        parts.append(_text(0, y + 13, shortened(name, 15), "ink"))
        scale = 150 / top
        hint = f"{name}: {percent(now)}" + ("" if then is None else f", baseline {percent(then)}")
        parts.append(_rect(112, y + 3, max(now * scale, 1), 7, "now", hint, 2))
        if then is not None:
            parts.append(_rect(112, y + 11, max(then * scale, 1), 4, "then", hint, 2))
        parts.append(_text(_WIDTH, y + 13, percent(now), "end"))
    return _svg(_WIDTH, max(len(rows), 1) * line + 4, parts, f"categories of {label}")


def ranking(rows: Sequence[tuple[str, float, float, bool]], label: str) -> str:
    """Bars by falling value with each row's own threshold as a dashed line.

    Rows are (name, value, threshold, whether the value breaks the threshold).
    """
    line, left, right, width = 26.0, 210.0, 90.0, 1100.0
    top = max([max(value, threshold) for _, value, threshold, _ in rows] + [1e-9]) * 1.06
    scale = (width - left - right) / top
    parts = []
    for position, (name, value, threshold, off) in enumerate(rows):
        y = position * line
        parts.append(_text(0, y + 17, shortened(name, 32), "ink strong" if off else "ink"))
        parts.append(_rect(left, y + 7, width - left - right, 12, "track", radius=3))
        hint = f"{name}: {value:.4f}, threshold {threshold:g}"
        parts.append(_rect(left, y + 7, value * scale, 12, "off" if off else "now", hint, 3))
        x = left + threshold * scale
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y:.1f}" y2="{y + line:.1f}" class="limit"/>')
        parts.append(_text(width, y + 17, f"{value:.3f} / {threshold:g}", "end off-text" if off else "end"))
    return _svg(width, max(len(rows), 1) * line, parts, label)
