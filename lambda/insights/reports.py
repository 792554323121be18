"""S3: the files that monitors wrote, and the pages of this report."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from insights.facts import Violation
from shared.clients import error_code
from shared.s3 import S3Uri

_REPEATED = {"rows", "share", "exact", "standard_error", "most_frequent", "expected_share", "piled_up_at"}
_ABSENT = frozenset({"NoSuchKey", "404", "NotFound"})


class Reports:
    """Reader of runs' reports and writer of pages."""

    def __init__(self, s3: Any, kms_key_arn: str | None = None) -> None:
        self._s3, self._kms_key_arn = s3, kms_key_arn

    def read(self, uri: S3Uri) -> bytes | None:
        """An object's bytes; None when there is none."""
        try:
            body: bytes = self._s3.get_object(Bucket=uri.bucket, Key=uri.key)["Body"].read()
        except ClientError as error:
            if error_code(error) in _ABSENT:
                return None
            raise
        return body

    def write(self, uri: S3Uri, text: str, content_type: str) -> None:
        """Put an object, under the reports' key if it has one."""
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self._kms_key_arn} if self._kms_key_arn else {}
        self._s3.put_object(Bucket=uri.bucket, Key=uri.key, Body=text.encode(), ContentType=content_type, **encryption)

    def latest(self, root: S3Uri, since: datetime, until: datetime) -> S3Uri | None:
        """Folder (`yyyy/mm/dd/hh`) of the latest run of a monitor in the period that wrote a report."""
        return self._found(root, [until - timedelta(days=back) for back in range(_days(since, until))], max)

    def first(self, root: S3Uri, since: datetime, until: datetime) -> S3Uri | None:
        """The same of the first run in the period."""
        return self._found(root, [since + timedelta(days=after) for after in range(_days(since, until))], min)

    def _found(self, root: S3Uri, days: list[datetime], choose: Callable[[set[str]], str]) -> S3Uri | None:
        for day in days:
            folder = root / f"{day:%Y/%m/%d}"
            hours = {key[len(folder.prefix) :].partition("/")[0] for key in self._keys(folder)}
            if hours:
                return folder / choose(hours)
        return None

    def json(self, uri: S3Uri) -> dict[str, Any]:
        """A JSON document; empty when there is none."""
        content = self.read(uri)
        found = json.loads(content) if content else {}
        return found if isinstance(found, dict) else {}

    def violations(self, folder: S3Uri) -> tuple[Violation, ...]:
        """What the run in a folder found; attribution's and bias' lines name no feature."""
        document = self.json(folder / "constraint_violations.json")
        return tuple(
            Violation(
                feature=str(item.get("feature_name") or item.get("metric_name") or item.get("metricName") or ""),
                check=str(item.get("constraint_check_type", "")),
                description=str(item.get("description", "")),
            )
            for item in document.get("violations", ())
        )

    def statistics(self, folder: S3Uri) -> tuple[Mapping[str, Any], ...]:
        """Statistics of the run's features, in Model Monitor's form."""
        return tuple(self.json(folder / "statistics.json").get("features", ()))

    def records(self, folder: S3Uri) -> Mapping[str, Any]:
        """What whole records of the run tell; empty where the engine does not write that, or something else."""
        document = self.json(folder / "records.json")
        repeated, pairs = document.get("repeated"), document.get("redundant")
        told = isinstance(repeated, dict) and repeated.keys() >= _REPEATED and isinstance(pairs, list)
        return document if told else {}

    def attribution(self, folder: S3Uri) -> Mapping[str, float]:
        """Global strengths of features in Clarify's ``analysis.json``, of the first label."""
        values = next(_find(self.json(folder / "analysis.json"), "global_shap_values"), {})
        return {str(name): float(value) for name, value in values.items()}

    def _keys(self, folder: S3Uri) -> Iterator[str]:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=folder.bucket, Prefix=folder.prefix):
            for item in page.get("Contents", []):
                yield item["Key"]


def _days(since: datetime, until: datetime) -> int:
    return (until.date() - since.date()).days + 1


def _find(document: object, key: str) -> Iterator[Mapping[str, Any]]:
    if isinstance(document, Mapping):
        if isinstance(document.get(key), Mapping):
            yield document[key]
        for value in document.values():
            yield from _find(value, key)
