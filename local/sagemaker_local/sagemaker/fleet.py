"""Fleets: the loaded models behind an endpoint configuration, and how requests are spread over them."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import Any

from .capture_format import CaptureSettings
from .serverless import Gate
from .serving.containers import Container, Loaded


class InFlight:
    """Counts what runs at the same time."""

    def __init__(self) -> None:
        self._count = 0
        self._lock = threading.Lock()

    def enter(self) -> int:
        """Count one in; return how many run now."""
        with self._lock:
            self._count += 1
            return self._count

    def leave(self) -> None:
        """Count one out."""
        with self._lock:
            self._count -= 1


@dataclass
class Variant:
    """One variant of a fleet; an inference component's fleet has one as well."""

    name: str
    definition: dict[str, Any]
    """Its entry in the endpoint configuration."""
    weight: float
    instances: int
    role_arn: str | None = None
    """Execution role of its model."""
    containers: list[Container] = field(default_factory=list)
    direct: bool = False
    """Whether requests name the container that they are for."""
    loaded: Loaded | None = None
    gate: Gate | None = None
    """What lets requests of a serverless variant in."""
    in_flight: InFlight = field(default_factory=InFlight)
    desired_weight: float = field(init=False)
    desired_instances: int = field(init=False)

    def __post_init__(self) -> None:
        self.desired_weight, self.desired_instances = self.weight, self.instances

    @property
    def hosts_components(self) -> bool:
        """Whether it has no model of its own, but room for inference components."""
        return "ModelName" not in self.definition

    @property
    def images(self) -> list[dict[str, Any]]:
        """DeployedImages as DescribeEndpoint shows them."""
        return [{"SpecifiedImage": container.image} for container in self.containers]


class Fleet:
    """The variants of one endpoint configuration, loaded once. It ends when retired and its last request is done."""

    def __init__(
        self,
        config_name: str,
        variants: list[Variant],
        capture: CaptureSettings | None,
        shadow: Variant | None = None,
        asynchronous: dict[str, Any] | None = None,
    ) -> None:
        self.config_name = config_name
        self.variants = {variant.name: variant for variant in variants}
        self.capture = capture
        self.shadow = shadow
        """Gets a copy of requests; its answers go nowhere but into captures and metrics."""
        self.asynchronous = asynchronous
        """The configuration's AsyncInferenceConfig."""
        self._users = 0
        self._retired = False
        self._lock = threading.Lock()

    @property
    def everything(self) -> list[Variant]:
        """Production variants and the shadow variant."""
        return [*self.variants.values(), *([self.shadow] if self.shadow else [])]

    @property
    def hosts_components(self) -> bool:
        """Whether requests go to inference components."""
        return any(variant.hosts_components for variant in self.variants.values())

    @property
    def shadowed_share(self) -> float:
        """Part of the requests (0 to 1) that the shadow variant gets a copy of: its weight by the production weight."""
        production = sum(variant.weight for variant in self.variants.values())
        if self.shadow is None or production <= 0:
            return 0.0
        return min(1.0, self.shadow.weight / production)

    @property
    def instances(self) -> int:
        """Instances of all variants."""
        return sum(variant.instances for variant in self.variants.values())

    def enter(self) -> None:
        """Count a request in."""
        with self._lock:
            self._users += 1

    def leave(self) -> None:
        """Count a request out; the last one of a retired fleet ends it."""
        with self._lock:
            self._users -= 1
            over = self._retired and self._users == 0
        if over:
            self._close()

    def retire(self) -> None:
        """Take no more requests; running ones may finish."""
        with self._lock:
            if self._retired:
                return
            self._retired = True
            over = self._users == 0
        if over:
            self._close()

    def pick(self, chance: float) -> Variant | None:
        """Return the variant for a random number of 0 to 1, by current weight; None if all weights are zero."""
        total = sum(variant.weight for variant in self.variants.values())
        at = chance * total
        chosen = None
        for variant in self.variants.values():
            if variant.weight > 0:
                chosen = variant
                at -= variant.weight
                if at < 0:
                    break
        return chosen

    def _close(self) -> None:
        for variant in self.everything:
            if variant.loaded is not None:
                variant.loaded.close()


class Routes:
    """Which fleet answers: replaced as a whole, so that a request sees one state or the next, never half of it.

    Args:
        seed: of the random choice between fleets and variants, so that runs repeat.
    """

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - traffic shares, not secrets
        self._lock = threading.Lock()
        self._fleets: tuple[tuple[Fleet, float], ...] = ()

    def set(self, *fleets: tuple[Fleet, float]) -> None:
        """Send the given parts of the traffic (0 to 1, in sum 1) to the given fleets."""
        with self._lock:
            self._fleets = tuple((fleet, share) for fleet, share in fleets if share > 0)

    def enter(self, target_variant: str | None) -> tuple[Fleet, Variant] | None:
        """Choose fleet and variant for a request and count it in, or return None if there is no such variant."""
        with self._lock:
            at = self._random.random()
            chosen: Fleet | None = None
            for fleet, share in self._fleets:
                chosen = fleet
                at -= share
                if at < 0:
                    break
            if chosen is None:
                return None
            variant = chosen.variants.get(target_variant) if target_variant else chosen.pick(self._random.random())
            if variant is None:
                return None
            # Inside the lock: a fleet that is about to retire has left the routes before, so it waits for this request.
            chosen.enter()
            return chosen, variant

    def sampled(self, percentage: float) -> bool:
        """Decide whether a request is captured."""
        if percentage >= 100:
            return True
        with self._lock:
            return self._random.random() * 100 < percentage
