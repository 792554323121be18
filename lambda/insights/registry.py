"""Registered models, their versions and their evaluations. Read-only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from insights.facts import TrainingData, Version
from insights.jobs import job_of
from shared.clients import error_text
from shared.s3 import S3Uri

MOST_VERSIONS = 10


@dataclass(frozen=True)
class Registration:
    """A serving stack's entry for its model, as the rollout controller reads it too."""

    model: str
    stack_name: str
    endpoint_name: str
    group: str
    version_parameter: str

    @classmethod
    def parse(cls, text: str) -> Registration:
        """Read the parameter's JSON."""
        document = json.loads(text)
        return cls(
            model=document["model"],
            stack_name=document["stack_name"],
            endpoint_name=document["endpoint_name"],
            group=document["model_package_group"],
            version_parameter=document["parameters"]["version"],
        )


def tree(ssm: Any, path: str) -> Iterator[tuple[str, str]]:
    """Parameters below a path: last part of the name and value."""
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True)
    for page in pages:
        for parameter in page["Parameters"]:
            yield parameter["Name"].rpartition("/")[2], parameter["Value"]


def live_version(cloudformation: Any, registration: Registration) -> str:
    """ARN of the version that the serving stack runs; empty while there is none."""
    stack = cloudformation.describe_stacks(StackName=registration.stack_name)["Stacks"][0]
    values = {item["ParameterKey"]: item.get("ParameterValue", "") for item in stack.get("Parameters", [])}
    return str(values.get(registration.version_parameter, ""))


def versions(
    sagemaker: Any, group: str, read: Callable[[S3Uri], bytes | None], unread: list[str]
) -> tuple[Version, ...]:
    """The newest versions of a group, newest first, each with what its evaluation says."""
    listed = sagemaker.list_model_packages(
        ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending", MaxResults=MOST_VERSIONS
    )["ModelPackageSummaryList"]
    found = []
    for summary in listed:
        arn = summary["ModelPackageArn"]
        try:
            document = sagemaker.describe_model_package(ModelPackageName=arn)
        except ClientError as error:
            unread.append(f"{arn}: {error_text(error)}")
            continue
        found.append(_version(document, sagemaker, read, unread))
    return tuple(found)


def _version(
    document: Mapping[str, Any], sagemaker: Any, read: Callable[[S3Uri], bytes | None], unread: list[str]
) -> Version:
    evaluation = _evaluation(document, read, unread)
    training = evaluation.get("training") or {}
    job = job_of(document, sagemaker, unread)
    logged = {name: value for name, value in (job.metrics if job else {}).items() if ":" in name}
    last = {name.partition(":")[0]: value for name, value in logged.items()}
    return Version(
        arn=document["ModelPackageArn"],
        number=int(document.get("ModelPackageVersion", 0)),
        created=document["CreationTime"],
        approval=document.get("ModelApprovalStatus", ""),
        metrics=_metrics(evaluation),
        # What the evaluation says is of the best round; what the job logged, of the last.
        training={
            name: float(training[name] if name in training else last[name])
            for name in ("train", "validation")
            if name in training or name in last
        },
        metric=str(training.get("metric") or next(iter(logged), "").partition(":")[2]),
        curve={
            str(name): tuple(float(value) for value in values)
            for name, values in (training.get("curve") or {}).items()
            if isinstance(values, list)
        },
        data=_training_data(training.get("data")),
        job=job,
        importance={str(name): float(value) for name, value in (evaluation.get("feature_importance") or {}).items()},
        findings=tuple(finding["rule"] for finding in training.get("findings", ())),
        metadata=document.get("CustomerMetadataProperties") or {},
    )


def _training_data(document: object) -> TrainingData | None:
    if not isinstance(document, Mapping):
        return None
    return TrainingData(
        rows=int(document.get("rows", 0)),
        duplicates=int(document.get("duplicates", 0)),
        in_both=int(document.get("in_both", 0)),
        constant=tuple(map(str, document.get("constant", ()))),
        missing={str(name): float(share) for name, share in (document.get("missing") or {}).items()},
    )


def _evaluation(
    document: Mapping[str, Any], read: Callable[[S3Uri], bytes | None], unread: list[str]
) -> Mapping[str, Any]:
    """`ModelMetrics.ModelQuality.Statistics`, which is where evaluations stand."""
    uri = ((document.get("ModelMetrics") or {}).get("ModelQuality") or {}).get("Statistics", {}).get("S3Uri")
    if not uri:
        return {}
    try:
        content = read(S3Uri.parse(uri))
        found = json.loads(content) if content is not None else None
    except (ClientError, ValueError) as error:
        unread.append(f"{uri}: {error_text(error) if isinstance(error, ClientError) else error}")
        return {}
    if not isinstance(found, dict):
        unread.append(f"{uri}: it does not exist, or is no evaluation")
        return {}
    return found


def _metrics(evaluation: Mapping[str, Any]) -> dict[str, float]:
    """Numbers of the first `…_metrics` section, which is Model Monitor's and the pipelines' form of an evaluation."""
    sections = (value for key, value in evaluation.items() if key.endswith("_metrics"))
    section: Mapping[str, Any] = next(sections, {})
    values = {name: entry.get("value") for name, entry in section.items() if isinstance(entry, Mapping)}
    return {
        name: float(value) for name, value in values.items() if isinstance(value, int | float | str) and _number(value)
    }


def _number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True
