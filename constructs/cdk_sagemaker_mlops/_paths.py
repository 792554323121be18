"""Places in the construct tree and the logical ids that follow from them, known without asking the CDK.

A template fragment that goes over to the CDK as a whole (see `_block`) holds logical ids, so they have to be known
before there is a construct. They are the ones that the CDK would have given: https://docs.aws.amazon.com/cdk/v2/guide/identifiers.html
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import aws_cdk as cdk

from . import _refs

if TYPE_CHECKING:
    from constructs import Construct

Path = tuple[str, ...]

_HIDDEN = "Default"  # stands neither in the readable part nor in the hash
_HIDDEN_FROM_READERS = "Resource"
_READABLE_LENGTH = 240


def stack_of(scope: Construct) -> cdk.Stack:
    """The stack that holds a construct; asked for once per construct that neither is a stack nor was placed."""
    if isinstance(scope, cdk.Stack):
        return scope
    return _refs.remembered(scope, "stack", lambda: cdk.Stack.of(scope))


def below_stack(scope: Construct) -> Path:
    """Ids from the stack (exclusive) down to a construct; asked for once per construct."""
    if isinstance(scope, cdk.Stack):
        return ()
    return _refs.remembered(scope, "path", lambda: _read(scope))


def place(construct: Construct, scope: Construct, construct_id: str) -> Path:
    """Note where a construct of this library is, so that nobody has to ask, and return its path."""
    _refs.remembered(construct, "stack", lambda: stack_of(scope))
    return _refs.remembered(construct, "path", lambda: child(below_stack(scope), construct_id))


def child(path: Path, construct_id: str) -> Path:
    """The path of a child; slashes in ids are written as the CDK writes them."""
    return (*path, construct_id.replace("/", "--"))


def logical_id(path: Sequence[str]) -> str:
    """The logical id that the CDK gives to an element at this path below its stack."""
    components = [component for component in path if component != _HIDDEN]
    if len(components) == 1:
        return _alphanumeric(components[0])
    digest = hashlib.md5("/".join(components).encode(), usedforsecurity=False).hexdigest()[:8].upper()
    readable: list[str] = []
    for component in components:
        if not readable or not readable[-1].endswith(component):
            readable.append(component)
    text = "".join(_alphanumeric(component) for component in readable if component != _HIDDEN_FROM_READERS)
    return text[:_READABLE_LENGTH] + digest


def _alphanumeric(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", text)


def _read(scope: Construct) -> Path:
    below = scope.node.path.removeprefix(_stack_path(stack_of(scope))).strip("/")
    return tuple(below.split("/"))


def _stack_path(stack: cdk.Stack) -> str:
    return _refs.remembered(stack, "path", lambda: stack.node.path)
