"""The committed JSON schema is the settings' own, names itself in every file and accepts every file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from stacks.settings import SettingsError, load, schema

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "environments").glob("*.yaml"))


def test_committed_schema_equals_the_settings() -> None:
    committed = (ROOT / "environments" / "schema.json").read_text(encoding="utf-8")

    assert committed == schema.rendered(), "run: python -m tools.schema"


def test_schema_is_a_valid_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema.json_schema())


def test_every_key_is_described() -> None:
    undescribed: list[str] = []

    def walk(node: dict[str, Any], path: str) -> None:
        for key, value in node.get("properties", {}).items():
            if not value.get("description"):
                undescribed.append(f"{path}.{key}")

    walk(schema.json_schema(), "")
    for name, part in schema.json_schema()["$defs"].items():
        walk(part, name)

    assert undescribed == []


def test_every_pattern_is_said_in_words() -> None:
    """A person who gave something else is told what is meant, not a regular expression or just "text"."""
    silent: list[str] = []
    for name, part in schema.json_schema()["$defs"].items():
        for key, value in part.get("properties", {}).items():
            node = schema.resolve(value)
            items = schema.resolve(node.get("items") or {}) if isinstance(node.get("items"), dict) else {}
            names = node.get("propertyNames", {})
            silent += [
                f"{name}.{key}"
                for described in (node, items)
                if "pattern" in described and "x-allowed" not in described
            ]
            if "patternProperties" in node and "x-allowed" not in names:
                silent.append(f"{name}.{key}: names")

    assert silent == []


def test_every_default_is_said_in_words() -> None:
    unsaid = [
        f"{name}.{key}"
        for name, part in schema.json_schema()["$defs"].items()
        for key, value in part.get("properties", {}).items()
        if key not in part.get("required", []) and "$ref" not in value and "Default: " not in value["description"]
    ]

    # Which of the two is given decides; neither has a default.
    assert unsaid == ["ModelSettings.registry", "ModelSettings.container"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
class TestCommittedFiles:
    def test_names_the_schema_for_editors(self, file: Path) -> None:
        assert file.read_text(encoding="utf-8").splitlines()[0] == "# yaml-language-server: $schema=schema.json"

    def test_is_accepted_by_the_settings_and_by_the_schema(self, file: Path) -> None:
        load(file)
        jsonschema.validate(yaml.safe_load(file.read_text(encoding="utf-8")), schema.json_schema())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("account",), 111111111111),
        (("regoin",), "eu-west-1"),
        (("models", "churn", "endpoint", "instance_type"), "m5.large"),
        (("models", "churn", "endpoint", "rollout"), {"strategy": "canery"}),
        (("models", "churn", "monitors", "bias"), {}),
        (("models", "Churn"), {}),
        (("models",), {}),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else None,
)
def test_editors_see_the_same_mistakes(tmp_path: Path, path: tuple[str, ...], value: object) -> None:
    data = yaml.safe_load((ROOT / "environments" / "prod.yaml").read_text(encoding="utf-8"))
    node = data
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = value
    file = tmp_path / "prod.yaml"
    file.write_text(json.dumps(data), encoding="utf-8")

    with pytest.raises(SettingsError):
        load(file)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema.json_schema())
