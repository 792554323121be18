"""Versions after the first: one that comes by itself and is better, and one that is broken."""

from __future__ import annotations

from examples.walkthrough import model, traffic
from examples.walkthrough.callers import Callers
from examples.walkthrough.chapters.first_version import Lesson
from examples.walkthrough.chapters.hours import DRIFTING
from examples.walkthrough.story import Story
from examples.walkthrough.versions import Versions
from examples.walkthrough.world import World


def retrain_by_itself(story: Story, lesson: Lesson, versions: Versions) -> None:
    """The drift has had a version 2 trained."""
    with story.step(
        "The drift has started the training pipeline by itself",
        expect="version 2 is better than version 1 on the same customers, says why it was made, waits for approval",
    ) as step:
        package = versions.wait_for(step, lesson.training, "retrained after the price change, on drift")
        why = package["CustomerMetadataProperties"]
        step.observe(f"{why['RetrainingReason']}: {why['RetrainingFeatures']}")
        step.check(set(why["RetrainingFeatures"].split()) >= DRIFTING, f"expected {sorted(DRIFTING)} among them")
        step.check(package["ModelApprovalStatus"] == "PendingManualApproval", "expected it to wait for approval")
        comparison = lesson.training.evaluation(package)["comparison"]
        step.observe(comparison["reason"])
        step.check(comparison["better"] == 1 and comparison["gain"] > 0, f"expected a better one: {comparison}")


def roll_out(story: Story, versions: Versions, callers: Callers) -> None:
    """Version 2 takes over while callers go on."""
    with story.step(
        "Approve version 2 under traffic",
        expect="a canary takes half of the traffic, then the new fleet all of it; no request fails",
    ) as step:
        with callers.send_on(callers.bodies(500, seed=6)) as stream:
            versions.approve(2)
            versions.wait_until_live(step, 2)
        answers = stream.answers
        callers.remember("rolling out version 2", answers)
        versions[1].fate, versions[2].fate = "replaced", "live"
        step.observe("version 2 is live")
        step.observe(f"{answers.answered} requests answered meanwhile, {answers.failed} failed, "
                     f"slowest {answers.slowest_seconds * 1000:.0f} ms")  # fmt: skip
        step.check(answers.answered > 50, "expected traffic during the rollout")
        step.check(answers.failed == 0, f"{answers.failed} requests failed: {answers.first_failure}")


def roll_back(story: Story, world: World, lesson: Lesson, versions: Versions, callers: Callers) -> None:
    """Version 3 fails on the canary, and version 2 comes back."""
    with story.step(
        "Approve version 3, which is broken",
        expect="the canary's errors raise the rollback alarm, version 2 comes back, version 3 is quarantined",
    ) as step:
        versions.register("trained on too few columns", model.train_broken(lesson.customers))
        broken, healthy = versions[3], versions[2]
        bodies = callers.bodies(500, seed=8)
        with callers.send_on(bodies) as stream:
            versions.approve(3)
            step.wait(
                lambda: world.live.serving_status() == "UPDATE_ROLLBACK_COMPLETE",
                for_what="the rollback", timeout_seconds=90, meanwhile=world.half_minute,
            )  # fmt: skip
            step.wait(lambda: bool(versions.quarantined()), for_what="the quarantine", meanwhile=world.half_minute)
        answers = stream.answers
        callers.remember("version 3, the broken one", answers)
        broken.fate = "rolled back"
        step.check(world.live.live_version() == healthy.arn, f"{world.live.live_version()} is live, not version 2")
        reasons = [entry["reason"] for entry in versions.quarantined() if entry["model_package_arn"] == broken.arn]
        step.check(bool(reasons), "version 3 is not in quarantine")
        step.observe(f"{answers.answered} requests answered, {answers.failed} failed on the canary")
        step.observe(f"version 3 in quarantine: {reasons[0] if reasons else ''}")
        after = traffic.send(world.runtime, world.endpoint, bodies[:100])
        step.check(after.failed == 0, f"{after.failed} requests failed after the rollback: {after.first_failure}")
