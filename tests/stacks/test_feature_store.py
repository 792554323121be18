"""Feature groups of environment files: what they become, and how changes are let through or refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

import app as program
from cdk_sagemaker_mlops import ConstructError
from cdk_sagemaker_mlops.feature_store import SchemaRecord
from stacks import feature_records
from stacks.settings import Environment, load
from stacks.stage import EnvironmentStage
from tools import feature_schema

ENVIRONMENT = """\
account: "111111111111"
region: eu-west-1
tags: {team: risk}
removal: %s
models:
  churn:
    container: {image: "111111111111.dkr.ecr.eu-west-1.amazonaws.com/a:1", model_data: "s3://the-bucket/model.tar.gz"}
    endpoint: {instance_type: ml.m5.large, capture: null}
feature_groups:
  customers:
    record_id: customer_id
    event_time: updated_at
    features: {customer_id: string, updated_at: string, calls: integral}
    online: {ttl: 30 days}
    offline: glue
"""
Vary = Callable[..., Environment]
Synthesize = Callable[[dict[str, Environment]], dict[str, dict[str, Any]]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An environment file with a group, recorded."""
    path = tmp_path / "environments" / "test.yaml"
    path.parent.mkdir()
    path.write_text(ENVIRONMENT % "retain", encoding="utf-8")
    assert feature_schema.main(["accept", str(path)]) == 0
    return path


def stage(file: Path) -> EnvironmentStage:
    records = feature_records.read(file)
    return EnvironmentStage(cdk.App(), file.stem, load(file), feature_records=records)


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def warnings(stage: EnvironmentStage) -> list[str]:
    assert stage.feature_store is not None
    return [
        str(entry.data)
        for group in stage.feature_store.groups.values()
        for entry in group.node.metadata
        if entry.type == "aws:cdk:warning"
    ]


def of_type(template: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    return [resource for resource in template["Resources"].values() if resource["Type"] == f"AWS::{kind}"]


def test_committed_records_are_complete() -> None:
    assert feature_schema.main(["check"]) == 0


def test_stack_has_no_tags_and_its_resources_have(tmp_path: Path, environments: dict[str, Environment]) -> None:
    app = cdk.App(outdir=str(tmp_path))
    EnvironmentStage(app, "dev", environments["dev"])
    (nested,) = app.synth().nested_assemblies
    (stack,) = (one for one in nested.nested_assembly.stacks if one.stack_name == "mlops-dev-FeatureStore")
    template = json.loads(Path(stack.template_full_path).read_text(encoding="utf-8"))

    assert stack.tags == {}
    assert ["Tags" in group["Properties"] for group in of_type(template, "SageMaker::FeatureGroup")] == [False]
    assert {"Key": "environment", "Value": "dev"} in of_type(template, "KMS::Key")[0]["Properties"]["Tags"]


def test_a_changed_tag_changes_no_group(synthesize: Synthesize, variation: Vary) -> None:
    before = synthesize({"dev": variation({}, "dev")})["mlops-dev-FeatureStore"]
    after = synthesize({"dev": variation({"tags": {"team": "risk"}}, "dev")})["mlops-dev-FeatureStore"]

    assert before != after
    for kind in ("SageMaker::FeatureGroup", "IAM::Role", "Glue::Database"):
        old, new = of_type(before, kind), of_type(after, kind)
        for resource in (*old, *new):
            if kind != "SageMaker::FeatureGroup":
                resource["Properties"].pop("Tags", None)
        assert old == new, kind


def test_settings_become_a_group(synthesize: Synthesize, variation: Vary) -> None:
    groups = {
        "everything": {
            "name": "Shop_Customers",
            "record_id": "id",
            "event_time": "at",
            "features": {"id": "integral", "at": "string", "x": {"type": "fractional", "parameters": {"a": "b"}}},
            "online": {"storage": "standard", "ttl": "2 weeks"},
            "offline": {"format": "iceberg", "table": "t", "prefix": "p/q"},
            "throughput": {"read_units": 5, "write_units": 3},
            "description": "All of them",
            "share_with_accounts": ["222222222222"],
            "alarms": {"freshness_hours": None, "rejected_records": None},
            "access": {
                "lookup": ["arn:aws:iam::333333333333:role/api"],
                "write": ["arn:aws:iam::333333333333:role/api"],
                "query": ["arn:aws:iam::333333333333:role/train"],
                "train": ["arn:aws:iam::333333333333:role/fit"],
            },
            "monitors": {"data_quality": {"schedule": "daily", "drift_threshold": 0.2}},
        },
        "memory": {
            "record_id": "id",
            "event_time": "at",
            "features": {"id": "string", "at": "fractional"},
            "online": {"storage": "in-memory"},
        },
        "history": {
            "record_id": "id",
            "event_time": "at",
            "features": {"id": "string", "at": "string"},
            "offline": True,
        },
    }
    changes = {"feature_groups": groups, "feature_store": {"query_limit_gb": 1.5, "reader_accounts": ["444444444444"]}}
    template = synthesize({"prod": variation(changes)})["mlops-prod-FeatureStore"]
    made = {group["Properties"]["FeatureGroupName"]: group for group in of_type(template, "SageMaker::FeatureGroup")}

    assert set(made) == {"Shop_Customers", "mlops-prod-memory", "mlops-prod-history"}
    everything = made["Shop_Customers"]["Properties"]
    assert everything["OfflineStoreConfig"]["DataCatalogConfig"]["TableName"] == "t"
    assert everything["OfflineStoreConfig"]["TableFormat"] == "Iceberg"
    assert everything["OnlineStoreConfig"]["TtlDuration"] == {"Unit": "Weeks", "Value": 2}
    assert everything["ThroughputConfig"]["ProvisionedReadCapacityUnits"] == 5
    assert made["mlops-prod-memory"]["Properties"]["OnlineStoreConfig"] == {
        "EnableOnlineStore": True,
        "StorageType": "InMemory",
    }
    assert "OnlineStoreConfig" not in made["mlops-prod-history"]["Properties"]
    assert made["mlops-prod-history"]["DeletionPolicy"] == "Retain"
    settings = of_type(template, "Athena::WorkGroup")[0]["Properties"]["WorkGroupConfiguration"]
    assert settings["BytesScannedCutoffPerQuery"] == 1_500_000_000
    assert {"222222222222", "444444444444"} <= set(str(of_type(template, "KMS::Key")[0]).split(":"))
    assert len(of_type(template, "RAM::ResourceShare")) == 1
    policies = {str(policy["Properties"]["Roles"]): str(policy) for policy in of_type(template, "IAM::Policy")}
    assert "sagemaker:PutRecord" in policies["['api']"]
    assert "athena:StartQueryExecution" in policies["['train']"]
    assert "sagemaker:PutRecord" not in policies["['train']"]
    assert "spine_*" in policies["['fit']"]
    watched = next(
        variables
        for function in of_type(template, "Lambda::Function")
        if "FEATURE_GROUP_NAME" in (variables := function["Properties"].get("Environment", {}).get("Variables", {}))
    )
    assert (watched["FEATURE_GROUP_NAME"], watched["DRIFT_THRESHOLD"]) == ("Shop_Customers", "0.2")


def test_no_groups_no_stack(synthesize: Synthesize, variation: Vary) -> None:
    assert "mlops-dev-FeatureStore" not in synthesize({"dev": variation({"feature_groups": None}, "dev")})


def test_another_group_changes_no_other(synthesize: Synthesize, variation: Vary) -> None:
    other = {"record_id": "i", "event_time": "t", "features": {"i": "string", "t": "string"}, "online": True}
    one = synthesize({"dev": variation({}, "dev")})
    two = synthesize({"dev": variation({"feature_groups": {"orders": other}}, "dev")})

    for stack, template in one.items():
        assert set(two) == set(one)
        for logical_id, resource in template["Resources"].items():
            assert two[stack]["Resources"][logical_id] == resource, f"{stack}/{logical_id}"


class TestRecords:
    def test_unchanged_says_nothing(self, file: Path) -> None:
        assert warnings(stage(file)) == []

    def test_an_added_feature_is_let_through_with_a_word(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        edit(file, "calls: integral", "calls: integral, age: integral")
        (warning,) = warnings(stage(file))

        assert "features are added: age" in warning
        assert "python -m tools.feature_schema accept test customers" in warning
        assert feature_schema.main(["check", str(file)]) == 1
        assert feature_schema.main(["accept", str(file)]) == 0
        assert feature_schema.main(["check", str(file)]) == 0
        assert warnings(stage(file)) == []
        assert "commit it" in capsys.readouterr().out

    def test_an_added_feature_that_was_recorded_cannot_be_taken_back(self, file: Path) -> None:
        edit(file, "calls: integral", "calls: integral, age: integral")
        assert feature_schema.main(["accept", str(file)]) == 0
        edit(file, ", age: integral", "")

        with pytest.raises(ConstructError, match='feature "age" is removed'):
            stage(file)

    @pytest.mark.parametrize(
        ("old", "new", "reason"),
        [
            (", calls: integral", "", 'feature "calls" is removed'),
            ("calls: integral", "calls: string", 'feature "calls" becomes String, was Integral'),
            ("record_id: customer_id", "record_id: calls", "record identifier becomes calls, was customer_id"),
            ("online: {ttl: 30 days}\n    ", "", "the online store becomes none, was true"),
            ("offline: glue", "offline: iceberg", "offline store's TableFormat becomes Iceberg, was Glue"),
            ("offline: glue", "description: Hi\n    offline: glue", "a description of the group can never be edited"),
            ("offline: glue", "name: other\n    offline: glue", "the name becomes other, was mlops-test-customers"),
            ("tags:", "project: shop\ntags:", "moves from stack mlops-test-FeatureStore to shop-test-FeatureStore"),
        ],
    )
    def test_what_would_replace_a_group_is_refused(
        self, file: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, reason: str
    ) -> None:
        edit(file, old, new)

        with pytest.raises(ConstructError) as caught:
            stage(file)
        text = str(caught.value)
        assert "FeatureStore/Group-customers" in text
        assert reason in text
        assert "would delete its online records" in text
        assert "python -m tools.feature_schema accept test customers --replace" in text
        # Recording it needs to be said as well.
        assert feature_schema.main(["accept", str(file)]) == 1
        assert reason in capsys.readouterr().err
        assert feature_schema.main(["accept", str(file), "customers", "--replace"]) == 0
        assert warnings(stage(file)) == []

    def test_changes_in_place_are_let_through(self, file: Path) -> None:
        edit(file, "30 days", "12 hours")
        edit(file, "tags: {team: risk}", "tags: {team: sales, cost: x}")
        (warning,) = warnings(stage(file))

        assert "time to live becomes" in warning

    @pytest.mark.parametrize(("removal", "consequence"), [("retain", "unmanaged"), ("destroy", "delete it")])
    def test_a_group_that_is_removed(self, file: Path, removal: str, consequence: str) -> None:
        text = (ENVIRONMENT % removal).partition("feature_groups:")[0]
        file.write_text(text, encoding="utf-8")

        with pytest.raises(ConstructError) as caught:
            stage(file)
        assert consequence in str(caught.value)
        assert "accept test customers --drop" in str(caught.value)
        assert feature_schema.main(["check", str(file)]) == 1
        assert feature_schema.main(["accept", str(file), "customers", "--drop"]) == 0
        assert stage(file).feature_store is None

    def test_a_group_that_is_not_recorded(self, file: Path) -> None:
        (feature_records.directory(file) / "customers.json").unlink()
        (warning,) = warnings(stage(file))

        assert "feature group customers is not recorded" in warning

    def test_nothing_is_written_at_synthesis(self, file: Path) -> None:
        edit(file, "calls: integral", "calls: integral, age: integral")
        before = {path: path.read_bytes() for path in file.parent.rglob("*") if path.is_file()}
        stage(file).synth()

        assert {path: path.read_bytes() for path in file.parent.rglob("*") if path.is_file()} == before

    def test_a_record_is_the_template(self, file: Path) -> None:
        (template,) = (
            artifact.template for artifact in stage(file).synth().stacks if artifact.stack_name.endswith("FeatureStore")
        )
        record = SchemaRecord.read(feature_records.directory(file) / "customers.json")

        assert template["Resources"][record.logical_id]["Properties"] == record.properties


class TestCommand:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["accept", "{file}", "orders"], "orders: no such feature group in test.yaml; there are: customers"),
            (["accept", "{file}", "customers", "--drop"], "customers: still in test.yaml; remove it there first"),
            (["accept", "{file}", "--replace"], "name the groups"),
            (["accept", "{folder}/none.yaml"], "does not exist"),
            (["infer", "{file}.csv"], "there is no file"),
        ],
    )
    def test_mistakes(self, file: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
        filled = [argument.format(file=file, folder=file.parent) for argument in arguments]

        assert feature_schema.main(filled) in (1, 2)
        assert message in capsys.readouterr().err

    def test_broken_record(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (feature_records.directory(file) / "customers.json").write_text("{", encoding="utf-8")

        assert feature_schema.main(["check", str(file)]) == 2
        assert "restore it from version control" in capsys.readouterr().err

    def test_infer(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "data.csv").write_text("id,calls,share\na,1,0.5\n", encoding="utf-8")

        assert feature_schema.main(["infer", str(tmp_path / "data.csv")]) == 0
        assert capsys.readouterr().out == "features:\n  id: string\n  calls: integral\n  share: fractional\n"

    def test_app_reports_a_refusal_without_a_traceback(
        self, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        edit(file, ", calls: integral", "")
        monkeypatch.setenv("MLOPS_ENV", str(file))

        assert program.main() == 2
        assert 'feature "calls" is removed' in capsys.readouterr().err

    def test_app_reports_a_broken_record(
        self, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (feature_records.directory(file) / "customers.json").write_text("[]", encoding="utf-8")
        monkeypatch.setenv("MLOPS_ENV", str(file))

        assert program.main() == 2
        assert "is not a record of a feature group" in capsys.readouterr().err
