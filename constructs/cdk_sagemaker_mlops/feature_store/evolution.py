"""What becomes of a deployed group when its definition changes: an update in place, or a refusal with the reason.

Facts are those of the resource's provider schema and of `UpdateFeatureGroup`:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateFeatureGroup.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .record import SchemaRecord

# Properties whose change replaces the group, and what a person calls them. The provider schema's list, which a test
# compares.
CREATE_ONLY: dict[tuple[str, ...], str] = {
    ("FeatureGroupName",): "name",
    ("RecordIdentifierFeatureName",): "record identifier",
    ("EventTimeFeatureName",): "event time",
    ("OnlineStoreConfig", "SecurityConfig"): "key of the online store",
    ("OnlineStoreConfig", "EnableOnlineStore"): "online store",
    ("OnlineStoreConfig", "StorageType"): "storage type of the online store",
    ("OfflineStoreConfig",): "offline store",
    ("RoleArn",): "role",
    ("Description",): "description",
    ("Tags",): "tags",
}
MOST_ADDITIONS = 100

_RESTORE = {
    "Description": "a description of the group can never be edited; restore its text",
    "Tags": "tags of a group can never be edited; restore them, tags of its stack included",
    "RoleArn": "restore the role; what it may do can be changed at any time",
}


@dataclass(frozen=True, slots=True)
class Evolution:
    """The difference between what is recorded and what is proposed.

    :param additions: Features that are added in place.
    :param updates: Other changes in place, in words.
    :param refusals: Changes that cannot be made in place, with the reason of each.
    """

    additions: tuple[str, ...] = ()
    updates: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes."""
        return not (self.additions or self.updates or self.refusals)

    @property
    def is_mixed(self) -> bool:
        """Whether more than one kind of thing changes in place; SageMaker updates one kind per call."""
        return bool(self.additions) + len(self.updates) > 1


def compare(recorded: SchemaRecord, proposed: SchemaRecord) -> Evolution:
    """What deploying `proposed` over `recorded` would mean."""
    before, after = recorded.features, proposed.features
    additions = tuple(name for name in after if name not in before)
    refusals = [
        *_moves(recorded, proposed),
        *_replacements(recorded.properties, proposed.properties),
        *_lost_features(before, after),
    ]
    if len(additions) > MOST_ADDITIONS:
        refusals.append(
            f"{len(additions)} features are added at once, SageMaker takes {MOST_ADDITIONS} per update; add and deploy "
            "them in parts"
        )
    return Evolution(additions, tuple(_updates(recorded.properties, proposed.properties)), tuple(refusals))


def how_to(name: str, replace: str) -> str:
    """What a person does who wants such a change."""
    return (
        f"nothing was changed. Replacing {name} would delete its online records; its files and table would stay, but "
        "new records would not join them. To get there on purpose, define a second group beside it (such as "
        f"{name}-v2), back-fill that from the first one's offline store, switch readers and writers, and remove the "
        f"first one last (docs/feature-store.md). If {name} was never deployed or holds nothing that matters: {replace}"
    )


def _moves(recorded: SchemaRecord, proposed: SchemaRecord) -> Iterator[str]:
    if recorded.stack != proposed.stack:
        yield (
            f"the group moves from stack {recorded.stack} to {proposed.stack}: its old stack would delete it while the "
            "new one fails to create a second group of that name; move it with cdk refactor or an import"
        )
    elif recorded.logical_id != proposed.logical_id:
        yield (
            f"its logical id becomes {proposed.logical_id}, was {recorded.logical_id}: CloudFormation would take it "
            "for another group, of a name that is taken; restore its place in the construct tree, or use cdk refactor"
        )


def _replacements(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for path, subject in CREATE_ONLY.items():
        old, new = _at(before, path), _at(after, path)
        if old == new:
            continue
        advice = _RESTORE.get(path[0], "restore it")
        if path == ("OfflineStoreConfig",) and isinstance(old, Mapping) and isinstance(new, Mapping):
            for part in sorted({*old, *new}):
                if old.get(part) != new.get(part):
                    yield _replaced(f"{subject}'s {part}", old.get(part), new.get(part), advice)
        else:
            yield _replaced(subject, old, new, advice)


def _replaced(subject: str, old: Any, new: Any, advice: str) -> str:
    return f"the {subject} becomes {_said(new)}, was {_said(old)}: that replaces the group; {advice}"


def _lost_features(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name, kind in before.items():
        if name not in after:
            yield (
                f'feature "{name}" is removed: SageMaker cannot remove one, and whoever reads it would lose it; keep '
                "it and stop filling it"
            )
        elif after[name] != kind:
            yield (
                f'feature "{name}" becomes {after[name]}, was {kind}: SageMaker cannot change a type, and the values '
                f"that are stored would not fit; keep it and add one of another name"
            )


def _updates(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for path, subject in (
        (("OnlineStoreConfig", "TtlDuration"), "time to live"),
        (("ThroughputConfig",), "throughput"),
    ):
        # Where the whole online store comes or goes, that is what there is to say.
        if _at(before, path) != _at(after, path) and _at(before, path[:1]) and _at(after, path[:1]):
            yield f"the {subject} becomes {_said(_at(after, path))}, was {_said(_at(before, path))}"


def _at(properties: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = properties
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _said(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value)
