"""Resources that go over to the CDK in one call.

Every L1 construct costs a round trip from Python to the CDK's Node process to create it, one more for its condition,
one for its metadata and one for each reference that is read. A monitored endpoint would cost about a hundred. Here
they are described with the CDK's own property structs, which are plain Python, and handed over together as a template
fragment. The CDK makes the same L1 constructs of it, with the same logical ids, so that tags, aspects and escape
hatches work as ever; :attr:`Member.resource` is the construct, fetched when somebody asks.

https://docs.aws.amazon.com/cdk/v2/guide/use-cfn-template.html
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_cdk import CfnResource
from aws_cdk.cloudformation_include import CfnInclude

from . import _paths, _refs
from ._refs import BLOCK_MARKER

if TYPE_CHECKING:
    from aws_cdk import Stack
    from constructs import Construct

_REFERENCE = re.compile(re.escape(BLOCK_MARKER) + r"(\w+)(?:\.(\w+))?\]\}")

# A property's name in CloudFormation is the struct's with a capital, except where the CDK changed the case of an
# abbreviation. A wrong name would not be lost: the CDK passes on what it does not know, and cfn-lint finds it.
_ABBREVIATIONS = {
    "memorySizeInMb": "MemorySizeInMB",
    "okActions": "OKActions",
    "volumeSizeInGb": "VolumeSizeInGB",
}


@dataclass(frozen=True)
class Member:
    """A resource of a block.

    :ivar logical_id: Its logical id.
    """

    logical_id: str
    _block: Block = field(repr=False)

    @property
    def ref(self) -> str:
        """`Ref` to the resource.

        Before the block is defined, the text is good inside the block only; afterwards it is a token like any other.
        """
        if not self._block.is_defined:
            return f"{BLOCK_MARKER}{self.logical_id}]}}"
        return _refs.remembered(self.resource, "ref", lambda: self.resource.ref)

    def att(self, name: str) -> str:
        """`Fn::GetAtt` of the resource; see :attr:`ref`."""
        if not self._block.is_defined:
            return f"{BLOCK_MARKER}{self.logical_id}.{name}]}}"
        return _refs.remembered(self.resource, f"att {name}", lambda: self.resource.get_att(name).to_string())

    @property
    def stack(self) -> Stack:
        """The stack that it is in."""
        return _paths.stack_of(self._block.scope)

    @cached_property
    def resource(self) -> CfnResource:
        """The L1 construct, once the block is defined."""
        return self._block.resource(self.logical_id)


class Block:
    """Collects parameters, conditions and resources of one construct; :meth:`define` hands them over.

    :param scope: The construct that they belong to.
    :param construct_id: Id of the fragment below it. Logical ids do not depend on it.
    """

    def __init__(self, scope: Construct, construct_id: str = "Resources") -> None:
        self.scope = scope
        self._id = construct_id
        self._template: dict[str, dict[str, Any]] = {}
        self._include: CfnInclude | None = None

    @property
    def is_defined(self) -> bool:
        """Whether it was handed over."""
        return self._include is not None

    def parameter(self, name: str, **attributes: Any) -> None:
        """Add a stack parameter under exactly this name.

        :param attributes: As in a template: Default, Description, AllowedValues.
        """
        self._section("Parameters")[name] = {"Type": "String", **attributes}

    def condition(self, name: str, expression: Mapping[str, Any]) -> None:
        """Add a condition under exactly this name.

        :param expression: As in a template.
        """
        self._section("Conditions")[name] = expression

    def add(
        self,
        construct_id: str,
        resource_type: str,
        properties: object,
        *,
        condition: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
        after: Member | None = None,
    ) -> Member:
        """Add a resource.

        :param construct_id: Its id below the scope; the logical id is the one that an L1 construct there would have.
        :param resource_type: CloudFormation type.
        :param properties: The properties struct of the L1 construct (`CfnModelProps` for `CfnModel`).
        :param condition: Id of a condition of this block.
        :param metadata: Metadata of the resource.
        :param after: A member of this block to wait for, beside those that are referred to.
        :param extra: Properties as CloudFormation writes them, for values that the struct's types leave no room for.
        """
        logical_id = _paths.logical_id(_paths.child(_paths.below_stack(self.scope), construct_id))
        if self.is_defined:
            raise RuntimeError(f"{logical_id} comes too late, its block is defined")
        resource: dict[str, Any] = {
            "Type": resource_type,
            "Properties": {**to_cloudformation(properties), **(extra or {})},
        }
        if condition is not None:
            resource["Condition"] = condition
        if metadata:
            resource["Metadata"] = metadata
        if after is not None:
            resource["DependsOn"] = after.logical_id
        self._section("Resources")[logical_id] = resource
        return Member(logical_id, self)

    def define(self) -> None:
        """Hand everything over. Nothing can be added afterwards."""
        if not self._template:
            return
        # The CDK reads fragments from files only; this one is read before the call returns.
        handle, path = tempfile.mkstemp(suffix=".template.json")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(self._template, file)
            self._include = CfnInclude(self.scope, self._id, template_file=path)
        finally:
            Path(path).unlink()

    def resource(self, logical_id: str) -> CfnResource:
        """The L1 construct of a member."""
        if self._include is None:
            raise RuntimeError(f"{logical_id} is not defined yet")
        return self._include.get_resource(logical_id)

    def _section(self, name: str) -> dict[str, Any]:
        return self._template.setdefault(name, {})


def to_cloudformation(value: Any) -> Any:
    """A property struct, and whatever is in it, as CloudFormation writes it.

    :raises TypeError: The value is neither data nor a struct, for example a construct.
    """
    if isinstance(value, str):
        return _text(value) if BLOCK_MARKER in value else value
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {key: to_cloudformation(inner) for key, inner in value.items()}
    if isinstance(value, Sequence):
        return [to_cloudformation(inner) for inner in value]
    names: Mapping[str, str] | None = getattr(type(value), "__jsii_name_mapping__", None)
    if names is None:
        raise TypeError(f"{type(value).__name__} cannot be written into a template fragment; give its text or token")
    given: Mapping[str, Any] = value._values
    return {_property_name(names[key]): to_cloudformation(inner) for key, inner in given.items() if inner is not None}


def _property_name(name: str) -> str:
    return _ABBREVIATIONS.get(name) or name[0].upper() + name[1:]


def _text(text: str) -> Any:
    """Text with references as an intrinsic function."""
    parts: list[Any] = []
    position = 0
    for match in _REFERENCE.finditer(text):
        parts += _pieces(text[position : match.start()])
        logical_id, attribute = match.groups()
        parts.append({"Fn::GetAtt": [logical_id, attribute]} if attribute else {"Ref": logical_id})
        position = match.end()
    parts += _pieces(text[position:])
    return parts[0] if len(parts) == 1 else {"Fn::Join": ["", parts]}


def _pieces(text: str) -> list[str]:
    """Text and the CDK's tokens in it apart, so that the template has one `Fn::Join` and not one inside another."""
    return [piece for piece in re.split(r"(\$\{Token\[[^\]]*\]\})", text) if piece]
