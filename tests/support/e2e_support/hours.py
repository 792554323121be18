"""Hours of monitoring in which something is wrong: no traffic, no baseline, a broken one, no runs at all."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from e2e_support import models
from e2e_support.site import Site

from examples.walkthrough import traffic


@dataclass
class Hours:
    """Events of the runs and alarms afterwards, by what was wrong."""

    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    alarms: dict[str, set[str]] = field(default_factory=dict)
    mails: list[str] = field(default_factory=list)


def watch(site: Site, live: str) -> Hours:
    """Live through the hours; `live` is the version that serves, with a baseline. Its baseline is broken afterwards."""
    hours = Hours()
    # Until no rollback before is an alarm any more.
    site.next_hour()
    for _ in range(4):
        site.aws.clock.advance(20 * 60)
        if not any(name.startswith("Rollout") for name in _alarms(site)):
            break
        site.next_hour()
    _hour(site, hours, "clean traffic", requests=60)
    _hour(site, hours, "drift", requests=60, shift=4.0)
    _hour(site, hours, "no traffic", requests=0)

    number = int(live.rsplit("/", 1)[1])
    site.live.upload("Baselines", f"churn/v{number}/statistics.json", b'{"version": 0, "features": [')
    _hour(site, hours, "broken baseline", requests=10)

    bare = site.register(number + 1, models.archive())
    site.judge(bare, "Approved")
    site.until_live(bare)
    _hour(site, hours, "no baseline", requests=10)

    scheduler = site.client("scheduler")
    schedule = scheduler.get_schedule(Name=site.live.monitor)
    kept = {key: schedule[key] for key in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")}
    scheduler.update_schedule(**kept, State="DISABLED")
    for _ in range(4):
        site.next_hour()
        _send(site, requests=5)
    site.aws.clock.advance(20 * 60)
    hours.alarms["no runs"] = _alarms(site)
    scheduler.update_schedule(**kept, State="ENABLED")
    hours.mails = _mails(site)
    return hours


def _hour(site: Site, hours: Hours, name: str, *, requests: int, shift: float = 0.0) -> None:
    start = _traffic(site, requests=requests, shift=shift)

    def ran() -> list[dict[str, Any]]:
        runs = [e for e in site.events("Monitoring Execution") if e["window"] and _at(e["window"]["start"]) == start]
        return [run for run in runs if run["status"] != "Failed"] or runs

    site.until(ran, f"the run of the hour with {name}", step=60)
    site.aws.clock.advance(300)
    hours.events[name] = ran()[-1]
    hours.alarms[name] = _alarms(site)


def _traffic(site: Site, *, requests: int, shift: float = 0.0) -> datetime:
    """One hour with some requests at its beginning; returns its start."""
    start = site.next_hour()
    _send(site, requests=requests, shift=shift)
    left = start + timedelta(hours=1, minutes=16) - site.aws.clock.now()
    site.aws.clock.advance(left.total_seconds())
    return start


def _send(site: Site, *, requests: int, shift: float = 0.0) -> None:
    bodies = models.bodies(requests, seed=requests + 1, shift=shift)
    answers = traffic.send(site.client("sagemaker-runtime"), site.live.endpoint, bodies)
    assert answers.failed == 0, answers.first_failure


def _alarms(site: Site) -> set[str]:
    """Names of alarms that are on, without what all of them begin with."""
    found = site.client("cloudwatch").describe_alarms(StateValue="ALARM")["MetricAlarms"]
    return {alarm["AlarmName"].removeprefix(f"{site.live.endpoint}-") for alarm in found}


def _mails(site: Site) -> list[str]:
    with urllib.request.urlopen(f"{site.aws.url}/_local/inbox", timeout=10) as answer:
        return [str(mail.get("subject", "")) for mail in json.load(answer) if site.prefix in str(mail)]


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
