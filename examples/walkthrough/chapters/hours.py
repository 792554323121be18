"""Hours of traffic under watch: an ordinary one, a bad one, and an ordinary one again."""

from __future__ import annotations

from datetime import timedelta

from examples.walkthrough import churn
from examples.walkthrough import features as store
from examples.walkthrough.callers import Callers
from examples.walkthrough.chapters.first_version import Lesson, People
from examples.walkthrough.story import Story
from examples.walkthrough.watching import REQUESTS, Watch
from examples.walkthrough.world import World

DRIFTING = {"total_day_minutes", "number_customer_service_calls"}


def quiet(story: Story, world: World, callers: Callers, watch: Watch, people: People) -> None:
    """Ordinary traffic, in which nothing is to be found."""
    with story.step(
        "An hour of ordinary traffic",
        expect="callers look features up online; every request answered and captured, no violation, no alarm",
    ) as step:
        window = world.next_hour()
        answers = callers.send(step, callers.bodies(REQUESTS, seed=3))
        violations = watch.monitor(step, "ordinary traffic", window)
        written_in_run = people.ingested + timedelta(hours=1)
        watch.features(step, written_in_run)
        world.live.accept_features(world.feature_group, written_in_run)
        step.observe("what was written into the feature group so far is the baseline of its own monitor")
        callers.remember("ordinary traffic", answers)
        step.check(answers.failed == 0, f"{answers.failed} requests failed: {answers.first_failure}")
        step.check(not violations, f"expected no violation, found {violations}")
        step.check(not world.live.alarms_in("ALARM"), f"expected no alarm, found {world.live.alarms_in('ALARM')}")


def after_a_price_change(
    story: Story, world: World, callers: Callers, watch: Watch, people: People, lesson: Lesson
) -> None:
    """Customers behave differently, and a client leaves values out."""
    with story.step(
        "An hour after a price change, with a broken client",
        expect="drift in daytime minutes and hotline calls, missing values found; three alarms, one e-mail",
    ) as step:
        mails = len(world.aws.inbox())
        window = world.next_hour()
        step.progress("the tariff changes: new records of every customer")
        now = world.aws.now()
        people.features.ingest(store.records(churn.after_price_change(people.everybody), now), now=now)
        changed, _ = churn.split(people.features.training_set(people.everybody, now)[0])
        lesson.training.bring(changed)
        bodies = callers.bodies(REQUESTS, seed=4)
        answers = callers.send(step, churn.with_gaps(bodies, share=0.15, seed=5))
        violations = watch.monitor(step, "after the price change", window)
        callers.remember("after the price change", answers)
        drifted = {v["feature_name"] for v in violations if v["constraint_check_type"] == "baseline_drift_check"}
        written = watch.features(step, window + timedelta(hours=1))
        step.observe(f"the feature group's monitor found {len(written)} violations in the new records, one source")
        step.check(
            {v["feature_name"] for v in written} >= DRIFTING,
            f"expected {sorted(DRIFTING)} there too, got {written}",
        )
        step.check(drifted >= DRIFTING, f"expected drift in {sorted(DRIFTING)}, found it in {sorted(drifted)}")
        incomplete = {v["feature_name"] for v in violations if v["constraint_check_type"] == "completeness_check"}
        step.check(incomplete == {"total_intl_minutes"}, f"expected missing international minutes, got {incomplete}")
        step.wait(lambda: bool(world.live.alarms_in("ALARM")), for_what="an alarm", meanwhile=world.minute)
        step.wait(lambda: bool(watch.incidents(mails)), for_what="an e-mail", meanwhile=world.minute)
        alarms = world.live.alarms_in("ALARM")
        step.observe(f"in ALARM: {', '.join(sorted(alarms))}")
        told = watch.incidents(mails)
        step.observe(f"e-mail: {told[0]}")
        step.check(len(alarms) >= 3 and len(told) == 1, f"expected one e-mail about three alarms, got {told}")


def quiet_again(story: Story, world: World, callers: Callers, watch: Watch) -> None:
    """The changed traffic is ordinary for a version that was trained on it."""
    with story.step(
        "The same traffic against version 2's own baseline",
        expect="baseline and monitor moved with the version: no violation, the drift alarms are over",
    ) as step:
        window = world.next_hour()
        answers = callers.send(step, callers.bodies(REQUESTS, seed=7))
        violations = watch.monitor(step, "version 2", window)
        callers.remember("version 2", answers)
        step.check(answers.failed == 0, f"{answers.failed} requests failed: {answers.first_failure}")
        step.check(not violations, f"expected no violation, found {violations}")
        step.wait(lambda: not world.live.alarms_in("ALARM"), for_what="the alarms to end", meanwhile=world.minute)
