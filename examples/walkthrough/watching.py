"""What watches the model: the monitor's reports about hours of traffic, the feature group's own, the e-mails."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from examples.walkthrough.record import Chapter, Record
from examples.walkthrough.story import Step
from examples.walkthrough.world import World

#: Requests of an hour of traffic, all of which the monitor has to see.
REQUESTS = 1000


class Watch:
    """Waits for reports, and keeps the monitor's for the page."""

    def __init__(self, world: World, record: Record) -> None:
        self._world = world
        self._record = record

    def monitor(self, step: Step, title: str, window: datetime) -> list[dict[str, str]]:
        """Let the hour pass, wait for the monitor's report, return its violations."""
        aws, live = self._world.aws, self._world.live
        run = window + timedelta(hours=1)
        aws.advance((run - aws.now()).total_seconds() + 15 * 60)
        step.wait(lambda: live.report(run, "constraint_violations.json") is not None, for_what="the monitor's report")
        report = live.report(run, "constraint_violations.json") or {}
        violations: list[dict[str, str]] = report["violations"]
        statistics = live.report(run, "statistics.json") or {}
        records = statistics["dataset"]["item_count"]
        step.observe(f"the monitor read {records} records and found {len(violations)} violations")
        step.check(records >= REQUESTS, f"expected at least {REQUESTS} captured records, the monitor read {records}")
        for violation in violations[:4]:
            step.observe(f"  {violation['feature_name']}: {violation['constraint_check_type']}")
        page = live.report_file(run, "report.html")
        name = f"monitor-{len(self._record.chapters) + 1}.html"
        if page:
            (self._world.folder / name).write_bytes(page)
        self._record.chapters.append(Chapter(title, window, records, violations, name if page else None))
        return violations

    def features(self, step: Step, run: datetime) -> list[dict[str, str]]:
        """Violations that the feature group's own monitor found."""
        live, group, name = self._world.live, self._world.feature_group, "constraint_violations.json"
        step.wait(
            lambda: live.features_report(group, run, name) is not None, for_what="the report about the feature group"
        )
        violations: list[dict[str, str]] = json.loads(live.features_report(group, run, name) or b"{}")["violations"]
        return violations

    def incidents(self, since: int) -> list[str]:
        """Subjects of e-mails about incidents of the model, after so many e-mails."""
        subjects = [str(message.get("subject", "")) for message in self._world.aws.inbox()[since:]]
        return [subject for subject in subjects if f"{self._world.endpoint}-incident-" in subject]
