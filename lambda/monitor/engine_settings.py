"""Settings of the engine: where runs are carried out. The function's environment variables, typed.

- `ENGINE`: `lambda`, `processing`, `spark`, `auto`, `container`, or `model-monitor`, whose runs SageMaker starts.
  Default: lambda
- `JOB_PREFIX`: what the names of jobs begin with; required where jobs are started
- `JOB`: JSON, the request of `CreateProcessingJob` without name and without what the run adds to the environment;
  required where jobs are started
- `AUTO_MAX_MEGABYTES`: of `auto`, the largest window that the function analyses itself. Default: - what it has time for
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.environment import Environment

ENGINES = ("lambda", "processing", "spark", "auto", "container", "model-monitor")
#: Those whose runs the function hands over to jobs.
_WITH_JOBS = ("processing", "spark", "auto", "container")
#: What `auto` hands over to.
BEYOND_LAMBDA = "processing"


@dataclass(frozen=True)
class EngineSettings:
    """Where runs are carried out."""

    engine: str
    job_prefix: str
    job: Mapping[str, Any]
    auto_max_bytes: int | None

    @staticmethod
    def read(variables: Mapping[str, str] | None = None) -> EngineSettings:
        """Read them from the process's environment; raises ConfigurationError naming every mistake."""
        environment = Environment(variables)
        engine = environment.choice("ENGINE", ENGINES, ENGINES[0])
        prefix, job, most = "", None, 0
        if engine in _WITH_JOBS:
            prefix = environment.text("JOB_PREFIX")
            job = environment.parsed("JOB", _object, "must be a JSON object")
            most = environment.integer("AUTO_MAX_MEGABYTES", 0)
        environment.check()
        return EngineSettings(engine, prefix, job or {}, most * 1_000_000 or None)

    @property
    def job_engine(self) -> str:
        """How events call the engine of jobs."""
        return BEYOND_LAMBDA if self.engine == "auto" else self.engine


def _object(text: str) -> dict[str, Any]:
    document = json.loads(text)
    if not isinstance(document, dict):
        raise TypeError
    return document
