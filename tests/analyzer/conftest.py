"""Builders of captured traffic and of tables, shared by the analyzer's tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import settings

from model_analyzer import data_quality
from tools.oracles import OracleUnavailable, ask

settings.register_profile("analyzer", deadline=None, max_examples=40)
settings.load_profile("analyzer")


@pytest.fixture(scope="session")
def capture_line() -> Callable[..., bytes]:
    """A function that makes one line of captured traffic."""

    def make(given: str | None, output: str | None = None, **options: Any) -> bytes:
        sides: dict[str, Any] = {}
        for name, mode, data in (("endpointInput", "INPUT", given), ("endpointOutput", "OUTPUT", output)):
            if data is not None:
                sides[name] = {
                    "observedContentType": options.get("content_type", "text/csv"),
                    "mode": mode,
                    "data": data,
                    "encoding": options.get("encoding", "CSV"),
                }
        meta = {
            "eventId": "id",
            "inferenceTime": options.get("time", "2025-03-01T10:30:00Z"),
            **options.get("meta", {}),
        }
        record = {"captureData": sides, "eventMetadata": meta, "eventVersion": "0"}
        return json.dumps(record).encode() + b"\n"

    return make


@pytest.fixture(scope="session")
def text_profile() -> Callable[..., data_quality.Profile]:
    """A function that profiles one column `x` of text values."""

    def make(values: list[str | None]) -> data_quality.Profile:
        return data_quality.profile(pl.DataFrame({"x": pl.Series(values, dtype=pl.String)}))

    return make


@pytest.fixture(scope="session")
def oracle() -> Callable[..., Any]:
    """A function that asks another implementation; skips where that cannot be installed."""

    def run(name: str, script: str, question: Any = None, **options: Any) -> Any:
        try:
            return ask(name, script, question, **options)
        except OracleUnavailable as reason:
            pytest.skip(str(reason))

    return run
