"""From the customers' history to the first version that answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from examples.walkthrough import churn, model
from examples.walkthrough import features as store
from examples.walkthrough.callers import Callers
from examples.walkthrough.record import FeatureUse
from examples.walkthrough.story import Step, Story
from examples.walkthrough.training import Training
from examples.walkthrough.versions import Versions
from examples.walkthrough.world import World


@dataclass(frozen=True)
class People:
    """The customers as the feature store has them."""

    everybody: churn.Customers
    features: store.Customers
    history: store.History
    ingested: datetime
    """The hour in which they were written."""


@dataclass(frozen=True)
class Lesson:
    """What was trained, and on whom."""

    training: Training
    customers: churn.Customers
    held_out: churn.Customers
    """Those whom no model may see before it is asked about them."""


def ingest_history(story: Story, world: World, use: FeatureUse) -> People:
    """Write what is known of the customers into the feature store."""
    with story.step(
        "Write the customers' history into the feature store",
        expect="5,000 customers, a second record of those who left; what is broken is kept aside, nothing else",
    ) as step:
        features = store.Customers(
            world.aws, group=world.feature_group, workgroup=world.live.output("FeatureStore", "WorkgroupName")
        )
        # At the start of an hour: one run of the group's monitor sees all of it, whenever the demo is started.
        ingested = world.next_hour()
        everybody, now = churn.load(), world.aws.now()
        answered, _ = churn.split(everybody)
        history = store.History.until(now)
        rejected = world.folder / "rejected.jsonl"
        report = features.ingest(
            store.records(everybody, history.known),
            store.after_leaving(answered, history.left),
            store.broken(now),
            now=now,
            dead_letters=rejected,
        )
        step.observe(f"{report.written:,} records written in {report.seconds:.1f} s, {report.rejected} rejected")
        use.written = report.written
        use.rejected = [json.loads(line)["reason"] for line in rejected.read_text().splitlines()]
        for reason in use.rejected:
            step.observe(f"  {reason}")
        step.check(report.written == len(everybody) + answered.left.sum(), "expected all good records")
        step.check(report.rejected == 2, f"expected 2 rejected records, got {report.rejected}")
    return People(everybody, features, history, ingested)


def train(story: Story, world: World, people: People, versions: Versions, use: FeatureUse) -> Lesson:
    """Have the pipeline register version 1."""
    with story.step(
        "Train on what was known then: the pipeline registers version 1 with its baselines",
        expect="a point-in-time query sees nothing of the calls by which customers cancelled; AUC above 0.85",
    ) as step:
        step.progress("querying the offline store")
        customers, held_out = _as_they_were(step, people, use)
        newest, _ = churn.split(people.features.newest(people.everybody))
        use.auc, use.misled_auc = model.auc(customers, held_out), model.auc(newest, held_out)
        misled = use.misled_auc
        step.check(misled < use.auc - 0.05, f"newest records should mislead, the AUC with them is {misled:.3f}")
        step.observe(f"trained on everybody's newest record instead: AUC {misled:.3f} on the same customers")
        training = Training(world.aws, world.live, world.group)
        training.bring(customers)
        training.start()
        package = versions.wait_for(step, training, "trained on the customers as they were")
        report = training.evaluation(package)
        auc = report["binary_classification_metrics"]["auc"]["value"]
        step.check(auc > 0.85, f"expected an AUC above 0.85, got {auc:.3f}")
        strongest = ", ".join(list(report["feature_importance"])[:3])
        step.observe(f"{training.pipeline} registered version 1: AUC {auc:.3f}, strongest {strongest}")
    return Lesson(training, customers, held_out)


def _as_they_were(step: Step, people: People, use: FeatureUse) -> tuple[churn.Customers, churn.Customers]:
    """The customers with what was known when the question was asked: to train on, and held out."""
    table, found = people.features.training_set(people.everybody, people.history.asked)
    use.sql, use.scanned_bytes = found.sql, found.scanned_bytes
    same = bool((table.features == people.everybody.features).all())
    step.check(same, "the training set differs from what was known when the question was asked")
    step.observe(f"training set: {len(table):,} customers, {found.scanned_bytes / 1024:,.0f} KiB scanned by Athena")
    return churn.split(table)


def approve(story: Story, world: World, versions: Versions, callers: Callers) -> None:
    """Approve version 1, which brings the endpoint up."""
    with story.step(
        "Approve version 1",
        expect="the deploy Lambda sees the approval and updates the stack; the endpoint comes up with version 1",
    ) as step:
        versions.approve(1)
        versions.wait_until_live(step, 1)
        customer, probability = callers.ask_once()
        step.observe(f"{world.endpoint} is InService; customer {customer} leaves with probability {probability:.3f}")
        versions[1].fate = "live"
