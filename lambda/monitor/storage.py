"""S3: captured traffic, labels and baselines in, reports out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from monitor.window import Window
from shared.clients import error_code
from shared.log import Logger
from shared.s3 import S3Uri

#: Objects fetched ahead of the one being read: hides S3's latency, which is longer than the analysis of a small file.
AHEAD = 8
#: Objects up to this size stay in memory, larger ones pass through the disk.
MAX_IN_MEMORY = 16 * 1024 * 1024
_ABSENT = frozenset({"NoSuchKey", "404", "NotFound"})
#: The object is not as a condition says, or somebody is putting it at the same moment.
_REFUSED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", *_ABSENT})

log = Logger("monitor.storage")

CaptureFile = Path | tuple[str, bytes]


@dataclass(frozen=True)
class StoredFile:
    """One object of captured traffic or of labels; ``size`` in bytes."""

    #: Whether it is put together in memory, however large it is.
    in_memory: ClassVar[bool] = False

    uri: S3Uri
    size: int


class Storage:
    """Access to the monitor's buckets. ``folder`` takes the files that are too large for memory."""

    def __init__(self, s3: Any, kms_key_arn: str | None = None, folder: str | None = None) -> None:
        self._s3 = s3
        self._kms_key_arn = kms_key_arn
        self._folder = folder

    def with_buckets_key(self) -> Storage:
        """The same, but written objects are encrypted as their buckets do by default."""
        return Storage(self._s3, None, self._folder)

    def captures(self, root: S3Uri, window: Window) -> list[StoredFile]:
        """Captured objects of the window, of all variants below ``root`` (an endpoint's folder), sorted by key.

        https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
        """
        found = [item for variant in self._variants(root) for item in self.hourly(variant, window)]
        return sorted(found, key=lambda item: item.uri.key)

    def hourly(self, root: S3Uri, window: Window) -> list[StoredFile]:
        """Objects of JSON lines in the hourly folders of the window below ``root``, in the order of their upload.

        S3 tells seconds; objects of one second stand in the order of their keys.

        Ground truth lies so: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-merge.html
        """
        prefixes = [(root / f"{hour:%Y/%m/%d/%H}").prefix for hour in window.hours()]
        with ThreadPoolExecutor(AHEAD, thread_name_prefix="list") as pool:
            pages = pool.map(lambda prefix: list(self._list(root.bucket, prefix)), prefixes)
            return [
                StoredFile(S3Uri(root.bucket, item["Key"]), item["Size"])
                for items in pages
                for item in sorted(items, key=lambda item: (item["LastModified"], item["Key"]))
                if item["Size"] and item["Key"].endswith((".jsonl", ".jsonl.gz"))
            ]

    def below(self, roots: Sequence[S3Uri]) -> list[StoredFile]:
        """Objects below the places, by key."""
        with ThreadPoolExecutor(AHEAD, thread_name_prefix="list") as pool:
            pages = pool.map(lambda root: [(root, item) for item in self._list(root.bucket, root.prefix)], roots)
            return _by_key(pair for items in pages for pair in items)

    def at(self, uri: S3Uri) -> list[StoredFile]:
        """The object at the address, else those below it, by key."""
        found = [item for item in self._list(uri.bucket, uri.key) if item["Size"]]
        exact = [item for item in found if item["Key"] == uri.key]
        below = [item for item in found if item["Key"].startswith(uri.prefix)]
        return [StoredFile(S3Uri(uri.bucket, item["Key"]), item["Size"]) for item in exact or below]

    def written(self, root: S3Uri, window: Window) -> list[StoredFile]:
        """Objects below the place that were written in the window, by key."""
        return _by_key(
            (root, item)
            for item in self._list(root.bucket, root.prefix)
            if window.start <= item["LastModified"] < window.end
        )

    def fetch(
        self, objects: Iterable[StoredFile], before_each: Callable[[], None], *, in_memory: bool = False
    ) -> Iterator[CaptureFile]:
        """The objects' contents in order, a few fetched ahead; ``before_each`` may raise to end it.

        An object that was deleted after it was listed (a lifecycle rule) is passed over with a warning. A file given as
        a path exists only until the next one is asked for, or reading ends in whatever way; ``in_memory`` gives none,
        so that every file carries its address.
        """
        # Files go with their folder, or a run that is given up would leave the next one in this process without room.
        with (
            tempfile.TemporaryDirectory(dir=self._folder) as folder,
            ThreadPoolExecutor(AHEAD, thread_name_prefix="fetch") as pool,
        ):

            def get(item: StoredFile) -> CaptureFile | None:
                return self._get(item, None if in_memory else folder)

            upcoming = iter(objects)
            pending: list[Future[CaptureFile | None]] = [pool.submit(get, item) for item in islice(upcoming, AHEAD)]
            try:
                while pending:
                    before_each()
                    file = pending.pop(0).result()
                    pending += [pool.submit(get, item) for item in islice(upcoming, 1)]
                    if file is None:
                        continue
                    yield file
                    if isinstance(file, Path):
                        file.unlink()
            finally:
                for future in pending:
                    future.cancel()

    def read(self, uri: S3Uri) -> bytes | None:
        """An object's bytes; None when it does not exist."""
        found = self.tagged(uri)
        return None if found is None else found[0]

    def tagged(self, uri: S3Uri) -> tuple[bytes, str] | None:
        """An object's bytes and the tag of this content; None when it does not exist."""
        try:
            answer = self._s3.get_object(Bucket=uri.bucket, Key=uri.key)
        except ClientError as error:
            if error_code(error) in _ABSENT:
                return None
            raise
        return answer["Body"].read(), str(answer["ETag"])

    def write(self, uri: S3Uri, text: str, content_type: str, **conditions: str) -> None:
        """Put an object, under the monitor's key if it has one, else as the bucket encrypts by default."""
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self._kms_key_arn} if self._kms_key_arn else {}
        request = {"Bucket": uri.bucket, "Key": uri.key, "Body": text.encode(), "ContentType": content_type}
        self._s3.put_object(**request, **encryption, **conditions)

    def claim(self, uri: S3Uri, text: str) -> bool:
        """Put an object if there is none yet; False if there is one."""
        return self._written_if(uri, text, IfNoneMatch="*")

    def replaced(self, uri: S3Uri, text: str, tag: str) -> bool:
        """Put an object in the place of the one with the tag; False if that is there no more."""
        return self._written_if(uri, text, IfMatch=tag)

    def _written_if(self, uri: S3Uri, text: str, **condition: str) -> bool:
        try:
            self.write(uri, text, "application/json", **condition)
        except ClientError as error:
            if error_code(error) in _REFUSED:
                return False
            raise
        return True

    def delete(self, uri: S3Uri) -> None:
        """Delete an object."""
        self._s3.delete_object(Bucket=uri.bucket, Key=uri.key)

    def _variants(self, root: S3Uri) -> list[S3Uri]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=root.bucket, Prefix=root.prefix, Delimiter="/"
        )
        return [
            S3Uri(root.bucket, item["Prefix"].rstrip("/")) for page in pages for item in page.get("CommonPrefixes", [])
        ]

    def _list(self, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield from page.get("Contents", [])

    def _get(self, item: StoredFile, folder: str | None) -> CaptureFile | None:
        """The object's content; that of a large one as a file in the folder, if there is one."""
        name = item.uri.key.rpartition("/")[2]
        try:
            if folder is None or item.size <= MAX_IN_MEMORY:
                response = self._s3.get_object(Bucket=item.uri.bucket, Key=item.uri.key)
                return str(item.uri), response["Body"].read()
            with tempfile.NamedTemporaryFile(suffix=name, dir=folder, delete=False) as file:
                self._s3.download_fileobj(item.uri.bucket, item.uri.key, file)
                return Path(file.name)
        except ClientError as error:
            if error_code(error) not in _ABSENT:
                raise
            log.warning("object disappeared after it was listed", uri=str(item.uri))
            return None


def _by_key(items: Iterable[tuple[S3Uri, dict[str, Any]]]) -> list[StoredFile]:
    """Objects with content, without those that writers hide (`_SUCCESS`, `.crc`)."""
    found = [
        StoredFile(S3Uri(root.bucket, item["Key"]), item["Size"])
        for root, item in items
        if item["Size"] and not item["Key"].rpartition("/")[2].startswith(("_", "."))
    ]
    return sorted(found, key=lambda file: file.uri.key)
