"""The code blocks of README.md and of docs/."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Also within lists, where a block is indented.
_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """One fenced block and where it begins."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(language: str) -> list[Block]:
    """All blocks in a language."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    found = []
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for match in _BLOCK.finditer(text):
            line = text[: match.start()].count("\n") + 2
            found.append(Block(page.relative_to(ROOT).as_posix(), line, match[2], textwrap.dedent(match[3])))
    return [block for block in found if block.language == language]


def pytest_generate_tests(metafunc: object) -> None:
    """`python_block`, `yaml_block`, `sh_block`: one test per block of the language."""
    for language in ("python", "yaml", "sh"):
        name = f"{language}_block"
        if name in metafunc.fixturenames:  # type: ignore[attr-defined]
            metafunc.parametrize(name, blocks(language), ids=str)  # type: ignore[attr-defined]
