"""Where a monitor's baseline comes from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._errors import ConstructError
from cdk_sagemaker_mlops._iam import Statement

from .locations import Location, decrypt
from .training_data import TrainingData

if TYPE_CHECKING:
    import aws_cdk as cdk
    from aws_cdk.aws_kms import IKey
    from aws_cdk.aws_s3 import IBucket

    from cdk_sagemaker_mlops._block import Block
    from cdk_sagemaker_mlops.registry import ModelPackageGroupBase


@dataclass(frozen=True, kw_only=True)
class BaselineRequest:
    """What a monitor tells its baseline.

    :param block: The monitor's resources; parameters are added to it.
    :param stack: The stack that holds the endpoint.
    :param owner: Name of the endpoint or data whose version has the baseline.
    :param monitoring_type: `DataQuality`, …
    :param has_statistics: Whether the monitor uses statistics besides constraints.
    :param parameter_prefix: What the stack's parameters for this endpoint begin with.
    :param reports: Where the monitor's reports go.
    :param follows: The group that the live version belongs to, where there is one.
    """

    block: Block
    stack: cdk.Stack
    owner: str
    monitoring_type: str
    has_statistics: bool
    parameter_prefix: str
    reports: Location
    follows: ModelPackageGroupBase | None = None


@dataclass(frozen=True, kw_only=True)
class BoundBaseline:
    """A baseline as a monitor uses it.

    :param constraints_uri: URI of the constraints; empty or a parameter that may be empty where there is none yet.
    :param statistics_uri: URI of the statistics, likewise.
    :param statements: What the run's role needs to read them.
    :param parameters: Names of the stack parameters behind them, by kind (`constraints`, `statistics`); empty when
        fixed.
    :param optional: Whether files that are not there are a missing baseline and no failure. Default: False
    :param settings: What runs are told to compute a baseline, as environment variables. Default: - nothing
    :param input_statements: What it takes besides where SageMaker fetches the files for a job. Default: - nothing
    """

    constraints_uri: str
    statistics_uri: str
    statements: tuple[Statement, ...]
    parameters: dict[str, str]
    optional: bool = False
    settings: dict[str, str] = field(default_factory=dict)
    input_statements: tuple[Statement, ...] = ()


class Baseline(ABC):
    """A strategy that names the statistics and constraints that a run compares with."""

    @abstractmethod
    def problems(self) -> list[str]:
        """What is wrong with it."""

    @abstractmethod
    def bind(self, request: BaselineRequest) -> BoundBaseline:
        """Prepares it for one monitor."""

    @staticmethod
    def from_registry(
        bucket: IBucket | None = None, prefix: str = "", *, training_data: TrainingData | None = None
    ) -> Baseline:
        """The baseline of the live model version, as its registry entry names it.

        The rollout controller reads the version's `DriftCheckBaselines` (else its `ModelMetrics`) and sets the stack
        parameters `<type>ConstraintsUri` and `<type>StatisticsUri` together with the version, so that a monitor never
        compares with another version's baseline. Until then, and for versions without one, the monitor runs, writes
        statistics and suggested constraints, and reports the missing baseline by metric and alarm.

        https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-quality-clarify-baseline-lifecycle.html

        :param bucket: Bucket that the versions' baselines lie in; runs may read nothing else. Default: - the bucket of
            the endpoint's reports
        :param prefix: Prefix in the bucket. Default: - all of it
        :param training_data: Compute what a version's registry entry does not name; see :class:`TrainingData`. Default:
            - monitors of such versions only write statistics and suggestions, and say so
        """
        return _RegistryBaseline(bucket, prefix.strip("/"), training_data)

    @staticmethod
    def from_files(*, constraints: str, statistics: str = "", encryption_key: IKey | None = None) -> Baseline:
        """Files in S3, the same for every version.

        :param constraints: URI of `constraints.json`.
        :param statistics: URI of `statistics.json`. Default: - none; drift is then not measured
        :param encryption_key: Key that encrypts them. Default: - none of the customer's
        """
        return _FileBaseline(constraints, statistics, encryption_key)

    @staticmethod
    def from_folder(*, bucket: IBucket, prefix: str) -> Baseline:
        """`constraints.json` and `statistics.json` in a folder, as soon as they are there.

        Until then runs write statistics and suggested constraints, and report the missing baseline by metric and
        alarm. Copying those two files of a good run, or of `model-analyzer baseline`, into the folder makes them the
        baseline.

        :param bucket: Bucket of the folder.
        :param prefix: The folder.
        """
        return _FolderBaseline(bucket, prefix.strip("/"))


@dataclass(frozen=True)
class _RegistryBaseline(Baseline):
    bucket: IBucket | None
    prefix: str
    training_data: TrainingData | None = None

    def problems(self) -> list[str]:
        return [] if self.training_data is None else self.training_data.problems()

    def bind(self, request: BaselineRequest) -> BoundBaseline:
        place = Location(self.bucket or request.reports.bucket, self.prefix)
        kinds = ("constraints", "statistics") if request.has_statistics else ("constraints",)
        uris = {kind: _parameter(request, kind) for kind in kinds}
        statements = place.read("Baselines", "baselines of model versions")
        statements += decrypt(place.key_arn)
        settings: dict[str, str] = {}
        if self.training_data is not None:
            settings = self.training_data.settings(place)
            statements += self.training_data.statements(place, request.follows)
        return BoundBaseline(
            constraints_uri=uris["constraints"],
            statistics_uri=uris.get("statistics", ""),
            statements=tuple(statements),
            parameters={kind: _parameter_name(request, kind) for kind in kinds},
            settings=settings,
        )


def _parameter(request: BaselineRequest, kind: str) -> str:
    """Value of the stack parameter for a file; monitors of one kind on one endpoint share it."""
    name = _parameter_name(request, kind)

    def define() -> str:
        what = f"the live version's {request.monitoring_type} {kind}"
        request.block.parameter(name, Default="", Description=f"URI of {what}; set by the rollout controller")
        return request.owner

    owner = _refs.remembered(request.stack, f"parameter {name}", define)
    if owner != request.owner:
        problem = (
            f'the stack parameter "{name}" already belongs to endpoint {owner}; '
            f'give endpoint {request.owner} a parameter_prefix, such as "Second"'
        )
        raise ConstructError(request.stack.node.path, [problem])
    return _refs.parameter(name)


def _parameter_name(request: BaselineRequest, kind: str) -> str:
    return f"{request.parameter_prefix}{request.monitoring_type}{kind.title()}Uri"


@dataclass(frozen=True)
class _FileBaseline(Baseline):
    constraints: str
    statistics: str
    encryption_key: IKey | None

    def problems(self) -> list[str]:
        return [
            f'baseline {kind} is "{uri}", allowed are URIs of objects: s3://bucket/key'
            for kind, uri in (("constraints", self.constraints), ("statistics", self.statistics))
            if (uri or kind == "constraints") and not _is_object_uri(uri)
        ]

    def bind(self, request: BaselineRequest) -> BoundBaseline:
        used = [self.constraints, *([self.statistics] if self.statistics and request.has_statistics else [])]
        # The analyzer's commands write this file beside them; it tells repeated records from those that are expected.
        compared = used[1:] if request.monitoring_type == "DataQuality" else []
        beside = [f"{uri.rpartition('/')[0]}/records.json" for uri in compared if not _refs.is_token(uri)]
        objects = [f"arn:{_refs.partition()}:s3:::{uri.removeprefix('s3://')}" for uri in [*used, *beside]]
        statements = [Statement(sid="ReadBaselines", actions=["s3:GetObject"], resources=objects)]
        if self.encryption_key is not None:
            statements += decrypt(_refs.key_arn(self.encryption_key))
        return BoundBaseline(
            constraints_uri=self.constraints,
            statistics_uri=self.statistics if request.has_statistics else "",
            statements=tuple(statements),
            parameters={},
            # SageMaker lists what it downloads.
            input_statements=tuple(_listing(used)),
        )


@dataclass(frozen=True)
class _FolderBaseline(Baseline):
    bucket: IBucket
    prefix: str

    def problems(self) -> list[str]:
        return [] if self.prefix else ["baseline prefix is empty, allowed is the folder of the baseline's files"]

    def bind(self, request: BaselineRequest) -> BoundBaseline:
        place = Location(self.bucket, self.prefix)
        return BoundBaseline(
            constraints_uri=f"{place.uri}/constraints.json",
            statistics_uri=f"{place.uri}/statistics.json" if request.has_statistics else "",
            # Without permission to list, S3 would answer that access is denied where there is no file yet.
            statements=(*place.read("Baselines", "files of the baseline"), *decrypt(place.key_arn)),
            parameters={},
            optional=True,
        )


def _listing(uris: Sequence[str]) -> Iterator[Statement]:
    by_bucket: dict[str, list[str]] = {}
    for uri in uris:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        by_bucket.setdefault(bucket, []).append(key)
    for number, (bucket, keys) in enumerate(by_bucket.items(), 1):
        yield Statement(
            sid=f"ListBaselines{number if number > 1 else ''}",
            actions=["s3:ListBucket"],
            resources=[f"arn:{_refs.partition()}:s3:::{bucket}"],
            conditions={"StringEquals": {"s3:prefix": keys}},
        )


def _is_object_uri(uri: str) -> bool:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return uri.startswith("s3://") and bool(bucket) and (bool(key) or _refs.is_token(uri)) and "*" not in uri
