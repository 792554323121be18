"""cdk-nag's packs as policy validation plugins: nothing is left without a reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import compliance_table
import nag
import pytest

from stacks.settings import load_all
from stacks.stage import EnvironmentStage

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / "environments"
CONTEXT = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
PREFIXES = ("AwsSolutions-", "NIST.800.53.R5-", "HIPAA.Security-")
WILDCARD_RULE = "IAM5["


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> cdk.App:
    app = nag.checked(tmp_path_factory.mktemp("assembly"), nag.ALL_PACKS, context=CONTEXT)
    for name, environment in load_all(sorted(ENVIRONMENTS.glob("*.yaml"))).items():
        EnvironmentStage(app, name, environment)
    return app


@pytest.fixture(scope="module")
def violations(app: cdk.App) -> list[dict[str, Any]]:
    return nag.violations(app)


def reasons(app: cdk.App, path: str) -> dict[str, str]:
    """Reasons for wildcards that the role at a construct path carries into its template."""
    node = app.node
    found: dict[str, str] = {}
    for part in path.split("/"):
        construct = node.try_find_child(part)
        assert construct is not None, path
        node = construct.node
        if isinstance(construct, cdk.CfnResource):
            found = construct.get_metadata("WildcardReasons") or {}
    return found


def unprefixed(rule: str) -> str:
    """A rule's name without its pack, since the packs share rules."""
    prefix = next(prefix for prefix in PREFIXES if rule.startswith(prefix))
    return rule.removeprefix(prefix)


def test_nothing_is_left_without_a_reason(app: cdk.App, violations: list[dict[str, Any]]) -> None:
    known = compliance_table.read(checkov=False)
    findings = [
        (unprefixed(violation["ruleName"]), construct["constructPath"], violation["description"])
        for violation in violations
        for construct in violation["violatingConstructs"]
    ]

    open_findings = [
        f"{rule} at {path}: {description}"
        for rule, path, description in findings
        if not (reasons(app, path) if rule.startswith(WILDCARD_RULE) else known.covers(rule, path))
    ]

    assert open_findings == []
    assert known.needless == set(), "lines of docs/compliance.md that no finding needs"


def test_the_plugin_is_awake(tmp_path: Path) -> None:
    from aws_cdk import aws_s3 as s3

    app = nag.checked(tmp_path)
    s3.CfnBucket(cdk.Stack(app, "Stack"), "Bucket")

    with pytest.raises(RuntimeError, match="AwsSolutions-S10"):
        app.synth()
