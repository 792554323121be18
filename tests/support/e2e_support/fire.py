"""Rollouts under fire: constant traffic, and something going wrong in most of them.

Each rollout is one trouble from a list. Afterwards the world is compared with a model of what must be: which version is
live, which are barred and why, what was told, what was counted, and that nothing else exists.
"""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable

from e2e_support import models
from e2e_support.aftermath import dead_letters, function_role, invoke, metric, orphans
from e2e_support.fire_record import Fire, Traffic
from e2e_support.site import Site
from e2e_support.troubles import (
    BAD_ANSWERS,
    BROKEN,
    DUPLICATES,
    GOOD,
    KILLED,
    NO_ARCHIVE,
    NO_MODEL,
    REJECTED,
    THROTTLED,
    TROUBLES,
    UNLUCKY,
    happening,
)
from moto.ssm.models import ssm_backends

from deploy.lock import STALE_AFTER


def rage(site: Site, count: int, seed: int = 5) -> Fire:
    """`count` rollouts in a row, the first of them in calm."""
    fire, dice = Fire(site), random.Random(seed)
    arn = function_role(site)
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
    fire.orphans, fire.dead_letters = orphans(site), dead_letters(site)
    fire.counts = {kind: len(inventory[kind]) for kind in ("model", "endpoint-config", "endpoint", "schedule")}
    calls = site.aws.recorder.select(service="cloudformation", operation="UpdateStack")
    tokens = [c.params.get("ClientRequestToken", "") for c in calls if c.account == site.account and not c.error]
    fire.updates = Counter(int(token.split("-")[1]) for token in tokens if token.startswith("rollout-"))
    fire.metrics = {name: metric(site, name) for name in ("Rollouts", "Rollbacks")}


def _roll_out(fire: Fire, number: int, trouble: str, dice: random.Random, role: str) -> None:
    site = fire.site
    archive = b"no archive at all" if trouble == NO_MODEL else models.archive(2 if trouble == BAD_ANSWERS else 4)
    package = site.register(number, archive, models.baseline())
    fire.troubles[number], fire.packages[number] = trouble, package
    if trouble == NO_ARCHIVE:
        site.client("s3").delete_object(Bucket=site.live.bucket("Models"), Key=f"churn/v{number}/model.tar.gz")
    began = time.monotonic()
    with happening(fire, trouble, dice, role):
        site.judge(package, "Approved")
        if trouble == DUPLICATES:
            for _ in range(3):
                site.judge(package, "Approved")
        _await_outcome(fire, number, trouble)
    if trouble == BAD_ANSWERS:
        fire.windows.append((began, time.monotonic()))
    if trouble in UNLUCKY:
        # The version is good, and what was in its way is gone: a person releases it, and it goes live after all.
        invoke(site, {"action": "release", "model": "churn", "version": number})
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
