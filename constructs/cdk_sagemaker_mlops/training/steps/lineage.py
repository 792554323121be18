"""Steps that record where things come from, in SageMaker's lineage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from cdk_sagemaker_mlops._errors import did_you_mean
from cdk_sagemaker_mlops.training.values import Property

from .base import Step, StepContext, Text

#: Kinds of entities, with the key of the step's arguments and the beginning of their members' names.
KINDS: Mapping[str, tuple[str, str]] = {
    "Action": ("Actions", "Action"),
    "Artifact": ("Artifacts", "Artifact"),
    "Context": ("Contexts", "Context"),
}


@dataclass(frozen=True, kw_only=True)
class LineageEntity:
    """Something with a history: data or a model (Artifact), an activity (Action), what others belong to (Context).

    :param kind: Action, Artifact or Context.
    :param name: Name; unique among those of its kind in the step.
    :param type: What it is, in your own words: DataSet, Model, Training, Endpoint.
    :param uri: Where it is.
    :param properties: What else is worth knowing.
    """

    kind: str
    name: str
    type: str
    uri: Text
    properties: Mapping[str, Text] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The request of CreateAction, CreateArtifact or CreateContext."""
        beginning = KINDS[self.kind][1]
        return {
            f"{beginning}Name": self.name,
            f"{beginning}Type": self.type,
            "Source": {"SourceUri": self.uri},
            "Properties": dict(self.properties) or None,
        }


@dataclass(frozen=True)
class Association:
    """How two entities belong together.

    :param source: Entity of the same step, or the ARN of another one.
    :param destination: Likewise.
    :param type: ContributedTo, AssociatedWith, DerivedFrom, Produced or SameAs. Default: ContributedTo
    """

    source: LineageEntity | Text
    destination: LineageEntity | Text
    type: str = "ContributedTo"

    def to_json(self) -> dict[str, Any]:
        """As the step has it: entities of the step by name, others by ARN."""
        ends = {"Source": self.source, "Destination": self.destination}
        named = {
            end: {"Name": given.name, "Type": given.kind} if isinstance(given, LineageEntity) else {"Arn": given}
            for end, given in ends.items()
        }
        return {**named, "AssociationType": self.type}


@dataclass(frozen=True, kw_only=True)
class LineageStep(Step):
    """Records entities and how they belong together. What jobs read and write SageMaker records by itself.

    https://docs.aws.amazon.com/sagemaker/latest/dg/lineage-tracking-entities.html

    :param entities: Entities that it makes.
    :param associations: How they belong together.
    """

    type: ClassVar[str] = "Lineage"

    entities: Sequence[LineageEntity] = ()
    associations: Sequence[Association] = ()

    def arn(self, entity: LineageEntity) -> Property:
        """ARN of an entity that it made, for later steps."""
        return self.property(f"{entity.kind}Arns['{entity.name}']")

    def problems(self) -> Iterator[str]:
        for entity in self.entities:
            if entity.kind not in KINDS:
                yield (
                    f'step {self.name}: kind of {entity.name} is "{entity.kind}", allowed are {", ".join(KINDS)}'
                    f"{did_you_mean(entity.kind, KINDS)}"
                )
        known = [(entity.kind, entity.name) for entity in self.entities]
        for kind, name in sorted({pair for pair in known if known.count(pair) > 1}):
            yield f"step {self.name} has two entities {kind} {name}; names are unique among those of a kind"
        for item in self.associations:
            for end in (item.source, item.destination):
                if isinstance(end, LineageEntity) and (end.kind, end.name) not in known:
                    yield (
                        f"step {self.name} associates {end.kind} {end.name}, which is not among its entities; give its "
                        "ARN"
                    )

    def arguments(self, context: StepContext) -> Mapping[str, Any]:
        made = {
            key: [entity.to_json() for entity in self.entities if entity.kind == kind] or None
            for kind, (key, _) in KINDS.items()
        }
        return {**made, "Associations": [item.to_json() for item in self.associations] or None}
