"""cdk-nag's packs as policy validation plugins of an app, and what they find."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks

SOLUTIONS = (AwsSolutionsChecks,)
ALL_PACKS = (AwsSolutionsChecks, NIST80053R5Checks, HIPAASecurityChecks)


def checked(outdir: Path, packs: tuple[Any, ...] = SOLUTIONS, **props: Any) -> cdk.App:
    """Return an app whose synthesis asks the packs."""
    app = cdk.App(outdir=str(outdir), **props)
    cdk.Validations.of(app).add_plugins(*(pack(app) for pack in packs))
    return app


def violations(app: cdk.App) -> list[dict[str, Any]]:
    """Synthesise, and return what the packs object to; that the synthesis fails then is what they are for."""
    try:
        app.synth()
    except RuntimeError as error:
        assert "validation-report.json" in str(error)
    report = json.loads((Path(app.outdir) / "validation-report.json").read_text(encoding="utf-8"))
    return [violation for plugin in report["pluginReports"] for violation in plugin["violations"]]


def findings(app: cdk.App) -> Iterator[tuple[str, str]]:
    """Synthesise, and yield rule and construct path of each violation."""
    for violation in violations(app):
        for construct in violation["violatingConstructs"]:
            yield violation["ruleName"], construct["constructPath"]
