"""SageMaker: versions in the model registry, and what an endpoint runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from deploy.decide import is_quarantined
from deploy.package import Package
from deploy.promotion import HEALTHY_IN, PENDING, healthy_in
from deploy.state import Endpoint, Quarantined
from shared.clients import error_code, error_text, says

#: Where a version's baselines stand in DescribeModelPackage: monitor type -> file kind -> paths, first match wins.
#: The drift-check baselines come first, because they are the ones that the version's author chose to be checked
#: against; the metrics' files describe the version's own training data.
#: https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-quality-clarify-baseline-lifecycle.html
BASELINES: Mapping[str, Mapping[str, Sequence[tuple[str, ...]]]] = {
    "DataQuality": {
        "constraints": (
            ("DriftCheckBaselines", "ModelDataQuality", "Constraints"),
            ("ModelMetrics", "ModelDataQuality", "Constraints"),
        ),
        "statistics": (
            ("DriftCheckBaselines", "ModelDataQuality", "Statistics"),
            ("ModelMetrics", "ModelDataQuality", "Statistics"),
        ),
    },
    "ModelQuality": {
        "constraints": (
            ("DriftCheckBaselines", "ModelQuality", "Constraints"),
            ("ModelMetrics", "ModelQuality", "Constraints"),
        ),
        "statistics": (
            ("DriftCheckBaselines", "ModelQuality", "Statistics"),
            ("ModelMetrics", "ModelQuality", "Statistics"),
        ),
    },
    "ModelBias": {
        "constraints": (
            ("DriftCheckBaselines", "Bias", "PostTrainingConstraints"),
            ("ModelMetrics", "Bias", "PostTrainingReport"),
            ("ModelMetrics", "Bias", "Report"),
        ),
    },
    "ModelExplainability": {
        "constraints": (
            ("DriftCheckBaselines", "Explainability", "Constraints"),
            ("ModelMetrics", "Explainability", "Report"),
        ),
    },
}
_ABSENT = ("does not exist", "could not find", "not found", "cannot find")


class GroupMissing(LookupError):
    """The registered model package group does not exist."""


class Registry:
    """Reader of model package groups and endpoints. It changes nothing but the stage of a version that proved good."""

    def __init__(self, sagemaker: Any) -> None:
        self._sagemaker = sagemaker

    def approved(
        self, group: str, quarantine: Sequence[Quarantined], admitted: Callable[[Package], bool]
    ) -> list[Package]:
        """Approved versions of ``group`` (name or ARN), newest first, down to the first that could be rolled out.

        Reading stops there because a group may hold thousands of versions. What could be rolled out is read in full and
        afresh, because lists lag behind. Raises :class:`GroupMissing`.
        """
        packages: list[Package] = []
        pages = self._sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=group, ModelApprovalStatus="Approved", SortBy="CreationTime", SortOrder="Descending"
        )
        try:
            for page in pages:
                for item in page["ModelPackageSummaryList"]:
                    listed = _summary(item)
                    if not listed.deployable or is_quarantined(listed.arn, quarantine):
                        packages.append(listed)
                        continue
                    package = self.describe(listed.arn)
                    if package is None:
                        continue
                    packages.append(package)
                    if package.deployable and admitted(package):
                        return packages
        except ClientError as error:
            if _absent(error):
                raise GroupMissing(f"model package group {group} does not exist: {error_text(error)}") from error
            raise
        return packages

    def describe(self, arn: str) -> Package | None:
        """One version with its baselines; None when the registry no longer has it."""
        try:
            document = self._sagemaker.describe_model_package(ModelPackageName=arn)
        except ClientError as error:
            if _absent(error):
                return None
            raise
        return Package(
            arn=document["ModelPackageArn"],
            approval=document.get("ModelApprovalStatus", ""),
            status=document.get("ModelPackageStatus", ""),
            modified_at=document.get("LastModifiedTime") or document["CreationTime"],
            baselines=_baselines(document),
            stage=(document.get("ModelLifeCycle") or {}).get("Stage", ""),
            stage_status=(document.get("ModelLifeCycle") or {}).get("StageStatus", ""),
            healthy_in=healthy_in(document.get("CustomerMetadataProperties") or {}),
        )

    def propose(self, package: Package, stage: str, controller: str, since: datetime) -> None:
        """Note that a version has been healthy in the controller's environment, and propose it for the next stage.

        A person who was faster is not overruled: a version that is at that stage already keeps its status.
        """
        stamp = since.replace(microsecond=0).isoformat()
        change: dict[str, Any] = {"CustomerMetadataProperties": {f"{HEALTHY_IN}{controller}": stamp}}
        if package.stage != stage:
            change["ModelLifeCycle"] = {
                "Stage": stage,
                "StageStatus": PENDING,
                "StageDescription": f"healthy in {controller} since {stamp}",
            }
        self._sagemaker.update_model_package(ModelPackageArn=package.arn, **change)

    def endpoint(self, name: str) -> Endpoint | None:
        """What the endpoint runs; None when SageMaker does not know it."""
        try:
            document = self._sagemaker.describe_endpoint(EndpointName=name)
        except ClientError as error:
            if _absent(error):
                return None
            raise
        return Endpoint(
            status=document["EndpointStatus"],
            config=str(document.get("EndpointConfigName", "")).lower(),
            failure=str(document.get("FailureReason") or ""),
        )

    def lost_configuration(self, name: str) -> str:
        """The configuration that the endpoint runs, if that has been deleted; else empty."""
        config = str(self._sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"])
        try:
            self._sagemaker.describe_endpoint_config(EndpointConfigName=config)
        except ClientError as error:
            if _absent(error):
                return config
            raise
        return ""


def _summary(item: Mapping[str, Any]) -> Package:
    return Package(
        arn=item["ModelPackageArn"],
        approval=item.get("ModelApprovalStatus", ""),
        status=item.get("ModelPackageStatus", ""),
        modified_at=item["CreationTime"],
    )


def _baselines(document: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for monitor, files in BASELINES.items():
        for file, paths in files.items():
            uri = next((uri for path in paths if (uri := _uri(document, path))), "")
            if uri:
                found.setdefault(monitor, {})[file] = uri
    return found


def _uri(document: Mapping[str, Any], path: Sequence[str]) -> str:
    node: Any = document
    for key in (*path, "S3Uri"):
        node = node.get(key) if isinstance(node, Mapping) else None
    return str(node or "")


def _absent(error: ClientError) -> bool:
    code = error_code(error)
    return code in {"ResourceNotFound", "ResourceNotFoundException"} or (
        code == "ValidationException" and says(error, *_ABSENT)
    )
