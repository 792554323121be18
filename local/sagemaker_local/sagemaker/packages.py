"""Versions in model package groups: registration, approval, and the events about both."""

from __future__ import annotations

from typing import Any

from .faults import invalid
from .paging import page
from .registry import find_group
from .service import SageMaker, Scope, register
from .state import Package, Store

Params = dict[str, Any]

_KEPT = (
    "ModelPackageDescription",
    "InferenceSpecification",
    "ValidationSpecification",
    "SourceAlgorithmSpecification",
    "ModelApprovalStatus",
    "MetadataProperties",
    "ModelMetrics",
    "CustomerMetadataProperties",
    "DriftCheckBaselines",
    "Domain",
    "Task",
    "SamplePayloadUrl",
    "AdditionalInferenceSpecifications",
    "SkipModelValidation",
    "SourceUri",
    "SecurityConfig",
    "ModelCard",
    "ModelLifeCycle",
)
_UPDATABLE = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "InferenceSpecification",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
)


def install(sagemaker: SageMaker) -> None:
    """Answer the operations on model packages."""
    register(
        sagemaker,
        {
            "CreateModelPackage": create_package,
            "DescribeModelPackage": describe_package,
            "BatchDescribeModelPackage": batch_describe_packages,
            "ListModelPackages": list_packages,
            "UpdateModelPackage": update_package,
            "DeleteModelPackage": delete_package,
        },
    )


def find_package(scope: Scope, reference: str) -> tuple[Store, Package]:
    """Return a version by ARN or as `group/version`; an ARN may belong to another account.

    Raises:
        AwsError: if it does not exist.
    """
    store = scope.at(reference) if reference.startswith("arn:") else scope.store
    path = reference.split(":model-package/", 1)[-1]
    name, _, version = path.partition("/")
    group = next((found for key, found in store.groups.items() if key.lower() == name.lower()), None)
    package = group.packages.get(int(version)) if group is not None and version.isdecimal() else None
    if package is None:
        raise invalid(f"ModelPackage {store.arn(f'model-package/{path}')} does not exist.")
    return store, package


def create_package(scope: Scope, params: Params) -> Params:
    """CreateModelPackage: registers the next version of a group. Versions are never used twice."""
    if "ModelPackageGroupName" not in params:
        raise invalid(
            "The embedded AWS registers versions of model package groups only: give ModelPackageGroupName instead of "
            "ModelPackageName."
        )
    if "ModelPackageName" in params:
        raise invalid("Both ModelPackageName and ModelPackageGroupName cannot be specified.")
    store, group = find_group(scope, params["ModelPackageGroupName"])
    definition = {name: params[name] for name in _KEPT if name in params}
    definition.setdefault("ModelApprovalStatus", "PendingManualApproval")
    definition["CertifyForMarketplace"] = bool(params.get("CertifyForMarketplace", False))
    with store.lock:
        group.last_version += 1
        version = group.last_version
        arn = store.arn(f"model-package/{group.name}/{version}")
        package = Package(group.name, version, arn, scope.now, definition)
        group.packages[version] = package
        store.tag(arn, params.get("Tags"))
    _announce(scope, store, package, [])
    return {"ModelPackageArn": arn}


def describe_package(scope: Scope, params: Params) -> Params:
    """DescribeModelPackage."""
    _, package = find_package(scope, params["ModelPackageName"])
    return {**_described(package), "CreatedBy": {}, "LastModifiedTime": package.modified}


def batch_describe_packages(scope: Scope, params: Params) -> Params:
    """BatchDescribeModelPackage; what does not exist is reported beside the others."""
    found: dict[str, Params] = {}
    errors: dict[str, Params] = {}
    for reference in params["ModelPackageArnList"]:
        try:
            _, package = find_package(scope, reference)
        except Exception as error:  # noqa: BLE001 - reported per entry, as the operation does
            errors[reference] = {"ErrorCode": "ValidationException", "ErrorResponse": str(error)}
            continue
        found[reference] = {
            **_summary(package),
            "InferenceSpecification": package.definition.get("InferenceSpecification")
            or {"Containers": [], "SupportedContentTypes": [], "SupportedResponseMIMETypes": []},
        }
    return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": errors}


def list_packages(scope: Scope, params: Params) -> Params:
    """ListModelPackages, newest first by default."""
    packages: list[Package] = []
    if "ModelPackageGroupName" in params:
        _, group = find_group(scope, params["ModelPackageGroupName"])
        packages = list(group.packages.values())
    elif params.get("ModelPackageType") in ("Versioned", "Both"):
        packages = [package for group in scope.store.groups.values() for package in group.packages.values()]
    if "ModelApprovalStatus" in params:
        packages = [package for package in packages if package.approval == params["ModelApprovalStatus"]]
    found, token = page(packages, params, name=lambda item: item.group, created=lambda item: item.created)
    return {"ModelPackageSummaryList": [_summary(package) for package in found], "NextToken": token}


def update_package(scope: Scope, params: Params) -> Params:
    """UpdateModelPackage: approval, metadata and the other members that may change."""
    store, package = find_package(scope, params["ModelPackageArn"])
    changed = [name for name in _UPDATABLE if name in params]
    with store.lock:
        package.definition.update({name: params[name] for name in changed})
        metadata = {
            **package.definition.get("CustomerMetadataProperties", {}),
            **params.get("CustomerMetadataProperties", {}),
        }
        for name in params.get("CustomerMetadataPropertiesToRemove", []):
            metadata.pop(name, None)
        if {"CustomerMetadataProperties", "CustomerMetadataPropertiesToRemove"} & set(params):
            package.definition["CustomerMetadataProperties"] = metadata
            changed.append("CustomerMetadataProperties")
        if "AdditionalInferenceSpecificationsToAdd" in params:
            more = package.definition.setdefault("AdditionalInferenceSpecifications", [])
            more.extend(params["AdditionalInferenceSpecificationsToAdd"])
            changed.append("AdditionalInferenceSpecifications")
        package.modified = scope.now
    _announce(scope, store, package, changed)
    return {"ModelPackageArn": package.arn}


def delete_package(scope: Scope, params: Params) -> Params:
    """DeleteModelPackage."""
    store, package = find_package(scope, params["ModelPackageName"])
    with store.lock:
        del store.groups[package.group].packages[package.version]
        store.tags.pop(package.arn, None)
    return {}


def _summary(package: Package) -> Params:
    return {
        "ModelPackageGroupName": package.group,
        "ModelPackageVersion": package.version,
        "ModelPackageArn": package.arn,
        "ModelPackageDescription": package.definition.get("ModelPackageDescription"),
        "CreationTime": package.created,
        "ModelPackageStatus": "Completed",
        "ModelApprovalStatus": package.approval,
    }


def _described(package: Package) -> Params:
    return {
        "ModelPackageGroupName": package.group,
        "ModelPackageVersion": package.version,
        "ModelPackageArn": package.arn,
        "CreationTime": package.created,
        **package.definition,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
    }


def _announce(scope: Scope, store: Store, package: Package, changed: list[str]) -> None:
    detail = {
        **_described(package),
        "UpdatedModelPackageFields": changed,
        "LastModifiedTime": package.modified,
    }
    scope.sagemaker.announce(store, "SageMaker Model Package State Change", package.arn, detail)
