"""Where a model's page of the insights report lies, for what refers to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdk_sagemaker_mlops import _naming, _refs
from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops.monitoring.locations import Location

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_cdk.aws_s3 import IBucket

#: Below the bucket of the pages.
FOLDER = "insights"


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightsPage:
    """The newest page about a model, at a place that stays: `insights/<controller>/latest/<model>.html`.

    Give it to :class:`ModelIncidents` and :class:`EndpointDashboard`, so that who is woken by an alarm finds the page
    that says what to do. The report may be of another stack: nothing here refers to its function.

    :param bucket: Bucket of the report's pages.
    :param controller_name: Name of the rollout controller.
    :param model: Name of the model among those of the controller.
    """

    bucket: IBucket
    controller_name: str
    model: str

    def problems(self) -> Iterable[str]:
        """Say what cannot be."""
        problems = Problems()
        problems.matches("model", self.model, _naming.LOWER_NAME_PATTERN, _naming.LOWER_NAME_RULE)
        problems.matches("controller_name", self.controller_name, _naming.NAME_PATTERN, _naming.NAME_RULE)
        return problems.found()

    @property
    def uri(self) -> str:
        """URI of the page."""
        return Location(self.bucket, FOLDER).below(self._key).uri

    @property
    def url(self) -> str:
        """Its address in the console of AWS's commercial regions."""
        region, name = _refs.region(), _refs.bucket_name(self.bucket)
        return f"https://{region}.console.aws.amazon.com/s3/object/{name}?region={region}&prefix={FOLDER}/{self._key}"

    @property
    def _key(self) -> str:
        return f"{self.controller_name}/latest/{self.model}.html"
