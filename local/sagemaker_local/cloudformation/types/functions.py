"""Lambda: functions, layers, versions, aliases, permissions, event sources, URLs."""

from __future__ import annotations

import io
import secrets
import zipfile
from typing import Any

from .base import Created, Properties, ResourceType, Work, delete_quietly
from .coerce import call
from .rows import Row, Tagging


class Function(Row):
    """A Lambda function; code and configuration are updated by separate calls."""

    def parameters(self, work: Work, properties: Properties) -> dict[str, Any]:
        params = super().parameters(work, properties)
        if "Code" in params:
            params["Code"] = _code(params["Code"], properties)
        return params

    def create(self, work: Work, properties: Properties) -> Created:
        created = super().create(work, properties)
        self._limit(work, created, {}, properties)
        return created

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        client = work.client("lambda")
        self.retag(work, existing, old, new)
        if old.get("Code") != new.get("Code") or old.get("Architectures") != new.get("Architectures"):
            code = _code(new["Code"], new)
            call(client, "update_function_code", {**existing.keys, **code, "Architectures": new.get("Architectures")})
        settings = [key for key in old.keys() | new.keys() if key not in ("Code", "Tags", "Architectures")]
        if any(old.get(key) != new.get(key) for key in settings):
            params = {**{key: value for key, value in new.items() if key != "Code"}, **existing.keys}
            # What is no longer in the template goes back to nothing instead of staying as it was.
            empty = {
                "Environment": {},
                "Layers": [],
                "DeadLetterConfig": {"TargetArn": ""},
                "VpcConfig": {"SubnetIds": []},
            }
            params.update({key: value for key, value in empty.items() if key in old and key not in new})
            call(client, "update_function_configuration", params)
        self._limit(work, existing, old, new)
        return existing

    def _limit(self, work: Work, function: Created, old: Properties, new: Properties) -> None:
        before, after = (properties.get("ReservedConcurrentExecutions") for properties in (old, new))
        client, name = work.client("lambda"), function.keys["FunctionName"]
        if after is not None and after != before:
            client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=int(after))
        elif before is not None and after is None:
            client.delete_function_concurrency(FunctionName=name)


def _code(code: dict[str, Any], properties: Properties) -> dict[str, Any]:
    if "ZipFile" not in code:
        return code
    # Inline code is one file, named by the runtime's convention.
    name = "index.js" if str(properties.get("Runtime", "")).startswith("nodejs") else "index.py"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, code["ZipFile"])
    return {"ZipFile": buffer.getvalue()}


class Permission(ResourceType):
    """A statement in a function's resource policy."""

    def create(self, work: Work, properties: Properties) -> Created:
        statement = f"{work.stack_name[:20]}-{work.logical_id[:40]}-{secrets.token_hex(6)}"
        call(work.client("lambda"), "add_permission", {**properties, "StatementId": statement})
        return Created(statement, {"Id": statement})

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        remove = work.client("lambda").remove_permission
        delete_quietly(remove, FunctionName=properties["FunctionName"], StatementId=existing.ref)


class LayerVersion(Row):
    """A layer version: published once, never changed."""

    def parameters(self, work: Work, properties: Properties) -> dict[str, Any]:
        params = super().parameters(work, properties)
        params.setdefault("LayerName", work.logical_id[:140])
        return params

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        name, version = existing.ref.rsplit(":", 1)
        delete = work.client("lambda").delete_layer_version
        delete_quietly(delete, LayerName=name.rsplit(":", 1)[-1], VersionNumber=int(version))


class EventInvokeConfig(ResourceType):
    """Retries and destinations of asynchronous invocations."""

    def create(self, work: Work, properties: Properties) -> Created:
        call(work.client("lambda"), "put_function_event_invoke_config", properties)
        return Created(f"{work.stack_name}-{work.logical_id}-{secrets.token_hex(6)}")

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        call(work.client("lambda"), "put_function_event_invoke_config", new)
        return existing

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        delete = work.client("lambda").delete_function_event_invoke_config
        delete_quietly(delete, FunctionName=properties["FunctionName"])


TYPES: dict[str, ResourceType] = {
    "AWS::Lambda::Function": Function(
        "lambda",
        "create_function",
        "delete_function",
        ref="FunctionName",
        name="FunctionName",
        longest_name=64,
        keys={"FunctionName": "FunctionName"},
        attributes={"Arn": "FunctionArn"},
        tagging=Tagging("tag_resource", "untag_resource", "Resource", "Arn"),
    ),
    "AWS::Lambda::Permission": Permission(),
    "AWS::Lambda::LayerVersion": LayerVersion(
        "lambda",
        "publish_layer_version",
        ref="LayerVersionArn",
        attributes={"LayerVersionArn": "LayerVersionArn"},
    ),
    "AWS::Lambda::Version": Row(
        "lambda",
        "publish_version",
        ref="FunctionArn",
        attributes={"Version": "Version", "FunctionArn": "FunctionArn"},
    ),
    "AWS::Lambda::Alias": Row(
        "lambda",
        "create_alias",
        "delete_alias",
        updated_by="update_alias",
        ref="AliasArn",
        keys={"FunctionName": "FunctionName", "Name": "Name"},
        attributes={"AliasArn": "AliasArn"},
    ),
    "AWS::Lambda::EventInvokeConfig": EventInvokeConfig(),
    "AWS::Lambda::EventSourceMapping": Row(
        "lambda",
        "create_event_source_mapping",
        "delete_event_source_mapping",
        updated_by="update_event_source_mapping",
        ref="UUID",
        keys={"UUID": "UUID"},
        attributes={"Id": "UUID", "EventSourceMappingArn": "EventSourceMappingArn"},
        tagging=Tagging("tag_resource", "untag_resource", "Resource", "EventSourceMappingArn"),
    ),
    "AWS::Lambda::Url": Row(
        "lambda",
        "create_function_url_config",
        "delete_function_url_config",
        updated_by="update_function_url_config",
        ref="FunctionArn",
        rename={"TargetFunctionArn": "FunctionName"},
        keys={"FunctionName": "FunctionName"},
        attributes={"FunctionUrl": "FunctionUrl", "FunctionArn": "FunctionArn"},
    ),
}
