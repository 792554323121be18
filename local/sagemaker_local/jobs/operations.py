"""What SageMaker's API does alike with jobs of every kind: describe, list, stop and delete them."""

from __future__ import annotations

from typing import Any, ClassVar

from sagemaker_local.errors import AwsError
from sagemaker_local.sagemaker.paging import page
from sagemaker_local.sagemaker.service import Scope

from .service import Jobs
from .state import Job, Kind

Params = dict[str, Any]


class Operations:
    """The jobs of one kind in one embedded AWS.

    Args:
        jobs: all jobs.
    """

    kind: ClassVar[Kind]

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def describe(self, scope: Scope, params: Params) -> Params:
        """Answer Describe*: what is known of a job."""
        known = self._described(self._find(scope, params))
        return {name: value for name, value in known.items() if value is not None}

    def list_jobs(self, scope: Scope, params: Params) -> Params:
        """Answer List*: newest first by default."""
        found, token = page(
            list(self._jobs.all_of(self.kind, scope.store.account, scope.store.region).values()),
            params,
            name=lambda job: job.name,
            created=lambda job: job.created,
            modified=lambda job: job.modified,
            status=lambda job: job.status,
        )
        return {f"{self.kind.name}Summaries": [self._summary(job) for job in found], "NextToken": token}

    def stop(self, scope: Scope, params: Params) -> Params:
        """Answer Stop*: what has been written stays."""
        try:
            job = self._find(scope, params)
        except AwsError as error:
            raise AwsError("ResourceNotFound", error.message) from error
        self._jobs.stop_job(job)
        return {}

    def delete(self, scope: Scope, params: Params) -> Params:
        """Answer Delete*, for a job that has ended."""
        self._jobs.delete(self._find(scope, params))
        return {}

    def _find(self, scope: Scope, params: Params) -> Job:
        return self._jobs.find(self.kind, scope.store.account, scope.store.region, params[f"{self.kind.name}Name"])

    def _described(self, job: Job) -> Params:
        """Return what Describe* tells, None for what is not known."""
        raise NotImplementedError

    def _summary(self, job: Job) -> Params:
        """Return what List* tells of a job."""
        raise NotImplementedError
