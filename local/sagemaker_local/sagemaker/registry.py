"""Model package groups, their policies, and tags of everything that this SageMaker keeps."""

from __future__ import annotations

from typing import Any

from .faults import conflict, invalid
from .paging import page
from .service import SageMaker, Scope, register
from .state import Group, Store

Params = dict[str, Any]


def install(sagemaker: SageMaker) -> None:
    """Answer the operations on model package groups and tags."""
    register(
        sagemaker,
        {
            "CreateModelPackageGroup": create_group,
            "DescribeModelPackageGroup": describe_group,
            "ListModelPackageGroups": list_groups,
            "DeleteModelPackageGroup": delete_group,
            "PutModelPackageGroupPolicy": put_policy,
            "GetModelPackageGroupPolicy": get_policy,
            "DeleteModelPackageGroupPolicy": delete_policy,
            "AddTags": add_tags,
            "ListTags": list_tags,
            "DeleteTags": delete_tags,
        },
    )


def find_group(scope: Scope, name_or_arn: str) -> tuple[Store, Group]:
    """Return a group by name, or by ARN, which may belong to another account.

    Raises:
        AwsError: if it does not exist.
    """
    store = scope.at(name_or_arn) if name_or_arn.startswith("arn:") else scope.store
    name = name_or_arn.rsplit("/", 1)[-1]
    group = next((found for key, found in store.groups.items() if key.lower() == name.lower()), None)
    if group is None:
        raise invalid(f"ModelPackageGroup {store.arn(f'model-package-group/{name}')} does not exist.")
    return store, group


def create_group(scope: Scope, params: Params) -> Params:
    """CreateModelPackageGroup."""
    name = params["ModelPackageGroupName"]
    arn = scope.store.arn(f"model-package-group/{name}")
    with scope.store.lock:
        if any(key.lower() == name.lower() for key in scope.store.groups):
            raise invalid(f"Model Package Group already exists: {arn}")
        description = params.get("ModelPackageGroupDescription")
        scope.store.groups[name] = Group(name, arn, scope.now, description, scope.context.caller_arn)
        scope.store.tag(arn, params.get("Tags"))
    return {"ModelPackageGroupArn": arn}


def describe_group(scope: Scope, params: Params) -> Params:
    """DescribeModelPackageGroup."""
    _, group = find_group(scope, params["ModelPackageGroupName"])
    return {**_summary(group), "CreatedBy": {}}


def list_groups(scope: Scope, params: Params) -> Params:
    """ListModelPackageGroups, newest first by default."""
    stores = [scope.store]
    if params.get("CrossAccountFilterOption") == "CrossAccount":
        stores = [
            store
            for store in scope.sagemaker.stores()
            if store.region == scope.store.region and store.account != scope.store.account
        ]
    groups = [
        group
        for store in stores
        for group in store.groups.values()
        if store is scope.store or (group.policy and scope.store.account in group.policy)
    ]
    found, token = page(groups, params, name=lambda item: item.name, created=lambda item: item.created)
    return {"ModelPackageGroupSummaryList": [_summary(group) for group in found], "NextToken": token}


def _summary(group: Group) -> Params:
    return {
        "ModelPackageGroupName": group.name,
        "ModelPackageGroupArn": group.arn,
        "ModelPackageGroupDescription": group.description,
        "CreationTime": group.created,
        "ModelPackageGroupStatus": "Completed",
    }


def delete_group(scope: Scope, params: Params) -> Params:
    """DeleteModelPackageGroup; a group that holds versions stays."""
    store, group = find_group(scope, params["ModelPackageGroupName"])
    with store.lock:
        if group.packages:
            raise conflict(
                f"Model package group {group.arn} cannot be deleted because it contains {len(group.packages)} model "
                "package(s). Delete its model packages first."
            )
        del store.groups[group.name]
        store.tags.pop(group.arn, None)
    return {}


def put_policy(scope: Scope, params: Params) -> Params:
    """PutModelPackageGroupPolicy."""
    _, group = find_group(scope, params["ModelPackageGroupName"])
    group.policy = params["ResourcePolicy"]
    return {"ModelPackageGroupArn": group.arn}


def get_policy(scope: Scope, params: Params) -> Params:
    """GetModelPackageGroupPolicy."""
    _, group = find_group(scope, params["ModelPackageGroupName"])
    if group.policy is None:
        raise invalid(f"Cannot find resource policy for: {group.arn}")
    return {"ResourcePolicy": group.policy}


def delete_policy(scope: Scope, params: Params) -> Params:
    """DeleteModelPackageGroupPolicy."""
    _, group = find_group(scope, params["ModelPackageGroupName"])
    if group.policy is None:
        raise invalid(f"Cannot find resource policy for: {group.arn}")
    group.policy = None
    return {}


def add_tags(scope: Scope, params: Params) -> Params | None:
    """AddTags, for resources that are kept here; moto answers for all others."""
    tags = _tags(scope, params)
    if tags is None:
        return None
    tags.update({tag["Key"]: tag["Value"] for tag in params["Tags"]})
    return {"Tags": _listed(tags)}


def list_tags(scope: Scope, params: Params) -> Params | None:
    """ListTags, for resources that are kept here."""
    tags = _tags(scope, params)
    return None if tags is None else {"Tags": _listed(tags)}


def delete_tags(scope: Scope, params: Params) -> Params | None:
    """DeleteTags, for resources that are kept here."""
    tags = _tags(scope, params)
    if tags is None:
        return None
    for key in params["TagKeys"]:
        tags.pop(key, None)
    return {}


def _tags(scope: Scope, params: Params) -> dict[str, str] | None:
    arn = params["ResourceArn"]
    store = scope.at(arn)
    return store.tags.get(arn)


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
