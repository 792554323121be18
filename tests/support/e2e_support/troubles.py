"""What can go wrong while a version is rolled out."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from e2e_support import models
from e2e_support.fire_record import Fire
from e2e_support.site import Site

from sagemaker_local import lambdas
from sagemaker_local.cloudformation.types.sagemaker import Endpoint
from sagemaker_local.errors import AwsError
from sagemaker_local.front import Context

#: Troubles that a version survives, and those that it is rolled back for.
GOOD, DUPLICATES, LOST_EVENTS, THROTTLED, KILLED, BUSY = "good", "duplicates", "lost", "throttled", "killed", "busy"
BAD_ANSWERS, NO_ARCHIVE, NO_MODEL, ALARM, REFUSED = "bad answers", "no archive", "no model", "alarm", "refused"
REJECTED = "rejected"
BROKEN = (BAD_ANSWERS, NO_ARCHIVE, NO_MODEL)
UNLUCKY = (ALARM, REFUSED)
TROUBLES = (
    KILLED, BAD_ANSWERS, BUSY, THROTTLED, REJECTED, NO_ARCHIVE, REFUSED, DUPLICATES,
    ALARM, KILLED, NO_MODEL, LOST_EVENTS, KILLED, BUSY, GOOD, KILLED,
)  # fmt: skip


@contextmanager
def happening(fire: Fire, trouble: str, dice: random.Random, role: str) -> Iterator[None]:
    """Something that goes wrong while a version is rolled out."""
    makers: dict[str, Callable[[], Any]] = {
        KILLED: lambda: _killer(fire, role, dice.randrange(1, 50)),
        THROTTLED: lambda: _throttler(fire, role, dice.randrange(1, 40), dice.choice([3, 5, 9])),
        REFUSED: lambda: _refuser(fire, dice.choice(["CreateModel", "CreateEndpointConfig", "UpdateEndpoint"])),
        BUSY: lambda: _foreign_updater(fire, dice.random() < 0.5),
        ALARM: lambda: _alarm(fire.site),
        LOST_EVENTS: lambda: _without_events(fire.site),
    }
    if trouble not in makers:
        yield
        return
    with makers[trouble]():
        yield


@contextmanager
def _guarded(fire: Fire, guard: Callable[[Context, dict[str, Any]], None]) -> Iterator[None]:
    undo = fire.site.aws.front.before(guard)
    try:
        yield
    finally:
        undo()


def _killer(fire: Fire, role: str, call: int) -> Any:
    """End the deploy function's process at one of its calls, before AWS has it."""
    pool, count = lambdas.of(fire.site.aws)._pool, itertools.count(1)

    def guard(context: Context, params: dict[str, Any]) -> None:
        if context.caller_arn != role or context.service == "sqs" or next(count) != call:
            return
        for worker in list(pool._all):
            if worker.image.key.startswith(f"{fire.site.account}/") and "Controller" in worker.image.key:
                worker.kill()
        fire.interruptions += 1
        raise AwsError("ServiceUnavailable", "nobody is left to hear this", 503)

    return _guarded(fire, guard)


def _throttler(fire: Fire, role: str, call: int, length: int) -> Any:
    """Throttle a series of the deploy function's calls, longer or shorter than its patience."""
    count = itertools.count(1)

    def guard(context: Context, params: dict[str, Any]) -> None:
        # Lambda's own poller reads the queue as the same role, and is Lambda's to be patient with.
        if context.caller_arn != role or context.service == "sqs":
            return
        if call <= next(count) < call + length:
            fire.throttles += 1
            raise AwsError("ThrottlingException", "Rate exceeded")

    return _guarded(fire, guard)


def _refuser(fire: Fire, operation: str) -> Any:
    """Let one call fail that CloudFormation makes in the rollout."""
    done: list[str] = []

    def guard(context: Context, params: dict[str, Any]) -> None:
        if context.operation == operation and "CloudFormationRole" in context.caller_arn and not done:
            done.append(operation)
            fire.refusals += 1
            raise AwsError("AccessDeniedException", f"User is not authorized to perform sagemaker:{operation}", 403)

    return _guarded(fire, guard)


@contextmanager
def _foreign_updater(fire: Fire, first: bool) -> Iterator[None]:
    """Somebody else deploys the serving stack: just before the approval, or as soon as the rollout has begun."""
    stop = threading.Event()

    def deploy() -> None:
        client, name = fire.site.client("cloudformation"), fire.site.live.serving_stack
        while not stop.is_set():
            stack = client.describe_stacks(StackName=name)["Stacks"][0]
            keys = [item["ParameterKey"] for item in stack["Parameters"]]
            try:
                client.update_stack(
                    StackName=name,
                    UsePreviousTemplate=True,
                    Parameters=[{"ParameterKey": key, "UsePreviousValue": True} for key in keys],
                    Capabilities=["CAPABILITY_NAMED_IAM"],
                    # As the CDK does: without a role, CloudFormation takes that of the operation before.
                    RoleARN=f"arn:aws:iam::{fire.site.account}:role/cdk-hnb659fds-cfn-exec-role-{fire.site.account}",
                    Tags=[{"Key": "deployed", "Value": f"number-{fire.foreign_updates}"}],
                )
            except client.exceptions.ClientError:
                stop.wait(0.02)  # Busy: CloudFormation takes one at a time.
            else:
                fire.foreign_updates += 1
                return

    thread = threading.Thread(target=deploy, daemon=True)
    if first:
        deploy()
    else:
        thread.start()
    try:
        yield
    finally:
        if not first:
            thread.join(timeout=30)
        stop.set()
        _settled(fire.site)


@contextmanager
def _alarm(site: Site) -> Iterator[None]:
    """One of the alarms that guard a rollout goes off while the canary bakes, for a reason that has passed later."""
    stop = threading.Event()
    cloudwatch = site.client("cloudwatch")
    deployment = site.client("sagemaker").describe_endpoint(EndpointName=site.live.endpoint)["LastDeploymentConfig"]
    name = deployment["AutoRollbackConfiguration"]["Alarms"][0]["AlarmName"]

    def set_off() -> None:
        while not stop.wait(0.01):
            endpoint = site.client("sagemaker").describe_endpoint(EndpointName=site.live.endpoint)
            if endpoint["EndpointStatus"] == "RollingBack":
                return
            if endpoint["EndpointStatus"] == "Updating":
                cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a passing cloud")

    thread = threading.Thread(target=set_off, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=10)
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="it has passed")


def fall_silent(site: Site, number: int) -> tuple[list[str], str]:
    """SageMaker takes a rollout back, and CloudFormation does not notice.

    Returns what was told of it, and the configuration that the endpoint runs and nobody has any more.
    """
    noticing = Endpoint.update

    def blind(self: Endpoint, *arguments: Any) -> Any:
        try:
            return noticing(self, *arguments)
        except AwsError as error:
            if error.code != "NotStabilized":
                raise
            return arguments[1]

    package = site.register(number, models.archive(4), models.baseline())
    before = len(site.events("Model Rollout"))

    def failures() -> list[str]:
        return [e["reason"] for e in site.events("Model Rollout")[before:] if e["status"] == "Failed"]

    Endpoint.update = blind  # type: ignore[method-assign]
    try:
        with _alarm(site):
            site.judge(package, "Approved")
            deadline = time.monotonic() + 90
            while len(failures()) < 2:
                assert time.monotonic() < deadline, failures()
                site.aws.clock.advance(60)
                time.sleep(0.05)
    finally:
        Endpoint.update = noticing  # type: ignore[method-assign]
    endpoint = site.client("sagemaker").describe_endpoint(EndpointName=site.live.endpoint)
    return failures(), str(endpoint["EndpointConfigName"])


@contextmanager
def _without_events(site: Site) -> Iterator[None]:
    """No event reaches the controller: the clock alone must do."""
    rules = [
        resource["PhysicalResourceId"].rpartition("|")[2]
        for resource in site.resources("AWS::Events::Rule")
        if resource["LogicalResourceId"].startswith(("ControllerApproval", "ControllerStackSettled"))
    ]
    assert len(rules) == 2
    events = site.client("events")
    for rule in rules:
        events.disable_rule(Name=rule)
    try:
        yield
    finally:
        for rule in rules:
            events.enable_rule(Name=rule)


def _settled(site: Site) -> None:
    site.until(lambda: not site.live.serving_status().endswith("_IN_PROGRESS"), "the serving stack to settle")
