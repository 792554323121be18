"""Sends records, again and again while the service asks for patience."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .clients import client
from .errors import IngestionInterrupted
from .groups import FeatureGroup
from .records import Record

MOST_PER_CALL = 25
"""Records that BatchWriteRecord takes."""

_REFUSED = ("ValidationError", "ValidationException")
_LATER = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_LONGEST_WAIT = 20.0


@dataclass(frozen=True)
class Outcome:
    """What became of one record: the code and message of a refusal, or neither."""

    code: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Settings:
    """How records are sent.

    Args:
        workers: calls under way at the same time.
        batch: use BatchWriteRecord, 25 records per call, instead of PutRecord.
        attempts: how often a call is tried before the run stops.
        first_wait: seconds before the second attempt; later ones wait longer.
    """

    workers: int = 16
    batch: bool = False
    attempts: int = 10
    first_wait: float = 0.1
    target_stores: Sequence[str] | None = None
    ttl: dict[str, Any] | None = None
    sleep: Callable[[float], None] = time.sleep


class Writer:
    """Writes records to one feature group. It may be used by several threads.

    Args:
        group: the feature group.
        settings: how.
        session: a boto3 session; default: boto3's own.
    """

    def __init__(self, group: FeatureGroup, settings: Settings, session: Any = None) -> None:
        self._group = group
        self._settings = settings
        # Waiting is done here, so that every attempt is counted and none multiplies with boto3's own.
        self._client = client(
            "sagemaker-featurestore-runtime",
            session,
            retries={"max_attempts": 0, "mode": "standard"},
            max_pool_connections=max(10, settings.workers),
        )
        self.retries = 0
        self._extra: dict[str, Any] = {}
        if settings.target_stores:
            self._extra["TargetStores"] = list(settings.target_stores)
        if settings.ttl:
            self._extra["TtlDuration"] = settings.ttl

    def write(self, records: Sequence[Record]) -> list[Outcome]:
        """Write records and return what became of each.

        Raises:
            IngestionInterrupted: if the service cannot take any record: it is out of reach, denies access, or the group
                is gone.
        """
        if not self._settings.batch:
            return [self._put(record) for record in records]
        outcomes: list[Outcome] = []
        for start in range(0, len(records), MOST_PER_CALL):
            outcomes += self._put_several(records[start : start + MOST_PER_CALL])
        return outcomes

    def _put(self, record: Record) -> Outcome:
        from botocore.exceptions import BotoCoreError, ClientError

        for attempt in range(self._settings.attempts):
            try:
                self._client.put_record(FeatureGroupName=self._group.name, Record=record.values(), **self._extra)
            except ClientError as error:
                refusal = self._refusal(error)
                if refusal is not None:
                    return refusal
                last: Exception = error
            except BotoCoreError as error:
                last = error
            else:
                return Outcome()
            self._wait(attempt)
        raise self._given_up(last)

    def _put_several(self, records: Sequence[Record]) -> list[Outcome]:
        from botocore.exceptions import BotoCoreError, ClientError

        outcomes = [Outcome()] * len(records)
        entries = [
            {"FeatureGroupName": self._group.name, "Record": record.values(), **self._extra} for record in records
        ]
        waiting = list(range(len(records)))
        for attempt in range(self._settings.attempts):
            last: Exception = IngestionInterrupted("entries stay unprocessed")
            try:
                answer = self._client.batch_write_record(Entries=[entries[number] for number in waiting])
            except ClientError as error:
                self._refusal(error, whole=True)
                last = error
            except BotoCoreError as error:
                last = error
            else:
                again = []
                for item in answer["Errors"]:
                    number = _position(entries, waiting, item["Entry"])
                    if item["ErrorCode"] in _LATER:
                        again.append(number)
                    else:
                        outcomes[number] = Outcome(item["ErrorCode"], item["ErrorMessage"])
                again += [_position(entries, waiting, entry) for entry in answer["UnprocessedEntries"]]
                if not again:
                    return outcomes
                waiting = sorted(set(again))
            self._wait(attempt)
        raise self._given_up(last)

    def _refusal(self, error: Any, *, whole: bool = False) -> Outcome | None:
        """Return why a record was refused, or None if it is to be sent again."""
        code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _LATER or status == 429 or status >= 500:
            return None
        if code in _REFUSED and not whole and "Resource Not Found" not in message:
            return Outcome(code, message)
        raise IngestionInterrupted(f"cannot write to feature group {self._group.name}: {code}: {message}") from error

    def _wait(self, attempt: int) -> None:
        self.retries += 1
        # Full jitter keeps the threads from coming back all at once.
        longest = min(_LONGEST_WAIT, self._settings.first_wait * 2**attempt)
        self._settings.sleep(random.uniform(0, longest))  # noqa: S311 - no secret

    def _given_up(self, error: Exception) -> IngestionInterrupted:
        interrupted = IngestionInterrupted(
            f"feature group {self._group.name} did not take a record in {self._settings.attempts} attempts: {error}"
        )
        interrupted.__cause__ = error
        return interrupted


def _position(entries: list[dict[str, Any]], among: list[int], entry: dict[str, Any]) -> int:
    """Return which entry the service means; it gives back what was sent, perhaps in another order of members."""
    wanted = {item["FeatureName"]: item.get("ValueAsString", item.get("ValueAsStringList")) for item in entry["Record"]}
    for number in among:
        sent = entries[number]["Record"]
        if wanted == {item["FeatureName"]: item.get("ValueAsString", item.get("ValueAsStringList")) for item in sent}:
            return number
    raise IngestionInterrupted("the service reported an entry that was not sent")
