"""Lambda's API where moto's does not do: Invoke, and settings that moto forgets."""

from __future__ import annotations

import base64
import json
import uuid
from typing import TYPE_CHECKING, Any

from sagemaker_local import moto_state
from sagemaker_local.errors import AwsError
from sagemaker_local.messaging.arns import parse

if TYPE_CHECKING:
    from sagemaker_local.front import Context
    from sagemaker_local.server import LocalAws

    from .service import Functions

Json = dict[str, Any]
_KEPT = ("LoggingConfig", "DeadLetterConfig")
_LOG_TAIL = 4096
_LARGEST_PAYLOAD = 6_291_556
_LARGEST_EVENT = 1_048_576


class Api:
    """Handlers of the operations."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    def invoke(self, context: Context, params: Json) -> Json:
        """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
        view = moto_state.function(context.account, context.region, params["FunctionName"], params.get("Qualifier"))
        kind = params.get("InvocationType") or "RequestResponse"
        body = params.get("Payload") or b""
        limit = _LARGEST_EVENT if kind == "Event" else _LARGEST_PAYLOAD
        if len(body) > limit:
            raise AwsError(
                "RequestTooLargeException",
                f"{len(body)} byte payload is too large for the {kind} type (limit {limit} bytes)",
                413,
            )
        try:
            event = json.loads(body) if body else {}
        except ValueError as error:
            raise AwsError(
                "InvalidRequestContentException", f"Could not parse request body into json: {error}"
            ) from error
        if kind == "DryRun":
            return {"StatusCode": 204, "Payload": b""}
        if kind == "Event":
            self._functions.asynchronous.accept(view, event, str(uuid.uuid4()))
            return {"StatusCode": 202, "Payload": b""}
        outcome = self._functions.invoke(view, event)
        result: Json = {"StatusCode": 200, "ExecutedVersion": outcome.version, "Payload": outcome.payload.encode()}
        if outcome.error:
            result["FunctionError"] = outcome.error
        if params.get("LogType") == "Tail":
            result["LogResult"] = base64.b64encode(outcome.log.encode()[-_LOG_TAIL:]).decode()
        return result

    def create(self, context: Context, params: Json) -> Json:
        result = context.forward()
        self._functions.settings[self._key(result["FunctionArn"])] = {
            name: params[name] for name in _KEPT if params.get(name)
        }
        return self._completed(result)

    def update_configuration(self, context: Context, params: Json) -> Json:
        result = context.forward()
        key = self._key(result["FunctionArn"])
        kept = self._functions.settings.setdefault(key, {})
        kept |= {name: params[name] for name in _KEPT if name in params}
        self._functions.forget(*key)
        return self._completed(result)

    def configuration(self, context: Context, params: Json) -> Json:
        return self._completed(context.forward())

    def get(self, context: Context, params: Json) -> Json:
        result = context.forward()
        return {**result, "Configuration": self._completed(result["Configuration"])}

    def changed(self, context: Context, params: Json, result: Json) -> None:
        """End warm processes of code that is no longer deployed."""
        name = params["FunctionName"]
        if name.startswith("arn:"):
            self._functions.forget(*self._key(name))
        else:
            self._functions.forget(context.account, context.region, name.split(":")[0])

    def _key(self, arn: str) -> tuple[str, str, str]:
        parsed = parse(arn)
        return parsed.account, parsed.region, parsed.resource.split(":")[1]

    def _completed(self, configuration: Json) -> Json:
        kept = self._functions.settings.get(self._key(configuration["FunctionArn"]), {})
        logging = {
            "LogFormat": "Text",
            "LogGroup": f"/aws/lambda/{configuration['FunctionName']}",
            **(kept.get("LoggingConfig") or {}),
        }
        dead_letters = {"DeadLetterConfig": kept["DeadLetterConfig"]} if kept.get("DeadLetterConfig") else {}
        return {**configuration, "LoggingConfig": logging, **dead_letters}


def install(aws: LocalAws, functions: Functions) -> None:
    """Answer the operations."""
    api, front = Api(functions), aws.front
    front.op("lambda", "Invoke", api.invoke)
    front.op("lambda", "CreateFunction", api.create)
    front.op("lambda", "UpdateFunctionConfiguration", api.update_configuration)
    front.op("lambda", "GetFunctionConfiguration", api.configuration)
    front.op("lambda", "GetFunction", api.get)
    front.after("lambda", "UpdateFunctionCode", api.changed)
    front.after("lambda", "DeleteFunction", api.changed)
