"""Several lines over rounds or versions as inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from model_analyzer.report.drawing import number, svg, text

_WIDTH, _TOP, _FLOOR, _SIDE = 360.0, 12.0, 112.0, 6.0
#: Colours of lines by what they are about, variables of the page's style.
COLOURS: Mapping[str, str] = {"training": "then-ink", "validation": "now", "test": "now", "live": "ink"}
Points = Sequence[tuple[float, float]]


def lines(series: Mapping[str, Points], labels: tuple[str, str], name: str, *, dots: bool = False) -> str:
    """Lines that share their axes; the vertical one begins where the values do, as gaps are what is looked for.

    :param series: Points by one of the names in :data:`COLOURS`.
    :param labels: What stands at the two ends of the horizontal axis.
    :param dots: Whether every point is marked.
    """
    points = [point for line in series.values() for point in line]
    low_x, high_x = min(x for x, _ in points), max(x for x, _ in points)
    low, high = min(y for _, y in points), max(y for _, y in points)
    span_x, span = (high_x - low_x) or 1.0, (high - low) or abs(high) or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            _SIDE + (_WIDTH - 2 * _SIDE) * ((x - low_x) / span_x if high_x > low_x else 0.5),
            _FLOOR - 4 - (_FLOOR - 4 - _TOP) * (y - low) / span,
        )

    parts = [f'<line x1="0" x2="{_WIDTH}" y1="{_FLOOR}" y2="{_FLOOR}" class="axis"/>']
    for kind, line in series.items():
        placed = [place(x, y) for x, y in line]
        look = f'style="stroke:var(--{COLOURS[kind]})"'
        if len(placed) > 1:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
            parts.append(f'<polyline points="{path}" class="curve" {look}/>')
        if dots or len(placed) == 1:
            for (x, y), (at, value) in zip(placed, line, strict=True):
                hint = f"<title>{kind} {number(at)}: {number(value, 4)}</title>"
                parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="mark" {look}>{hint}</circle>')
    parts.append(text(0, 127, labels[0]))
    parts.append(text(_WIDTH / 2, 127, f"{number(low, 4)} to {number(high, 4)}", "mid"))
    parts.append(text(_WIDTH, 127, labels[1], "end"))
    return svg(_WIDTH, 132, parts, name)
