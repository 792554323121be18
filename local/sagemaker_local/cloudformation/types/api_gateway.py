"""API Gateway's resource types for REST APIs. Requests through them are served as far as they go to SageMaker."""

from __future__ import annotations

from typing import Any

from .base import Created, Properties, ResourceType, Work, delete_quietly
from .coerce import call
from .rows import Row, Tagging

_SERVICE = "apigateway"
_API = {"restApiId": "RestApiId"}
_TAGS = Tagging("tag_resource", "untag_resource", "resourceArn", "arn", "tagKeys", "tags")


class _Tagged(Row):
    """What has tags that can be given when it is created only: moto knows no other tags of API Gateway."""

    def retag(self, work: Work, existing: Created, old: Properties, new: Properties) -> None:
        """Leave the tags as they are; in AWS they change."""


class RestApi(_Tagged):
    """A REST API; its policy is a document in templates and text in the API."""

    def observe(
        self, work: Work, params: dict[str, Any], result: dict[str, Any], existing: Created | None = None
    ) -> Created:
        known = result if existing is None else {"id": existing.ref}
        described = call(work.client(_SERVICE), "get_rest_api", {"restApiId": known["id"]})
        root = described.get("rootResourceId") or _root(work, known["id"])
        keys = {"restApiId": known["id"], "arn": _arn(work, known["id"])}
        return Created(known["id"], {"RestApiId": known["id"], "RootResourceId": root}, keys)


class Method(ResourceType):
    """A method with its integration and their responses."""

    def create(self, work: Work, properties: Properties) -> Created:
        client = work.client(_SERVICE)
        keys = {
            "restApiId": properties["RestApiId"],
            "resourceId": properties["ResourceId"],
            "httpMethod": properties["HttpMethod"],
        }
        call(client, "put_method", {"AuthorizationType": "NONE", **properties, **keys})
        for response in properties.get("MethodResponses") or []:
            call(client, "put_method_response", {**response, **keys})
        integration = properties.get("Integration")
        if integration:
            given = {**integration, **keys, "integrationHttpMethod": integration.get("IntegrationHttpMethod")}
            call(client, "put_integration", given)
            for response in integration.get("IntegrationResponses") or []:
                call(client, "put_integration_response", {**response, **keys})
        return Created("-".join(keys.values()), {}, keys)

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        self.delete(work, existing, old)
        return self.create(work, new)

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        delete_quietly(work.client(_SERVICE).delete_method, **existing.keys)


class Stage(_Tagged):
    """A stage with its method settings and its access log."""

    def observe(
        self, work: Work, params: dict[str, Any], result: dict[str, Any], existing: Created | None = None
    ) -> Created:
        keys = {"restApiId": params["RestApiId"], "stageName": params["StageName"]}
        changes = [*_method_settings(params), *_access_log(params)]
        if changes:
            call(work.client(_SERVICE), "update_stage", {**keys, "patchOperations": changes})
        return Created(keys["stageName"], {}, {**keys, "arn": _arn(work, keys["restApiId"], keys["stageName"])})

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        if new.get("DeploymentId") != old.get("DeploymentId"):
            change = {"op": "replace", "path": "/deploymentId", "value": new["DeploymentId"]}
            call(work.client(_SERVICE), "update_stage", {**existing.keys, "patchOperations": [change]})
        return self.observe(work, new, {}, existing)


class Account(ResourceType):
    """The role that API Gateway logs with in the whole account and region; it stays when the stack goes."""

    def create(self, work: Work, properties: Properties) -> Created:
        change = {"op": "replace", "path": "/cloudwatchRoleArn", "value": properties.get("CloudWatchRoleArn", "")}
        call(work.client(_SERVICE), "update_account", {"patchOperations": [change]})
        return Created(work.logical_id, {"Id": work.logical_id})

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        self.create(work, new)
        return existing

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        """CloudFormation leaves the account's setting as it is."""


def _arn(work: Work, api: str, stage: str = "") -> str:
    return f"arn:{work.partition}:apigateway:{work.region}::/restapis/{api}" + (f"/stages/{stage}" if stage else "")


def _root(work: Work, api: str) -> str:
    items = call(work.client(_SERVICE), "get_resources", {"restApiId": api})["items"]
    return str(next(item["id"] for item in items if item["path"] == "/"))


def _method_settings(params: dict[str, Any]) -> list[dict[str, str]]:
    paths = {
        "LoggingLevel": "logging/loglevel",
        "DataTraceEnabled": "logging/dataTrace",
        "MetricsEnabled": "metrics/enabled",
        "ThrottlingRateLimit": "throttling/rateLimit",
        "ThrottlingBurstLimit": "throttling/burstLimit",
    }
    changes = []
    for setting in params.get("MethodSettings") or []:
        place = f"/{setting['ResourcePath'].strip('/').replace('/', '~1')}/{setting['HttpMethod']}"
        changes += [
            {"op": "replace", "path": f"{place}/{path}", "value": str(setting[name]).lower()}
            if isinstance(setting[name], bool)
            else {"op": "replace", "path": f"{place}/{path}", "value": str(setting[name])}
            for name, path in paths.items()
            if name in setting
        ]
    return changes


def _access_log(params: dict[str, Any]) -> list[dict[str, str]]:
    setting = params.get("AccessLogSetting") or {}
    names = (("DestinationArn", "destinationArn"), ("Format", "format"))
    return [
        {"op": "replace", "path": f"/accessLogSettings/{member}", "value": str(setting[name])}
        for name, member in names
        if name in setting
    ]


TYPES: dict[str, ResourceType] = {
    "AWS::ApiGateway::RestApi": RestApi(
        _SERVICE,
        "create_rest_api",
        "delete_rest_api",
        keys={"restApiId": "id"},
        tagging=_TAGS,
    ),
    "AWS::ApiGateway::Resource": Row(
        _SERVICE,
        "create_resource",
        "delete_resource",
        ref="id",
        rename={"ParentId": "parentId"},
        keys={**_API, "resourceId": "id"},
        attributes={"ResourceId": "id"},
    ),
    "AWS::ApiGateway::Method": Method(),
    "AWS::ApiGateway::Deployment": Row(
        _SERVICE,
        "create_deployment",
        "delete_deployment",
        ref="id",
        keys={**_API, "deploymentId": "id"},
        attributes={"DeploymentId": "id"},
    ),
    "AWS::ApiGateway::Stage": Stage(
        _SERVICE,
        "create_stage",
        "delete_stage",
        keys={**_API, "stageName": "StageName"},
        tagging=_TAGS,
    ),
    "AWS::ApiGateway::Account": Account(),
}
