"""A deployed group changes in place or not at all.

What replaces a group is decided here by the resource's provider schema, which the library does not read.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from cdk_sagemaker_mlops import ConstructError
from cdk_sagemaker_mlops import feature_store as fs
from cdk_sagemaker_mlops.feature_store import Feature, FeatureType, _definition
from cdk_sagemaker_mlops.feature_store.evolution import CREATE_ONLY, MOST_ADDITIONS

Make = Callable[..., fs.FeatureGroup]
SCHEMA = PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-west-1", "AWS::SageMaker::FeatureGroup").schema
REPLACING = [tuple(path.split("/")[2:]) for path in SCHEMA["createOnlyProperties"]]
KEYS = [Feature.string("customer_id"), Feature.string("updated_at")]


def at(properties: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = properties
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def replacing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What replaces the group, or cannot be deployed, by the provider schema and the API."""
    found = ["/".join(path) for path in REPLACING if at(before, path) != at(after, path)]
    old = {item["FeatureName"]: item["FeatureType"] for item in before["FeatureDefinitions"]}
    new = {item["FeatureName"]: item["FeatureType"] for item in after["FeatureDefinitions"]}
    return found + [name for name, kind in old.items() if new.get(name) != kind]


def test_the_library_knows_what_the_provider_says() -> None:
    assert sorted(CREATE_ONLY) == sorted(REPLACING)
    assert SCHEMA.get("conditionalCreateOnlyProperties", []) == []


def build(
    definition: Mapping[str, Any], record: fs.SchemaRecord | None = None
) -> tuple[dict[str, Any], fs.FeatureGroup]:
    """Properties in the template of a group in an app of its own, and the group."""
    app = cdk.App()
    stack = cdk.Stack(app, definition.get("stack", "Features"))
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", definition.get("bucket", "the-bucket"))
    database = fs.FeatureDatabase.from_database_name(stack, "Database", "features")
    offline = definition.get("offline")
    group = fs.FeatureGroup(
        stack,
        definition.get("id", "Customers"),
        name=definition.get("name", "customers"),
        record_identifier=definition.get("record_identifier", "customer_id"),
        event_time=definition.get("event_time", "updated_at"),
        features=[*KEYS, *(Feature(name, kind) for name, kind in definition["features"].items())],
        online=None
        if definition.get("storage") is None
        else fs.OnlineStore(storage_type=definition["storage"], ttl=definition.get("ttl")),
        offline=None
        if offline is None
        else fs.OfflineStore(bucket=bucket, database=database, table=offline[0], table_format=offline[1]),
        throughput=definition.get("throughput"),
        description=definition.get("description", ""),
        tags=definition.get("tags", {}),
        alarms=fs.FeatureGroupAlarms(freshness_hours=definition.get("freshness", 24)),
        record=record,
    )
    template = app.synth().get_stack_by_name(stack.stack_name).template
    (resource,) = (value for value in template["Resources"].values() if value["Type"] == "AWS::SageMaker::FeatureGroup")
    return resource["Properties"], group


NAMES = st.sampled_from(["age", "city", "minutes", "calls", "plan", "score"])
TYPES = st.sampled_from(list(FeatureType))
STANDARD = st.sampled_from([fs.StorageType.STANDARD])
OFFLINE = st.tuples(st.sampled_from(["customers", "clients"]), st.sampled_from(list(fs.TableFormat)))
DEFINITIONS = st.fixed_dictionaries(
    {
        "features": st.dictionaries(NAMES, TYPES, min_size=1, max_size=5),
        "storage": STANDARD,
        "ttl": st.none() | st.builds(fs.TimeToLive.days, st.integers(1, 90)),
        "offline": st.none() | OFFLINE,
        "throughput": st.none()
        | st.builds(lambda units: fs.Throughput.provisioned(write_units=units), st.integers(1, 99)),
        "description": st.sampled_from(["", "Who buys"]),
        "tags": st.sampled_from([{}, {"owner": "risk"}]),
    }
)
EVOLUTIONS = st.fixed_dictionaries(
    {},
    optional={
        "added": st.dictionaries(st.sampled_from(["n1", "n2", "n3"]), TYPES, min_size=1),
        "removed": st.integers(0, 4),
        "retyped": st.tuples(st.integers(0, 4), TYPES),
        "ttl": st.none() | st.builds(fs.TimeToLive.hours, st.integers(1, 90)),
        "throughput": st.none()
        | st.builds(lambda units: fs.Throughput.provisioned(write_units=units), st.integers(1, 99)),
        "freshness": st.sampled_from([None, 48]),
        "storage": st.sampled_from([None, *fs.StorageType]),
        "offline": st.none() | OFFLINE,
        "name": st.sampled_from(["customers", "clients"]),
        "event_time": st.sampled_from(["updated_at", "customer_id"]),
        "description": st.sampled_from(["", "Who buys", "Who sells"]),
        "tags": st.sampled_from([{}, {"owner": "sales"}]),
        "bucket": st.just("another-bucket"),
        "id": st.sampled_from(["Customers", "Clients"]),
        "stack": st.sampled_from(["Features", "Elsewhere"]),
    },
)


def evolved(definition: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    after = copy.deepcopy(dict(definition))
    features = after["features"]
    names = list(features)
    if "retyped" in change:
        position, kind = change["retyped"]
        features[names[position % len(names)]] = kind
    if "removed" in change:
        features.pop(names[change["removed"] % len(names)])
    features |= change.get("added", {})
    return after | {key: value for key, value in change.items() if key not in ("added", "removed", "retyped")}


def test_a_hundred_evolutions() -> None:
    outcomes: Counter[str] = Counter()

    @settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(definition=DEFINITIONS, change=EVOLUTIONS)
    def run(definition: dict[str, Any], change: dict[str, Any]) -> None:
        outcomes[outcome(definition, change)] += 1

    run()

    assert sum(outcomes.values()) >= 100
    assert min(outcomes["in place"], outcomes["refused"]) >= 10, outcomes


def outcome(definition: dict[str, Any], change: dict[str, Any]) -> str:
    """Deploy a definition, change it, and say what became of the change; asserts that nothing is replaced."""
    before, deployed = build(definition)
    record = deployed.proposed_record
    after = evolved(definition, change)
    try:
        unchecked, _ = build(after)
    except ConstructError:
        reject()  # no group at all, whether there was one before or not
    lost = replacing(before, unchecked)
    moved = after.get("id", "Customers") != "Customers" or after.get("stack", "Features") != "Features"
    if not lost and not moved:
        properties, group = build(after, record)
        assert replacing(before, properties) == []
        assert set(group.evolution.additions) == set(after["features"]) - set(definition["features"])
        return "in place"
    with pytest.raises(ConstructError) as caught:
        build(after, record)
    # Nothing is refused in general: each reason is there, and a way to get there on purpose.
    assert len(caught.value.problems) >= 2
    for name in set(lost) & set(record.features):
        assert f'feature "{name}"' in str(caught.value)
    assert "define a second group beside it" in caught.value.problems[-1]
    return "refused"


def test_adding_features_is_an_update_in_place_with_a_word_about_recording_it() -> None:
    _, deployed = build({"features": {"age": FeatureType.INTEGRAL}, "storage": fs.StorageType.STANDARD})
    record = deployed.proposed_record
    after = {"features": {"age": FeatureType.INTEGRAL, "city": FeatureType.STRING}, "storage": fs.StorageType.STANDARD}
    properties, group = build(after, record)

    assert group.evolution == fs.Evolution(additions=("city",))
    assert {"FeatureName": "city", "FeatureType": "String"} in properties["FeatureDefinitions"]
    entries = [entry.data for entry in group.node.metadata if entry.type == "aws:cdk:warning"]
    assert len(entries) == 1
    assert "features are added: city" in str(entries[0])
    assert record.accept in str(entries[0])


def test_nothing_changed_says_nothing() -> None:
    definition = {"features": {"age": FeatureType.INTEGRAL}, "storage": fs.StorageType.STANDARD}
    _, group = build(definition, build(definition)[1].proposed_record)

    assert group.evolution.is_empty
    assert [entry for entry in group.node.metadata if entry.type == "aws:cdk:warning"] == []


def test_two_kinds_of_change_at_once_are_said_to_be_risky() -> None:
    definition = {"features": {"age": FeatureType.INTEGRAL}, "storage": fs.StorageType.STANDARD}
    record = build(definition)[1].proposed_record
    after = definition | {"ttl": fs.TimeToLive.days(1), "throughput": fs.Throughput.provisioned(write_units=5)}
    _, group = build(after, record)

    assert len(group.evolution.updates) == 2
    assert "one way at a time" in str([entry.data for entry in group.node.metadata])


def test_more_features_than_one_update_takes() -> None:
    definition = {"features": {"age": FeatureType.INTEGRAL}, "storage": fs.StorageType.STANDARD}
    record = build(definition)[1].proposed_record
    more = {f"f{number}": FeatureType.STRING for number in range(MOST_ADDITIONS + 1)}

    with pytest.raises(ConstructError, match="101 features are added at once, SageMaker takes 100"):
        build(definition | {"features": definition["features"] | more}, record)  # type: ignore[operator]


def test_later_defaults_of_the_library_replace_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    definition = {
        "features": {"age": FeatureType.INTEGRAL},
        "storage": fs.StorageType.STANDARD,
        "offline": (None, None),
    }
    before, deployed = build(definition)
    record = deployed.proposed_record
    monkeypatch.setattr(_definition, "DEFAULTS", {"storage_type": "InMemory", "table_format": "Iceberg"})
    after, group = build(definition, record)
    fresh, _ = build(definition)

    assert after == before
    assert group.evolution.is_empty
    assert fresh["OfflineStoreConfig"]["TableFormat"] == "Iceberg"


def test_a_default_that_is_spelled_out_changes_nothing() -> None:
    silent = {"features": {"age": FeatureType.INTEGRAL}, "storage": None, "offline": (None, None)}
    record = build(silent)[1].proposed_record
    spoken = silent | {"offline": ("customers", fs.TableFormat.GLUE)}

    assert build(spoken, record)[1].evolution.is_empty


def test_a_tag_of_the_app_changes_no_group(app: cdk.App) -> None:
    definition = {"features": {"age": FeatureType.INTEGRAL}, "storage": fs.StorageType.STANDARD}
    before, _ = build(definition)
    cdk.Tags.of(app).add("team", "risk", exclude_resource_types=["aws:cdk:stack"])
    stack = cdk.Stack(app, "Features")
    fs.FeatureGroup(
        stack,
        "Customers",
        name="customers",
        record_identifier="customer_id",
        event_time="updated_at",
        features=[*KEYS, Feature.integral("age")],
        online=fs.OnlineStore(),
    )
    template = app.synth().get_stack_by_name("Features").template

    assert [r["Properties"] for r in template["Resources"].values() if "FeatureGroup" in r["Type"]] == [before]


def test_logical_ids_are_pinned(make_group: Make, synthesise: Callable[[], Any]) -> None:
    """A changed id of the group is another group, one of its role another role, which replaces the group."""
    make_group()
    template = synthesise()

    assert list(template.of_type("SageMaker::FeatureGroup")) == ["Customers6955EA0A"]
    assert list(template.of_type("IAM::Role")) == ["CustomersRoleD4DE021F"]


class TestRecordFiles:
    def record(self) -> fs.SchemaRecord:
        definition = {"features": {"age": FeatureType.INTEGRAL}, "storage": None, "offline": (None, None)}
        return build(definition)[1].proposed_record

    def test_there_and_back(self, tmp_path: Path) -> None:
        file = tmp_path / "new" / "customers.json"
        record = self.record()
        record.write(file)

        assert fs.SchemaRecord.read(file) == record
        assert fs.compare(record, fs.SchemaRecord.read(file)).is_empty

    def test_an_added_feature_is_one_line(self) -> None:
        small = self.record()
        definition = {
            "features": {"age": FeatureType.INTEGRAL, "city": FeatureType.STRING},
            "storage": None,
            "offline": (None, None),
        }
        large = build(definition)[1].proposed_record
        added = set(large.to_json().splitlines()) - set(small.to_json().splitlines())

        assert added == {'    "city": "String"', '    "age": "Integral",'}

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "is not a record"),
            ("[]", "is not a record"),
            ('{"format": 1}', "is not a record"),
            ('{"format": 2}', "has format 2, this version of the library knows 1"),
        ],
    )
    def test_broken_files(self, tmp_path: Path, text: str, message: str) -> None:
        file = tmp_path / "customers.json"
        file.write_text(text)

        with pytest.raises(fs.RecordError, match=message):
            fs.SchemaRecord.read(file)

    def test_records_hold_no_tokens(self) -> None:
        assert "Token[" not in json.dumps(self.record().to_json())
