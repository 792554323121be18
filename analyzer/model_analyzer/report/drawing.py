"""What pages are made of, for others who draw in the same style. Needs the standard library only."""

from __future__ import annotations

from ._charts import _rect as rect
from ._charts import _svg as svg
from ._charts import _text as text
from ._charts import ranking, shortened
from ._page import Tile, Tone, legend, number, page, percent, pill, section, table, tiles

__all__ = [
    "Tile",
    "Tone",
    "legend",
    "number",
    "page",
    "percent",
    "pill",
    "ranking",
    "rect",
    "section",
    "shortened",
    "svg",
    "table",
    "text",
    "tiles",
]
