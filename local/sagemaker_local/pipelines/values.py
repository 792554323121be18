"""References in arguments: parameters, execution variables, properties of steps, Join and JsonGet."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_local.sagemaker.serving.containers import parse_s3_uri

from .definition import step_of
from .state import Execution

_PATH = re.compile(r"\.([A-Za-z0-9_\-]+)|\[(\d+)\]|\[['\"]([^'\"]+)['\"]\]")
_KEYS = ("OutputName", "InputName", "MetricName", "ChannelName", "Name", "Key")
"""Members that name the items of lists, so that `Outputs['train']` finds one."""


class Unresolved(Exception):
    """A reference that has no value."""


class Resolver:
    """Gives arguments their values.

    Args:
        execution: whose parameters and steps are meant.
        read: returns the text of an S3 URI.
        now: the virtual time.
    """

    def __init__(self, execution: Execution, read: Callable[[str], str], now: Callable[[], datetime]) -> None:
        self._execution = execution
        self._read = read
        self._now = now

    def resolve(self, value: Any) -> Any:
        """Return a value with every reference replaced.

        Raises:
            Unresolved: naming the first reference that has no value.
        """
        if isinstance(value, list):
            return [self.resolve(member) for member in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(key, member)] = value.items()
            if key == "Get" and isinstance(member, str):
                return self._get(member)
            if key == "Std:Join":
                return self._join(member)
            if key == "Std:JsonGet":
                return self._json_get(member)
        return {key: self.resolve(member) for key, member in value.items()}

    def _get(self, reference: str) -> Any:
        head, _, rest = reference.partition(".")
        if head == "Parameters":
            return self._execution.parameters[rest]
        if head == "Execution":
            return self._variable(rest)
        found = step_of(reference)
        if found is None:
            raise Unresolved(f"{reference} is no reference")
        name, path = found
        step = self._execution.steps.get(name)
        if step is None or step.status != "Succeeded":
            raise Unresolved(f"{reference} refers to a step that has not succeeded")
        if path.startswith(".PropertyFiles."):
            return {"Step": name, "Name": path.removeprefix(".PropertyFiles.")}
        try:
            return follow(step.properties, path)
        except LookupError as error:
            raise Unresolved(f"{reference} does not exist: {error}") from error

    def _variable(self, name: str) -> str:
        execution = self._execution
        known = {
            "PipelineExecutionId": execution.id,
            "PipelineExecutionArn": execution.arn,
            "PipelineName": execution.pipeline.name,
            "PipelineArn": execution.pipeline.arn,
            "StartDateTime": _text(execution.created),
            "CurrentDateTime": _text(self._now()),
        }
        if name not in known:
            raise Unresolved(f"Execution.{name} is not known to the embedded AWS; it knows {', '.join(known)}")
        return known[name]

    def _join(self, join: dict[str, Any]) -> str:
        return str(join.get("On", "")).join(_plain(self.resolve(member)) for member in join.get("Values") or [])

    def _json_get(self, get: dict[str, Any]) -> Any:
        path = get.get("Path", "")
        uri = self.resolve(get["S3Uri"]) if "S3Uri" in get else self._property_file(get)
        try:
            document = json.loads(self._read(uri))
        except (ClientError, BotoCoreError) as error:
            raise Unresolved(f"the property file {uri} cannot be read: {error}") from error
        except ValueError as error:
            raise Unresolved(f"the property file {uri} is not JSON: {error}") from error
        try:
            return follow(document, path if path.startswith((".", "[")) else f".{path}")
        except LookupError as error:
            raise Unresolved(f"the property file {uri} has no {path}: {error}") from error

    def _property_file(self, get: dict[str, Any]) -> str:
        named = self.resolve(get["PropertyFile"])
        # Older definitions name the file alone.
        name = named["Name"] if isinstance(named, dict) else str(named)
        for step in self._execution.steps.values():
            if isinstance(named, dict) and step.definition.name != named["Step"]:
                continue
            for file in step.definition.document.get("PropertyFiles") or []:
                if file["PropertyFileName"] == name:
                    place = follow(
                        step.properties, f".ProcessingOutputConfig.Outputs['{file['OutputName']}'].S3Output.S3Uri"
                    )
                    return f"{str(place).rstrip('/')}/{file['FilePath'].lstrip('/')}"
        raise Unresolved(f"there is no property file {name}")


def follow(document: Any, path: str) -> Any:
    """Return what a path such as `.a.b[0].c['d']` leads to; `['name']` finds items of lists by their names, too.

    Raises:
        LookupError: if it leads nowhere.
    """
    position = 0
    while position < len(path):
        match = _PATH.match(path, position)
        if match is None:
            raise LookupError(f"cannot read the path at {path[position:]!r}")
        position = match.end()
        member, index, key = match.groups()
        if index is not None:
            if not isinstance(document, list) or int(index) >= len(document):
                raise LookupError(f"there is no item {index}")
            document = document[int(index)]
            continue
        name = member if member is not None else key
        document = _named(document, name)
    return document


def _named(document: Any, name: str) -> Any:
    if isinstance(document, dict) and name in document:
        return document[name]
    if isinstance(document, list):
        for item in document:
            if isinstance(item, dict) and any(item.get(key) == name for key in _KEYS):
                return item
    raise LookupError(f"there is no {name}")


def reader(s3: Any) -> Callable[[str], str]:
    """Return what reads an S3 URI with a client."""

    def read(uri: str) -> str:
        bucket, key = parse_s3_uri(uri)
        text: str = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
        return text

    return read


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return _text(value) if isinstance(value, datetime) else str(value)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
