"""The `spark` engine: the analyzer's mergeable summaries on several instances."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cdk_sagemaker_mlops.functions import SPARK_WHEELS, AssetLocation, content_asset

from .engine import EngineRequest, EngineTask
from .job import Program, code_path, local_path, own_program
from .job_engine import JobEngine

# `spark-submit` takes a file; all that it runs lies in the archive beside it.
_DRIVER = b"""import sys

from monitor.spark_job import main

sys.exit(main())
"""


@dataclass(frozen=True, kw_only=True)
class SparkEngine(JobEngine):
    """The analyzer in a Spark job on several instances, for windows beyond one machine. See :class:`JobEngine`.

    Data quality only: labels are joined in one process, so that each of them counts once, and a model is explained by
    one. Counts, moments and categories are those of the other engines; quantiles, and with them distances, agree within
    the sketch's bound, and exactly up to 2,048 values of a feature.

    :param instance_count: How many instances, 1 to 100. Default: 2
    :param image: URI of a Spark image of SageMaker with Python 3.12, for regions that the table does not know. Default:
        - SageMaker's Spark 3.5
    """

    name = "spark"
    analyses = ("DataQuality",)
    refused_scripts = MappingProxyType(
        {"preprocessor": "the engine is spark, whose executors do not have it; choose processing"}
    )

    instance_count: int = 2
    image: str | None = None

    @property
    def instances(self) -> int:
        """How many instances a job has."""
        return self.instance_count

    def problems(self, task: EngineTask) -> list[str]:
        """What SageMaker would refuse, or Spark cannot do."""
        found = self.machines().problems()
        if task.analysis.needs_labels:
            found.append(
                f"the engine is spark, which cannot run {task.monitoring_type}: labels are joined in one process, so "
                "that each counts once; choose processing with a larger instance_type"
            )
        elif task.monitoring_type not in self.analyses:
            found.append(
                f"the engine is spark, which cannot run {task.monitoring_type}: one process explains the model; choose "
                "processing"
            )
        return found

    def program(self, request: EngineRequest) -> Program:
        """What a job runs."""
        from cdk_sagemaker_mlops.training.images import Images

        driver = _driver(request)
        command = ("smspark-submit", "--py-files", code_path(request), local_path("driver", driver))
        return own_program(
            request,
            self.machines(),
            image=self.image or Images.spark(request.stack),
            entrypoint=command,
            wheels=SPARK_WHEELS,
            files={"driver": driver},
        )


def _driver(request: EngineRequest) -> AssetLocation:
    def write(target: Path) -> None:
        target.write_bytes(_DRIVER)

    identity = hashlib.sha256(_DRIVER).hexdigest()
    return content_asset(request.stack, identity=identity, suffix=".py", display_name="Spark driver", write=write)
