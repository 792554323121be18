"""Counts calls from Python to the CDK's Node process, the deterministic part of what a synth costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jsii._kernel.providers.process import _NodeProcess


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Counts jsii requests by kind (`CreateRequest`, `GetRequest`, `InvokeRequest`, …) while the block runs."""
    calls: Counter[str] = Counter()
    original = _NodeProcess.send

    def send(self: _NodeProcess, request: Any, response_type: Any) -> Any:
        calls[type(request).__name__] += 1
        return original(self, request, response_type)

    _NodeProcess.send = send  # type: ignore[method-assign]
    try:
        yield calls
    finally:
        _NodeProcess.send = original  # type: ignore[method-assign]
