"""The version that is approved now: its archive to compare with, its baselines to check against."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class LiveVersion:
    """The latest approved version of a group.

    :ivar arn: Its ARN.
    :ivar model_uri: Its archive.
    :ivar baselines: URIs of its baselines: by kind and file, such as `("data_quality", "constraints")`.
    """

    arn: str
    model_uri: str
    baselines: dict[tuple[str, str], str] = field(default_factory=dict)


def latest_approved(sagemaker: Any, group: str) -> LiveVersion | None:
    """The newest approved version, or None if no version is approved or there is no such group."""
    paginator = sagemaker.get_paginator("list_model_packages")
    try:
        pages = paginator.paginate(
            ModelPackageGroupName=group, ModelApprovalStatus="Approved", SortBy="CreationTime", SortOrder="Descending"
        )
        summaries = [item for page in pages for item in page["ModelPackageSummaryList"]]
    except sagemaker.exceptions.ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    usable = [item for item in summaries if item.get("ModelPackageStatus", "Completed") == "Completed"]
    if not usable:
        return None
    newest = max(usable, key=lambda item: int(item.get("ModelPackageVersion", 0)))
    package = sagemaker.describe_model_package(ModelPackageName=newest["ModelPackageArn"])
    container = package["InferenceSpecification"]["Containers"][0]
    return LiveVersion(newest["ModelPackageArn"], container.get("ModelDataUrl", ""), _baselines(package))


_FILES = {
    ("data_quality", "statistics"): ("ModelDataQuality", "Statistics"),
    ("data_quality", "constraints"): ("ModelDataQuality", "Constraints"),
    ("model_quality", "statistics"): ("ModelQuality", "Statistics"),
    ("model_quality", "constraints"): ("ModelQuality", "Constraints"),
    ("bias", "analysis"): ("Bias", "PostTrainingConstraints"),
    ("attribution", "analysis"): ("Explainability", "Constraints"),
}


def _baselines(package: dict[str, Any]) -> dict[tuple[str, str], str]:
    given = package.get("DriftCheckBaselines") or {}
    found = {}
    for name, (section, file) in _FILES.items():
        uri = ((given.get(section) or {}).get(file) or {}).get("S3Uri")
        if uri:
            found[name] = str(uri)
    return found


def fetch(s3: Any, uri: str, target: Path) -> Path:
    """Fetch an object."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    s3.download_file(bucket, key, str(target))
    return target


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a model archive, files and folders only, nothing outside of the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            inside = (folder / member.name).resolve().is_relative_to(folder.resolve())
            if inside and (member.isfile() or member.isdir()):
                tar.extract(member, folder)
    return folder
