"""Lineage: actions, artifacts, contexts, how they belong together, and questions about that.

What jobs read and write SageMaker enters by itself; here is what somebody enters, be it a step of a pipeline.

https://docs.aws.amazon.com/sagemaker/latest/dg/lineage-tracking-entities.html
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sagemaker_local.errors import AwsError
from sagemaker_local.sagemaker.faults import conflict
from sagemaker_local.sagemaker.paging import page
from sagemaker_local.sagemaker.service import Scope, register

from .service import Pipelines

Params = dict[str, Any]

KINDS = ("Action", "Artifact", "Context")
_SUMMARY = ("Source", "Status")
_DEEPEST = 10


@dataclass
class Entity:
    """An action, an artifact or a context."""

    kind: str
    arn: str
    name: str
    created: datetime
    request: Params
    modified: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.modified = self.created

    @property
    def type(self) -> str:
        """What it is, in its maker's words."""
        return str(self.request.get(f"{self.kind}Type", ""))


@dataclass(frozen=True)
class Association:
    """One entity and another one."""

    source: str
    destination: str
    type: str
    created: datetime


@dataclass
class _Graph:
    entities: dict[str, Entity] = field(default_factory=dict)
    associations: dict[tuple[str, str], Association] = field(default_factory=dict)


class Lineage:
    """The lineage of one embedded AWS, by account and region."""

    def __init__(self) -> None:
        self._graphs: dict[tuple[str, str], _Graph] = {}
        self._lock = threading.RLock()

    def graph(self, scope: Scope) -> _Graph:
        """What is known in the caller's account and region."""
        with self._lock:
            return self._graphs.setdefault((scope.store.account, scope.store.region), _Graph())

    def create(self, kind: str) -> Callable[[Scope, Params], Params]:
        """CreateAction, CreateArtifact, CreateContext."""

        def answer(scope: Scope, params: Params) -> Params:
            known = self.graph(scope).entities
            name = str(params.get(f"{kind}Name") or "")
            # Artifacts are known by what they stand for, the others by their names.
            source = str((params.get("Source") or {}).get("SourceUri"))
            short = hashlib.sha256(source.encode()).hexdigest()[:32] if kind == "Artifact" else name.lower()
            arn = scope.store.arn(f"{kind.lower()}/{short}")
            if arn in known:
                raise conflict(f"{kind} {arn} already exists.")
            request = {key: value for key, value in params.items() if key != "Tags"}
            known[arn] = Entity(kind, arn, name or short, scope.now, request)
            scope.store.tag(arn, params.get("Tags"))
            return {f"{kind}Arn": arn}

        return answer

    def describe(self, kind: str) -> Callable[[Scope, Params], Params]:
        """DescribeAction, DescribeArtifact, DescribeContext."""
        by = "ArtifactArn" if kind == "Artifact" else f"{kind}Name"

        def answer(scope: Scope, params: Params) -> Params:
            found = self._find(scope, kind, params[by])
            return {**found.request, **_view(found)}

        return answer

    def listed(self, kind: str) -> Callable[[Scope, Params], Params]:
        """ListActions, ListArtifacts, ListContexts."""

        def answer(scope: Scope, params: Params) -> Params:
            renamed = {
                {"CreatedAfter": "CreationTimeAfter", "CreatedBefore": "CreationTimeBefore"}.get(name, name): value
                for name, value in params.items()
            }
            wanted = [item for item in self.graph(scope).entities.values() if item.kind == kind]
            for key in ("SourceUri",):
                if params.get(key):
                    wanted = [item for item in wanted if item.request["Source"][key] == params[key]]
            if params.get(f"{kind}Type"):
                wanted = [item for item in wanted if item.type == params[f"{kind}Type"]]
            found, token = page(wanted, renamed, name=lambda item: item.name, created=lambda item: item.created)
            summaries = [
                {
                    **{key: item.request[key] for key in _SUMMARY if key in item.request},
                    f"{kind}Type": item.type,
                    **_view(item),
                }
                for item in found
            ]
            return {f"{kind}Summaries": summaries, "NextToken": token}

        return answer

    def delete(self, kind: str) -> Callable[[Scope, Params], Params]:
        """DeleteAction, DeleteArtifact, DeleteContext; not while it has associations."""
        by = "ArtifactArn" if kind == "Artifact" else f"{kind}Name"

        def answer(scope: Scope, params: Params) -> Params:
            graph, found = self.graph(scope), self._find(scope, kind, params[by])
            if any(found.arn in pair for pair in graph.associations):
                raise conflict(f"{found.arn} has associations; delete them first.")
            del graph.entities[found.arn]
            return {f"{kind}Arn": found.arn}

        return answer

    def associate(self, scope: Scope, params: Params) -> Params:
        """AddAssociation."""
        pair = (params["SourceArn"], params["DestinationArn"])
        known = self.graph(scope).associations
        if pair in known:
            raise conflict(f"{pair[0]} and {pair[1]} are associated already.")
        kind = params.get("AssociationType", "ContributedTo")
        known[pair] = Association(*pair, kind, scope.now)
        return {"SourceArn": pair[0], "DestinationArn": pair[1]}

    def separate(self, scope: Scope, params: Params) -> Params:
        """DeleteAssociation."""
        pair = (params["SourceArn"], params["DestinationArn"])
        if self.graph(scope).associations.pop(pair, None) is None:
            raise AwsError("ResourceNotFound", f"{pair[0]} and {pair[1]} are not associated.")
        return {"SourceArn": pair[0], "DestinationArn": pair[1]}

    def list_associations(self, scope: Scope, params: Params) -> Params:
        """ListAssociations."""
        graph = self.graph(scope)
        wanted = [
            item
            for item in graph.associations.values()
            if params.get("SourceArn") in (None, item.source)
            and params.get("DestinationArn") in (None, item.destination)
            and params.get("AssociationType") in (None, item.type)
        ]
        found, token = page(wanted, params, name=lambda item: item.source, created=lambda item: item.created)
        summaries = []
        for item in found:
            summary = {
                "SourceArn": item.source,
                "DestinationArn": item.destination,
                "AssociationType": item.type,
                "CreationTime": item.created,
            }
            for end, arn in (("Source", item.source), ("Destination", item.destination)):
                entity = graph.entities.get(arn)
                if entity is not None:
                    summary |= {f"{end}Name": entity.name, f"{end}Type": entity.type}
            summaries.append(summary)
        return {"AssociationSummaries": summaries, "NextToken": token}

    def query(self, scope: Scope, params: Params) -> Params:
        """QueryLineage: what leads to something, and what it leads to."""
        graph = self.graph(scope)
        direction = params.get("Direction", "Both")
        deepest = int(params.get("MaxDepth") or _DEEPEST)
        edges: dict[tuple[str, str], Association] = {}
        seen = dict.fromkeys(params.get("StartArns") or ())
        for way in ("Ascendants", "Descendants"):
            if direction not in (way, "Both"):
                continue
            for edge, arn in _walk(graph, list(params.get("StartArns") or ()), way == "Descendants", deepest):
                edges[(edge.source, edge.destination)] = edge
                seen[arn] = None
        vertices = [
            {"Arn": arn, "Type": entity.type, "LineageType": entity.kind}
            for arn in seen
            if (entity := graph.entities.get(arn)) is not None
        ]
        answer: Params = {"Vertices": vertices}
        if params.get("IncludeEdges", True):
            answer["Edges"] = [
                {"SourceArn": edge.source, "DestinationArn": edge.destination, "AssociationType": edge.type}
                for edge in edges.values()
            ]
        return answer

    def _find(self, scope: Scope, kind: str, reference: str) -> Entity:
        for entity in self.graph(scope).entities.values():
            if entity.kind == kind and reference in (entity.arn, entity.name):
                return entity
        raise AwsError("ResourceNotFound", f"{kind} {reference} does not exist.")


def install(pipelines: Pipelines) -> None:
    """Answer the operations on lineage."""
    lineage = Lineage()
    operations: dict[str, Callable[[Scope, Params], Params]] = {
        "AddAssociation": lineage.associate,
        "DeleteAssociation": lineage.separate,
        "ListAssociations": lineage.list_associations,
        "QueryLineage": lineage.query,
    }
    for kind in KINDS:
        operations |= {
            f"Create{kind}": lineage.create(kind),
            f"Describe{kind}": lineage.describe(kind),
            f"List{kind}s": lineage.listed(kind),
            f"Delete{kind}": lineage.delete(kind),
        }
    register(pipelines.sagemaker, dict(operations))


def _view(entity: Entity) -> Params:
    return {
        f"{entity.kind}Arn": entity.arn,
        f"{entity.kind}Name": entity.name,
        "CreationTime": entity.created,
        "LastModifiedTime": entity.modified,
    }


def _walk(graph: _Graph, start: list[str], forwards: bool, deepest: int) -> Iterator[tuple[Association, str]]:
    """Associations on the way from some entities, nearest first, with what each leads to."""
    waiting, known = deque((arn, 0) for arn in start), set(start)
    while waiting:
        here, depth = waiting.popleft()
        if depth == deepest:
            continue
        for edge in list(graph.associations.values()):
            near, far = (edge.source, edge.destination) if forwards else (edge.destination, edge.source)
            if near == here:
                yield edge, far
                if far not in known:
                    known.add(far)
                    waiting.append((far, depth + 1))
