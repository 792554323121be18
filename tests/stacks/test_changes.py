"""What a change in an environment file may and may not do to what is deployed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from stacks.settings import Environment
from stacks.stage import EnvironmentStage

Templates = dict[str, dict[str, Any]]

STATEFUL = {
    "AWS::S3::Bucket",
    "AWS::KMS::Key",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SSM::Parameter",
    "AWS::SageMaker::ModelPackageGroup",
    "AWS::SageMaker::FeatureGroup",
    "AWS::SageMaker::Endpoint",
    "AWS::Glue::Database",
    "AWS::Logs::LogGroup",
}


def create_only(resource_type: str) -> set[str]:
    if resource_type.startswith("Custom::"):
        return {"ServiceToken"}
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-west-1", resource_type).schema
    found = [*schema.get("createOnlyProperties", ()), *schema.get("conditionalCreateOnlyProperties", ())]
    return {path.split("/")[2] for path in found}


def replaced(before: Templates, after: Templates) -> list[str]:
    """Resources that a deployment of `after` over `before` would replace or delete."""
    found = []
    for stack, template in before.items():
        for logical_id, old in template["Resources"].items():
            new = after.get(stack, {}).get("Resources", {}).get(logical_id)
            if new is None or new["Type"] != old["Type"]:
                found.append(f"{stack}/{logical_id} ({old['Type']}) is gone")
                continue
            found += [
                f"{stack}/{logical_id} ({old['Type']}) is replaced by its {key}"
                for key in sorted(create_only(old["Type"]))
                if old.get("Properties", {}).get(key) != new.get("Properties", {}).get(key)
            ]
    return found


@pytest.fixture(scope="module")
def before(templates: Templates) -> Templates:
    """Production as it is."""
    return {name: template for name, template in templates.items() if name.startswith("mlops-prod-")}


def test_a_changed_tag_replaces_nothing(
    before: Templates,
    synthesize: Callable[[dict[str, Environment]], Templates],
    variation: Callable[..., Environment],
) -> None:
    after = synthesize({"prod": variation({"tags": {"environment": "production", "team": "risk"}})})

    assert replaced(before, after) == []


def test_tags_of_the_stack_reach_only_resources_whose_tags_can_change(templates: Templates) -> None:
    """CloudFormation copies a stack's tags to its resources, which replaces those whose tags are create-only."""
    kinds = {
        resource["Type"]
        for stack, template in templates.items()
        # Stacks of feature groups have no tags themselves; see test_feature_store.py.
        if not stack.endswith("-FeatureStore")
        for resource in template["Resources"].values()
        if not resource["Type"].startswith("Custom::")
    }
    fixed = []
    for kind in sorted(kinds):
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-west-1", kind).schema
        tagging = schema.get("tagging", {})
        if tagging.get("taggable") and not tagging.get("tagUpdatable", True):
            fixed.append(kind)
        if tagging.get("tagProperty") in schema.get("createOnlyProperties", ()):
            fixed.append(kind)

    assert fixed == []


def test_tags_are_on_every_stack(tmp_path: Path, environments: dict[str, Environment]) -> None:
    app = cdk.App(outdir=str(tmp_path))
    EnvironmentStage(app, "prod", environments["prod"])
    (nested,) = app.synth().nested_assemblies

    assert {str(stack.tags) for stack in nested.nested_assembly.stacks} == {"{'environment': 'prod'}"}
    assert all(stack.termination_protection for stack in nested.nested_assembly.stacks)


def test_the_comparison_sees_replacements(before: Templates) -> None:
    after = copy.deepcopy(before)
    resources = after["mlops-prod-Serving-churn"]["Resources"]
    endpoint = next(value for value in resources.values() if value["Type"] == "AWS::SageMaker::Endpoint")
    endpoint["Properties"]["EndpointName"] = "other"

    assert len(replaced(before, after)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"models": {"churn": {"endpoint": {"scaling": {"max": 20}}}}},
        {"models": {"churn": {"endpoint": {"alarms": {"latency_milliseconds": 500}}}}},
        {"models": {"churn": {"monitors": {"data_quality": {"drift_threshold": 0.2}}}}},
        {"models": {"churn": {"monitors": {"data_quality": None}}}},
        {"models": {"churn": {"endpoint": {"frozen": True}}}},
        {"models": {"churn": {"endpoint": {"pinned_version": 3}}}},
        {"notifications": {"email": ["other@example.com"]}},
        {"log_retention_days": 30},
    ],
    ids=["scaling", "alarm", "threshold", "no monitor", "frozen", "pinned", "address", "logs"],
)
def test_everyday_changes_keep_what_is_stateful(
    changes: dict[str, Any],
    before: Templates,
    synthesize: Callable[[dict[str, Environment]], Templates],
    variation: Callable[..., Environment],
) -> None:
    after = synthesize({"prod": variation(changes)})

    assert before != after
    kept = STATEFUL - ({"AWS::Logs::LogGroup", "AWS::SQS::Queue"} if "monitors" in str(changes) else set())
    assert [line for line in replaced(before, after) if any(f"({kind})" in line for kind in kept)] == []


def test_another_model_changes_no_shared_stack(
    before: Templates,
    synthesize: Callable[[dict[str, Environment]], Templates],
    variation: Callable[..., Environment],
) -> None:
    other = {"registry": {"group": "fraud", "account": "111111111111"}, "endpoint": {"instance_type": "ml.m5.large"}}
    two = synthesize({"prod": variation({"models": {"fraud": other}})})

    assert set(two) - set(before) == {"mlops-prod-Serving-fraud"}
    for stack, template in before.items():
        assert template == two[stack], stack


def test_environments_differ_in_settings_only(templates: Templates) -> None:
    """The same resources everywhere, so that what was tried in staging is what production gets."""
    staging, prod = (
        set(templates[f"mlops-{environment}-Serving-churn"]["Resources"]) for environment in ("staging", "prod")
    )

    scaling = {logical_id for logical_id in prod if "Scal" in logical_id}
    assert scaling
    assert prod - scaling == staging
