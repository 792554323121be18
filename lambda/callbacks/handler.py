"""Entry point: callback steps of SageMaker Pipelines that stand for jobs which Pipelines has no step for.

A step puts a message with a token into the queue. Each look at the message starts the job, or sees how it is; the
message stays in the queue, and comes again after the queue's visibility timeout, until the job has ended and the step
was told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from callbacks.jobs import KINDS, Jobs, name_of
from shared.clients import client, error_text, is_transient
from shared.log import Logger, bound

_LONGEST_REASON = 256

log = Logger("callbacks.handler")


def lambda_handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Look at the jobs of some messages; those that go on come again."""
    with bound(request_id=getattr(context, "aws_request_id", "")):
        waiting = [record["messageId"] for record in event["Records"] if not _is_done(record["body"])]
        return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in waiting]}


def _is_done(body: str) -> bool:
    message = _message(body)
    if message is None:
        return True
    token, arguments = message["token"], message["arguments"]
    name = name_of(str(message.get("pipelineExecutionArn", "")), token)
    kind = KINDS.get(str(arguments.get("kind")))
    if kind is None:
        return _fail(token, f"the step asks for {arguments.get('kind')!r}, allowed are {', '.join(KINDS)}")
    jobs = Jobs(client("sagemaker"))
    if message.get("status") == "Stopping":
        jobs.stop(kind, name)
        return _fail(token, f"the execution was stopped, and with it the job {name}")
    try:
        state = jobs.look(kind, name, str(arguments.get("request", "")))
    except (ValueError, ParamValidationError) as error:
        return _fail(token, f"the request of the job {name} is wrong: {error}")
    except ClientError as error:
        if is_transient(error):
            log.info("put off", job=name, why=error_text(error))
            return False
        return _fail(token, error_text(error))
    log.info("looked", job=name, over=state.over, reason=state.reason)
    if not state.over:
        return False
    if state.reason:
        return _fail(token, state.reason)
    outputs = [{"Name": "job", "Value": name}, {"Name": "uri", "Value": state.uri}]
    return _answer("success", CallbackToken=token, OutputParameters=outputs)


def _message(body: str) -> dict[str, Any] | None:
    """The message, or None for one that no step has sent."""
    try:
        message = json.loads(body)
        if isinstance(message["token"], str) and isinstance(message["arguments"], dict):
            return dict(message)
    except (ValueError, TypeError, KeyError):
        pass
    log.error("a message is not a callback step's and is dropped", body=body[:500])
    return None


def _fail(token: str, reason: str) -> bool:
    return _answer("failure", CallbackToken=token, FailureReason=reason[:_LONGEST_REASON])


def _answer(how: str, **arguments: Any) -> bool:
    """Tell the step; one that does not wait any more, because its execution has ended, needs no answer."""
    try:
        getattr(client("sagemaker"), f"send_pipeline_execution_step_{how}")(**arguments)
    except ClientError as error:
        if is_transient(error):
            return False
        log.info("nobody waits for the answer", why=error_text(error))
    return True
