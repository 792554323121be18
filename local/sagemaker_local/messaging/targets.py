"""Sending a payload to whatever an ARN names, as EventBridge rules, schedules, alarms and Lambda destinations do."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from sagemaker_local.accounts import Principal
from sagemaker_local.errors import AwsError

from . import arns

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws

Json = dict[str, Any]


def caller(aws: LocalAws, role_arn: str | None, service: str, account: str) -> Principal:
    """Return who a delivery acts as: the target's role, or the service itself."""
    return aws.accounts.acting_as(role_arn) if role_arn else aws.accounts.service(account, service)


def queue_url(aws: LocalAws, queue_arn: str) -> str:
    """Return the URL of a queue from its ARN."""
    queue = arns.parse(queue_arn)
    return f"{aws.url}/{queue.account}/{queue.resource}"


def send(aws: LocalAws, target_arn: str, payload: str, principal: Principal, settings: Json | None = None) -> None:
    """Deliver `payload`; `settings` is the target as the API has it (SqsParameters, SageMakerPipelineParameters, ...).

    Raises:
        AwsError: ValidationException if this kind of target is not supported here.
        botocore.exceptions.ClientError: if the target refuses.
    """
    target, settings = arns.parse(target_arn), settings or {}
    kind = target.resource.split(":", 1)[0].split("/", 1)[0]

    def client(service: str) -> Any:
        # A queue, topic or function is found in the account that owns it.
        owner = principal if principal.account == target.account else _in_account(aws, principal, target.account)
        return aws.clients.of(owner, service, target.region)

    if target.service == "lambda":
        client("lambda").invoke(FunctionName=target_arn, InvocationType="Event", Payload=payload.encode())
    elif target.service == "sns":
        client("sns").publish(TopicArn=target_arn, Message=payload)
    elif target.service == "sqs":
        group = (settings.get("SqsParameters") or {}).get("MessageGroupId")
        fifo = {"MessageGroupId": group} if group else {}
        client("sqs").send_message(QueueUrl=queue_url(aws, target_arn), MessageBody=payload, **fifo)
    elif target.service == "states":
        client("stepfunctions").start_execution(stateMachineArn=target_arn, input=payload)
    elif target.service == "sagemaker" and kind == "pipeline":
        parameters = (settings.get("SageMakerPipelineParameters") or {}).get("PipelineParameterList") or []
        client("sagemaker").start_pipeline_execution(PipelineName=target.name, PipelineParameters=parameters)
    elif target.service == "logs" and kind == "log-group":
        group_name = target.resource.removeprefix("log-group:").removesuffix(":*")
        stream = str(uuid.uuid4())
        client("logs").create_log_stream(logGroupName=group_name, logStreamName=stream)
        stamp = int(aws.clock.now().timestamp() * 1000)
        client("logs").put_log_events(
            logGroupName=group_name, logStreamName=stream, logEvents=[{"timestamp": stamp, "message": payload}]
        )
    elif target.service == "events" and kind == "event-bus":
        bridge = settings.get("EventBridgeParameters") or {}
        entry = {
            "Source": bridge.get("Source", "aws.local"),
            "DetailType": bridge.get("DetailType", "Delivery"),
            "Detail": payload,
            "EventBusName": target_arn,
        }
        result = client("events").put_events(Entries=[entry])
        if result["FailedEntryCount"]:
            failed = result["Entries"][0]
            raise AwsError(failed["ErrorCode"], failed["ErrorMessage"])
    elif target.service == "kinesis":
        key = str(uuid.uuid4())
        client("kinesis").put_record(StreamName=target.name, Data=payload.encode(), PartitionKey=key)
    elif target.service == "autoscaling":
        # Application Auto Scaling looks at the alarms of its policies by itself, every minute.
        return
    else:
        raise AwsError("ValidationException", f"the embedded AWS cannot deliver to {target_arn}")


def send_to_dead_letter_queue(
    aws: LocalAws, queue_arn: str, payload: str, principal: Principal, attributes: dict[str, str]
) -> None:
    """Put what could not be delivered into a queue, with the reason as message attributes."""
    owner = _in_account(aws, principal, arns.parse(queue_arn).account)
    aws.clients.of(owner, "sqs", arns.parse(queue_arn).region).send_message(
        QueueUrl=queue_url(aws, queue_arn),
        MessageBody=payload,
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
        },
    )


def failure(error: Exception) -> tuple[str, str]:
    """Return code and message of a failed delivery."""
    if isinstance(error, AwsError):
        return error.code, error.message
    response = getattr(error, "response", None) or {}
    details = response.get("Error", {})
    return str(details.get("Code", type(error).__name__)), str(details.get("Message", error))


def _in_account(aws: LocalAws, principal: Principal, account: str) -> Principal:
    """Return the same caller, seen from the account that owns the target."""
    if not account or principal.account == account:
        return principal
    return aws.accounts.visiting(principal, account)


def as_json(payload: str) -> Any:
    """Return a payload as a JSON value; text that is no JSON stays text."""
    try:
        return json.loads(payload)
    except ValueError:
        return payload
