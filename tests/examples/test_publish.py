"""The script of the first page: what it registers can be deployed and watched."""

from __future__ import annotations

import json
import tarfile
from io import BytesIO
from typing import Any

import xgboost

from examples.minimal import publish
from model_analyzer import data_quality


class Recorder:
    """Stands for both clients and keeps what they are given."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.version: dict[str, Any] = {}

    def put_object(self, **request: Any) -> None:
        self.objects[f"s3://{request['Bucket']}/{request['Key']}"] = request["Body"]

    def create_model_package(self, **request: Any) -> dict[str, str]:
        self.version = request
        return {"ModelPackageArn": "arn/1"}


def test_the_version_is_approved_and_everything_that_it_names_is_there() -> None:
    aws = Recorder()

    assert publish.register(aws, aws, "models") == "arn/1"

    assert (aws.version["ModelPackageGroupName"], aws.version["ModelApprovalStatus"]) == ("churn", "Approved")
    (container,) = aws.version["InferenceSpecification"]["Containers"]
    with tarfile.open(fileobj=BytesIO(aws.objects[container["ModelDataUrl"]])) as tar:
        member = tar.extractfile("xgboost-model")
        assert member is not None
        booster = xgboost.Booster(model_file=bytearray(member.read()))
    assert booster.num_features() == len(publish.FEATURES)
    baseline = aws.version["DriftCheckBaselines"]["ModelDataQuality"]
    statistics = json.loads(aws.objects[baseline["Statistics"]["S3Uri"]])
    assert [feature["name"] for feature in statistics["features"]] == ["probability", *publish.FEATURES]
    data_quality.Constraints.from_json(aws.objects[baseline["Constraints"]["S3Uri"]])
