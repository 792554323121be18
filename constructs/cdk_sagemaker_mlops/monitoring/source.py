"""What a monitor looks at: an endpoint's captured traffic, or data that lies in S3 without any endpoint."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from cdk_sagemaker_mlops import _naming, _refs
from cdk_sagemaker_mlops._iam import Statement

from .baseline import Baseline
from .dataset_format import DatasetFormat
from .locations import Location, decrypt

if TYPE_CHECKING:
    from aws_cdk.aws_kms import IKey
    from aws_cdk.aws_s3 import IBucket

    from .target import MonitoredEndpoint

# Model Monitor publishes about endpoints in one family of namespaces and about everything else in another.
# https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-interpreting-cloudwatch.html
_OF_ENDPOINTS, _OF_OTHERS = "aws/sagemaker/Endpoints/", "aws/sagemaker/ModelMonitoring/"
#: Where reports go in the bucket of what is looked at.
REPORTS_PREFIX = "monitoring-reports"


class MonitorInput(ABC):
    """What a monitor looks at. Use one of the subclasses.

    Monitors of endpoints file their reports below endpoint and monitor, and publish with the dimensions `Endpoint` and
    `MonitoringSchedule`. All others file them below the monitor alone and have that dimension alone, as Model Monitor
    does for batch transform jobs.
    """

    #: `Endpoint`, `BatchTransform` or `Dataset`; runs know by it how to read.
    type: ClassVar[str]

    @property
    @abstractmethod
    def name(self) -> str:
        """What the monitor's own name begins with."""

    @property
    @abstractmethod
    def subject(self) -> str:
        """What titles of alarms and descriptions call it."""

    @property
    def endpoint(self) -> MonitoredEndpoint | None:
        """The watched endpoint, where there is one."""
        return None

    @property
    def endpoint_name(self) -> str | None:
        """Name of the watched endpoint, where there is one."""
        return None

    @property
    def report_folders(self) -> tuple[str, ...]:
        """Folders of reports above the monitor's own."""
        return ()

    @property
    def parameter_prefix(self) -> str:
        """What the names of stack parameters for its baseline begin with."""
        return _naming.pascal(self.name)

    @property
    def model_package_arn(self) -> str:
        """The model version behind the data; empty where the registry knows none."""
        return ""

    @property
    @abstractmethod
    def default_reports(self) -> Location:
        """Where reports go unless the monitor says otherwise."""

    @property
    def default_baseline(self) -> Baseline:
        """What runs compare with unless the monitor says otherwise."""
        return Baseline.from_registry()

    @abstractmethod
    def problems(self, monitoring_type: str, *, needs_labels: bool) -> list[str]:
        """What is wrong with it, or cannot be analysed in this way."""

    @abstractmethod
    def settings(self) -> dict[str, str]:
        """Where and how runs read, as environment variables."""

    @abstractmethod
    def statements(self) -> list[Statement]:
        """What runs need to read it."""

    def find_statements(self) -> list[Statement]:
        """What it takes to find a window's files without reading them."""
        return [statement for statement in self.statements() if statement.sid.startswith("List")]

    def native_input(self, path: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """The input of one of SageMaker's job definitions; only what they can look at has one.

        :param path: Where a run finds the data.
        :param attributes: What the analysis says about the data.
        """
        raise NotImplementedError(f"job definitions cannot look at {self.subject}")

    def namespace(self, of_endpoints: str) -> str:
        """The CloudWatch namespace of an analysis' metrics about this input.

        :param of_endpoints: The one about endpoints.
        """
        return of_endpoints if self.endpoint else of_endpoints.replace(_OF_ENDPOINTS, _OF_OTHERS)


@dataclass(frozen=True)
class EndpointInput(MonitorInput):
    """The captured traffic of an endpoint.

    :param target: The endpoint.
    """

    type = "Endpoint"

    target: MonitoredEndpoint

    @property
    def name(self) -> str:
        """What the monitor's own name begins with."""
        return self.target.endpoint_name

    @property
    def subject(self) -> str:
        """What titles of alarms and descriptions call it."""
        return f"endpoint {self.target.endpoint_name}"

    @property
    def endpoint(self) -> MonitoredEndpoint:
        """The watched endpoint."""
        return self.target

    @property
    def endpoint_name(self) -> str:
        """Name of the watched endpoint."""
        return self.target.endpoint_name

    @property
    def report_folders(self) -> tuple[str, ...]:
        """Folders of reports above the monitor's own."""
        return (self.target.endpoint_name,)

    @property
    def parameter_prefix(self) -> str:
        """What the names of stack parameters for its baseline begin with."""
        return self.target.parameter_prefix

    @property
    def model_package_arn(self) -> str:
        """The live version."""
        return self.target.model_package_arn

    @property
    def captured(self) -> Location:
        """Where the endpoint's records lie, by variant and hour."""
        capture = self.target.capture
        assert capture is not None  # noqa: S101  (`problems` was asked before)
        return Location(capture.bucket, capture.prefix).below(self.target.endpoint_name)

    @property
    def default_reports(self) -> Location:
        """Beside the captured records."""
        return Location(self.captured.bucket, REPORTS_PREFIX)

    def problems(self, monitoring_type: str, *, needs_labels: bool) -> list[str]:
        """Says when nothing is captured."""
        name, capture = self.target.endpoint_name, self.target.capture
        if capture is None:
            return [
                f"endpoint {name} captures no data, so there is nothing to analyse; "
                "give the endpoint capture=DataCapture(bucket=…)"
            ]
        if capture.sampling_percentage <= 0:
            return [f"endpoint {name} captures 0 percent of its traffic; raise capture.sampling_percentage"]
        return []

    def settings(self) -> dict[str, str]:
        """Where and how runs read, as environment variables."""
        capture = self.target.capture
        assert capture is not None  # noqa: S101  (`problems` was asked before)
        return {"ENDPOINT_NAME": self.target.endpoint_name, "CAPTURE_URI": capture.uri}

    def statements(self) -> list[Statement]:
        """What runs need to read it."""
        capture = self.target.capture
        assert capture is not None  # noqa: S101  (`problems` was asked before)
        key = capture.key
        return [
            *self.captured.read("Capture", "captured records"),
            *decrypt(_refs.key_arn(key) if key else None),
        ]

    def native_input(self, path: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """The EndpointInput."""
        return {"EndpointInput": {"EndpointName": self.target.endpoint_name, "LocalPath": path, **attributes}}


@dataclass(frozen=True, kw_only=True)
class DatasetInput(MonitorInput):
    """Files below a prefix of S3, such as a table, an export, or the offline store of a feature group.

    A run reads the files of its window: those in the window's folders where `partitions` says how folders are named,
    else those that were written in the window.

    :param dataset: Name of the data: in the monitor's name, in alarms and reports.
    :param bucket: The bucket.
    :param prefix: Prefix in the bucket, without a slash at either end. Default: - all of it
    :param format: How files are written. Default: Parquet
    :param partitions: Folders of an hour below the prefix, in the notation of strftime, for example
        `year=%Y/month=%m/day=%d/hour=%H`; without `%H` of a day. Default: - none; files count by the time at which they
        were written
    :param encryption_key: Key that encrypts the files. Default: - the bucket's
    """

    type = "Dataset"

    dataset: str
    bucket: IBucket = field(repr=False)
    prefix: str = ""
    format: DatasetFormat = field(default_factory=DatasetFormat.parquet)
    partitions: str | None = None
    encryption_key: IKey | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """What the monitor's own name begins with."""
        return self.dataset

    @property
    def subject(self) -> str:
        """What titles of alarms and descriptions call it."""
        return f"dataset {self.dataset}"

    @property
    def location(self) -> Location:
        """Where the files lie."""
        return Location(self.bucket, self.prefix)

    @property
    def default_reports(self) -> Location:
        """In the bucket of the data."""
        return Location(self.bucket, REPORTS_PREFIX)

    def problems(self, monitoring_type: str, *, needs_labels: bool) -> list[str]:
        """What is wrong with it, or cannot be analysed in this way."""
        found = []
        if not self.dataset.strip():
            found.append("the input's dataset is empty; give the data a name")
        if self.prefix != self.prefix.strip("/"):
            found.append(f'the input\'s prefix is "{self.prefix}", write it without a slash at either end')
        if monitoring_type not in self._analyses():
            found.append(
                f"{monitoring_type} needs captured requests and answers, a dataset has neither; "
                "watch the endpoint, or use DataQualityMonitor"
            )
        if self.partitions is not None and not all(part in self.partitions for part in ("%Y", "%m", "%d")):
            found.append(
                f'the input\'s partitions are "{self.partitions}", allowed are folders that name year (%Y), month (%m) '
                "and day (%d), and the hour (%H) if they have one, such as year=%Y/month=%m/day=%d"
            )
        return found

    @staticmethod
    def _analyses() -> Sequence[str]:
        return ("DataQuality",)

    def settings(self) -> dict[str, str]:
        """Where and how runs read, as environment variables."""
        values = {
            "INPUT_TYPE": self.type,
            "DATASET_NAME": self.dataset,
            "DATASET_URI": self.location.uri,
            "DATASET_FORMAT": self.format.text(),
        }
        return values | ({"DATASET_PARTITIONS": self.partitions} if self.partitions else {})

    def statements(self) -> list[Statement]:
        """What runs need to read it."""
        key = self.encryption_key
        return [
            *self.location.read("Dataset", "files of the dataset"),
            *decrypt(_refs.key_arn(key) if key else self.location.key_arn),
        ]
