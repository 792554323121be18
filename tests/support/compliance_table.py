"""Findings that are left open, from the table of docs/compliance.md: what users read is what the tests know."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "compliance.md"


@dataclass
class Exceptions:
    """The table's rows for some tools; remembers which rows a finding needed."""

    rows: set[tuple[str, str]]
    used: set[tuple[str, str]] = field(default_factory=set)

    def covers(self, rule: str, resource: str) -> bool:
        """Whether a row of the table names the rule and the resource."""
        found = {row for row in self.rows if row[0] == rule and (row[1] == "*" or row[1] in resource)}
        self.used |= found
        return bool(found)

    @property
    def needless(self) -> set[tuple[str, str]]:
        """Rows that no finding needed."""
        return self.rows - self.used


def read(*, checkov: bool) -> Exceptions:
    """Rows for checkov, or for cdk-nag's packs."""
    _, _, rest = PAGE.read_text(encoding="utf-8").partition("| Rules | On |")
    table, _, _ = rest.partition("\n\n")
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("| ")]
    rows = {(rule.strip(), where) for rules, where, reason in cells if reason for rule in rules.split(",")}
    return Exceptions({row for row in rows if row[0].startswith("CKV") is checkov})
