"""The endpoint that Clarify makes for the time of a job, to ask the model about rows that nobody has sent."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from .job import JobError

Floats = npt.NDArray[np.float64]
_ROWS = 5_000
_WAIT_SECONDS, _POLL_SECONDS = 120.0, 0.05


@contextmanager
def predictor(endpoint: str | None, config: Mapping[str, Any]) -> Iterator[Callable[[Floats], Floats]]:
    """A function from rows to the model's answers, while the context lasts.

    Args:
        endpoint: the endpoint that is monitored; its model is asked unless the config names another one. None if there
            is none, and the config has to name a model.
        config: `predictor` of the analysis config.
    """
    import boto3

    sagemaker, runtime = boto3.client("sagemaker"), boto3.client("sagemaker-runtime")
    variant: dict[str, Any] = {"ModelName": None, "InstanceType": "ml.m5.large"}
    if endpoint is not None:
        live = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
        variant = sagemaker.describe_endpoint_config(EndpointConfigName=live)["ProductionVariants"][0]
    elif not config.get("model_name"):
        raise JobError("predictor of the analysis config has no model_name")
    suffix = uuid.uuid4().hex[:12]
    config_name, name = f"sm-clarify-config-{suffix}", f"sm-clarify-{suffix}"
    made = {
        "VariantName": "AllTraffic",
        "ModelName": config.get("model_name") or variant["ModelName"],
        "InstanceType": config.get("instance_type") or variant["InstanceType"],
        "InitialInstanceCount": int(config.get("initial_instance_count") or 1),
    }
    sagemaker.create_endpoint_config(EndpointConfigName=config_name, ProductionVariants=[made])
    try:
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config_name)
        try:
            _wait(sagemaker, name)
            yield lambda rows: _ask(runtime, name, rows)
        finally:
            sagemaker.delete_endpoint(EndpointName=name)
    finally:
        sagemaker.delete_endpoint_config(EndpointConfigName=config_name)


def _wait(sagemaker: Any, name: str) -> None:
    end = time.monotonic() + _WAIT_SECONDS
    while (described := sagemaker.describe_endpoint(EndpointName=name))["EndpointStatus"] == "Creating":
        if time.monotonic() > end:
            raise JobError(f"the shadow endpoint {name} did not come up")
        time.sleep(_POLL_SECONDS)
    if described["EndpointStatus"] != "InService":
        raise JobError(f"the shadow endpoint {name} failed: {described.get('FailureReason')}")


def _ask(runtime: Any, name: str, rows: Floats) -> Floats:
    answers: list[list[float]] = []
    for start in range(0, len(rows), _ROWS):
        body = "\n".join(",".join(f"{value!r}" for value in row) for row in rows[start : start + _ROWS].tolist())
        response = runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Accept="text/csv", Body=body)
        lines = response["Body"].read().decode().strip().splitlines()
        answers += [[float(cell) for cell in line.split(",")] for line in lines]
    return np.array(answers, float)
