"""The committed record of what a feature group is, so that a change that would replace it is seen before deploying."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

_FORMAT = 1


class RecordError(ValueError):
    """A record's file is not one."""


@dataclass(frozen=True, kw_only=True)
class SchemaRecord:
    """What is known of a group that is deployed, or is to be.

    :param stack: Name of its stack.
    :param logical_id: Its logical id.
    :param defaults: What this library chose where nothing was said. It is chosen again for as long as the record says
        so, whatever a later version of the library would choose.
    :param properties: Properties of the resource, references written as CloudFormation writes them.
    :param accept: How a change in place is recorded, for messages. Default: - in Python, with `write`.
    :param replace: How a change that replaces the group is recorded, for messages. Default: - likewise.
    :param enforced: Whether a change that would replace the group is refused. Default: True.
    """

    stack: str
    logical_id: str
    defaults: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)
    accept: str = "write FeatureGroup.proposed_record to the record's file"
    replace: str = "write the new FeatureGroup.proposed_record to the record's file"
    enforced: bool = True

    @property
    def features(self) -> dict[str, str]:
        """Types of the features by name."""
        return {item["FeatureName"]: item["FeatureType"] for item in self.properties["FeatureDefinitions"]}

    def without_enforcement(self) -> SchemaRecord:
        """The same record, for its defaults only."""
        return replace(self, enforced=False)

    def to_json(self) -> str:
        """The text of the file: one line per feature, so that a review shows what was added."""
        properties = {key: value for key, value in self.properties.items() if key != "FeatureDefinitions"}
        document = {
            "format": _FORMAT,
            "stack": self.stack,
            "logical_id": self.logical_id,
            "defaults": dict(sorted(self.defaults.items())),
            "features": self.features,
            "properties": dict(sorted(properties.items())),
        }
        return json.dumps(document, indent=2) + "\n"

    def write(self, file: Path) -> None:
        """Write the record."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.to_json(), encoding="utf-8")

    @staticmethod
    def read(file: Path) -> SchemaRecord:
        """Read a record.

        :raises RecordError: The file is not a record, or one of a later version of this library.
        """
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            if document["format"] != _FORMAT:
                raise RecordError(
                    f"{file} has format {document['format']}, this version of the library knows {_FORMAT}; "
                    "use the version that wrote it"
                )
            features = [{"FeatureName": name, "FeatureType": kind} for name, kind in document["features"].items()]
            return SchemaRecord(
                stack=document["stack"],
                logical_id=document["logical_id"],
                defaults=document["defaults"],
                properties={**document["properties"], "FeatureDefinitions": features},
            )
        except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
            raise RecordError(
                f"{file} is not a record of a feature group ({error!r}); restore it from version control"
            ) from error
