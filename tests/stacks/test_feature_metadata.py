"""Descriptions and parameters of features, published to the embedded SageMaker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sagemaker_local.server import LocalAws
from stacks.settings.features import FeatureSettings
from tools import feature_metadata

GROUP = "customers"


@pytest.fixture
def client() -> Iterator[Any]:
    with LocalAws() as aws:
        found = aws.clients("sagemaker", "111111111111", "eu-west-1")
        found.create_feature_group(
            FeatureGroupName=GROUP,
            RecordIdentifierFeatureName="id",
            EventTimeFeatureName="at",
            FeatureDefinitions=[
                {"FeatureName": "id", "FeatureType": "String"},
                {"FeatureName": "at", "FeatureType": "String"},
                {"FeatureName": "calls", "FeatureType": "Integral"},
            ],
            OnlineStoreConfig={"EnableOnlineStore": True},
        )
        yield found


def test_only_what_differs_is_written(client: Any) -> None:
    first = {
        "id": FeatureSettings(type="string"),
        "calls": FeatureSettings(
            type="integral", description="Hotline calls", parameters={"source": "crm", "unit": "1"}
        ),
    }
    second = first | {
        "calls": FeatureSettings(type="integral", description="Calls", parameters={"source": "lake", "owner": "risk"})
    }

    assert feature_metadata.publish(client, GROUP, first, dry_run=True) == ["calls"]
    assert feature_metadata.publish(client, GROUP, first) == ["calls"]
    assert feature_metadata.publish(client, GROUP, first) == []
    assert feature_metadata.publish(client, GROUP, second) == ["calls"]

    found = client.describe_feature_metadata(FeatureGroupName=GROUP, FeatureName="calls")
    assert found["Description"] == "Calls"
    assert {item["Key"]: item["Value"] for item in found["Parameters"]} == {"source": "lake", "owner": "risk"}


def test_a_missing_environment_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert feature_metadata.main(["nowhere"]) == 2
    assert "does not exist" in capsys.readouterr().err
