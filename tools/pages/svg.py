"""Boxes and arrows as SVG files that look the same on GitHub, on the site and in print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_STYLE = (
    "text{font-family:system-ui,sans-serif;font-size:13px;fill:#172033}.soft{fill:#5b6478;font-size:11.5px}"
    ".head{font-weight:600}.box{fill:#fff;stroke:#9aa5bd}.lane{stroke:#c5ccda;stroke-dasharray:4 4}"
    ".arrow{stroke:#3566d6;stroke-width:1.5;fill:none;marker-end:url(#tip)}.note{fill:#eef3ff;stroke:#c9d6fb}"
)
_TIP = (
    '<marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
    'orient="auto-start-reverse">'
    '<path d="M0 0L10 5L0 10z" fill="#3566d6"/></marker>'
)
LINE = 18.0


@dataclass(frozen=True)
class Box:
    """A box with a heading and lines of text."""

    x: float
    y: float
    width: float
    title: str
    lines: Sequence[str] = ()

    @property
    def height(self) -> float:
        """Room for everything in it."""
        return 30 + LINE * len(self.lines) + (6 if self.lines else 0)

    def drawn(self) -> str:
        """The box as SVG."""
        parts = [
            f'<rect class="box" x="{self.x:g}" y="{self.y:g}" width="{self.width:g}" height="{self.height:g}" rx="7"/>',
            text(self.x + 12, self.y + 20, self.title, "head"),
        ]
        parts += [
            text(self.x + 12, self.y + 20 + LINE * number, line, "soft")
            for number, line in enumerate(self.lines, start=1)
        ]
        return "".join(parts)


def text(x: float, y: float, words: str, css: str = "", anchor: str = "start") -> str:
    """A line of text."""
    return f'<text x="{x:g}" y="{y:g}" class="{css}" text-anchor="{anchor}">{escape(words)}</text>'


def arrow(points: Sequence[tuple[float, float]]) -> str:
    """A line through points with a tip at its end."""
    return f'<polyline class="arrow" points="{" ".join(f"{x:g},{y:g}" for x, y in points)}"/>'


def drawing(width: float, height: float, parts: Sequence[str], label: str) -> str:
    """A whole file."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" aria-label="{escape(label)}"><style>{_STYLE}</style><defs>{_TIP}</defs>'
        f'<rect width="100%" height="100%" fill="#f7f9fc" rx="10"/>{"".join(parts)}</svg>\n'
    )
