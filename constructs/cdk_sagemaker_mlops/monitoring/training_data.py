"""What baselines are computed from, for versions whose registry entry names none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._iam import Statement

from .dataset_format import DatasetFormat
from .locations import Location, decrypt

if TYPE_CHECKING:
    from aws_cdk.aws_kms import IKey
    from aws_cdk.aws_s3 import IBucket

    from cdk_sagemaker_mlops.registry import ModelPackageGroupBase


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """Training data of which the first run of a version makes the version's baseline.

    Its columns are those of captured traffic: what the endpoint answers, then what it is asked, in this order and under
    the names that features are to have; for monitors with labels also a column of labels, anywhere. Best is what the
    model was validated on, with its answers.

    The baseline goes to `<baselines>/<group>/<version>/<type>/`, each type to its own place, and is never overwritten.
    Until it is there the monitor says that it has none. A large table takes as long as a large window: the engine
    `auto` hands it over to a job.

    :param bucket: Bucket of the data; runs may read nothing else. Default: - the bucket of the baselines
    :param prefix: Prefix in that bucket, or the key of one object. Default: - all of it
    :param from_version: Which of the data it is, each version says itself: the property `monitoring-dataset` (or
        `monitoring-dataset-DataQuality`, …) of its registry entry (`CustomerMetadataProperties`) holds a URI. Default:
        False, `prefix` is the data of every version
    :param format: How it is written. Default: CSV whose first line names the columns
    :param label: Name of the column of labels. Default: - there is none
    :param quality_tolerance: How much worse than on this data a metric of model quality may be, a share of its value.
        Default: 0.1
    :param encryption_key: Key that encrypts it. Default: - the bucket's
    """

    bucket: IBucket | None = field(default=None, repr=False)
    prefix: str = ""
    from_version: bool = False
    format: DatasetFormat = field(default_factory=DatasetFormat.csv)
    label: str | None = None
    quality_tolerance: float = 0.1
    encryption_key: IKey | None = field(default=None, repr=False)

    def problems(self) -> list[str]:
        """What is wrong with it."""
        found = []
        if not self.prefix.strip("/") and not self.from_version:
            found.append(
                "training_data says neither where it lies nor that versions name it; give prefix, or from_version=True"
            )
        if not 0 <= self.quality_tolerance <= 1:
            found.append(f"training_data quality_tolerance is {self.quality_tolerance:g}, allowed are 0 to 1")
        if self.label == "":
            found.append("training_data label is empty; name the column of labels, or leave it out")
        return found

    def _data(self, baselines: Location) -> Location:
        return Location(self.bucket or baselines.bucket, self.prefix.strip("/"))

    def settings(self, baselines: Location) -> dict[str, str]:
        """What runs are told, as environment variables.

        :param baselines: Where baselines go.
        """
        values = {
            "BASELINES_URI": baselines.uri,
            "TRAINING_DATA_FORMAT": self.format.text(),
            "TRAINING_DATA_TOLERANCE": f"{self.quality_tolerance:g}",
        }
        if not self.from_version:
            values["TRAINING_DATA_URI"] = self._data(baselines).uri
        return values | ({"TRAINING_DATA_LABEL": self.label} if self.label else {})

    def statements(self, baselines: Location, follows: ModelPackageGroupBase | None) -> list[Statement]:
        """What runs do to make a baseline.

        :param baselines: Where baselines go.
        :param follows: The group of the versions.
        """
        data = self._data(baselines)
        whole = data.objects_arn()
        # The prefix may be an object itself; what begins with it is listed, and read, in either case.
        exact = [f"{whole.removesuffix('/*')}"] if data.prefix else []
        statements = [
            Statement(
                sid="ReadTrainingData",
                actions=["s3:GetObject"],
                resources=[*exact, whole],
                reason="files of training data have generated names",
            ),
            Statement(
                sid="ListTrainingData",
                actions=["s3:ListBucket"],
                resources=[_refs.bucket_arn(data.bucket)],
                conditions={"StringLike": {"s3:prefix": [f"{data.prefix}*"]}} if data.prefix else {},
            ),
            Statement(
                sid="WriteBaselines",
                actions=["s3:PutObject"],
                resources=[(baselines.below(follows.group_name) if follows is not None else baselines).objects_arn()],
                reason="versions are counted up",
            ),
            *decrypt(_refs.key_arn(self.encryption_key) if self.encryption_key else data.key_arn),
        ]
        if baselines.key_arn is not None:
            encrypt = ["kms:Decrypt", "kms:GenerateDataKey"]
            statements.append(Statement(sid="EncryptBaselines", actions=encrypt, resources=[baselines.key_arn]))
        if follows is not None and self.from_version:
            statements.append(
                Statement(
                    sid="DescribeVersion",
                    actions=["sagemaker:DescribeModelPackage"],
                    resources=[follows.package_arns],
                    reason="versions are counted up",
                )
            )
        return statements
