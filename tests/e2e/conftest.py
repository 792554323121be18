"""One embedded AWS for all end-to-end tests of a process; every module has accounts of its own in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sagemaker_local.server import LocalAws


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalAws]:
    with LocalAws() as running:
        yield running
