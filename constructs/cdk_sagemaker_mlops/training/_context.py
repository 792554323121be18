"""What steps are rendered with: roles, places and assets of one pipeline."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cdk_sagemaker_mlops.functions import AssetLocation, content_asset
from cdk_sagemaker_mlops.functions.sources import collect_tree, digest, replace_readable

from .steps.base import JobNetwork

if TYPE_CHECKING:
    import aws_cdk as cdk

    from cdk_sagemaker_mlops._block import Member

_GZIP_LEVEL = 6


@dataclass
class PipelineContext:
    """A pipeline's step context; remembers what was asked for, so that only what is used is made.

    :param stack: The pipeline's stack.
    :param job_role: The role for jobs: an ARN, or the member that will be one.
    :param artifacts_uri: Where jobs write that name no place.
    :param network: Network of jobs that name none.
    :param volume_key_arn: Key of volumes.
    :param output_key_arn: Key of what jobs write.
    """

    stack: cdk.Stack
    job_role: str | Member
    artifacts_uri: str
    network: JobNetwork | None = None
    volume_key_arn: str | None = None
    output_key_arn: str | None = None
    uses_role: bool = False
    uploads: list[AssetLocation] = field(default_factory=list)

    @property
    def role_arn(self) -> str:
        """Role of jobs that name none."""
        self.uses_role = True
        return self.job_role if isinstance(self.job_role, str) else self.job_role.att("Arn")

    def upload(self, path: Path) -> str:
        """The S3 URI of a local file, or of a folder as a gzipped tar, after deployment.

        :raises FileNotFoundError: There is no such file or folder.
        """
        if path.is_dir():
            return self.upload_tar(collect_tree(path), f"source code {path.name}")
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist; a relative path counts from the working directory")
        content = path.read_bytes()
        return self._place(hashlib.sha256(content).hexdigest(), path.suffix, path.name, content)

    def upload_tar(self, files: list[tuple[str, Path]], display_name: str) -> str:
        """The S3 URI of files as a gzipped tar whose bytes depend on names and contents only."""
        return self._place(digest(files), ".tar.gz", display_name, files)

    def _place(self, identity: str, suffix: str, display_name: str, content: bytes | list[tuple[str, Path]]) -> str:
        location = content_asset(
            self.stack,
            identity=identity,
            suffix=suffix,
            display_name=display_name,
            write=lambda target: write_whole(target, content if isinstance(content, bytes) else _tar(content)),
        )
        self.uploads.append(location)
        return f"s3://{location.bucket_name}/{location.object_key}"


def _tar(files: list[tuple[str, Path]]) -> bytes:
    """A gzipped tar without times, owners and modes of this machine."""
    import gzip

    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=_GZIP_LEVEL, mtime=0, filename="") as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, path in files:
            content = path.read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def write_whole(target: Path, content: bytes) -> None:
    """Write a file so that it appears whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=target.name, suffix=".tmp")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    replace_readable(Path(temporary), target)
