"""The page that every report shares: one HTML file without scripts, fonts or links to anywhere."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

Tone = Literal["good", "bad", "warn", "plain"]

_STYLE = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#172033;--soft:#5b6478;--line:#e3e6ec;--now:#2f6df6;
--then:#a9b2c3;--then-ink:#7b8598;--bad:#d1342f;--bad-bg:#fdecea;--good:#16794c;--good-bg:#e5f5ec;--warn:#9a6200;
--warn-bg:#fdf3dc;--shadow:0 1px 2px rgba(23,32,51,.05),0 4px 16px rgba(23,32,51,.05)}
@media (prefers-color-scheme:dark){:root{--bg:#0f131b;--card:#181e29;--ink:#e7eaf1;--soft:#9aa4b8;--line:#2a3242;
--now:#6b9bff;--then:#4d5870;--then-ink:#8b96ad;--bad:#ff7b72;--bad-bg:#3a1f20;--good:#56d392;--good-bg:#15301f;
--warn:#e8b450;--warn-bg:#352a12;--shadow:none}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,Inter,
"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1180px;margin:0 auto;padding:40px 24px 64px}
header{display:flex;flex-wrap:wrap;gap:8px 16px;align-items:center;margin-bottom:24px}
h1{font-size:26px;line-height:1.2;letter-spacing:-.015em;margin:0;font-weight:650}
h2{font-size:17px;letter-spacing:-.005em;margin:40px 0 4px;font-weight:650}
h3{font-size:14.5px;margin:0;font-weight:600;overflow-wrap:anywhere}
p{margin:0 0 14px;color:var(--soft);max-width:80ch}
.sub{flex-basis:100%;color:var(--soft);margin:0;max-width:none;overflow-wrap:anywhere}
.pill{display:inline-block;border-radius:99px;padding:2px 11px;font-size:12.5px;font-weight:600;white-space:nowrap}
.good{color:var(--good);background:var(--good-bg)}.bad{color:var(--bad);background:var(--bad-bg)}
.warn{color:var(--warn);background:var(--warn-bg)}.plain{color:var(--soft);background:var(--line)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:14px}
.card,.tile{background:var(--card);border:1px solid var(--line);border-radius:12px;box-shadow:var(--shadow)}
.tile{padding:14px 18px}.tile b{display:block;font-size:25px;font-weight:650;letter-spacing:-.02em;line-height:1.25}
.tile span{color:var(--soft);font-size:13px}.tile.bad,.tile.good,.tile.warn,.tile.plain{background:var(--card)}
.tile.plain b{color:var(--ink)}.tile b{color:inherit}
.card{padding:18px 20px}.wide{overflow-x:auto;padding:4px 0}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(330px,1fr));gap:14px}
.grid .card.off{border-color:var(--bad)}
.head{display:flex;justify-content:space-between;gap:10px;align-items:flex-start;margin-bottom:2px}
.note{color:var(--soft);font-size:12.5px;margin:0 0 10px}
table{border-collapse:collapse;width:100%;font-size:14px}
th{font-weight:600;color:var(--soft);font-size:12.5px;text-align:left;border-bottom:1px solid var(--line)}
th,td{padding:9px 20px;vertical-align:top}tr+tr td{border-top:1px solid var(--line)}
td{overflow-wrap:break-word}td code{overflow-wrap:anywhere}td:first-child{min-width:10em}
td.n,th.n{text-align:right;white-space:nowrap}
code{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
svg{display:block;width:100%;height:auto}svg text{fill:var(--soft);font-size:11px;font-family:inherit}
svg .ink{fill:var(--ink)}svg .strong{font-weight:600}svg .end{text-anchor:end}svg .mid{text-anchor:middle}
svg .now{fill:var(--now)}svg .then{fill:var(--then)}svg .off{fill:var(--bad)}svg .track{fill:var(--line)}
svg .outline{fill:var(--then);fill-opacity:.28;stroke:var(--then-ink);stroke-width:1.3;stroke-linejoin:round}
svg .bars{fill-opacity:.62}svg .axis{stroke:var(--line)}
svg .interval{stroke:var(--ink);stroke-width:1.6}
svg .limit{stroke:var(--ink);stroke-width:1.2;stroke-dasharray:4 3}svg .off-text{fill:var(--bad);font-weight:600}
svg .curve{fill:none;stroke-width:2.4;stroke-linejoin:round}svg .current{stroke:var(--now)}
svg .before{stroke:var(--then-ink);stroke-width:1.6}svg .chance{stroke:var(--then);stroke-dasharray:3 4}
svg .mark{fill:var(--card);stroke:var(--now);stroke-width:3}svg .zero{stroke:var(--then-ink)}svg .onfill{fill:#fff}
.plots{grid-template-columns:repeat(auto-fill,minmax(360px,1fr))}.stack+.stack{margin-top:14px}
.key{display:flex;gap:16px;color:var(--soft);font-size:12.5px;margin:0 0 12px}
.key i{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:6px;vertical-align:-1px}
.step{color:var(--ink);margin:10px 0 0;max-width:none}.step b{color:var(--now);margin-right:4px}
.stack ul{margin:8px 0;padding-left:20px;overflow-wrap:anywhere}.once{white-space:nowrap}
.edge-bad{border-left:4px solid var(--bad)}.edge-warn{border-left:4px solid var(--warn)}
.bar{display:block;height:8px;min-width:1px;border-radius:4px;background:var(--now);margin-top:7px}td:has(.bar){width:34%}
a{color:var(--now)}footer{margin-top:44px;color:var(--soft);font-size:12.5px}
@media print{body{background:#fff}.card,.tile{box-shadow:none;break-inside:avoid}}
"""


@dataclass(frozen=True)
class Tile:
    """One headline number."""

    value: str
    label: str
    tone: Tone = "plain"


def page(title: str, body: Iterable[str], *, subtitle: str = "", status: str = "", tone: Tone = "plain") -> str:
    """A whole document. `title`, `subtitle` and `status` are text, `body` is HTML."""
    head = f"<h1>{escape(title)}</h1>" + (pill(status, tone) if status else "")
    head += f'<p class="sub">{escape(subtitle)}</p>' if subtitle else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><main><header>{head}</header>\n{''.join(body)}\n"
        "<footer>Drawn by model-analyzer from the JSON files beside this page.</footer></main></body></html>\n"
    )


def section(title: str, intro: str, *parts: str) -> str:
    """A heading, one sentence of text, and HTML below it."""
    return f"\n<section><h2>{escape(title)}</h2><p>{escape(intro)}</p>{''.join(parts)}</section>"


def tiles(items: Iterable[Tile]) -> str:
    """A row of headline numbers."""
    cells = (
        f'<div class="tile {tile.tone}"><b>{escape(tile.value)}</b><span>{escape(tile.label)}</span></div>'
        for tile in items
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], numeric: Iterable[int] = ()) -> str:
    """A table; cells are HTML, the positions in `numeric` stand right-aligned."""
    right = set(numeric)

    def cells(tag: str, values: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=n' if position in right else ''}>{value}</{tag}>" for position, value in enumerate(values)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="card wide"><table><tr>{cells("th", [escape(c) for c in columns])}</tr>{body}</table></div>'


def pill(text: str, tone: Tone = "plain") -> str:
    """A short label on a coloured ground."""
    return f'<span class="pill {tone}">{escape(text)}</span>'


def legend(*entries: tuple[str, str]) -> str:
    """Colour keys: pairs of a CSS colour variable (`now`, `then`, `bad`) and its meaning."""
    keys = (f'<span><i style="background:var(--{color})"></i>{escape(text)}</span>' for color, text in entries)
    return f'<div class="key">{"".join(keys)}</div>'


def number(value: float, digits: int = 4) -> str:
    """A number as people write it: thousands separated, a few significant digits, infinities as signs."""
    if not math.isfinite(value):
        return "-" if math.isnan(value) else "∞" if value > 0 else "-∞"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.{digits}g}" if abs(value) < 1e6 else f"{value:,.3g}"


def percent(share: float) -> str:
    """A share as a percentage, never rounded up to a full 100 %."""
    text = f"{share * 100:.4g}"
    return f"{text if text != '100' or share == 1 else '99.99'} %"


def rounded(text: str) -> str:
    """A description with its long numbers cut to what people read."""
    return re.sub(r"-?\d+\.\d{5,}(?:e-?\d+)?", lambda match: number(float(match[0]), 4), text)
