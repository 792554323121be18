"""What jobs of a pipeline need: their images, code, inputs, a place for outputs, logs and metrics.

Read from the definition: which files a job reads and writes stands in its arguments, and what one step wrote the next
one reads below the same prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._execution_role import volume_key_statements
from cdk_sagemaker_mlops._iam import Statement
from cdk_sagemaker_mlops.functions import AssetLocation
from cdk_sagemaker_mlops.monitoring.locations import Location, decrypt, encrypt
from cdk_sagemaker_mlops.monitoring.native_access import shadow_statements

from .permissions import mlflow_statements
from .validation import steps_of

_IMAGE_KEYS = ("Image", "ImageUri", "RuleEvaluatorImage", "TrainingImage")
_PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
#: Keys below which an S3 URI is written to; everywhere else it is read.
_WRITTEN = ("CheckpointConfig", "DebugHookConfig", "OutputDataConfig", "S3Output", "TransformOutput")
_JOB_NAMESPACES = ["/aws/sagemaker/*", "AWS/SageMaker*", "aws/sagemaker/*"]


def job_statements(
    document: Mapping[str, Any],
    *,
    artifacts: Location,
    inputs: Sequence[Location],
    uploads: Sequence[AssetLocation],
    asset_key_arns: Sequence[str],
    volume_key_arn: str | None,
    in_vpc: bool,
) -> list[Statement]:
    """The policy of the role of jobs.

    :param document: The pipeline's definition.
    :param artifacts: Where jobs read and write what they hand on.
    :param inputs: Further places that they may read.
    :param uploads: Code of steps.
    :param asset_key_arns: Keys of the bucket that code lies in; the bootstrap's own bucket has none to name.
    :param volume_key_arn: Key of volumes.
    :param in_vpc: Whether jobs stand in a VPC.
    """
    statements = [
        *artifacts.read("Artifacts", "files of executions"),
        *artifacts.write("Artifacts", "files of executions"),
        *_code(uploads),
        *_given(document, artifacts, uploads),
        *_images(document),
        *_observability(),
        *mlflow_statements(document),
    ]
    if any(step.type == "ClarifyCheck" and step.document.get("ModelName") for step in steps_of(document)):
        statements += shadow_statements(None)
    for number, place in enumerate(inputs):
        statements += place.read(f"Input{number or ''}", "input files")
    keys = [artifacts.key_arn]
    statements += encrypt(*keys)
    statements += decrypt(*[place.key_arn for place in inputs], *asset_key_arns)
    if volume_key_arn:
        statements += volume_key_statements(volume_key_arn)
    if in_vpc:
        from cdk_sagemaker_mlops.network import Network

        statements += Network.statements()
    return statements


def _code(uploads: Sequence[AssetLocation]) -> Iterator[Statement]:
    if uploads:
        objects = [f"arn:{_refs.partition()}:s3:::{place.bucket_name}/{place.object_key}" for place in uploads]
        buckets = [f"arn:{_refs.partition()}:s3:::{place.bucket_name}" for place in uploads]
        yield Statement(sid="ReadCode", actions=["s3:GetObject"], resources=objects)
        # SageMaker lists an input's prefix before it downloads it.
        yield Statement(
            sid="ListCode",
            actions=["s3:ListBucket"],
            resources=buckets,
            conditions={"StringLike": {"s3:prefix": [place.object_key for place in uploads]}},
        )


def _given(document: Mapping[str, Any], artifacts: Location, uploads: Sequence[AssetLocation]) -> Iterator[Statement]:
    """Places that the definition itself names, outside of the pipeline's own."""
    read: set[str] = set()
    written: set[str] = set()
    code = {f"s3://{place.bucket_name}/{place.object_key}" for place in uploads}
    for uri, is_output in _uris(document, False):
        if uri not in code and not uri.startswith(artifacts.uri):
            (written if is_output else read).add(uri.rstrip("/"))
    partition = _refs.partition()
    for sid, actions, uris in (
        ("ReadGivenInputs", ["s3:GetObject"], read),
        ("WriteGivenOutputs", ["s3:GetObject", "s3:PutObject"], written),
    ):
        names = sorted(uri.removeprefix("s3://") for uri in uris)
        if names:
            yield Statement(
                sid=sid,
                actions=actions,
                resources=[f"arn:{partition}:s3:::{name}{end}" for name in names for end in _ends(name)],
                reason="an S3 URI of a step stands for all objects below it",
            )
    buckets = sorted({uri.removeprefix("s3://").split("/")[0] for uri in read | written})
    if buckets:
        yield Statement(
            sid="ListGivenPlaces",
            actions=["s3:ListBucket"],
            resources=[f"arn:{partition}:s3:::{bucket}" for bucket in buckets],
        )


def _ends(name: str) -> tuple[str, ...]:
    return ("", "/*") if "/" in name else ("/*",)


def _uris(value: Any, is_output: bool) -> Iterator[tuple[str, bool]]:
    """S3 URIs that are known at synthesis, and whether they are written to."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in ("HyperParameters", "StaticHyperParameters", "ModelMetrics", "DriftCheckBaselines"):
                yield from _uris(inner, is_output or key in _WRITTEN)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _uris(inner, is_output)
    elif isinstance(value, str) and value.startswith("s3://") and len(value) > len("s3://"):
        yield value, is_output


def _images(document: Mapping[str, Any]) -> Iterator[Statement]:
    repositories = sorted({arn for image in _values(document, _IMAGE_KEYS) for arn in _repository(image)})
    if not repositories:
        return
    yield Statement(sid="PullImages", actions=_PULL, resources=repositories)
    yield Statement(
        sid="LogInToRegistry",
        actions=["ecr:GetAuthorizationToken"],
        resources=["*"],
        reason="ecr:GetAuthorizationToken knows no resources",
    )


def _repository(image: str) -> Iterator[str]:
    account, _, rest = image.partition(".dkr.ecr.")
    _, _, name = rest.partition("/")
    if name:
        repository = re.split(r"[:@](?![^{]*\})", name)[0]
        yield _refs.arn("ecr", f"repository/{repository}", in_account=account)


def _values(value: Any, keys: Sequence[str]) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in keys and isinstance(inner, str):
                yield inner
            else:
                yield from _values(inner, keys)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _values(inner, keys)


def _observability() -> list[Statement]:
    return [
        Statement(
            sid="WriteLogs",
            actions=["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            resources=[_refs.arn("logs", "log-group:/aws/sagemaker/*")],
            reason="all jobs of a kind share one log group, with streams named after jobs and instances",
        ),
        Statement(
            sid="PublishMetrics",
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],
            conditions={"StringLike": {"cloudwatch:namespace": _JOB_NAMESPACES}},
            reason="cloudwatch:PutMetricData knows no resources; the condition limits it to SageMaker's namespaces",
        ),
    ]
