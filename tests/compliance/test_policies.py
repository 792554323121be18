"""Our own policies, checked on every template of every environment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tools.stateful import STATEFUL, create_only

Resource = tuple[str, str, dict[str, Any]]  # stack, logical id, resource

# Fixed names on resources with other create-only properties, and why a replacement cannot meet its predecessor's name.
FIXED_NAMES = {
    "AWS::SageMaker::ModelPackageGroup": "SageMaker demands a name; the only other create-only property, "
    "Description, is never set",
    "AWS::SageMaker::FeatureGroup": "SageMaker demands a name; synthesis refuses changes of create-only properties, "
    "by comparison with the record of the group",
}


@pytest.fixture(scope="session")
def resources(templates: dict[str, dict[str, Any]]) -> list[Resource]:
    return [
        (stack, logical_id, resource)
        for stack, template in templates.items()
        for logical_id, resource in template["Resources"].items()
    ]


@pytest.fixture(scope="session")
def everywhere(resources: list[Resource], example_templates: dict[str, dict[str, Any]]) -> list[Resource]:
    """Resources of environments and of examples."""
    return resources + [
        (stack, logical_id, resource)
        for stack, template in example_templates.items()
        for logical_id, resource in template["Resources"].items()
    ]


def strings(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield f"{path}/{key}", key
            yield from strings(inner, f"{path}/{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from strings(inner, f"{path}/{index}")


def as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Statements of every policy document in a resource's properties."""

    def walk(value: object) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            if "Statement" in value and "Version" in value:
                found = value["Statement"]
                yield from found if isinstance(found, list) else [found]
            else:
                for inner in value.values():
                    yield from walk(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner)

    yield from walk(resource.get("Properties", {}))


def test_no_fixed_name_on_a_replaceable_resource(resources: list[Resource]) -> None:
    """CloudFormation creates a replacement before it deletes the old one, and two cannot have one name."""
    wrong = []
    for stack, logical_id, resource in resources:
        kind = resource["Type"]
        if kind in FIXED_NAMES:
            continue
        names = {"Name", f"{kind.split('::')[-1]}Name"} & create_only(kind) & set(resource.get("Properties", {}))
        others = create_only(kind) & set(resource.get("Properties", {})) - names
        if names and others:
            wrong.append(f"{stack}/{logical_id} ({kind}): {sorted(names)} is fixed, {sorted(others)} replace it")

    assert wrong == []


def test_no_partition_is_written_out(resources: list[Resource]) -> None:
    wrong = [
        f"{stack}/{logical_id}{path}: {text}"
        for stack, logical_id, resource in resources
        for path, text in strings(resource)
        if any(f"arn:{partition}:" in text for partition in ("aws", "aws-cn", "aws-us-gov"))
    ]

    assert wrong == []


def _empties_buckets(statement: dict[str, Any]) -> bool:
    """The CDK's own statement for the function that empties a bucket before it is deleted; it cannot carry a reason."""
    return "CustomS3AutoDeleteObjects" in str(statement.get("Principal"))


def test_every_wildcard_has_a_reason(everywhere: list[Resource]) -> None:
    """The reason stands in the resource's metadata, by statement id, for whoever reviews the role."""
    wrong = []
    for stack, logical_id, resource in everywhere:
        reasons = resource.get("Metadata", {}).get("WildcardReasons", {})
        for statement in statements(resource):
            if statement["Effect"] == "Deny" or "Resource" not in statement or _empties_buckets(statement):
                continue
            texts = [text for part in ("Action", "Resource") for _, text in strings(as_list(statement[part]))]
            if any("*" in text for text in texts) and not reasons.get(statement.get("Sid", "")):
                wrong.append(f"{stack}/{logical_id}: {statement}")

    assert wrong == []


def test_no_statement_allows_everything(everywhere: list[Resource]) -> None:
    wrong = [
        f"{stack}/{logical_id}: {statement}"
        for stack, logical_id, resource in everywhere
        for statement in statements(resource)
        if statement["Effect"] == "Allow"
        and any(action == "*" or action.endswith(":*") for action in as_list(statement["Action"]))
        # A key's own account manages the key through IAM; without this statement nobody could ever change it.
        and not (resource["Type"] == "AWS::KMS::Key" and "root" in str(statement["Principal"]))
    ]

    assert wrong == []


def test_no_principal_is_everybody(everywhere: list[Resource]) -> None:
    wrong = [
        f"{stack}/{logical_id}: {statement}"
        for stack, logical_id, resource in everywhere
        for statement in statements(resource)
        if statement["Effect"] == "Allow"
        and statement.get("Principal") in ("*", {"AWS": "*"})
        and not statement.get("Condition")
    ]

    assert wrong == []


def test_passed_roles_go_to_one_service(everywhere: list[Resource]) -> None:
    wrong = [
        f"{stack}/{logical_id}: {statement}"
        for stack, logical_id, resource in everywhere
        for statement in statements(resource)
        if "iam:PassRole" in as_list(statement["Action"])
        and "iam:PassedToService" not in statement.get("Condition", {}).get("StringEquals", {})
    ]

    assert wrong == []


def test_stateful_resources_say_what_becomes_of_them(resources: list[Resource]) -> None:
    for stack, logical_id, resource in resources:
        if resource["Type"] in STATEFUL:
            environment = stack.split("-")[1]
            wanted = "Delete" if environment in ("dev", "local") else "Retain"
            assert resource.get("DeletionPolicy") == wanted, f"{stack}/{logical_id}"
            assert resource.get("UpdateReplacePolicy") == wanted, f"{stack}/{logical_id}"


def test_data_is_encrypted(resources: list[Resource]) -> None:
    wanted = {
        "AWS::S3::Bucket": {"BucketEncryption"},
        "AWS::SQS::Queue": {"KmsMasterKeyId", "SqsManagedSseEnabled"},
        "AWS::SNS::Topic": {"KmsMasterKeyId"},
    }
    wrong = [
        f"{stack}/{logical_id}: none of {sorted(wanted[resource['Type']])}"
        for stack, logical_id, resource in resources
        if resource["Type"] in wanted and not wanted[resource["Type"]] & set(resource.get("Properties", {}))
    ]

    assert wrong == []


def test_logs_are_kept_as_long_as_the_environment_says(resources: list[Resource]) -> None:
    days = {"dev": 14, "staging": 30, "prod": 365, "local": 1}
    groups = [(stack, resource) for stack, _, resource in resources if resource["Type"] == "AWS::Logs::LogGroup"]

    assert groups
    for stack, resource in groups:
        assert resource["Properties"].get("RetentionInDays") == days[stack.split("-")[1]], stack


def test_stacks_are_far_from_their_limits(template_files: dict[str, Any], templates: dict[str, dict[str, Any]]) -> None:
    """CloudFormation's limits: 500 resources, 1 MB."""
    for stack, template in templates.items():
        assert len(template["Resources"]) <= 200, stack
        assert template_files[stack].stat().st_size < 400_000, stack
