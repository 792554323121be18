"""Monitors that wait for something to watch: one that is forgotten is an error of the synthesis, not a silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import jsii
from constructs import IValidation

from cdk_sagemaker_mlops import _paths

if TYPE_CHECKING:
    import aws_cdk as cdk
    from constructs import Construct

_of_stacks: WeakKeyDictionary[cdk.Stack, _Waiting] = WeakKeyDictionary()


@jsii.implements(IValidation)
class _Waiting:
    """What is asked at synthesis: once for a stack, whose monitors cost no call of their own."""

    def __init__(self) -> None:
        self.monitors: list[tuple[str, Callable[[], bool]]] = []

    def validate(self) -> list[str]:
        return [
            f"monitor {path} watches nothing; give it endpoint=… or input=…, or call endpoint.add_monitor(monitor)"
            for path, watches in self.monitors
            if not watches()
        ]


def expect_something_to_watch(monitor: Construct, watches: Callable[[], bool]) -> None:
    """Refuse the synthesis of a monitor's stack unless the monitor has something to watch by then."""
    stack = _paths.stack_of(monitor)
    if stack not in _of_stacks:
        _of_stacks[stack] = _Waiting()
        stack.node.add_validation(_of_stacks[stack])
    _of_stacks[stack].monitors.append(("/".join(_paths.below_stack(monitor)), watches))
