"""The system comes up, and is deployed again when all is over."""

from __future__ import annotations

from pathlib import Path

from examples.walkthrough.processes import Guardian
from examples.walkthrough.story import Story
from examples.walkthrough.versions import Version
from examples.walkthrough.world import World


def start(story: Story, guardian: Guardian, folder: Path) -> World:
    """Start the embedded AWS."""
    with story.step(
        "Start the embedded AWS", expect="one process on the loopback interface, no account, no Docker"
    ) as step:
        world = World(guardian, folder)
        step.observe(f"{world.aws.url}, account {world.account}, {world.region}")
    return world


def deploy_without_a_model(story: Story, world: World) -> None:
    """Deploy all stacks."""
    with story.step(
        "cdk deploy, before any model exists",
        expect="every stack of environments/local.yaml is created; no endpoint yet, and no alarm about that",
    ) as step:
        # No `cdk bootstrap`: the embedded AWS has done its work when the CLI first asks for the bootstrap's roles.
        world.cdk.run("deploy", "**", "--require-approval", "never", progress=step.progress)
        stacks = world.live.stacks()
        step.observe(", ".join(f"{name} {status}" for name, status in sorted(stacks.items())))
        step.check(len(stacks) >= 4, f"expected at least four stacks, found {len(stacks)}")
        step.check(set(stacks.values()) == {"CREATE_COMPLETE"}, "expected CREATE_COMPLETE for all of them")
        step.check(world.live.endpoint_status() == "", "expected no endpoint before a version is approved")
        step.check(not world.live.alarms_in("ALARM"), "expected no alarm")


def deploy_again(story: Story, world: World, expected: Version) -> None:
    """Deploy again, and lose nothing of what happened meanwhile."""
    with story.step(
        "cdk diff and cdk deploy after all that",
        expect=f"no difference; the deploy changes nothing and version {expected.number} stays live",
    ) as step:
        printed = world.cdk.run("diff", "**", progress=step.progress)
        step.check("Number of stacks with differences: 0" in printed, f"cdk diff printed: {printed[-800:]}")
        world.cdk.redeploy(progress=step.progress)
        live = world.live.parameters()["ModelPackageArn"]
        step.check(live == expected.arn, f"expected version {expected.number} in the stack, found {live}")
        step.check(world.live.live_version() == expected.arn, f"expected version {expected.number} on the endpoint")
        step.observe(f"no differences; version {live.rsplit('/', 1)[-1]} is live")
