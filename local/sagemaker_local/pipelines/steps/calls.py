"""Steps that hand over to somebody else's code: Lambda and Callback."""

from __future__ import annotations

import json
import secrets
import string
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_local.pipelines.definition import fits

from .base import Halt, Run, call_failed

Params = dict[str, Any]

_ALPHABET = string.ascii_letters + string.digits


def invoke(run: Run, arguments: Params) -> None:
    """Lambda: invoke a function and wait for its answer."""
    function = run.step.settings["FunctionArn"]
    run.executing({"Lambda": {"Arn": function}})

    def work() -> None:
        try:
            outputs = _call(run, function, arguments)
        except (ClientError, BotoCoreError) as error:
            reason, kind = call_failed(error)
            run.fail(reason, kind)
        except Halt as error:
            run.fail(f"ClientError: {error}")
        else:
            if run.stopping:
                run.stopped()
                return
            named = [{"Name": name, "Value": str(value)} for name, value in outputs.items()]
            metadata = {"Lambda": {"Arn": function, "OutputParameters": named}}
            run.succeed({"OutputParameters": outputs}, metadata)

    run.pipelines.work(work)


def _call(run: Run, function: str, arguments: Params) -> Params:
    answer = run.client("lambda").invoke(FunctionName=function, Payload=json.dumps(arguments).encode())
    text = answer["Payload"].read().decode()
    if answer.get("FunctionError"):
        try:
            failure = json.loads(text)
            reason = f"{failure.get('errorType')}: {failure.get('errorMessage')}"
        except (ValueError, AttributeError):
            reason = text
        raise Halt(f"Lambda function {function} failed: {reason}")
    result = json.loads(text) if text else None
    return _outputs(run, result if isinstance(result, dict) else {}, f"Lambda function {function} returned")


def callback(run: Run, arguments: Params) -> None:
    """Callback: put a message with a token into a queue and wait until somebody sends the token back."""
    token = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    url = run.step.settings["SqsQueueUrl"]

    def send(status: str) -> None:
        message = {
            "token": token,
            "arguments": arguments,
            "pipelineExecutionArn": run.execution.arn,
            "status": status,
        }
        run.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(message))

    def stop() -> None:
        send("Stopping")
        run.stopped()

    run.executing({"Callback": {"CallbackToken": token, "SqsQueueUrl": url}}, stop)
    run.engine.callbacks[token] = run
    send("Executing")


def answered(run: Run, outputs: dict[str, str]) -> None:
    """Go on after a callback's success.

    Raises:
        Halt: if an output parameter is missing or has another type.
    """
    kinds = {item["OutputName"]: item["OutputType"] for item in run.step.settings.get("OutputParameters") or []}
    values = {name: _typed(text, kinds.get(name, "String")) for name, text in outputs.items()}
    checked = _outputs(run, values, "the callback has")
    named = [{"Name": name, "Value": text} for name, text in outputs.items()]
    metadata = {"Callback": {**run.step.metadata["Callback"], "OutputParameters": named}}
    run.succeed({"OutputParameters": checked}, metadata)


def _typed(text: str, kind: str) -> Any:
    try:
        return {"Integer": int, "Float": float}.get(kind, str)(text) if kind != "Boolean" else text.lower() == "true"
    except ValueError:
        return text


def _outputs(run: Run, result: Params, who: str) -> Params:
    problems: list[str] = []
    outputs: Params = {}
    for item in run.step.settings.get("OutputParameters") or []:
        name, kind = item["OutputName"], item["OutputType"]
        if name not in result:
            problems.append(f"no {name}")
        elif not fits(result[name], kind):
            problems.append(f"{name} as {result[name]!r}, which is no {kind}")
        else:
            outputs[name] = result[name]
    if problems:
        raise Halt(f"{who} {', and '.join(problems)}; the step's OutputParameters ask for it")
    return outputs
