"""Reading and steering the state that moto keeps: functions, queues, subscriptions.

Only moto_base, this module and moto_events know moto. Each private name used here has a contract test in
tests/local/test_moto_state_contract.py. What replaces a method of moto returns an undo, so that moto is as before when
the embedded AWS stops.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .errors import AwsError

Undo = Callable[[], None]
Json = dict[str, Any]


@dataclass(frozen=True)
class FunctionView:
    """One version of a Lambda function, as deployed."""

    account: str
    region: str
    name: str
    arn: str
    """With the version's number, unless it is $LATEST."""
    version: str
    role: str
    runtime: str
    handler: str
    code: bytes
    code_sha256: str
    environment: tuple[tuple[str, str], ...]
    layers: tuple[str, ...]
    timeout: float
    """Seconds."""
    memory: int
    """MB."""
    package_type: str
    reserved_concurrency: int | None


@dataclass(frozen=True)
class SubscriptionView:
    """One SNS subscription and the topic it belongs to."""

    arn: str
    topic_arn: str
    account: str
    protocol: str
    endpoint: str
    raw: bool
    dead_letter_arn: str | None
    accepts: Callable[[Json | None, str], bool]


_ABSENT = object()


def replace(owner: Any, **members: Any) -> Undo:
    """Set attributes of a class or module of moto; the undo puts back what was there."""
    before = {name: vars(owner).get(name, _ABSENT) for name in members}
    for name, member in members.items():
        setattr(owner, name, member)

    def undo() -> None:
        for name, member in before.items():
            if member is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, member)

    return undo


def log_on(now: Callable[[], datetime]) -> Undo:
    """Let CloudWatch Logs live on another clock; by moto's own it refuses events that are two hours ahead."""
    from moto.logs import models

    return replace(models, utcnow=lambda: now().replace(tzinfo=None))


def accounts_and_regions(backends: Any) -> Iterator[tuple[str, str, Any]]:
    for account, by_region in list(backends.items()):
        for region, backend in list(by_region.items()):
            yield account, region, backend


# -- Lambda -----------------------------------------------------------------------------------------------------------


def function(account: str, region: str, name: str, qualifier: str | None = None) -> FunctionView:
    """Return a function by name, partial or full ARN; an alias gives the version that it points to.

    Raises:
        AwsError: ResourceNotFoundException if there is none.
    """
    from moto.awslambda.models import lambda_backends

    parts = name.split(":")
    if name.startswith("arn:") and len(parts) >= 7:
        account, region, name = parts[4], parts[3], parts[6]
        qualifier = parts[7] if len(parts) > 7 else qualifier
    elif len(parts) == 3 and parts[1] == "function":
        account, name = parts[0], parts[2]
    elif len(parts) == 2:
        name, qualifier = parts
    backend = lambda_backends[account][region]
    try:
        found = backend.get_function(name, qualifier)
    except Exception as error:
        arn = f"arn:aws:lambda:{region}:{account}:function:{name}" + (f":{qualifier}" if qualifier else "")
        raise AwsError("ResourceNotFoundException", f"Function not found: {arn}", 404) from error
    latest = found is backend.get_function(name)
    concurrency = backend.get_function(name).reserved_concurrency
    return FunctionView(
        account=account,
        region=region,
        name=found.function_name,
        arn=found.function_arn,
        version="$LATEST" if latest else str(found.version),
        role=found.role,
        runtime=found.run_time or "",
        handler=found.handler or "",
        code=getattr(found, "code_bytes", b""),
        code_sha256=str(found.code_sha_256),
        environment=tuple(sorted((str(key), str(value)) for key, value in (found.environment_vars or {}).items())),
        layers=tuple(layer["Arn"] for layer in found.layers),
        timeout=float(found.timeout),
        memory=int(found.memory_size),
        package_type=found.package_type,
        reserved_concurrency=None if concurrency is None else int(concurrency),
    )


def layer_code(arn: str) -> bytes:
    """Return the zip of a layer version.

    Raises:
        AwsError: ResourceNotFoundException if there is none.
    """
    from moto.awslambda.models import lambda_backends

    parts = arn.split(":")
    layer = lambda_backends[parts[4]][parts[3]].layers_versions_by_arn(arn)
    if layer is None:
        raise AwsError("ResourceNotFoundException", f"Layer version {arn} does not exist.", 404)
    return bytes(layer.code_bytes)


def event_invoke_config(view: FunctionView) -> Json:
    """Return the asynchronous invocation settings of a function; {} if it has none."""
    from moto.awslambda.models import lambda_backends

    found = lambda_backends[view.account][view.region].get_function(view.name)
    return dict(found.event_invoke_config[-1].config) if found.event_invoke_config else {}


def event_source_mappings() -> list[tuple[str, str, Json]]:
    """Return the configuration of every event source mapping with its account and region."""
    from moto.awslambda.models import lambda_backends

    return [
        (account, region, mapping.get_configuration())
        for account, region, backend in accounts_and_regions(lambda_backends)
        for mapping in list(backend.list_event_source_mappings(None, None))
    ]


def redirect_function_calls(handler: Callable[[str, Json], None]) -> Undo:
    """Send invocations that start inside moto (S3 notifications, log subscriptions) to `handler(function_arn, event)`,
    and keep moto from pushing SQS messages into functions itself."""
    from moto.awslambda.models import LambdaFunction
    from moto.sqs.models import Queue

    def invoke(self: Any, body: Any, request_headers: Any, response_headers: Any) -> bytes:
        event = json.loads(body) if isinstance(body, str | bytes) and body else body or {}
        handler(self.function_arn, event)
        return b""

    undo_invoke = replace(LambdaFunction, invoke=invoke)
    # An attribute of every queue that add_message() loops over; it stays empty, whatever is stored in it.
    always_empty = property(lambda self: {}, lambda self, value: None)
    undo_push = replace(Queue, lambda_event_source_mappings=always_empty)

    def undo() -> None:
        undo_invoke()
        undo_push()

    return undo


def allow_emptied_settings() -> Undo:
    """Let UpdateFunctionConfiguration take environment and VPC away; moto fails on `{}` and on empty subnets."""
    from moto.awslambda.models import LambdaFunction

    original = LambdaFunction.update_configuration

    def update_configuration(self: Any, config_updates: Json) -> Json:
        updates = dict(config_updates)
        if "Environment" in updates:
            updates["Environment"] = {"Variables": (updates["Environment"] or {}).get("Variables") or {}}
        if "VpcConfig" in updates and not (updates["VpcConfig"] or {}).get("SubnetIds"):
            updates["VpcConfig"] = None
        return dict(original(self, updates))

    return replace(LambdaFunction, update_configuration=update_configuration)


# -- S3 ---------------------------------------------------------------------------------------------------------------


def use_clock_for_objects(now: Callable[[], datetime]) -> Undo:
    """Make the times at which objects were written those of a movable clock."""
    from moto.s3 import models

    return replace(models, utcnow=lambda: now().replace(tzinfo=None))


# -- SQS and SNS ------------------------------------------------------------------------------------------------------


def use_clock_for_queues(now: Callable[[], datetime]) -> Undo:
    """Make delays, visibility timeouts and retention of SQS follow a movable clock."""
    from moto.sqs import models

    return replace(models, unix_time=lambda: now().timestamp(), unix_time_millis=lambda: now().timestamp() * 1000)


def waiting_messages(queue_arn: str) -> int:
    """Return how many messages of a queue can be received now; 0 if the queue does not exist."""
    from moto.sqs.models import sqs_backends

    _, _, _, region, account, name = queue_arn.split(":", 5)
    queue = sqs_backends[account][region].queues.get(name)
    return 0 if queue is None else len(queue.messages)


def queue_depths() -> list[tuple[str, str, str, int, int, int]]:
    """Return account, region and name of every queue with its visible, received and delayed messages."""
    from moto.sqs.models import sqs_backends

    return [
        (
            account,
            region,
            queue.name,
            queue.approximate_number_of_messages,
            queue.approximate_number_of_messages_not_visible,
            queue.approximate_number_of_messages_delayed,
        )
        for account, region, backend in accounts_and_regions(sqs_backends)
        for queue in list(backend.queues.values())
    ]


def redirect_subscriptions(handler: Callable[[SubscriptionView, Json], None]) -> Undo:
    """Send every SNS notification to `handler(subscription, notification)` before any filter is applied."""
    from moto.sns.models import Subscription

    def publish(self: Any, message: str, message_id: str, **details: Any) -> None:
        matcher = self._filter_policy_matcher
        if details.get("message_structure") == "json":
            message = self._parse_message_structure(message, self.protocol)
        dead_letter: str | None = None
        with suppress(ValueError, TypeError, KeyError):
            dead_letter = json.loads(self.attributes.get("RedrivePolicy") or "{}").get("deadLetterTargetArn")
        view = SubscriptionView(
            arn=self.arn,
            topic_arn=self.topic_arn,
            account=self.account_id,
            protocol=self.protocol,
            endpoint=self.endpoint,
            raw=str(self.attributes.get("RawMessageDelivery", "false")).lower() == "true",
            dead_letter_arn=dead_letter,
            accepts=lambda attributes, text: matcher is None or bool(matcher.matches(attributes, text)),
        )
        handler(view, {"message": message, "message_id": message_id, **details})

    return replace(Subscription, publish=publish)
