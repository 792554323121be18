"""Clarify's analysis config as the analyses of bias and attribution get it: text of a variable, or an object."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from shared.environment import ConfigurationError
from shared.s3 import S3Uri


def source_of(uri: S3Uri | None) -> str:
    """How messages call the place of the config."""
    return f"ANALYSIS_CONFIG_URI={uri}" if uri else "ANALYSIS_CONFIG"


def load(text: str | None, uri: S3Uri | None, read: Callable[[S3Uri], bytes | None]) -> dict[str, Any]:
    """The config, from its object if it has one; raises ConfigurationError when it is missing or no JSON object."""
    content: str | bytes | None = text if uri is None else read(uri)
    if content is None:
        raise ConfigurationError(f"{source_of(uri)} does not exist")
    try:
        document = json.loads(content)
    except ValueError as error:
        raise ConfigurationError(f"{source_of(uri)} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"{source_of(uri)} is not a JSON object")
    return document
