"""Where a run is carried out: in the function, or in a processing job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from monitor.analysis import NoData
from monitor.choice import Room, choose, runs_in_a_function
from monitor.containers import ENGINE as CONTAINER
from monitor.containers import Containers
from monitor.engine_settings import EngineSettings
from monitor.jobs import Jobs, StartedJob
from monitor.monitor import Found, Monitor, Origin, WindowTooLarge
from monitor.run import Run
from monitor.settings import Settings
from shared.log import Logger

log = Logger("monitor.dispatch")


class Dispatcher:
    """Carries out runs with the engine that the monitor has. ``memory_mb`` is the function's."""

    def __init__(
        self,
        settings: Settings,
        engine: EngineSettings,
        monitor: Monitor,
        jobs: Jobs,
        containers: Containers,
        memory_mb: int,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._monitor = monitor
        self._jobs = jobs
        self._containers = containers
        self._memory_mb = memory_mb

    def carry_out(self, run: Run, event: Mapping[str, Any], remaining: Callable[[], float]) -> dict[str, Any]:
        """Carry out the run and return its event's detail, or hand it over to a job and return the job's name."""
        if self._engine.engine == "lambda":
            return self._monitor.execute(run, remaining)
        if self._engine.engine == CONTAINER:
            return self._contain(run, event)
        if self._engine.engine != "auto":
            return self._hand_over(run, event, None)
        found = self._monitor.find(run)
        if not found.captures and not runs_in_a_function(self._settings.monitoring_type):
            return self._nothing(run, found)
        room = Room(self._memory_mb, remaining())
        choice = choose(self._settings.monitoring_type, found.captures, found.labels, room, self._engine.auto_max_bytes)
        log.info("engine chosen", here=choice.here, reason=choice.reason)
        if not choice.here:
            return self._hand_over(run, event, choice.reason)
        self._monitor.origin = Origin("lambda", choice.reason)
        try:
            return self._monitor.execute(run, remaining, found)
        except WindowTooLarge as error:
            return self._hand_over(run, event, f"the function began and ran out of time: {error}")

    def _hand_over(self, run: Run, event: Mapping[str, Any], reason: str | None) -> dict[str, Any]:
        engine = self._engine.job_engine
        self._monitor.origin = Origin(engine, reason)
        job = self._jobs.start(run, event, self._settings.variables, engine=engine, reason=reason)
        return self._started(run, job)

    def _contain(self, run: Run, event: Mapping[str, Any]) -> dict[str, Any]:
        """Start the user's own container, unless there is nothing for it to look at."""
        found = self._monitor.find(run)
        if found.captures and (found.labels or not self._monitor.needs_labels):
            return self._started(run, self._containers.start(run, event, found))
        return self._nothing(run, found)

    def _nothing(self, run: Run, found: Found) -> dict[str, Any]:
        """Tell that there was nothing to look at, for which no job is needed."""
        run = self._monitor.with_what_there_is(run)
        return self._monitor.tell(run, NoData("NoLabels" if found.captures else "NoCaptures"), 0.0)

    def _started(self, run: Run, job: StartedJob) -> dict[str, Any]:
        outcome = {
            "status": "Started" if job.new else "AlreadyStarted",
            "engine": self._monitor.origin.engine,
            "engineReason": self._monitor.origin.reason,
            "processingJobName": job.name,
            "jobStatus": job.status,
            "window": run.window.to_json(),
        }
        log.info("run handed over", **outcome)
        return outcome
