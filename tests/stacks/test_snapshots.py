"""Whole templates of `dev` and `prod`, hashes scrubbed. A difference is a change of what users have deployed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

STACKS = [
    "mlops-dev-Foundation",
    "mlops-dev-Registry",
    "mlops-dev-FeatureStore",
    "mlops-dev-Delivery",
    "mlops-dev-Training",
    "mlops-dev-Serving-churn",
    "mlops-prod-Foundation",
    "mlops-prod-Delivery",
    "mlops-prod-Insights",
    "mlops-prod-Serving-churn",
]


def scrubbed(value: Any) -> Any:
    """Asset hashes follow code that has its own tests."""
    if isinstance(value, str):
        return re.sub(r"[0-9a-f]{64}", "<hash>", value)
    if isinstance(value, dict):
        return {key: scrubbed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [scrubbed(inner) for inner in value]
    return value


@pytest.mark.parametrize("stack", STACKS)
def test_template(stack: str, templates: dict[str, dict[str, Any]], snapshot: SnapshotAssertion) -> None:
    assert scrubbed(templates[stack]) == snapshot(extension_class=JSONSnapshotExtension)


def test_every_stack_is_covered(templates: dict[str, dict[str, Any]]) -> None:
    assert sorted(STACKS) == sorted(name for name in templates if name.startswith(("mlops-dev-", "mlops-prod-")))
