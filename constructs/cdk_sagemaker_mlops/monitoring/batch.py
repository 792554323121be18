"""Batch transform jobs as what a monitor looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._errors import ConstructError
from cdk_sagemaker_mlops._iam import Statement

from .baseline import Baseline
from .dataset_format import DatasetFormat
from .locations import Location, decrypt
from .source import REPORTS_PREFIX, MonitorInput

if TYPE_CHECKING:
    from aws_cdk.aws_kms import IKey

    from cdk_sagemaker_mlops.batch_transform import BatchTransform
    from cdk_sagemaker_mlops.transform_job import TransformCapture, TransformInput, TransformOutput


_USUAL_FORMAT = DatasetFormat.csv(header=False)


@dataclass(frozen=True, kw_only=True)
class BatchTransformInput(MonitorInput):
    """What batch transform jobs read and wrote, by the lists of objects that they record.

    A run looks at the jobs that began in its window, and reads answers and requests line by line. Labels are matched by
    the ids that jobs add to answers.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-batch.html

    :param transform: Name of the jobs: in the monitor's name, in alarms and reports.
    :param capture: Where the jobs record their objects.
    :param requests: What the jobs read.
    :param answers: What the jobs write.
    :param format: How it is written, for the engines model-monitor and container; the others see it themselves.
        Default: CSV without header
    :param version_arn: The model version behind the jobs. Default: - the registry knows none
    """

    type = "BatchTransform"

    transform: str
    capture: TransformCapture = field(repr=False)
    requests: TransformInput = field(repr=False)
    answers: TransformOutput = field(repr=False)
    format: DatasetFormat = _USUAL_FORMAT
    version_arn: str = ""

    @staticmethod
    def of(transform: BatchTransform) -> BatchTransformInput:
        """What a transform of this library records.

        :param transform: It needs `capture`.
        :raises ConstructError: It records nothing.
        """
        if transform.capture is None:
            problem = "it records nothing, so there is nothing to watch; give it capture=TransformCapture(bucket=…)"
            raise ConstructError(transform.node.path, [problem])
        return BatchTransformInput(
            transform=transform.job_name_prefix,
            capture=transform.capture,
            requests=transform.requests,
            answers=transform.answers,
            version_arn=transform.model_package_arn,
        )

    @property
    def name(self) -> str:
        """What the monitor's own name begins with."""
        return self.transform

    @property
    def subject(self) -> str:
        """What titles of alarms and descriptions call it."""
        return f"batch transform {self.transform}"

    @property
    def model_package_arn(self) -> str:
        """The model version behind the jobs."""
        return self.version_arn

    @property
    def default_reports(self) -> Location:
        """Beside the jobs' lists."""
        return Location(self.capture.bucket, REPORTS_PREFIX)

    @property
    def default_baseline(self) -> Baseline:
        """Files in a folder beside the reports, once they are there: no rollout tells of a version's."""
        return Baseline.from_folder(bucket=self.capture.bucket, prefix=f"monitoring-baselines/{self.transform}")

    def problems(self, monitoring_type: str, *, needs_labels: bool) -> list[str]:
        """What is wrong with it, or cannot be analysed in this way."""
        found = [] if self.transform.strip() else ["the input's transform is empty; give the jobs a name"]
        if needs_labels and not self.capture.generate_inference_id:
            found.append(
                f"{monitoring_type} matches labels by ids, and {self.subject} adds none to its answers; give "
                "it TransformCapture(generate_inference_id=True)"
            )
        return found

    def settings(self) -> dict[str, str]:
        """Where and how runs read, as environment variables."""
        values = {"INPUT_TYPE": self.type, "TRANSFORM_NAME": self.transform, "CAPTURE_URI": self.capture.uri}
        if self.format != _USUAL_FORMAT:
            values["DATASET_FORMAT"] = self.format.text()
        return values if self.capture.generate_inference_id else values | {"INFERENCE_IDS": "false"}

    def statements(self) -> list[Statement]:
        """What runs need to read it."""
        data = [Location(part.bucket, part.prefix) for part in (self.requests, self.answers)]
        statements = self._read_lists()
        for name, place in zip(("Requests", "Answers"), data, strict=True):
            statements += place.read(name, "objects of batch transform jobs")
        keys = [self.capture.key, self.requests.key, self.answers.key]
        return [*statements, *decrypt(*dict.fromkeys(_arns(keys)))]

    def find_statements(self) -> list[Statement]:
        """What it takes to find a window's files: the lists that name them are read."""
        found = [statement for statement in self.statements() if statement.sid.startswith("List")]
        return [*self._read_lists(), *found, *decrypt(*_arns([self.capture.key]))]

    def _read_lists(self) -> list[Statement]:
        return Location(self.capture.bucket, self.capture.prefix).read("Capture", "lists of objects")

    def native_input(self, path: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """The BatchTransformInput."""
        ((kind, options),) = self.format.document.items()
        written = {
            "csv": {"Csv": {"Header": bool(options.get("header"))}},
            "json": {"Json": {"Line": True}},
            "parquet": {"Parquet": True},
        }
        return {
            "BatchTransformInput": {
                "DataCapturedDestinationS3Uri": self.capture.uri,
                "DatasetFormat": written[kind],
                "LocalPath": path,
                **attributes,
            }
        }


def _arns(keys: Sequence[IKey | None]) -> list[str]:
    return [_refs.key_arn(key) for key in keys if key is not None]
