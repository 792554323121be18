"""An endpoint that exists for one run: the live model on one instance, without data capture, asked for explanations.

The live endpoint is left alone: it would have to answer thousands of made-up rows, and would capture them as traffic.
Clarify does the same: https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-processing-job-run.html
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

import numpy as np
from botocore.exceptions import ClientError

from shared.clients import says
from shared.log import Logger

#: Names of shadow endpoints: what the role of a run may make and delete.
MARK = "-shap-"
#: Rows in one request, and the largest body that is sent; SageMaker takes 6 MB.
MAX_ROWS, MAX_BYTES = 5_000, 4_000_000
WAIT_SECONDS, POLL_SECONDS = 1800.0, 15.0
_NAME_LIMIT = 63
_ABSENT = ("could not find", "not found", "does not exist")

log = Logger("monitor.shadow")


class ShadowError(RuntimeError):
    """The shadow endpoint did not come up, or its answers cannot be understood."""


class ShadowEndpoint:
    """Makes and asks shadow endpoints."""

    def __init__(self, sagemaker: Any, runtime: Any, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sagemaker = sagemaker
        self._runtime = runtime
        self._sleep = sleep

    @contextmanager
    def running(self, endpoint: str, instance_type: str, at: datetime) -> Iterator[Callable[[Any], Any]]:
        """A function from rows to answers, as long as the context lasts.

        ``at`` is the run's time: a rerun makes an endpoint of the same name, and thereby meets what a run that died has
        left behind. Raises :class:`ShadowError`.
        """
        name = shadow_name(endpoint, at)
        self._delete(name)
        self._create(name, self._live_model(endpoint), instance_type)
        try:
            self._wait(name)
            yield lambda rows: self._ask(name, rows)
        finally:
            self._delete(name)

    def _live_model(self, endpoint: str) -> str:
        """The model behind the variant with the largest weight."""
        described = self._sagemaker.describe_endpoint(EndpointName=endpoint)
        config = self._sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
        variants = [item for item in config["ProductionVariants"] if item.get("ModelName")]
        if not variants:
            raise ShadowError(f"endpoint {endpoint} has no variant with a model of its own")
        return str(max(variants, key=lambda item: item.get("InitialVariantWeight", 1.0))["ModelName"])

    def _create(self, name: str, model: str, instance_type: str) -> None:
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": model,
            "InstanceType": instance_type,
            "InitialInstanceCount": 1,
        }
        self._sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        self._sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        log.info("shadow endpoint requested", name=name, model=model, instance_type=instance_type)

    def _wait(self, name: str) -> None:
        waited, pause = 0.0, 0.25
        while (described := self._sagemaker.describe_endpoint(EndpointName=name))["EndpointStatus"] == "Creating":
            if waited >= WAIT_SECONDS:
                raise ShadowError(f"shadow endpoint {name} was not in service after {waited:.0f} seconds")
            self._sleep(pause)
            waited, pause = waited + pause, min(2 * pause, POLL_SECONDS)
        if described["EndpointStatus"] != "InService":
            reason = described.get("FailureReason", "no reason is given")
            raise ShadowError(f"shadow endpoint {name} is {described['EndpointStatus']}: {reason}")

    def _delete(self, name: str) -> None:
        """Endpoint first, then configuration; what is not there is fine."""
        for delete, argument in (
            (self._sagemaker.delete_endpoint, "EndpointName"),
            (self._sagemaker.delete_endpoint_config, "EndpointConfigName"),
        ):
            try:
                delete(**{argument: name})
            except ClientError as error:
                if not says(error, *_ABSENT):
                    raise

    def _ask(self, name: str, rows: Any) -> Any:
        lines = [",".join("" if np.isnan(value) else repr(float(value)) for value in row) for row in rows]
        answers: list[list[float]] = []
        for batch in _batches(lines):
            response = self._runtime.invoke_endpoint(
                EndpointName=name, ContentType="text/csv", Accept="text/csv", Body="\n".join(batch)
            )
            text = response["Body"].read().decode()
            found = numbers(text)
            if len(found) == 1 and len(found[0]) == len(batch):
                # All answers in one line, as SageMaker's XGBoost container writes them.
                found = [[value] for value in found[0]]
            if len(found) != len(batch):
                raise ShadowError(
                    f"the model gave {len(found)} answers for {len(batch)} rows of CSV: {text[:200]!r}; it must take "
                    "many rows in a request and answer each"
                )
            answers += found
        return np.array(answers, float)


def shadow_name(endpoint: str, at: datetime) -> str:
    """The shadow endpoint of an endpoint for a run's time."""
    digest = hashlib.sha256(f"{endpoint}/{at.isoformat()}".encode()).hexdigest()[:8]
    return f"{endpoint[: _NAME_LIMIT - len(MARK) - len(digest)].rstrip('-')}{MARK}{digest}"


def numbers(text: str) -> list[list[float]]:
    """An answer as numbers by row and label: CSV, or JSON lists, in an object's only list if need be.

    Raises :class:`ShadowError`.
    """
    stripped = text.strip()
    try:
        if stripped[:1] in ("[", "{"):
            return _of_json(json.loads(stripped))
        with suppress(ValueError):
            return [[float(cell) for cell in line.split(",")] for line in stripped.splitlines()]
    except ValueError as error:
        raise ShadowError(f"the model's answer is neither CSV nor JSON: {stripped[:200]!r}") from error
    raise ShadowError(f"the model's answer holds other things than numbers: {stripped[:200]!r}")


def _of_json(document: Any) -> list[list[float]]:
    if isinstance(document, dict):
        lists = [value for value in document.values() if isinstance(value, list)]
        if len(lists) != 1:
            raise ValueError("which list is meant")
        document = lists[0]
    return [_row(item) for item in document]


def _row(item: Any) -> list[float]:
    if isinstance(item, dict):
        item = [value for value in item.values() if isinstance(value, int | float | list)]
        item = item[0] if len(item) == 1 and isinstance(item[0], list) else item
    values = item if isinstance(item, list) else [item]
    if not values or not all(isinstance(value, int | float) for value in values):
        raise ValueError("not a number")
    return [float(value) for value in values]


def _batches(lines: list[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == MAX_ROWS or size + len(line) + 1 > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line) + 1
    if batch:
        yield batch
