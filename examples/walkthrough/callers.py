"""Those who ask the endpoint: they look customers up in the online store and send what they find."""

from __future__ import annotations

from examples.walkthrough import churn, traffic
from examples.walkthrough.features import Customers
from examples.walkthrough.record import Record
from examples.walkthrough.story import Step
from examples.walkthrough.world import World


class Callers:
    """They ask about customers whom no model was trained on.

    Args:
        world: where the endpoint is.
        features: the feature group that they look customers up in.
        customers: whom they ask about.
        record: keeps how often they looked something up, and what they were answered.
    """

    def __init__(self, world: World, features: Customers, customers: churn.Customers, record: Record) -> None:
        self._world = world
        self._features = features
        self._customers = customers
        self._record = record

    def ask_once(self) -> tuple[str, float]:
        """One customer, and the probability that they leave."""
        (customer,) = churn.sample(self._customers, 1, 1)
        answer = self._world.runtime.invoke_endpoint(
            EndpointName=self._world.endpoint, ContentType="text/csv", Body=self._features.bodies([customer])[0]
        )["Body"].read()
        return customer, float(answer)

    def bodies(self, count: int, seed: int) -> list[str]:
        """What they send: the newest features of each customer, from the online store."""
        ids = churn.sample(self._customers, count, seed=seed)
        self._record.features.looked_up += len(ids)
        return self._features.bodies(ids)

    def send(self, step: Step, bodies: list[str]) -> traffic.Answers:
        """Send every body once, and say how that went."""
        answers = traffic.send(
            self._world.runtime, self._world.endpoint, bodies,
            progress=lambda count: step.progress(f"{count} of {len(bodies)} requests answered"),
        )  # fmt: skip
        step.observe(f"{answers.answered} requests answered, {answers.failed} failed")
        return answers

    def send_on(self, bodies: list[str]) -> traffic.Stream:
        """Send them over and over until told to stop."""
        return traffic.Stream(self._world.runtime, self._world.endpoint, bodies)

    def remember(self, title: str, answers: traffic.Answers) -> None:
        """Keep what they were answered for the page."""
        self._record.answers[title] = (answers.answered, answers.failed)
