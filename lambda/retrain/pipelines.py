"""The training pipeline and the registry, as far as retraining looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from retrain.state import UNFINISHED, Attempt, Outcome, parse_time
from shared.clients import says

#: Executions that are looked at for one that runs: more than run at a time, on one page.
_LATEST = 20
_OUTCOMES = {"Approved": Outcome.PROMOTED, "Rejected": Outcome.REJECTED}


@dataclass(frozen=True)
class Running:
    """An execution that has not ended."""

    arn: str
    since: datetime


class Pipeline:
    """One training pipeline and the group that it registers in."""

    def __init__(self, sagemaker: Any, name: str, group: str) -> None:
        self._sagemaker = sagemaker
        self.name = name
        self._group = group

    def running(self) -> Running | None:
        """The execution that runs, whoever started it; the one that runs longest of several."""
        summaries = self._sagemaker.list_pipeline_executions(
            PipelineName=self.name, SortBy="CreationTime", SortOrder="Descending", MaxResults=_LATEST
        )["PipelineExecutionSummaries"]
        unfinished = [item for item in summaries if item.get("PipelineExecutionStatus", "") in UNFINISHED]
        if not unfinished:
            return None
        return Running(unfinished[-1]["PipelineExecutionArn"], unfinished[-1]["StartTime"])

    def start(self, attempt: Attempt, parameters: Mapping[str, str]) -> str:
        """Start an execution, or find the one that this attempt has started; returns its ARN."""
        answer = self._sagemaker.start_pipeline_execution(
            PipelineName=self.name,
            ClientRequestToken=attempt.token,
            PipelineExecutionDisplayName=f"retraining-{attempt.number}",
            PipelineExecutionDescription=attempt.reason.get("RetrainingReason", ""),
            PipelineParameters=[{"Name": name, "Value": value} for name, value in parameters.items()],
        )
        return str(answer["PipelineExecutionArn"])

    def refresh(self, attempt: Attempt) -> Attempt:
        """The attempt with what has become of it."""
        if attempt.is_settled or not attempt.arn:
            return attempt
        if attempt.outcome is Outcome.PENDING:
            return self._with_version(attempt, attempt.version)
        execution = self._describe(attempt.arn)
        status = str(execution.get("PipelineExecutionStatus", "Failed"))
        attempt = replace(attempt, status=status)
        if status in UNFINISHED:
            return attempt
        if status != "Succeeded":
            return replace(attempt, outcome=Outcome.NOTHING, why=self._reason(attempt.arn, execution))
        version = self._version_of(attempt)
        if version is None:
            return replace(attempt, outcome=Outcome.NOTHING, why="the execution succeeded and registered no version")
        return self._with_version(attempt, version)

    def live_version(self) -> str:
        """ARN of the latest approved version; empty without one."""
        packages = self._versions(ModelApprovalStatus="Approved")
        newest = max(packages, key=lambda item: int(item.get("ModelPackageVersion", 0)), default=None)
        return str(newest["ModelPackageArn"]) if newest else ""

    def _describe(self, arn: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self._sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        except ClientError as error:
            if not says(error, "not found", "does not exist"):
                raise
            # Deleted with its pipeline: nothing comes of it any more.
            return {"FailureReason": "the execution does not exist any more"}
        return found

    def _reason(self, arn: str, execution: Mapping[str, Any]) -> str:
        """Why it failed: the failed step's reason says more than the execution's."""
        try:
            steps = self._sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        except ClientError:
            steps = []
        failed = [step for step in steps if step.get("StepStatus") == "Failed"]
        if failed:
            return f"step {failed[0]['StepName']}: {failed[0].get('FailureReason', 'no reason given')}"[:1000]
        return str(execution.get("FailureReason") or f"it ended as {execution.get('PipelineExecutionStatus')}")[:1000]

    def _version_of(self, attempt: Attempt) -> str | None:
        """The version that an execution registered: it says so itself, or was made while the execution ran."""
        began = parse_time(attempt.started)
        recent = [item for item in self._versions() if item["CreationTime"] >= began]
        unnamed = None
        for item in recent:
            package = self._sagemaker.describe_model_package(ModelPackageName=item["ModelPackageArn"])
            by = (package.get("MetadataProperties") or {}).get("GeneratedBy")
            if by == attempt.arn:
                return str(item["ModelPackageArn"])
            if by is None and unnamed is None:
                unnamed = str(item["ModelPackageArn"])
        return unnamed

    def _with_version(self, attempt: Attempt, version: str) -> Attempt:
        try:
            package = self._sagemaker.describe_model_package(ModelPackageName=version)
        except ClientError as error:
            if not says(error, "does not exist", "not found"):
                raise
            return replace(attempt, version=version, outcome=Outcome.REJECTED, why="the version was deleted")
        status = str(package.get("ModelApprovalStatus", "PendingManualApproval"))
        return replace(attempt, version=version, outcome=_OUTCOMES.get(status, Outcome.PENDING))

    def _versions(self, **filters: str) -> list[dict[str, Any]]:
        paginator = self._sagemaker.get_paginator("list_model_packages")
        pages = paginator.paginate(
            ModelPackageGroupName=self._group, SortBy="CreationTime", SortOrder="Descending", **filters
        )
        found: list[dict[str, Any]] = []
        # Newest first: older pages hold nothing that a retraining of this week made.
        for page in pages:
            found += page["ModelPackageSummaryList"]
            if found:
                break
        return found
