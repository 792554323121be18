"""The incident from beginning to end: what a team lives through with one model, in two minutes."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

from examples.walkthrough import charts, churn
from examples.walkthrough.callers import Callers
from examples.walkthrough.chapters import advice, first_version, hours, rollouts, system
from examples.walkthrough.page import write_page
from examples.walkthrough.processes import Guardian
from examples.walkthrough.record import Record
from examples.walkthrough.story import Story
from examples.walkthrough.versions import Versions
from examples.walkthrough.watching import Watch
from examples.walkthrough.world import World


class Scenario:
    """The steps, in order, and the page about them."""

    def __init__(self, story: Story, guardian: Guardian, folder: Path) -> None:
        self._story = story
        self._guardian = guardian
        self._folder = folder
        self._record = Record()
        self._versions: Versions | None = None
        self.world: World | None = None

    def run(self) -> None:
        """All of it; raises StoryEnded at the first difference."""
        story, record = self._story, self._record
        self.world = world = system.start(story, self._guardian, self._folder)
        self._versions = versions = Versions(world)
        watch = Watch(world, record)

        system.deploy_without_a_model(story, world)
        people = first_version.ingest_history(story, world, record.features)
        lesson = first_version.train(story, world, people, versions, record.features)
        callers = Callers(world, people.features, lesson.held_out, record)
        first_version.approve(story, world, versions, callers)

        hours.quiet(story, world, callers, watch, people)
        hours.after_a_price_change(story, world, callers, watch, people, lesson)
        rollouts.retrain_by_itself(story, lesson, versions)
        rollouts.roll_out(story, versions, callers)
        hours.quiet_again(story, world, callers, watch)
        rollouts.roll_back(story, world, lesson, versions, callers)

        system.deploy_again(story, world, versions[2])
        advice.ask_what_to_do(story, world, record)

    def write_page(self) -> Path | None:
        """Write the HTML page of what happened; None if nothing did."""
        world, versions, windows = self.world, self._versions, [chapter.window for chapter in self._record.chapters]
        if world is None or versions is None or not windows:
            return None
        whole = (windows[0] - timedelta(hours=1), world.aws.now())
        page = write_page(
            self._folder / "walkthrough.html",
            steps=self._story.steps,
            record=self._record,
            versions=[(v.number, v.story, v.fate) for v in versions.all],
            drift={
                feature: world.live.drift(feature, windows[0], windows[-1])
                for feature in (churn.PREDICTION, *churn.FEATURES)
            },
            alarms=world.live.alarm_history(),
            dashboard=charts.html(world.live.dashboard(*whole), *whole),
        )
        shutil.copyfile(page, self._folder / "index.html")
        return page
