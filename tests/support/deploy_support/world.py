"""An account with a controller that is woken in it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from deploy_support.account import Account
from deploy_support.services import Client

from deploy.alarms import Alarms
from deploy.announcements import Announcer
from deploy.controller import Controller
from deploy.memory import Memory
from deploy.reconcile import Services
from deploy.registry import Registry
from deploy.requests import Request
from deploy.stacks import Stacks


class World(Account):
    """Wakes the controller, and says what became of it."""

    def wake(self, event: dict[str, Any] | None = None, *, tick: bool = False) -> list[dict[str, Any]]:
        self.clock += timedelta(seconds=1)
        request = Request.parse(event if event is not None else {"tick": tick})
        return [result.to_json() for result in self.controller().handle(request)]

    def settle(self, limit: int = 12) -> None:
        """Let everything that is under way end, with nothing but the regular tick to wake the controller."""
        for _ in range(limit):
            if self.operation is not None:
                self.finish()
            before = len(self.updates)
            self.wake(tick=True)
            if self.operation is None and len(self.updates) == before:
                return
        raise AssertionError("the controller does not come to rest")

    def controller(self) -> Controller:
        client = Client(self)
        announcer = Announcer(
            events=client, sns=client, cloudwatch=client, environment="prod", topic_arn="arn:aws:sns:::alerts"
        )
        services = Services(
            stacks=Stacks(client, "arn:aws:iam::222222222222:role/rollouts"),
            registry=Registry(client),
            announcer=announcer,
            alarms=Alarms(client).active,
            requeue=self.requeued.append,
            now=lambda: self.clock,
            sleep=lambda seconds: None,
        )
        return Controller(services, lambda: Memory(client, "mlops-prod"))

    @property
    def live(self) -> int:
        return int(self.parameters["ModelPackageArn"].rpartition("/")[2] or 0)

    @property
    def quarantined(self) -> list[int]:
        entries = json.loads(self.ssm.get("/mlops-prod/quarantine/churn", "[]"))
        return [int(entry["model_package_arn"].rpartition("/")[2]) for entry in entries]

    def statuses(self) -> list[tuple[str, int | None]]:
        return [(item["status"], item["toVersion"]) for item in self.told]
