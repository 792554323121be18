"""The `container` engine: an image of the user's own, which keeps the contract that Model Monitor has with images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops._iam import Statement
from cdk_sagemaker_mlops.functions import Architecture, monitor_layer_arn

from .attribution_analysis import FIND_MODEL, AttributionAnalysis
from .engine import BoundEngine, EngineRequest, EngineTask
from .job import Program, RunJob, announce_statements
from .job_engine import JobEngine, job_settings, listen
from .locations import encrypt
from .scheduled_function import add_scheduled_function

_OWN_SCRIPT = "the engine is container, whose image does that itself; put it into the image"
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AppSpecification.html
_WORD = 256
_VARIABLE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
# The function that tells of runs draws the report's page.
_MEMORY_MB, _SECONDS = 1024, 300


@dataclass(frozen=True, kw_only=True)
class ContainerEngine(JobEngine):
    """An image of your own in SageMaker processing jobs, after Model Monitor's contract. See :class:`JobEngine`.

    The image finds the window's files in the folder that `dataset_source` names, labels, baseline, Clarify's analysis
    config and the model's archive where the monitor has them, and leaves `statistics.json` (bias and attribution:
    `analysis.json`) and `constraint_violations.json` in `output_path`, as it would for Model Monitor and Clarify. A
    function tells of each ended job by the metrics, events and alarms of every other engine, out of those files; the
    analysis' own metrics also out of `cloudwatch_metrics.jsonl` if the image leaves it, one of CloudWatch's metric data
    on each line. The image itself needs no network.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-containers.html

    :param image: URI of the image.
    :param entrypoint: Its command. Default: - the image's own
    :param arguments: What follows the command. Default: - nothing
    :param environment: Variables besides the contract's. Default: - none
    :param instance_count: How many instances, 1 to 100; each has all files. Default: 1
    """

    name = "container"
    analyses = ("DataQuality", "ModelQuality", "ModelBias", "ModelExplainability")
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
        found = super().problems(task)
        if not self.image.strip():
            found.append("engine image is empty, allowed is the URI of an image")
        if isinstance(task.analysis, AttributionAnalysis):
            found += _model_problems(task.analysis)
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
                *(item for item in request.analysis.input_statements(request.source) if item.sid != FIND_MODEL),
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


def _model_problems(analysis: AttributionAnalysis) -> Iterator[str]:
    """Ways to a model that are the image's own affair."""
    if analysis.shadow_endpoint is not None:
        yield (
            "shadow_endpoint cannot be used: the engine is container, whose image gets the model's archive and may "
            "make no endpoints; leave it out, or choose auto or processing"
        )
    if analysis.allow_pickle:
        yield "allow_pickle cannot be used: the engine is container, whose image loads the model itself; leave it out"


def _function_statements(request: EngineRequest, job: RunJob) -> list[Statement]:
    """Listing the window, starting its job, telling of what it left; never reading what was captured."""
    analysis, source = request.analysis, request.source
    return [
        *source.find_statements(),
        *(item for item in analysis.statements(source.name) if item.sid.startswith("List")),
        *(item for item in analysis.input_statements(source) if item.sid == FIND_MODEL),
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
