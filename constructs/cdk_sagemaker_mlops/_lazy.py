"""Text that is put together when the app is synthesised, so that the order of definitions does not matter."""

from __future__ import annotations

from collections.abc import Callable

import aws_cdk as cdk
import jsii


@jsii.implements(cdk.IStableStringProducer)
class _Producer:
    def __init__(self, produce: Callable[[], str]) -> None:
        self._produce = produce

    def produce(self) -> str:
        return self._produce()


def at_synthesis(produce: Callable[[], str]) -> str:
    """A token whose text is asked for at synthesis, when every construct of the app is there."""
    return cdk.Lazy.string(_Producer(produce))
