"""Batch transform jobs: API and checks. What they do is in `transform_run.py`."""

from __future__ import annotations

from typing import Any

from sagemaker_local.sagemaker.faults import invalid
from sagemaker_local.sagemaker.models import containers, find_model
from sagemaker_local.sagemaker.service import Scope, register

from . import transform_records
from .operations import Operations
from .service import Jobs
from .state import TRANSFORM, Job
from .transform_run import TransformRun

Params = dict[str, Any]


def install(jobs: Jobs) -> None:
    """Answer the operations on transform jobs."""
    transform = Transform(jobs)
    register(
        jobs.sagemaker,
        {
            "CreateTransformJob": transform.create,
            "DescribeTransformJob": transform.describe,
            "ListTransformJobs": transform.list_jobs,
            "StopTransformJob": transform.stop,
        },
    )


class Transform(Operations):
    """The transform jobs of one embedded AWS."""

    kind = TRANSFORM

    def create(self, scope: Scope, params: Params) -> Params:
        """CreateTransformJob. What cannot be run here is refused now, by name."""
        model = find_model(scope.store, params["ModelName"])
        parts = containers(scope, model)
        _check(params)
        role = model.definition.get("ExecutionRoleArn") or ""
        job = self._jobs.create(
            scope, TRANSFORM, params, lambda job: TransformRun(self._jobs, job, parts).run(), role=role
        )
        return {"TransformJobArn": job.arn}

    def _described(self, job: Job) -> Params:
        return {**self._jobs.described(job), "TransformStartTime": job.started, "TransformEndTime": job.ended}

    def _summary(self, job: Job) -> Params:
        return {
            "TransformJobName": job.name,
            "TransformJobArn": job.arn,
            "CreationTime": job.created,
            "TransformEndTime": job.ended,
            "LastModifiedTime": job.modified,
            "TransformJobStatus": job.status,
            "FailureReason": job.reason,
        }


def _check(params: Params) -> None:
    """Refuse what a transform job of SageMaker or of ours cannot have, everything at once."""
    problems: list[str] = []
    source = params["TransformInput"]
    kind = source["DataSource"]["S3DataSource"]["S3DataType"]
    if kind not in ("S3Prefix", "ManifestFile"):
        problems.append(f"TransformInput has S3DataType {kind}, not supported by the embedded AWS")
    if source.get("CompressionType", "None") != "None":
        problems.append("TransformInput has CompressionType Gzip, not supported by the embedded AWS")
    split = source.get("SplitType", "None")
    if split not in ("None", "Line"):
        problems.append(f"TransformInput has SplitType {split}, not supported by the embedded AWS")
    processing = params.get("DataProcessing") or {}
    for name in ("InputFilter", "OutputFilter"):
        text = transform_records.problem(processing.get(name, "$"))
        if text is not None:
            problems.append(f"DataProcessing.{name}: {text}")
    if processing.get("JoinSource") == "Input":
        if split == "Line" and params["TransformOutput"].get("AssembleWith") != "Line":
            problems.append("DataProcessing joins lines, so TransformOutput needs AssembleWith Line")
        if not source.get("ContentType"):
            problems.append("DataProcessing joins records, so TransformInput needs a ContentType")
    if problems:
        raise invalid(f"Invalid transform job {params['TransformJobName']}: {'; '.join(problems)}.")
