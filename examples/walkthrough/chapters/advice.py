"""What is to be done about all that."""

from __future__ import annotations

from examples.walkthrough import insights
from examples.walkthrough.record import Record
from examples.walkthrough.story import Story
from examples.walkthrough.world import World


def ask_what_to_do(story: Story, world: World, record: Record) -> None:
    """Have the insights report written."""
    with story.step(
        "Ask what to do: the insights report about this day",
        expect="first why version 3 is not live and what to do; then what else it saw, each with a next step",
    ) as step:
        record.insights = report = insights.write(world.aws, world.live, world.next_hour(), world.folder / "insights")
        for item in report.advice[:3]:
            step.observe(f"[{item.urgency}] {item.title}: {item.step}")
        step.observe(f"{len(report.advice)} recommendations, the model {report.state}: {report.page}")
        first = report.advice[0].rule if report.advice else "nothing"
        step.check(first == "newer-version-not-live", f"expected a word about version 3 first, found {first}")
