"""checkov, in an environment of its own, finds nothing that docs/compliance.md does not explain."""

from __future__ import annotations

from pathlib import Path

import compliance_table
import pytest

from tools.oracles import ask

pytestmark = pytest.mark.oracle


def test_nothing_is_left_without_a_reason(template_files: dict[str, Path]) -> None:
    # Staging and local have no resource that neither dev nor prod has in the same shape.
    files = {str(file): name for name, file in template_files.items() if name.split("-")[1] in ("dev", "prod")}
    known = compliance_table.read(checkov=True)

    answer = ask("checkov", "checkov_findings.py", list(files))

    assert answer["passed"] > 100, "checkov looked at hardly anything"
    open_findings = [
        f"{files[found['file']]}: {found['rule']} {found['name']} at {found['resource']}"
        for found in answer["failed"]
        if not known.covers(found["rule"], found["resource"])
    ]
    assert open_findings == []
    assert known.needless == set(), "lines of docs/compliance.md that no finding needs"
