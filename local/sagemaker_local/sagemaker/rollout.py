"""The life of an endpoint on the virtual clock: creation, deployments with guardrails, rollback.

A running fleet answers until another one has loaded its models and taken over the traffic, and it finishes what it is
working on. So a healthy rollout fails no request.
"""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .endpoint_view import announce_deployment, announce_status, pending
from .fleet import Fleet
from .fleet_loading import load_fleet
from .rollout_plan import Plan, Step
from .service import SageMaker
from .serving.predictor import LoadError
from .state import Endpoint, Store
from .timeline import Process

_ALARM_CHECK_SECONDS = 2.0
_UNEXPECTED = "Request to service failed. If failure persists after retry, contact customer support."

Wait = Generator["float | Future[Any]", None, str | None]
"""Waits, and returns the reason to give up, if there is one."""


class Rollout:
    """One creation or update of an endpoint.

    Args:
        sagemaker: the embedded SageMaker.
        store: the endpoint's account and region.
        endpoint: the endpoint; its status says Creating or Updating already.
        fleet: the fleet to load and switch to.
    """

    def __init__(self, sagemaker: SageMaker, store: Store, endpoint: Endpoint, fleet: Fleet) -> None:
        self._sagemaker = sagemaker
        self._store = store
        self._endpoint = endpoint
        self._fleet = fleet
        self._started = self._now

    @property
    def _now(self) -> datetime:
        return self._sagemaker.aws.clock.now()

    def create(self) -> Process:
        """Load the first fleet: the endpoint ends InService or Failed."""
        self._announce()
        reason = yield from self._load(self._sagemaker.options.create_endpoint_seconds)
        if reason is None:
            self._endpoint.fleet = self._fleet
            self._endpoint.routes.set((self._fleet, 1.0))
        self._settle("InService" if reason is None else "Failed", reason)

    def update(self, plan: Plan, deployment_config: dict[str, Any] | None) -> Process:
        """Move the traffic to the new fleet by a plan: the endpoint ends InService, on the new fleet or the old one."""
        self._announce()
        old = self._endpoint.fleet
        self._show(0.0, "Creating", "Launching {instances} instance(s).")
        reason = yield from self._load(self._sagemaker.options.update_endpoint_seconds)
        if reason is None:
            reason = yield from self._shift(plan, old)
        self._endpoint.pending = None
        if reason is None:
            self._endpoint.fleet = self._fleet
            self._endpoint.config_name = self._fleet.config_name
            self._endpoint.deployment_config = deployment_config
            self._endpoint.routes.set((self._fleet, 1.0))
            if old is not None:
                old.retire()
        else:
            if old is not None:
                self._endpoint.routes.set((old, 1.0))
            self._fleet.retire()
        self._settle("InService", reason)

    def _load(self, delay: float) -> Wait:
        work = self._sagemaker.loaders.submit(
            load_fleet, self._sagemaker, self._store, self._endpoint.log_group, self._fleet
        )
        yield work
        error = work.exception()
        if isinstance(error, LoadError):
            return str(error)
        if error is not None:
            return f"{_UNEXPECTED} ({type(error).__name__}: {error})"
        if delay > 0:
            yield delay
        return None

    def _shift(self, plan: Plan, old: Fleet | None) -> Wait:
        deadline = self._started + timedelta(seconds=min(plan.maximum_seconds, 1e9))
        share = 0.0
        for step in plan.steps:
            if step.share > share:
                share = step.share
                self._show(
                    share,
                    "ActivatingTraffic",
                    f"Activating traffic on {step.label} capacity of {{instances}} instance(s).",
                )
                self._route(share, old)
            reason = yield from self._bake(step, plan.alarms, deadline)
            if reason is not None:
                self._endpoint.status = "RollingBack"
                self._endpoint.modified = self._now
                self._announce()
                while plan.rolling and share > 0:
                    share = max(0.0, share - plan.rollback_batch)
                    self._route(share, old)
                return reason
        return None

    def _route(self, share: float, old: Fleet | None) -> None:
        if old is None:
            self._endpoint.routes.set((self._fleet, 1.0))
        else:
            self._endpoint.routes.set((self._fleet, share), (old, 1.0 - share))

    def _bake(self, step: Step, alarms: tuple[str, ...], deadline: datetime) -> Wait:
        end = self._now + timedelta(seconds=step.bake_seconds)
        if step.bake_seconds > 0:
            self._show(
                step.share,
                "Baking",
                f"Baking for {step.bake_seconds:g} seconds ({step.setting}) with traffic enabled on {step.label} "
                "capacity of {instances} instance(s).",
            )
        while True:
            tripped = self._tripped(alarms)
            if tripped:
                return (
                    f"Deployment was rolled back to endpoint configuration {self._endpoint.config_name}: auto-rollback "
                    f"alarm(s) in ALARM state: {', '.join(tripped)}."
                )
            now = self._now
            if now >= end:
                return None
            if now >= deadline:
                return (
                    f"Deployment was rolled back to endpoint configuration {self._endpoint.config_name}: it exceeded "
                    "MaximumExecutionTimeoutInSeconds."
                )
            yield min((end - now).total_seconds(), _ALARM_CHECK_SECONDS)

    def _tripped(self, alarms: tuple[str, ...]) -> list[str]:
        if not alarms:
            return []
        role = next((variant.role_arn for variant in self._fleet.variants.values()), None)
        cloudwatch = self._sagemaker.client("cloudwatch", self._store.account, self._store.region, role)
        try:
            answer = cloudwatch.describe_alarms(AlarmNames=list(alarms), AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        except (ClientError, BotoCoreError) as error:
            return [f"{', '.join(alarms)} (cannot be read: {error})"]
        found = [*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])]
        return [alarm["AlarmName"] for alarm in found if alarm["StateValue"] == "ALARM"]

    def _show(self, share: float, status: str, message: str) -> None:
        self._endpoint.pending = pending(self._fleet, self._started, share, status, message, self._now)
        announce_deployment(self._sagemaker, self._store, self._endpoint)

    def _settle(self, status: str, reason: str | None) -> None:
        self._endpoint.failure_reason = reason
        self._endpoint.modified = self._now
        self._endpoint.status = status
        self._announce()

    def _announce(self) -> None:
        announce_status(self._sagemaker, self._store, self._endpoint)
