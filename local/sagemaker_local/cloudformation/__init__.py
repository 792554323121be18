"""CloudFormation: change sets, ordered updates with replacement and rollback, exports, nested stacks, events."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws


def install(aws: LocalAws) -> None:
    """Answer the CloudFormation API."""
