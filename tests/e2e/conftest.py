"""An embedded AWS for each module of end-to-end tests: only one can run in a process at a time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from e2e_support import recorded

from sagemaker_local.server import LocalAws


@pytest.fixture(scope="module")
def aws(request: pytest.FixtureRequest) -> Iterator[LocalAws]:
    # Functions that wait for a moment, or are throttled, need not make anybody wait.
    with LocalAws(pause_scale=0.05) as running:
        yield running
        recorded.collect(running, request.node.path.stem)
