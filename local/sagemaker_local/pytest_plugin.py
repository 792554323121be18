"""The embedded AWS as a pytest fixture, for any project that deploys to SageMaker.

# conftest.py
pytest_plugins = ["sagemaker_local.pytest_plugin"]

# test_stack.py
def test_deploys(local_aws):
    subprocess.run(["cdk", "deploy", "--all"], env=local_aws.environ("111111111111", "eu-west-1"), check=True)
    assert local_aws.client("cloudformation", "111111111111").describe_stacks()["Stacks"]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .server import LocalAws


@pytest.fixture(scope="session")
def local_aws() -> Iterator[LocalAws]:
    """One embedded AWS for the whole session. Tests keep apart by account: every account id starts empty."""
    # Imported here, so that sessions that never use the fixture do not load moto.
    from .server import LocalAws

    with LocalAws() as aws:
        yield aws
