"""Between S3 and the folders of a job: which objects an input names, and uploading what a job has left."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_local.errors import AwsError
from sagemaker_local.sagemaker.serving.containers import parse_s3_uri

_PARALLEL = 8
_IN_MEMORY = 8 << 20


@dataclass(frozen=True)
class Object:
    """An object of an input, and its place in the input's folder."""

    bucket: str
    key: str
    path: str


def select(s3: Any, uri: str, kind: str, *, share: int = 0, shares: int = 1) -> list[Object]:
    """Return the objects of an input in the order of their names.

    Args:
        s3: a client.
        uri: what S3Uri says.
        kind: S3Prefix or ManifestFile.
        share: for ShardedByS3Key, which share of the objects; every `shares`-th belongs to it.
        shares: number of shares.

    Raises:
        AwsError: if there are none, with SageMaker's words.
    """
    found = list(_manifest(s3, uri) if kind == "ManifestFile" else _prefix(s3, uri))
    if not found:
        raise AwsError(
            "ValidationException",
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket '
            "exists in the selected region, that objects exist under that S3 prefix, and that the role has "
            "s3:ListBucket permissions on the bucket.",
        )
    return found[share::shares]


def _prefix(s3: Any, uri: str) -> Iterable[Object]:
    bucket, prefix = parse_s3_uri(uri)
    parent = prefix.rpartition("/")[0]
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    except (ClientError, BotoCoreError) as error:
        raise AwsError("ValidationException", f'Cannot list the objects of "{uri}": {error}') from error
    for key in keys:
        if key.endswith("/"):
            continue
        if key == prefix:
            yield Object(bucket, key, key.rpartition("/")[2])
        elif key.startswith(f"{prefix.rstrip('/')}/"):
            yield Object(bucket, key, key[len(prefix.rstrip("/")) + 1 :])
        else:
            # A prefix may end in the middle of a name.
            yield Object(bucket, key, key[len(parent) + 1 :] if parent else key)


def _manifest(s3: Any, uri: str) -> Iterable[Object]:
    bucket, key = parse_s3_uri(uri)
    try:
        document = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        base, names = document[0]["prefix"], document[1:]
    except (ClientError, BotoCoreError) as error:
        raise AwsError("ValidationException", f'Cannot read the manifest "{uri}": {error}') from error
    except (ValueError, LookupError, TypeError) as error:
        raise AwsError(
            "ValidationException",
            f'The manifest "{uri}" must be a JSON list that begins with {{"prefix": "s3://..."}} and goes on with '
            f"names: {error}",
        ) from error
    place, prefix = parse_s3_uri(base)
    for name in names:
        yield Object(place, f"{prefix}{name}", name.lstrip("/"))


def download(s3: Any, objects: Iterable[Object], folder: Path) -> int:
    """Fetch objects into a folder; return how many bytes that were.

    Raises:
        AwsError: if one cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def fetch(item: Object) -> int:
        target = (folder / item.path).resolve()
        if not target.is_relative_to(folder.resolve()):
            raise AwsError("ValidationException", f"the key {item.key} leads out of the input's folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            body = s3.get_object(Bucket=item.bucket, Key=item.key)["Body"]
        except (ClientError, BotoCoreError) as error:
            raise AwsError("ValidationException", f"Cannot read s3://{item.bucket}/{item.key}: {error}") from error
        with target.open("wb") as file:
            shutil.copyfileobj(body, file, 1 << 20)
        return target.stat().st_size

    wanted = list(objects)
    if len(wanted) == 1:
        return fetch(wanted[0])
    with ThreadPoolExecutor(_PARALLEL) as pool:
        return sum(pool.map(fetch, wanted))


class Upload:
    """Uploads a folder, again and again if need be; what has not changed since is not sent again.

    Args:
        s3: a client.
        folder: what to upload.
        uri: where to.
        kms_key_id: encrypts the objects.
    """

    def __init__(self, s3: Any, folder: Path, uri: str, kms_key_id: str | None = None) -> None:
        self._s3 = s3
        self._folder = folder
        self._bucket, prefix = parse_s3_uri(uri)
        self._prefix = f"{prefix.rstrip('/')}/" if prefix else ""
        self._extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id} if kms_key_id else {}
        self._sent: dict[str, tuple[int, int]] = {}

    def send(self) -> int:
        """Upload what is new or has changed; return the number of files.

        Raises:
            AwsError: if a file cannot be written to S3.
        """
        changed: list[tuple[Path, str, tuple[int, int]]] = []
        for path in sorted(self._folder.rglob("*")):
            if not path.is_file():
                continue
            name, stat = path.relative_to(self._folder).as_posix(), path.stat()
            state = (stat.st_size, stat.st_mtime_ns)
            if self._sent.get(name) != state:
                changed.append((path, name, state))
        for path, name, state in changed:
            put_file(self._s3, path, self._bucket, f"{self._prefix}{name}", self._extra)
            self._sent[name] = state
        return len(changed)


def put_file(s3: Any, path: Path, bucket: str, key: str, extra: dict[str, str]) -> None:
    """Upload one file.

    Raises:
        AwsError: if S3 refuses it.
    """
    try:
        if path.stat().st_size <= _IN_MEMORY:
            s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes(), **extra)
        else:
            s3.upload_file(str(path), bucket, key, ExtraArgs=extra)
    except (ClientError, BotoCoreError, OSError) as error:
        raise AwsError("ValidationException", f"Cannot write s3://{bucket}/{key}: {error}") from error


def pack(folder: Path, archive: Path) -> None:
    """Make a tar.gz of a folder's content."""
    with tarfile.open(archive, "w:gz", compresslevel=3) as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, arcname=path.name)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar archive.

    Raises:
        AwsError: if it is none.
    """
    try:
        with tarfile.open(archive, "r:*") as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise AwsError("ValidationException", f"{archive.name} is not a tar archive: {error}") from error
