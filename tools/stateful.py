"""What holds data in templates, and which of its properties CloudFormation changes by replacement only."""

from __future__ import annotations

from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

#: Types whose resources hold what nobody can make again.
STATEFUL = (
    "AWS::Athena::WorkGroup",
    "AWS::Glue::Database",
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
    "AWS::SageMaker::FeatureGroup",
    "AWS::SageMaker::ModelPackageGroup",
)

#: stack name -> logical id -> `{"type": …, "create_only": {property: value}}`
Record = dict[str, dict[str, dict[str, Any]]]


def create_only(resource_type: str) -> set[str]:
    """Top-level properties whose change replaces a resource, as the provider's schema says."""
    if resource_type.startswith("Custom::"):
        return {"ServiceToken"}
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-west-1", resource_type).schema
    found = [*schema.get("createOnlyProperties", ()), *schema.get("conditionalCreateOnlyProperties", ())]
    return {path.split("/")[2] for path in found}


def record(templates: dict[str, dict[str, Any]]) -> Record:
    """What a later version must keep of these templates."""
    return {
        stack: found for stack, template in sorted(templates.items()) if (found := _stateful(template["Resources"]))
    }


def replaced(before: Record, after: Record) -> list[str]:
    """What a deployment of `after` over `before` would delete or replace, one sentence each.

    A stack that is gone altogether is not looked at: its environment file is.
    """
    found = []
    for stack, resources in before.items():
        if stack not in after:
            continue
        for logical_id, then in resources.items():
            now = after[stack].get(logical_id)
            if now is None:
                found.append(f"{stack}/{logical_id} ({then['type']}) is gone")
            elif now["type"] != then["type"]:
                found.append(f"{stack}/{logical_id} was {then['type']} and is {now['type']}")
            else:
                found += [
                    f"{stack}/{logical_id} ({then['type']}) is replaced: {name} was "
                    f"{then['create_only'].get(name)!r} and is {now['create_only'].get(name)!r}"
                    for name in sorted({*then["create_only"], *now["create_only"]})
                    if then["create_only"].get(name) != now["create_only"].get(name)
                ]
    return found


def _stateful(resources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        logical_id: {"type": resource["Type"], "create_only": _kept(resource)}
        for logical_id, resource in sorted(resources.items())
        if resource["Type"] in STATEFUL
    }


def _kept(resource: dict[str, Any]) -> dict[str, Any]:
    properties = resource.get("Properties", {})
    return {name: properties[name] for name in sorted(create_only(resource["Type"]) & set(properties))}
