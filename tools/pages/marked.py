"""Generated parts of pages that are written by hand: everything between two marks."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_BEGIN = "<!-- generated: {} (python -m tools.pages) -->"
_END = "<!-- end of {} -->"


class MarkMissing(Exception):
    """A page has no place for what is generated."""


def replace(page: str, name: str, content: str) -> str:
    """The page with new content between the marks called `name`."""
    begin, end = _BEGIN.format(name), _END.format(name)
    parts = re.split(f"({re.escape(begin)}).*?({re.escape(end)})", page, maxsplit=1, flags=re.S)
    if len(parts) != 4:
        raise MarkMissing(f"the page has no lines {begin} and {end}")
    return f"{parts[0]}{begin}\n\n{content.strip()}\n\n{end}{parts[3]}"


def written(file: Path, text: str) -> bool:
    """Write a file if it changed; returns whether it did."""
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return True
