"""Synthesises a page's example and reads from the template what its construct brings."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from .reader import MARK, Reader, taken_for_granted

_STACK = "Documented"
_LOGICAL_ID = "aws:cdk:logicalId"
_HASH = re.compile(r"[0-9A-F]{8}$")


@dataclass(frozen=True)
class Resource:
    """One resource of a construct.

    :ivar path: Where it is below the construct.
    :ivar type: Its CloudFormation type.
    :ivar body: As in the template.
    """

    path: str
    type: str
    body: Mapping[str, Any]

    @property
    def is_kept(self) -> bool:
        """Whether it stays when the stack goes."""
        return str(self.body.get("DeletionPolicy", "")).startswith("Retain")


def resources_of(source: str, class_name: str, folder: Path) -> list[Resource]:
    """Resources that the first `mlops.<class_name>(self, "Id", ...)` of an example brings, once it has its version.

    What the example takes for granted, and what its other constructs bring, is left out; what they share at the level
    of the stack belongs to it.
    """
    tree = ast.parse(source)
    ids = list(_ids(tree))
    mine = next(identifier for name, identifier in ids if name == class_name)
    others = {identifier for _, identifier in ids} - {mine}
    template, paths = _synthesised(tree, source, folder)
    found = []
    for logical_id, body in template["Resources"].items():
        first, _, rest = paths.get(logical_id, logical_id).partition("/")
        if first in others or first.endswith(MARK) or body["Type"] == "AWS::CDK::Metadata":
            continue
        found.append(Resource(_shown(rest or first, mine), body["Type"], body))
    return sorted(found, key=lambda resource: (resource.type, resource.path))


def _ids(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Class and construct id of every construct that the example makes in its stack."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and len(node.args) > 1 and isinstance(node.func, ast.Attribute)):
            continue
        scope, identifier = node.args[:2]
        if isinstance(scope, ast.Name) and scope.id == "self" and isinstance(identifier, ast.Constant):
            yield node.func.attr, str(identifier.value)


def _synthesised(tree: ast.Module, source: str, folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Template of the example's stack, and where its resources are below the stack by logical id."""
    app = cdk.App(outdir=str(folder / "out"))
    scope = cdk.Stack(app, _STACK, env=cdk.Environment(account="111111111111", region="eu-west-1"))
    names = Reader(scope, folder)
    names["source"] = source
    for name in taken_for_granted(tree):
        names.get_or_none(name)
    exec(compile(tree, "example", "exec"), names)
    out = Path(app.synth().directory)
    template = json.loads((out / f"{_STACK}.template.json").read_text(encoding="utf-8"))
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    artifact = manifest["artifacts"][_STACK]
    metadata = artifact.get("metadata")
    if metadata is None:
        metadata = json.loads((out / artifact["additionalMetadataFile"]).read_text(encoding="utf-8"))
    return template, {
        entry["data"]: path.removeprefix(f"/{_STACK}/")
        for path, entries in metadata.items()
        for entry in entries
        if entry["type"] == _LOGICAL_ID
    }


def _shown(path: str, construct_id: str) -> str:
    """A path below the construct without the parts that say nothing, and logical ids without their hashes."""
    parts = [_HASH.sub("", part) for part in path.split("/") if part not in ("Resources", "Resource", "Default")]
    shortened = [part.removeprefix(construct_id) or part for part in parts]
    return "/".join(shortened) or path
