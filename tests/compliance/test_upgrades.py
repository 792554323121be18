"""A new version deletes and replaces nothing that holds data, compared with the latest release's templates."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tools.release import newest_release
from tools.stateful import Record, record, replaced


@pytest.fixture(scope="session")
def now(templates: dict[str, dict[str, Any]]) -> Record:
    return record(templates)


def test_nothing_of_the_latest_release_is_lost(now: Record) -> None:
    release = newest_release()
    assert release is not None, "releases/ holds no record"
    version, then = release

    assert replaced(then, now) == [], f"compared with {version}; CHANGELOG.md must say how to move the data"


def test_the_record_is_not_empty(now: Record) -> None:
    kinds = {resource["type"] for resources in now.values() for resource in resources.values()}
    assert {"AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SageMaker::FeatureGroup"} <= kinds


def _bucket(**properties: Any) -> dict[str, Any]:
    return {"Resources": {"Data": {"Type": "AWS::S3::Bucket", "Properties": properties}}}


@pytest.mark.parametrize(
    ("later", "finding"),
    [
        (_bucket(BucketName="b", Tags=[{"Key": "team", "Value": "x"}]), None),
        (_bucket(BucketName="c"), "is replaced: BucketName was 'b' and is 'c'"),
        (_bucket(), "is replaced: BucketName was 'b' and is None"),
        ({"Resources": {}}, None),
        (
            {"Resources": {"Other": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "b"}}}},
            "S/Data (AWS::S3::Bucket) is gone",
        ),
    ],
)
def test_what_is_found(later: dict[str, Any], finding: str | None) -> None:
    before = record({"S": _bucket(BucketName="b")})

    found = replaced(before, record({"S": later}))

    assert found == [] if finding is None else finding in found[0]


def test_another_type_under_the_same_id_is_found(now: Record) -> None:
    changed = copy.deepcopy(now)
    stack = next(iter(changed))
    logical_id = next(iter(changed[stack]))
    changed[stack][logical_id]["type"] = "AWS::Logs::LogGroup"

    assert [line for line in replaced(now, changed) if "and is AWS::Logs::LogGroup" in line]
