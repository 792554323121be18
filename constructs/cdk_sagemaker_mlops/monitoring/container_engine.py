"""The `container` engine: an image of the user's own, which keeps the contract that Model Monitor has with images."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops._iam import Statement
from cdk_sagemaker_mlops.functions import Architecture, monitor_layer_arn

from .engine import BoundEngine, EngineRequest, EngineTask
from .job import Program, RunJob, announce_statements
from .job_engine import JobEngine, job_settings, listen
from .locations import encrypt
from .scheduled_function import add_scheduled_function

_INPUTS = ("Endpoint", "Dataset")
_OWN_SCRIPT = "the engine is container, whose image does that itself; put it into the image"
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AppSpecification.html
_WORD = 256
_VARIABLE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
# The function that tells of runs draws the report's page.
_MEMORY_MB, _SECONDS = 1024, 300


@dataclass(frozen=True, kw_only=True)
class ContainerEngine(JobEngine):
    """An image of your own in SageMaker processing jobs, after Model Monitor's contract. See :class:`JobEngine`.

    The image finds the window's files in the folder that `dataset_source` names, baseline and window in further
    variables, and leaves `statistics.json`, `constraints.json` and `constraint_violations.json` in `output_path`, as it
    would for Model Monitor. A function tells of each ended job by the metrics, events and alarms of every other engine:
    violations and records out of those files, the analysis' own metrics out of `cloudwatch_metrics.jsonl` if the image
    leaves it, one of CloudWatch's metric data on each line. The image itself needs no network.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-containers.html

    :param image: URI of the image.
    :param entrypoint: Its command. Default: - the image's own
    :param arguments: What follows the command. Default: - nothing
    :param environment: Variables besides the contract's. Default: - none
    :param instance_count: How many instances, 1 to 100; each has all files. Default: 1
    """

    name = "container"
    analyses = ("DataQuality", "ModelQuality")
    counts_labels = False
    refused_scripts = MappingProxyType({"preprocessor": _OWN_SCRIPT, "postprocessor": _OWN_SCRIPT})

    image: str
    entrypoint: Sequence[str] = ()
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    instance_count: int = 1

    @property
    def instances(self) -> int:
        """How many instances a job has."""
        return self.instance_count

    def problems(self, task: EngineTask) -> list[str]:
        """What SageMaker would refuse, or the contract has no words for."""
        found = self.machines().problems()
        if not self.image.strip():
            found.append("engine image is empty, allowed is the URI of an image")
        if task.monitoring_type not in self.analyses:
            found.append(
                f"the engine is container, whose contract knows {' and '.join(self.analyses)}; choose auto or "
                f"processing for {task.monitoring_type}"
            )
        if task.source.type not in _INPUTS:
            found.append(
                f"the engine is container, which looks at endpoints and datasets only, not at {task.source.subject}; "
                "choose another engine"
            )
        found += [
            f"engine {name} has {word[:40]!r} with {len(word)} characters, allowed are 1 to {_WORD} on one line"
            for name, words in (("entrypoint", self.entrypoint), ("arguments", self.arguments))
            for word in words
            if not 1 <= len(word) <= _WORD or "\n" in word
        ]
        found += [
            f'engine environment has "{name}", allowed are letters, digits and _'
            for name in self.environment
            if not _VARIABLE.fullmatch(name)
        ]
        return found

    def program(self, request: EngineRequest) -> Program:
        """What a job runs."""
        return Program(
            image=self.image,
            entrypoint=self.entrypoint,
            arguments=self.arguments,
            files={},
            environment=self.environment,
            statements=[
                *request.source.statements(),
                *request.analysis.statements(request.source.name),
                *request.baseline.statements,
                *request.baseline.input_statements,
                *request.written.write("Reports", "reports are filed by hour and"),
                Statement(
                    sid="ReadLists",
                    actions=["s3:GetObject"],
                    resources=[f"{request.written.objects_arn()}.json"],
                    reason="each run has a list of its files beside its report",
                ),
                *encrypt(request.written.key_arn),
            ],
        )

    def bind(self, request: EngineRequest) -> BoundEngine:
        """Defines the jobs' role, the function that starts jobs and tells of them, its schedule, and what wakes it."""
        problems = Problems()
        problems.require(
            not request.baseline.settings,
            "baseline computes what versions lack (training_data), but the engine is container, whose constraints only "
            "its image knows; register versions with baselines, or use another engine",
        )
        problems.raise_if_any(request.block.scope)
        job = self.job(request)
        added = add_scheduled_function(
            request,
            statements=_function_statements(request, job),
            environment={**request.settings, **job_settings(self.name, job)},
            memory_mb=_MEMORY_MB,
            timeout_seconds=_SECONDS,
            architecture=Architecture.ARM_64,
            layers=[monitor_layer_arn(request.stack, Architecture.ARM_64)],
            log_retention_days=self.log_retention_days,
        )
        listen(request, job, added, completed=True)
        return BoundEngine(
            name=self.name,
            role=job.role,
            rules=(added.lost_run,),
            conditional=(added.schedule,),
            function=added.function.function,
        )


def _function_statements(request: EngineRequest, job: RunJob) -> list[Statement]:
    """Listing the window, starting its job, telling of what it left; never reading what was captured."""
    read = [*request.source.statements(), *request.analysis.statements(request.source.name)]
    return [
        *(item for item in read if item.sid.startswith("List")),
        *request.baseline.statements,
        *request.written.read("Reports", "reports are filed by hour and"),
        *request.written.write("Reports", "reports are filed by hour and"),
        Statement(
            sid="TakeBackClaims",
            actions=["s3:DeleteObject"],
            resources=[f"{_refs.bucket_arn(request.written.bucket)}/{request.written.prefix}/*.told.json"],
            reason="each job has a file that says that its run was told",
        ),
        *announce_statements(request),
        *job.start_statements(),
    ]
