"""Descriptions and parameters of single features."""

from __future__ import annotations

from typing import Any

from sagemaker_local.errors import AwsError
from sagemaker_local.sagemaker.service import Action, Scope, register

from .service import FeatureStore
from .state import Group

Params = dict[str, Any]
_MOST_PARAMETERS = 25


def install(service: FeatureStore) -> None:
    """Answer the operations on feature metadata."""

    def find(scope: Scope, params: Params) -> tuple[Group, Params]:
        group = service.find(scope.context.account, scope.context.region, params["FeatureGroupName"])
        name = params["FeatureName"]
        if name not in group.features:
            raise AwsError("ResourceNotFound", f"Resource Not Found: FeatureGroup {group.name} has no feature {name}")
        fresh: Params = {"CreationTime": group.created, "LastModifiedTime": group.created, "Parameters": {}}
        return group, group.metadata.setdefault(name, fresh)

    def update(scope: Scope, params: Params) -> Params:
        """UpdateFeatureMetadata."""
        group, known = find(scope, params)
        parameters = {**known["Parameters"], **{p["Key"]: p["Value"] for p in params.get("ParameterAdditions", [])}}
        for key in params.get("ParameterRemovals", []):
            parameters.pop(key, None)
        if len(parameters) > _MOST_PARAMETERS:
            raise AwsError("ValidationException", f"A feature can have {_MOST_PARAMETERS} parameters at most.")
        with group.lock:
            known["Parameters"] = parameters
            if "Description" in params:
                known["Description"] = params["Description"]
            known["LastModifiedTime"] = scope.now
        return {}

    def describe(scope: Scope, params: Params) -> Params:
        """DescribeFeatureMetadata."""
        group, known = find(scope, params)
        return {
            "FeatureGroupArn": group.arn,
            "FeatureGroupName": group.name,
            "FeatureName": params["FeatureName"],
            "FeatureType": group.features[params["FeatureName"]].type,
            **known,
            "Parameters": [{"Key": key, "Value": value} for key, value in known["Parameters"].items()],
        }

    actions: dict[str, Action] = {"UpdateFeatureMetadata": update, "DescribeFeatureMetadata": describe}
    register(service.sagemaker, actions)
