"""Fetching model data from S3: archives, and folders that are not packed."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlparse

from botocore.exceptions import BotoCoreError, ClientError

from .predictor import LoadError


def parse_s3_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of an s3:// URI (or an https:// one of S3)."""
    parsed = urlparse(uri)
    if parsed.scheme == "s3":
        return parsed.netloc, parsed.path.lstrip("/")
    host = parsed.netloc.split(".")
    if host[0].startswith("s3"):
        bucket, _, key = parsed.path.lstrip("/").partition("/")
        return bucket, key
    return host[0], parsed.path.lstrip("/")


def unpack(s3: Any, uri: str, folder: Path) -> int:
    """Fetch an archive and unpack it into a folder; return the bytes that it takes there.

    Raises:
        LoadError: if it is not there or is no archive.
    """
    archive = fetch(s3, uri)
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:*") as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise LoadError(
            f"{uri} is not a tar archive: {error}",
            public=f"Failed to extract model data archive from URL {uri}. Please ensure that the object located at the "
            "URL is a valid tar.gz archive.",
        ) from error
    return _size(folder)


def download(s3: Any, prefix_uri: str, folder: Path) -> int:
    """Fetch all objects below a prefix into a folder; return the bytes that they take there.

    Raises:
        LoadError: if there are none.
    """
    bucket, prefix = parse_s3_uri(prefix_uri)
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", []) if not item["Key"].endswith("/")]
        for key in keys:
            name = PurePosixPath(key.removeprefix(prefix).lstrip("/") or PurePosixPath(key).name)
            if ".." in name.parts:
                continue
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    except (ClientError, BotoCoreError) as error:
        raise _not_downloaded(prefix_uri, str(error)) from error
    if not keys:
        raise _not_downloaded(prefix_uri, "there is no object below the prefix")
    return _size(folder)


def fetch(s3: Any, uri: str) -> bytes:
    """Return an object's content.

    Raises:
        LoadError: if it cannot be read.
    """
    bucket, key = parse_s3_uri(uri)
    try:
        data: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except (ClientError, BotoCoreError) as error:
        raise _not_downloaded(uri, str(error)) from error
    return data


def _not_downloaded(uri: str, reason: str) -> LoadError:
    return LoadError(
        f"cannot read {uri}: {reason}",
        public=f"Failed to download model data from {uri}. Please ensure that there is an object located at the "
        "URL and that the role passed to CreateModel has permissions to download it.",
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
