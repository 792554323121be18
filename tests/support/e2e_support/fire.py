"""Rollouts under fire: constant traffic, and something going wrong in most of them.

Each rollout is one trouble from a list. Afterwards the world is compared with a model of what must be: which version is
live, which are barred and why, what was told, what was counted, and that nothing else exists.
"""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlparse

from e2e_support import models
from e2e_support.site import Site
from moto.ssm.models import ssm_backends

from deploy.lock import STALE_AFTER
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
_PER_SECOND = 120


class Traffic:
    """A steady stream of requests over one connection: counts answers, and keeps every failure with its moment."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._path = f"/endpoints/{site.live.endpoint}/invocations"
        self._bodies = itertools.cycle(models.bodies(200))
        self._stop = threading.Event()
        self.answered = 0
        self.failures: list[tuple[float, str]] = []
        self.started = time.monotonic()
        self.seconds = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the request under way."""
        self._stop.set()
        self._thread.join(timeout=30)
        self.seconds = time.monotonic() - self.started

    @property
    def per_second(self) -> float:
        """Requests a second over all the time."""
        return (self.answered + len(self.failures)) / max(self.seconds, 0.001)

    def _run(self) -> None:
        place = urlparse(self._site.aws.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        key = self._site.aws.accounts.developer(self._site.account).access_key
        scope = f"{key}/20260101/{self._site.region}/sagemaker/aws4_request"
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
            "Content-Type": "text/csv",
        }
        due = time.monotonic()
        while not self._stop.is_set():
            connection.request("POST", self._path, next(self._bodies), headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == 200:
                self.answered += 1
            else:
                self.failures.append((time.monotonic(), f"{answer.status} {body.decode()[:300]}"))
            # What a pause has cost is made up for, so that the rate is kept however busy the machine is.
            due = max(due + 1 / _PER_SECOND, time.monotonic() - 2.0)
            self._stop.wait(max(0.0, due - time.monotonic()))


@dataclass
class Fire:
    """What was done and seen."""

    site: Site
    troubles: dict[int, str] = field(default_factory=dict)
    packages: dict[int, str] = field(default_factory=dict)
    windows: list[tuple[float, float]] = field(default_factory=list)
    """Real time spans in which a canary that answers with errors may have had traffic."""
    expected: int = 0
    """Number of the version that must be live."""
    good: list[int] = field(default_factory=list)
    """Approved versions that nothing is wrong with, oldest first."""
    barred: set[int] = field(default_factory=set)
    succeeded: Counter[int] = field(default_factory=Counter)
    rolled_back: Counter[int] = field(default_factory=Counter)
    interruptions: int = 0
    throttles: int = 0
    refusals: int = 0
    foreign_updates: int = 0
    wrong: list[str] = field(default_factory=list)
    traffic: Traffic | None = None
    # The record, as it stood at the end.
    ended_on: str = ""
    announced: list[tuple[int, str]] = field(default_factory=list)
    quarantine: list[dict[str, Any]] = field(default_factory=list)
    orphans: dict[str, set[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    updates: Counter[int] = field(default_factory=Counter)
    metrics: dict[str, float] = field(default_factory=dict)
    dead_letters: int = 0

    def summary(self) -> str:
        """What happened, in numbers."""
        assert self.traffic is not None
        troubles = ", ".join(f"{count} {name}" for name, count in Counter(self.troubles.values()).most_common())
        requests, failed = self.traffic.answered, len(self.traffic.failures)
        return (
            f"{len(self.packages)} rollouts in {self.traffic.seconds:.0f} s: {troubles}. {requests} requests answered "
            f"({self.traffic.per_second:.1f} a second), {failed} failed, {len(self.unexplained())} of them not on a "
            f"broken canary. {self.interruptions} invocations killed, {self.throttles} calls throttled, "
            f"{self.refusals} refused, {self.foreign_updates} foreign deployments. {sum(self.succeeded.values())} "
            f"times live, {sum(self.rolled_back.values())} rolled back, {len(self.quarantine)} in quarantine, left "
            f"behind: {self.orphans or 'nothing'}."
        )

    def unexplained(self) -> list[str]:
        """Failed requests that no broken canary explains."""
        failures = self.traffic.failures if self.traffic else []
        return [
            text
            for moment, text in failures
            if ("ModelError" not in text and "client error" not in text)
            or not any(start <= moment <= end for start, end in self.windows)
        ]


def rage(site: Site, count: int, seed: int = 5) -> Fire:
    """`count` rollouts in a row, the first of them in calm."""
    fire, dice = Fire(site), random.Random(seed)
    arn = _function_role(site)
    _roll_out(fire, 1, GOOD, dice, arn)
    fire.traffic = Traffic(site)
    try:
        for number, trouble in zip(range(2, count + 1), itertools.cycle(TROUBLES), strict=False):
            _roll_out(fire, number, trouble, dice, arn)
            live = site.live.live_version()
            if live != fire.packages[fire.expected]:
                fire.wrong.append(f"after {number} ({trouble}): {live} is live, not version {fire.expected}")
    finally:
        fire.traffic.stop()
    _close(fire)
    # Shown with `pytest -s`, and by pytest itself when a test fails.
    print(fire.summary())
    return fire


def _close(fire: Fire) -> None:
    """Keep the record: later tests go on with the environment."""
    site = fire.site
    inventory = site.inventory()
    fire.ended_on, fire.announced, fire.quarantine = site.live.live_version(), told(site), site.quarantine()
    fire.orphans, fire.dead_letters = _orphans(site), _dead_letters(site)
    fire.counts = {kind: len(inventory[kind]) for kind in ("model", "endpoint-config", "endpoint", "schedule")}
    calls = site.aws.recorder.select(service="cloudformation", operation="UpdateStack")
    tokens = [c.params.get("ClientRequestToken", "") for c in calls if c.account == site.account and not c.error]
    fire.updates = Counter(int(token.split("-")[1]) for token in tokens if token.startswith("rollout-"))
    fire.metrics = {name: _metric(site, name) for name in ("Rollouts", "Rollbacks")}


def _roll_out(fire: Fire, number: int, trouble: str, dice: random.Random, role: str) -> None:
    site = fire.site
    archive = b"no archive at all" if trouble == NO_MODEL else models.archive(2 if trouble == BAD_ANSWERS else 4)
    package = site.register(number, archive, models.baseline())
    fire.troubles[number], fire.packages[number] = trouble, package
    if trouble == NO_ARCHIVE:
        site.client("s3").delete_object(Bucket=site.live.bucket("Models"), Key=f"churn/v{number}/model.tar.gz")
    began = time.monotonic()
    with _trouble(fire, trouble, dice, role):
        site.judge(package, "Approved")
        if trouble == DUPLICATES:
            for _ in range(3):
                site.judge(package, "Approved")
        _await_outcome(fire, number, trouble)
    if trouble == BAD_ANSWERS:
        fire.windows.append((began, time.monotonic()))
    if trouble in UNLUCKY:
        # The version is good, and what was in its way is gone: a person releases it, and it goes live after all.
        _invoke(site, {"action": "release", "model": "churn", "version": number})
        _succeeds(fire, number)
    if trouble == REJECTED:
        site.judge(package, "Rejected")
        fire.good.remove(number)
        fire.expected = fire.good[-1]
        before = fire.succeeded[fire.expected]
        _until_told(fire, fire.expected, "Succeeded", before + 1)
        fire.succeeded[fire.expected] += 1
        _until_serving(fire, fire.packages[fire.expected])


def _await_outcome(fire: Fire, number: int, trouble: str) -> None:
    if trouble not in (*BROKEN, *UNLUCKY):
        _succeeds(fire, number)
        return
    _until_told(fire, number, "RolledBack", 1)
    fire.rolled_back[number] += 1
    if trouble in BROKEN:
        fire.barred.add(number)
    _until_serving(fire, fire.packages[fire.expected])


def _succeeds(fire: Fire, number: int) -> None:
    _until_serving(fire, fire.packages[number])
    _until_told(fire, number, "Succeeded", 1)
    fire.succeeded[number] += 1
    fire.good.append(number)
    fire.expected = number


def _until_serving(fire: Fire, package: str) -> None:
    """Wait until a version serves and its stack is at rest, however the stack got there."""
    live = fire.site.live

    def serves() -> bool:
        return (
            live.parameters().get("ModelPackageArn") == package
            and not live.serving_status().endswith("_IN_PROGRESS")
            and live.endpoint_status() == "InService"
            and live.live_version() == package
        )

    _until(fire, serves, f"{package} to serve")


def _until_told(fire: Fire, number: int, status: str, times: int) -> None:
    def happened() -> bool:
        return told(fire.site).count((number, status)) >= times

    _until(fire, happened, f"version {number} to be announced as {status}")


def _until(fire: Fire, condition: Callable[[], bool], what: str) -> None:
    trouble = fire.troubles[max(fire.troubles)]

    def happened() -> bool:
        # An invocation that was ended, or could not give its lock back, holds things up for minutes of real time.
        if trouble in (KILLED, THROTTLED) and _locked(fire.site):
            _age_the_lock(fire.site)
        return condition()

    fire.site.until(happened, f"{what} in spite of {trouble}", seconds=180)


def told(site: Site) -> list[tuple[int, str]]:
    """Announcements of rollouts: version and status."""
    return [(event["toVersion"], event["status"]) for event in site.events("Model Rollout")]


def _age_the_lock(site: Site) -> None:
    """Let the dead invocation's lock go stale: Systems Manager and functions live in real time, and it takes long."""
    versions = ssm_backends[site.account][site.region]._parameters[f"/{site.prefix}/rollouts/churn/lock"]
    if versions:
        versions[-1].last_modified_date -= STALE_AFTER


def _locked(site: Site) -> bool:
    return bool(site.client("ssm").get_parameters(Names=[f"/{site.prefix}/rollouts/churn/lock"])["Parameters"])


# -- troubles ---------------------------------------------------------------------------------------------------------


@contextmanager
def _trouble(fire: Fire, trouble: str, dice: random.Random, role: str) -> Iterator[None]:
    """Something that goes wrong while a version is rolled out."""
    makers: dict[str, Callable[[], Any]] = {
        KILLED: lambda: _killer(fire, role, dice.randrange(1, 50)),
        THROTTLED: lambda: _throttler(fire, role, dice.randrange(1, 40), dice.choice([3, 5, 9])),
        REFUSED: lambda: _refuser(fire, dice.choice(["CreateModel", "CreateEndpointConfig", "UpdateEndpoint"])),
        BUSY: lambda: _foreign_updater(fire, dice.random() < 0.5),
        ALARM: lambda: _alarm(fire),
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
def _alarm(fire: Fire) -> Iterator[None]:
    """One of the alarms that guard a rollout goes off while the canary bakes, for a reason that has passed later."""
    site, stop = fire.site, threading.Event()
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
        with _alarm(Fire(site)):
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


# -- what is there ----------------------------------------------------------------------------------------------------


def _settled(site: Site) -> None:
    site.until(lambda: not site.live.serving_status().endswith("_IN_PROGRESS"), "the serving stack to settle")


def _function(site: Site) -> str:
    names = [resource["PhysicalResourceId"] for resource in site.resources("AWS::Lambda::Function")]
    (name,) = (name for name in names if "Controller" in name)
    return name


def _function_role(site: Site) -> str:
    configuration = site.client("lambda").get_function_configuration(FunctionName=_function(site))
    return str(configuration["Role"])


def _invoke(site: Site, request: dict[str, Any]) -> dict[str, Any]:
    def ask() -> dict[str, Any]:
        answer = site.client("lambda").invoke(FunctionName=_function(site), Payload=json.dumps(request))
        return {"error": answer.get("FunctionError"), **json.loads(answer["Payload"].read() or b"{}")}

    for _ in range(5):
        found = ask()
        if not found["error"]:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{request} was refused: {found}")


def _dead_letters(site: Site) -> int:
    """Wake-ups that the controller has given up."""
    sqs = site.client("sqs")
    (url,) = (url for url in sqs.list_queues()["QueueUrls"] if "ControllerDeadLetters" in url)
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"])


def _orphans(site: Site) -> dict[str, set[str]]:
    """What exists beside what the stacks hold, of everything that a rollout makes."""
    kinds = {
        "model": "AWS::SageMaker::Model",
        "endpoint-config": "AWS::SageMaker::EndpointConfig",
        "endpoint": "AWS::SageMaker::Endpoint",
        "schedule": "AWS::Scheduler::Schedule",
        "dashboard": "AWS::CloudWatch::Dashboard",
        "alarm": "AWS::CloudWatch::Alarm",
    }
    there = site.inventory()
    found = {}
    for kind, resource_type in kinds.items():
        held = {r["PhysicalResourceId"].rpartition("/")[2].lower() for r in site.resources(resource_type)}
        left = {name for name in there.get(kind, set()) if name.lower() not in held}
        if left:
            found[kind] = left
    definitions = site.client("sagemaker").list_data_quality_job_definitions()["JobDefinitionSummaries"]
    if definitions:
        found["job definition"] = {definition["MonitoringJobDefinitionName"] for definition in definitions}
    return found


def _metric(site: Site, name: str) -> float:
    """The sum of a rollout metric over all time. Functions live in real time, CloudFormation in the virtual one."""
    now = site.aws.clock.now()
    points = site.client("cloudwatch").get_metric_statistics(
        Namespace="SageMakerMLOps/Rollouts",
        MetricName=name,
        Dimensions=[
            {"Name": "Environment", "Value": site.prefix.partition("-")[2]},
            {"Name": "Model", "Value": "churn"},
        ],
        StartTime=now - timedelta(days=10),
        EndTime=now + timedelta(hours=1),
        Period=86400,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in points))
