"""cfn-lint finds nothing in any template of any environment."""

from __future__ import annotations

import json
from pathlib import Path

from cfnlint.api import ManualArgs, lint_file

# Each with its reason; an empty table is the aim.
IGNORED = {
    "W3005": "the CDK writes DependsOn for references that imply it",
}


def test_no_findings(template_files: dict[str, Path]) -> None:
    findings = [
        f"{name}: {match.rule.id} {match.message} at {'/'.join(map(str, match.path or []))}"
        for name, file in template_files.items()
        for match in lint_file(file, config=ManualArgs(regions=["eu-west-1"], ignore_checks=list(IGNORED)))
    ]

    assert findings == []


def test_the_linter_is_awake(tmp_path: Path) -> None:
    file = tmp_path / "broken.template.json"
    file.write_text(json.dumps({"Resources": {"M": {"Type": "AWS::SageMaker::Endpoint", "Properties": {}}}}))

    assert [match.rule.id for match in lint_file(file, config=ManualArgs(regions=["eu-west-1"]))] == ["E3003"]
