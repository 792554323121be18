"""The `auto` engine: a function that looks at each window, analyses it, or hands it over to a processing job."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .engine import BoundEngine, Engine, EngineRequest, EngineTask
from .job import announce_statements
from .job_engine import job_settings, listen
from .lambda_engine import ANALYSES, LambdaEngine
from .processing_engine import ProcessingEngine
from .scheduled_function import add_scheduled_function

if TYPE_CHECKING:
    from cdk_sagemaker_mlops._iam import Statement


@dataclass(frozen=True, kw_only=True)
class AutoEngine(Engine):
    """The engine that fits the window, chosen by every run.

    The function lists the window's files. What it can analyse within its time and memory it analyses: the usual hour
    costs fractions of a cent. What is larger, and analyses whose libraries do not fit into a function, it hands over to
    a processing job. A window that turns out to take longer than it looked is handed over as well. The run's event
    says which engine it was and why (`engine`, `engineReason`).

    :param function: The function. Default: - see :class:`LambdaEngine`
    :param jobs: The jobs. Default: - see :class:`ProcessingEngine`
    :param max_function_mb: The largest window, in megabytes of captured files, that the function analyses. Default: -
        as much as half of its time is enough for, at the speed that was measured
    """

    function: LambdaEngine = field(default_factory=LambdaEngine)
    jobs: ProcessingEngine = field(default_factory=ProcessingEngine)
    max_function_mb: int | None = None

    def problems(self, task: EngineTask) -> list[str]:
        """What Lambda or SageMaker would refuse."""
        found = [*self.function.function_problems(), *self.jobs.problems(task)]
        if self.max_function_mb is not None and self.max_function_mb < 1:
            found.append(f"engine max_function_mb is {self.max_function_mb}, allowed are 1 and more")
        return found

    def bind(self, request: EngineRequest) -> BoundEngine:
        """Defines function, schedule, the jobs' role, and what listens to how jobs end."""
        job = self.jobs.job(request)
        limit = {} if self.max_function_mb is None else {"AUTO_MAX_MEGABYTES": str(self.max_function_mb)}
        added = add_scheduled_function(
            request,
            statements=[*self._runs(request), *announce_statements(request), *job.start_statements()],
            environment={**request.settings, **job_settings("auto", job), **limit},
            memory_mb=self.function.memory_mb,
            timeout_seconds=self.function.timeout_seconds,
            architecture=self.function.architecture,
            layers=self.function.layers(request),
            log_retention_days=self.function.log_retention_days,
        )
        listen(request, job, added)
        return BoundEngine(
            name="auto",
            role=added.function.role,
            log_group=added.function.log_group,
            rules=(added.lost_run,),
            conditional=(added.schedule,),
            function=added.function.function,
            job_role=job.role,
        )

    @staticmethod
    def _runs(request: EngineRequest) -> tuple[Statement, ...]:
        """What the function does itself: runs, or no more than to look whether there is anything to hand over."""
        if request.monitoring_type in ANALYSES:
            return request.statements
        return (*request.source.find_statements(), *request.baseline.statements)
