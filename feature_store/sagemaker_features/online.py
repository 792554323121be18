"""Lookups in the online store, for whoever calls an endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .clients import client
from .errors import FeaturesError, UnknownRecord
from .groups import FeatureGroup, describe

Values = dict[str, Any]
_MOST_PER_CALL = 100
_ROUNDS = 5


class OnlineStore:
    """The latest records of one feature group, with values in the types of the features.

    It is safe to share between threads. Make it once, outside of a Lambda handler: the first lookup asks for the group.

    Args:
        group: name, ARN or description of the feature group.
        features: features to return; default: all that the record has, identifier and event time included.
        session: a boto3 session; default: boto3's own.
    """

    def __init__(
        self, group: str | FeatureGroup, *, features: Sequence[str] | None = None, session: Any = None
    ) -> None:
        self._reference = group
        self._features = list(features) if features is not None else None
        self._session = session
        retries = {"max_attempts": 3, "mode": "standard"}
        self._client = client("sagemaker-featurestore-runtime", session, retries=retries)
        self._described: FeatureGroup | None = group if isinstance(group, FeatureGroup) else None
        self._checked = False

    @property
    def group(self) -> FeatureGroup:
        """The feature group.

        Raises:
            FeaturesError: if it does not exist, has no online store, or lacks a feature that was asked for.
        """
        if self._described is None:
            self._described = describe(str(self._reference), session=self._session)
        if not self._checked:
            problems = []
            if not self._described.online:
                problems.append("it has no online store")
            unknown = [name for name in self._features or [] if name not in self._described.types]
            if unknown:
                problems.append(f"it has no feature {', '.join(unknown)}")
            if problems:
                raise FeaturesError(f"cannot look records of {self._described.name} up: {'; '.join(problems)}")
            self._checked = True
        return self._described

    def get(self, identifier: Any, *, required: bool = False) -> Values | None:
        """Return the values of a record by feature name, or None if there is none. Missing values are None.

        Args:
            identifier: value of the record identifier.
            required: raise if there is no record.

        Raises:
            UnknownRecord: if the record is required and not there.
        """
        group = self.group
        names = {"FeatureNames": self._features} if self._features else {}
        answer = self._client.get_record(
            FeatureGroupName=group.name, RecordIdentifierValueAsString=str(identifier), **names
        )
        if answer.get("Record"):
            return self._values(answer["Record"])
        if required:
            raise UnknownRecord(f"feature group {group.name} has no record {identifier!r}")
        return None

    def get_many(self, identifiers: Iterable[Any], *, required: bool = False) -> dict[Any, Values]:
        """Return the records that exist, by the identifiers as they were given.

        Args:
            identifiers: values of the record identifier; each is looked up once.
            required: raise if any record is not there.

        Raises:
            UnknownRecord: naming the records that are required and not there.
            FeaturesError: if the service does not answer for a record.
        """
        wanted = {str(identifier): identifier for identifier in identifiers}
        found: dict[str, Values] = {}
        texts = list(wanted)
        for start in range(0, len(texts), _MOST_PER_CALL):
            found |= self._batch(texts[start : start + _MOST_PER_CALL])
        missing = [text for text in texts if text not in found]
        if required and missing:
            shown = ", ".join(missing[:10]) + (f" and {len(missing) - 10} more" if len(missing) > 10 else "")
            raise UnknownRecord(f"feature group {self.group.name} has no record {shown}")
        return {wanted[text]: found[text] for text in texts if text in found}

    def _batch(self, identifiers: list[str]) -> dict[str, Values]:
        names = {"FeatureNames": self._features} if self._features else {}
        found: dict[str, Values] = {}
        waiting = [{"FeatureGroupName": self.group.name, "RecordIdentifiersValueAsString": identifiers, **names}]
        for _ in range(_ROUNDS):
            answer = self._client.batch_get_record(Identifiers=waiting)
            for item in answer["Records"]:
                found[item["RecordIdentifierValueAsString"]] = self._values(item["Record"])
            if answer["Errors"]:
                first = answer["Errors"][0]
                raise FeaturesError(
                    f"cannot read {len(answer['Errors'])} record(s) of {self.group.name}, the first is "
                    f"{first['RecordIdentifierValueAsString']}: {first['ErrorCode']}: {first['ErrorMessage']}"
                )
            waiting = answer["UnprocessedIdentifiers"]
            if not waiting:
                return found
        raise FeaturesError(f"feature group {self.group.name} left identifiers unprocessed {_ROUNDS} times in a row")

    def _values(self, record: list[dict[str, Any]]) -> Values:
        types = self.group.types
        names = self._features if self._features is not None else list(types)
        values: Values = dict.fromkeys(names)
        for item in record:
            kind = types.get(item["FeatureName"], "String")
            if "ValueAsStringList" in item:
                values[item["FeatureName"]] = [_typed(kind, text) for text in item["ValueAsStringList"]]
            else:
                values[item["FeatureName"]] = _typed(kind, item["ValueAsString"])
        return values


def _typed(kind: str, text: str) -> Any:
    if kind == "Integral":
        return int(text)
    return float(text) if kind == "Fractional" else text
