"""Data capture records, file names and encodings, as SageMaker writes them.

See https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class CaptureSettings:
    """The DataCaptureConfig of an endpoint configuration, read once."""

    destination: str
    """S3 URI without a slash at its end."""
    sampling_percentage: float
    inputs: bool
    outputs: bool
    csv_types: frozenset[str]
    json_types: frozenset[str]
    kms_key_id: str | None

    @classmethod
    def read(cls, config: dict[str, Any] | None) -> CaptureSettings | None:
        """Return the settings of a DataCaptureConfig, or None if it captures nothing."""
        if not config or config.get("EnableCapture") is False:
            return None
        modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
        types = config.get("CaptureContentTypeHeader") or {}
        return cls(
            destination=config["DestinationS3Uri"].rstrip("/"),
            sampling_percentage=float(config["InitialSamplingPercentage"]),
            inputs=bool(modes & {"Input", "InputAndOutput"}),
            outputs=bool(modes & {"Output", "InputAndOutput"}),
            csv_types=frozenset(kind.lower() for kind in types.get("CsvContentTypes", [])),
            json_types=frozenset(kind.lower() for kind in types.get("JsonContentTypes", [])),
            kms_key_id=config.get("KmsKeyId"),
        )


@dataclass(frozen=True)
class Observation:
    """One invocation that is to be captured."""

    event_id: str
    at: datetime
    request: bytes
    request_type: str
    response: bytes
    response_type: str
    inference_id: str | None = None
    custom_attributes: str | None = None
    invocation_source: str | None = None
    """`ShadowExperiment` for copies that a shadow variant got."""


def encode(data: bytes, content_type: str, settings: CaptureSettings) -> tuple[str, str]:
    """Return the text of a payload and the name of its encoding: CSV, JSON or BASE64.

    Parameters of the content type (`; charset=utf-8`) do not matter. What is not listed, or not UTF-8, is base64.
    """
    kind = content_type.split(";", 1)[0].strip().lower()
    name = "CSV" if kind in settings.csv_types else "JSON" if kind in settings.json_types else None
    if name is not None:
        try:
            return data.decode(), name
        except UnicodeDecodeError:
            pass
    return base64.b64encode(data).decode(), "BASE64"


def record(observation: Observation, settings: CaptureSettings) -> dict[str, Any]:
    """Return the capture record of an invocation, with the sides that are captured."""
    sides: dict[str, Any] = {}
    if settings.inputs:
        sides["endpointInput"] = _side("INPUT", observation.request, observation.request_type, settings)
    if settings.outputs:
        sides["endpointOutput"] = _side("OUTPUT", observation.response, observation.response_type, settings)
    metadata: dict[str, Any] = {"eventId": observation.event_id}
    if observation.inference_id:
        metadata["inferenceId"] = observation.inference_id
    if observation.custom_attributes:
        metadata["customAttributes"] = [observation.custom_attributes]
    if observation.invocation_source:
        metadata["invocationSource"] = observation.invocation_source
    metadata["inferenceTime"] = observation.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"captureData": sides, "eventMetadata": metadata, "eventVersion": "0"}


def _side(mode: str, data: bytes, content_type: str, settings: CaptureSettings) -> dict[str, str]:
    text, encoding = encode(data, content_type, settings)
    return {"observedContentType": content_type, "mode": mode, "data": text, "encoding": encoding}


def lines(observations: Sequence[Observation], settings: CaptureSettings) -> bytes:
    """Return the content of a capture file: one JSON document a line."""
    documents = (json.dumps(record(item, settings), separators=(",", ":")) for item in observations)
    return "".join(document + "\n" for document in documents).encode()


def key(prefix: str, endpoint: str, variant: str, first: datetime, unique: str) -> str:
    """Return the object key of a capture file whose first record was observed at `first` (UTC)."""
    stamp = f"{first:%M-%S}-{first.microsecond // 1000:03d}"
    path = f"{endpoint}/{variant}/{first:%Y/%m/%d/%H}/{stamp}-{unique}.jsonl"
    return f"{prefix.strip('/')}/{path}" if prefix.strip("/") else path
