"""Event patterns that start a pipeline: what EventBridge takes, and what would start it by its own doing.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cdk_sagemaker_mlops._errors import did_you_mean
from cdk_sagemaker_mlops._refs import is_token

_FIELDS = ("account", "detail", "detail-type", "id", "region", "resources", "source", "time", "version", "$or")
_FILTERS = ("anything-but", "cidr", "equals-ignore-case", "exists", "numeric", "prefix", "suffix", "wildcard")
_LONGEST = 2048
_EXECUTIONS = (
    "SageMaker Model Building Pipeline Execution Status Change",
    "SageMaker Model Building Pipeline Execution Step Status Change",
)
_CALLS = "AWS API Call via CloudTrail"
#: Services that tell of what a pipeline itself does: its jobs, steps and versions, and the files that it writes; by
#: which kinds of events they do. Executions are looked at more closely.
_OUR_DOINGS = {
    "aws.sagemaker": (
        "its own steps, jobs and versions; say which by detail, such as pipelineArn of another pipeline",
        *(
            f"SageMaker {what} State Change"
            for what in (
                *("Training Job", "Processing Job", "HyperParameter Tuning Job", "Transform Job"),
                *("Model", "Model Package"),
            )
        ),
        _CALLS,
    ),
    "aws.s3": ("the files that it writes itself; say which by detail: bucket and object", "Object Created", _CALLS),
}
#: Fields of detail that do not say whose doing an event tells of; so do all that end with status.
_SAY_NOTHING = ("eventSource", "reason", "version")


def pattern_problems(pattern: Mapping[str, Any], *, pipeline_name: str | None = None) -> list[str]:
    """What is wrong with a pattern.

    :param pattern: As EventBridge has it.
    :param pipeline_name: The pipeline that it starts. Default: - not known yet
    """
    if not pattern:
        return ["is empty, which would match every event; give a source at least"]
    found = [
        f"has a field {name}, events have {', '.join(_FIELDS)}{did_you_mean(name, _FIELDS)}"
        for name in pattern
        if name not in _FIELDS
    ]
    found += _shape_problems(pattern, "")
    if not {"source", "detail-type", "$or"} & set(pattern):
        found.append("names neither source nor detail-type, and would match events of everybody; give a source")
    if not is_token(text := json.dumps(pattern, separators=(",", ":"), default=str)) and len(text) > _LONGEST:
        found.append(f"has {len(text)} characters, allowed are {_LONGEST}")
    return found or list(_circle_problems(pattern, pipeline_name))


def object_created(bucket_name: str, prefix: str, suffix: str | None) -> dict[str, Any]:
    """The pattern of new objects in a bucket that tells EventBridge of them.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html

    :param bucket_name: Name of the bucket.
    :param prefix: What their keys begin with; empty for all.
    :param suffix: What their keys end with. Default: - anything; empty objects, which stand for folders,
        are passed over
    """
    key: list[dict[str, Any]] = []
    if prefix and suffix:
        # One filter, because a list of two would mean either of them.
        key = [{"wildcard": f"{_literally(prefix)}*{_literally(suffix)}"}]
    elif prefix or suffix:
        key = [{"suffix": suffix} if suffix else {"prefix": prefix}]
    objects = {"key": key} if key else {}
    if suffix is None:
        objects["size"] = [{"numeric": [">", 0]}]
    detail = {"bucket": {"name": [bucket_name]}, "object": objects}
    return {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail}


def _literally(text: str) -> str:
    return text.replace("\\", "\\\\").replace("*", "\\*")


def _shape_problems(node: Mapping[str, Any], path: str) -> Iterator[str]:
    is_event = path in ("", "$or")
    for name, value in node.items():
        here = f"{path}.{name}" if path else name
        match value:
            case Mapping() if not value:
                yield f"{here} is an empty mapping, which matches nothing; remove it"
            case Mapping() if is_event and name != "detail":
                yield f"{here} is a mapping, and EventBridge takes a list here; write [...] around it"
            case Mapping():
                yield from _shape_problems(value, here)
            case _ if is_event and name == "detail":
                yield f"{here} is no mapping; write its fields as <field>: [<value>]"
            case str() | bool() | int() | float() | None:
                given = json.dumps(value)
                yield f"{here} is {given}, and EventBridge takes lists of values: [{given}]"
            case Sequence() if not value:
                yield f"{here} is an empty list, which matches nothing; remove it"
            case Sequence():
                for item in value:
                    yield from _item_problems(item, name, here)


def _item_problems(item: Any, name: str, path: str) -> Iterator[str]:
    """What is wrong with one of the values of a field, or with one of the patterns of $or."""
    if isinstance(item, Mapping) and name == "$or":
        yield from _shape_problems(item, path)
    elif isinstance(item, Mapping):
        for key in item:
            if key not in _FILTERS:
                known = ", ".join(_FILTERS)
                yield f"{path} has a filter {key}, EventBridge knows {known}{did_you_mean(key, _FILTERS)}"
    elif name == "$or" or isinstance(item, list | tuple):
        allowed = "patterns" if name == "$or" else "values and filters"
        yield f"{path} holds {json.dumps(item, default=str)}, allowed are {allowed}"


def _circle_problems(pattern: Mapping[str, Any], pipeline_name: str | None) -> Iterator[str]:
    """Why an execution would start the next one, for ever."""
    detail = pattern.get("detail", {})
    says_which = {"resources", "$or"} & set(pattern) or any(
        name not in _SAY_NOTHING and not name.lower().endswith("status") for name in detail
    )
    for service, (doings, *kinds) in _OUR_DOINGS.items():
        tells = any(_lets_in(pattern.get("detail-type"), kind) for kind in kinds)
        if not says_which and tells and _lets_in(pattern.get("source"), service):
            yield f"would start the pipeline by {doings}"
            return
    if "source" in pattern and not _lets_in(pattern["source"], "aws.sagemaker"):
        return
    if not any(_lets_in(pattern.get("detail-type"), kind) for kind in _EXECUTIONS) or "$or" in pattern:
        return
    arns = detail.get("pipelineArn")
    if arns is None and "pipelineExecutionArn" not in detail and "resources" not in pattern:
        yield "would start the pipeline by its own executions; add detail: {pipelineArn: [...]} of the one you mean"
    elif pipeline_name is not None and any(
        isinstance(arn, str) and arn.rpartition(":pipeline/")[2] == pipeline_name.lower() for arn in arns or ()
    ):
        yield f"would start pipeline {pipeline_name} by its own executions; name another one in detail.pipelineArn"


def _lets_in(filters: Any, value: str) -> bool:
    """Whether filters let a value pass; None is no filter, and what is not understood passes."""
    if filters is None:
        return True
    return any(_matches(item, value) for item in filters)


def _matches(item: Any, value: str) -> bool:
    match item:
        case str():
            return item == value
        case {"prefix": str(start)}:
            return value.startswith(start)
        case {"suffix": str(end)}:
            return value.endswith(end)
        case {"prefix": {"equals-ignore-case": str(start)}}:
            return value.lower().startswith(start.lower())
        case {"anything-but": {"prefix": str(start)}}:
            return not value.startswith(start)
        case {"anything-but": str(other)}:
            return value != other
        case {"anything-but": [*others]}:
            return value not in others
        case {"equals-ignore-case": str(other)}:
            return value.lower() == other.lower()
        case {"wildcard": str(form)}:
            return bool(re.fullmatch(".*".join(map(re.escape, form.split("*"))), value))
    return isinstance(item, Mapping)
