"""Logical ids of what holds data. A changed id deletes (or orphans) the resource in every account that has it."""

from __future__ import annotations

from typing import Any

STATEFUL = (
    "AWS::Glue::Database",
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SageMaker::Endpoint",
    "AWS::SageMaker::FeatureGroup",
    "AWS::SageMaker::ModelPackageGroup",
)

PINNED = {
    "mlops-dev-FeatureStore": [
        "DatabaseB269D8BB",
        "Groupcustomers2D16B18E",
        "StorageAccessLogsEF12E832",
        "StorageKeyB5604950",
        "StorageOfflineFBF7619C",
        "StorageResultsC2953950",
    ],
    "mlops-dev-Registry": ["Groupchurn9DDC85BE"],
    "mlops-prod-Delivery": ["ControllerDeadLetters4827E18E", "ControllerQueue9721BAAE"],
    "mlops-prod-Foundation": [
        "NotificationsEmailmlopsexamplecom6E58623D",
        "NotificationsTopic70DDC119",
        "StorageAccessLogsEF12E832",
        "StorageBaselines5C34235E",
        "StorageCaptureB1C8D9C1",
        "StorageGroundTruthECCF9C31",
        "StorageKeyB5604950",
        "StorageModelsCE07D659",
        "StorageReports40A0510C",
    ],
    "mlops-prod-Serving-churn": [
        "BiasDeadLetters22303124",
        "DataQualityDeadLetters0761B701",
        "EndpointEEF1FD8F",
        "ModelQualityDeadLettersE61AEFA4",
    ],
}

# What the rollout controller sets; it finds them by these names in every stack that was ever deployed.
PARAMETERS = [
    "BootstrapVersion",
    "DataQualityConstraintsUri",
    "DataQualityStatisticsUri",
    "ModelBiasConstraintsUri",
    "ModelPackageArn",
    "ModelQualityConstraintsUri",
    "ModelQualityStatisticsUri",
    "RetainVariantProperties",
]


def test_stateful_resources_keep_their_ids(templates: dict[str, dict[str, Any]]) -> None:
    found = {
        stack: sorted(
            logical_id for logical_id, resource in templates[stack]["Resources"].items() if resource["Type"] in STATEFUL
        )
        for stack in PINNED
    }

    assert found == PINNED


def test_parameters_keep_their_names(templates: dict[str, dict[str, Any]]) -> None:
    assert sorted(templates["mlops-prod-Serving-churn"]["Parameters"]) == PARAMETERS


def test_exports_are_few_and_keep_their_names(templates: dict[str, dict[str, Any]]) -> None:
    exporting = {
        stack: sorted(name for name, output in template.get("Outputs", {}).items() if "Export" in output)
        for stack, template in templates.items()
    }
    exporting = {stack: names for stack, names in exporting.items() if names}

    assert {stack.split("-")[2] for stack in exporting} == {"Foundation"}
    assert exporting["mlops-prod-Foundation"] == [
        "ExportsOutputFnGetAttStorageKeyB5604950Arn1BA737DB",
        "ExportsOutputRefNotificationsTopic70DDC119C8161A18",
        "ExportsOutputRefStorageBaselines5C34235EC43E694C",
        "ExportsOutputRefStorageCaptureB1C8D9C1B3CC27BA",
        "ExportsOutputRefStorageGroundTruthECCF9C31CC7A6F5B",
        "ExportsOutputRefStorageModelsCE07D6595E5B6E31",
        "ExportsOutputRefStorageReports40A0510C8DFB3B0E",
    ]
