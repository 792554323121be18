"""The stand-in for the CDK's AwsCustomResource: one API call of the JavaScript SDK, made by boto3."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from botocore.exceptions import ClientError

from .types.coerce import coerce

if TYPE_CHECKING:
    from .types.base import Work


def aws_sdk_call(work: Work, request: dict[str, Any]) -> dict[str, Any]:
    """Custom::AWS: one API call per request type."""
    properties = request["ResourceProperties"]
    physical = request.get("PhysicalResourceId") or request["LogicalResourceId"]
    text = properties.get(request["RequestType"])
    if not text:
        return {"PhysicalResourceId": physical}
    call = json.loads(text) if isinstance(text, str) else text
    service = _service_name(call["service"])
    client = work.aws.clients.of(work.principal, service, call.get("region") or work.region)
    method = xform_name(str(call["action"]).removesuffix("Command"))
    parameters = _replaced(call.get("parameters") or {}, physical)
    try:
        result = getattr(client, method)(**_typed(client, method, parameters))
    except ClientError as error:
        pattern = call.get("ignoreErrorCodesMatching")
        if not pattern or not re.search(pattern, error.response["Error"]["Code"]):
            raise
        result = {}
    result.pop("ResponseMetadata", None)
    data = dict(_flattened(result))
    wanted = call.get("outputPaths") or ([call["outputPath"]] if call.get("outputPath") else None)
    if wanted:
        data = {key: value for key, value in data.items() if any(key == w or key.startswith(f"{w}.") for w in wanted)}
    where = call.get("physicalResourceId") or {}
    if "responsePath" in where:
        physical = str(dict(_flattened(result))[where["responsePath"]])
    elif "id" in where:
        physical = str(where["id"])
    return {"PhysicalResourceId": physical, "Data": data}


def _service_name(name: str) -> str:
    plain = name.removeprefix("@aws-sdk/client-").lower()
    spelled = {"cloudwatchlogs": "logs", "cloudwatch-logs": "logs", "eventbridge": "events", "sfn": "stepfunctions"}
    return spelled.get(plain, plain)


def _typed(client: Any, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    operation = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
    shaped: dict[str, Any] = coerce(parameters, operation.input_shape) if operation.input_shape else {}
    return shaped


def _replaced(value: Any, physical: str) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(member, physical) for key, member in value.items()}
    if isinstance(value, list):
        return [_replaced(item, physical) for item in value]
    return physical if value == "PHYSICAL:RESOURCEID:" else value


def _flattened(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [
            pair for key, member in value.items() for pair in _flattened(member, f"{path}.{key}" if path else str(key))
        ]
    if isinstance(value, list):
        return [
            pair
            for index, item in enumerate(value)
            for pair in _flattened(item, f"{path}.{index}" if path else str(index))
        ]
    if hasattr(value, "read"):
        value = value.read().decode()
    return [(path, value if isinstance(value, (str, int, float, bool)) or value is None else str(value))]
