"""What the ready pipeline reports is what the insights report reads."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from botocore.exceptions import ClientError

from insights.registry import versions
from shared.s3 import S3Uri
from tabular_training.evaluate import evaluate
from tabular_training.quality import quality

STATISTICS = "s3://models/churn/evaluation/evaluation.json"
ARCHIVE = "s3://models/churn/pipelines-abc-Train-xyz/output/model.tar.gz"


class Sagemaker:
    """A registry with one version, and the job that made it."""

    def __init__(self, archive: str = ARCHIVE, error: str | None = None) -> None:
        self.archive, self.error = archive, error

    def list_model_packages(self, **_: Any) -> dict[str, Any]:
        return {"ModelPackageSummaryList": [{"ModelPackageArn": "arn/1"}]}

    def describe_model_package(self, **_: Any) -> dict[str, Any]:
        return {
            "ModelPackageArn": "arn/1",
            "ModelPackageVersion": 1,
            "CreationTime": datetime(2026, 11, 1, tzinfo=UTC),
            "ModelApprovalStatus": "Approved",
            "ModelMetrics": {"ModelQuality": {"Statistics": {"S3Uri": STATISTICS}}},
            "InferenceSpecification": {"Containers": [{"ModelDataUrl": self.archive}]},
        }

    def describe_training_job(self, **request: str) -> dict[str, Any]:
        if self.error:
            raise ClientError({"Error": {"Code": "ValidationException", "Message": self.error}}, "DescribeTrainingJob")
        assert request["TrainingJobName"] == "pipelines-abc-Train-xyz"
        return {
            "TrainingJobName": request["TrainingJobName"],
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2},
            "TrainingTimeInSeconds": 600,
            "BillableTimeInSeconds": 200,
            "EnableManagedSpotTraining": True,
            "TuningJobArn": "arn:aws:sagemaker:eu-west-1:111111111111:hyper-parameter-tuning-job/tune",
            "FinalMetricDataList": [
                {"MetricName": "train:auc", "Value": 0.7},
                {"MetricName": "validation:auc", "Value": 0.6},
                {"MetricName": "ObjectiveMetric", "Value": 0.6},
            ],
        }

    def describe_hyper_parameter_tuning_job(self, **_: str) -> dict[str, Any]:
        return {"TrainingJobStatusCounters": {"Completed": 8, "NonRetryableError": 1}}


def test_every_number_arrives(trained: Any, tmp_path: Path) -> None:
    report = evaluate(trained.configuration, trained.folders.model, trained.root / "test", tmp_path)
    written = (tmp_path / "evaluation" / "evaluation.json").read_bytes()
    unread: list[str] = []

    (found,) = versions(Sagemaker(), "churn", {S3Uri.parse(STATISTICS): written}.get, unread)

    assert unread == []
    assert found.metrics["auc"] == report["binary_classification_metrics"]["auc"]["value"]
    assert "confusion_matrix" not in found.metrics
    assert found.metric == "auc"
    assert found.training == {name: trained.diagnostics[name] for name in ("train", "validation")}
    assert found.gap == pytest.approx(1 - found.training["validation"] / found.training["train"])
    assert set(found.curve) == {"train", "validation"}
    assert 1 < len(found.curve["train"]) <= 60
    assert found.importance == report["feature_importance"]
    assert found.findings == tuple(finding["rule"] for finding in trained.diagnostics["findings"])
    assert found.data is not None
    assert found.data.rows > 300
    assert found.data.missing == {"minutes": pytest.approx(0.04, abs=0.02)}
    assert found.job is not None
    assert (found.job.seconds, found.job.billed, found.job.tuning) == (1200, 400, "tune")
    assert (found.job.tried, found.job.failed) == (9, 1)


def test_without_an_evaluation_the_jobs_last_metrics_count() -> None:
    (found,) = versions(Sagemaker(), "churn", {}.get, [])

    assert found.training == {"train": 0.7, "validation": 0.6}
    assert (found.metric, found.metrics) == ("auc", {})


@pytest.mark.parametrize(
    ("sagemaker", "unread"),
    [
        (Sagemaker(archive="s3://models/by-hand.tar.gz"), 0),
        (Sagemaker(error="Requested resource not found."), 0),
        (Sagemaker(error="User is not authorized"), 1),
    ],
)
def test_archives_without_a_job(sagemaker: Sagemaker, unread: int) -> None:
    said: list[str] = []

    (found,) = versions(sagemaker, "churn", lambda _: b"{}", said)

    assert found.job is None
    assert len(said) == unread


def test_what_is_odd_about_data() -> None:
    frame = pd.DataFrame(
        {
            "left": [0, 1, 0, 0, 1, 1],
            "a": [1, 2, 1, None, 2, 3],
            "b": ["x"] * 6,
            "c": [None, None, None, "q", None, "r"],
        }
    )
    train, test = frame.iloc[:4], frame.iloc[4:]

    found = quality(train, [test], ["left", "a", "b", "c"])

    assert found == {
        "rows": 4,
        "duplicates": 1,
        "in_both": 1,
        "constant": ["b"],
        "missing": {"c": 0.75, "a": 0.25},
    }
