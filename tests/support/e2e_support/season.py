"""A season of rollouts under constant traffic: good versions, broken ones, one interrupted, repeated events."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from e2e_support import models
from e2e_support.site import Site
from moto.ssm.models import ssm_backends

from deploy.lock import STALE_AFTER
from examples.walkthrough.traffic import Answers, Stream, _invoke
from sagemaker_local import lambdas
from sagemaker_local.front import Context

GOOD, BAD_ANSWERS, NO_ARCHIVE = "good", "answers with errors", "has no archive"
INTERRUPTED = 5


class Client(Stream):
    """Sends about a hundred requests a second, so that the rest of the machine gets its share."""

    def _run(self, runtime: Any, endpoint: str, bodies: Iterator[str]) -> None:
        while not self._stop.wait(0.008):
            self.answers.add(*_invoke(runtime, endpoint, next(bodies)))


@dataclass
class Season:
    """What happened, by version number."""

    site: Site
    packages: dict[int, str] = field(default_factory=dict)
    kinds: dict[int, str] = field(default_factory=dict)
    answers: dict[int, Answers] = field(default_factory=dict)
    killed: int = 0
    inventory: dict[str, set[str]] = field(default_factory=dict)
    quarantine: list[dict[str, Any]] = field(default_factory=list)
    live: str = ""
    dead_letters: int = 0

    def updates(self) -> Counter[int]:
        """Updates of the serving stack that CloudFormation accepted, by version."""
        calls = self.site.aws.recorder.select(service="cloudformation", operation="UpdateStack")
        tokens = [c.params["ClientRequestToken"] for c in calls if c.account == self.site.account and not c.error]
        return Counter(int(token.split("-")[1]) for token in tokens)


def play(site: Site) -> Season:
    """Versions 1 to 8 in a row, every one under traffic."""
    season = Season(site)
    _version(season, 1, GOOD)
    for number, kind in enumerate((GOOD, GOOD, BAD_ANSWERS, GOOD, NO_ARCHIVE, GOOD, GOOD), start=2):
        _version(season, number, kind, interrupted=number == INTERRUPTED, repeated=number in (2, 4))
    season.inventory = site.inventory()
    season.quarantine = site.quarantine()
    season.live = site.live.live_version()
    season.dead_letters = _dead_letters(site)
    return season


def _version(season: Season, number: int, kind: str, *, interrupted: bool = False, repeated: bool = False) -> None:
    site = season.site
    archive = models.archive(2 if kind == BAD_ANSWERS else len(models.FEATURES))
    package = site.register(number, archive, models.baseline())
    if kind == NO_ARCHIVE:
        site.client("s3").delete_object(Bucket=site.live.bucket("Models"), Key=f"churn/v{number}/model.tar.gz")
    season.packages[number], season.kinds[number] = package, kind
    if interrupted:
        _kill_the_next_update(season)
    stream = Client(site.client("sagemaker-runtime"), site.live.endpoint, models.bodies(200)) if number > 1 else None
    try:
        site.judge(package, "Approved")
        if repeated:
            _repeat(site, package)
        if kind == GOOD:
            site.until_live(package)
        else:
            site.until(lambda: _is_quarantined(site, package), f"version {number} to be rolled back")
        if interrupted:
            _age_the_lock(site)
        outcome = (number, "Succeeded" if kind == GOOD else "RolledBack")
        site.until(lambda: outcome in told(site), f"{outcome} to be announced")
    finally:
        if stream is not None:
            season.answers[number] = stream.stop()


def _is_quarantined(site: Site, package: str) -> bool:
    return any(entry["model_package_arn"] == package for entry in site.quarantine())


def _repeat(site: Site, package: str) -> None:
    """The same approval again and again, from the queue and by hand, at the same time."""
    site.judge(package, "Approved")
    functions = [resource["PhysicalResourceId"] for resource in site.resources("AWS::Lambda::Function")]
    (name,) = (function for function in functions if "Controller" in function)
    requests = [json.dumps({"action": "reconcile", "model": "churn"}), json.dumps({}), json.dumps({"tick": True})]
    threads = [
        threading.Thread(target=site.client("lambda").invoke, kwargs={"FunctionName": name, "Payload": request})
        for request in requests
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _kill_the_next_update(season: Season) -> None:
    """End the deploy function's process the moment CloudFormation has accepted an update, before it hears of it."""
    site = season.site
    pool = lambdas.of(site.aws)._pool

    def kill(context: Context, params: dict[str, Any], result: dict[str, Any]) -> None:
        if season.killed or context.account != site.account:
            return
        for worker in list(pool._all):
            if worker.image.key.startswith(f"{site.account}/") and "Controller" in worker.image.key:
                worker.kill()
                season.killed += 1

    site.aws.front.after("cloudformation", "UpdateStack", kill)


def told(site: Site) -> list[tuple[int, str]]:
    """Announcements of rollouts: version and status."""
    return [(event["toVersion"], event["status"]) for event in site.events("Model Rollout")]


def _age_the_lock(site: Site) -> None:
    """Let the dead invocation's lock go stale: Systems Manager and functions live in real time, and it takes long."""
    parameter = ssm_backends[site.account][site.region]._parameters[f"/{site.prefix}/rollouts/churn/lock"][-1]
    parameter.last_modified_date -= STALE_AFTER


def _dead_letters(site: Site) -> int:
    sqs = site.client("sqs")
    urls = [url for url in sqs.list_queues()["QueueUrls"] if "DeadLetters" in url]
    attribute = "ApproximateNumberOfMessages"
    counts = [sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[attribute])["Attributes"] for url in urls]
    return sum(int(count[attribute]) for count in counts)
