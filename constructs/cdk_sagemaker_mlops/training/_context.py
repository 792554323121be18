"""What steps are rendered with: roles, places and assets of one pipeline."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cdk_sagemaker_mlops.functions import AssetLocation, WheelSet, content_asset, wheels_asset
from cdk_sagemaker_mlops.functions.sources import archive_entry, collect_tree, replace_readable

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
            files = {name: file.read_bytes() for name, file in collect_tree(path)}
            return self.upload_tar(files, f"source code {path.name}")
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist; a relative path counts from the working directory")
        return self._place({path.name: path.read_bytes()}, path.suffix, path.name, lambda files: files[path.name])

    def upload_tar(self, files: Mapping[str, bytes], display_name: str) -> str:
        """The S3 URI of files as a gzipped tar whose bytes depend on names and contents only."""
        return self._place(files, ".tar.gz", display_name, _tar)

    def upload_zip(self, files: Mapping[str, bytes], display_name: str) -> str:
        """The S3 URI of files as a zip, likewise; Python runs one that holds `__main__.py`."""
        return self._place(files, ".zip", display_name, _zip)

    def upload_wheels(self, wheels: WheelSet) -> str:
        """The S3 URI of an archive of wheels, built once and kept in the cache."""
        return self._uploaded(wheels_asset(self.stack, wheels))

    def _place(
        self, files: Mapping[str, bytes], suffix: str, display_name: str, pack: Callable[[Mapping[str, bytes]], bytes]
    ) -> str:
        location = content_asset(
            self.stack,
            identity=_digest(files, suffix),
            suffix=suffix,
            display_name=display_name,
            write=lambda target: write_whole(target, pack(files)),
        )
        return self._uploaded(location)

    def _uploaded(self, location: AssetLocation) -> str:
        if location not in self.uploads:
            self.uploads.append(location)
        return f"s3://{location.bucket_name}/{location.object_key}"


def _digest(files: Mapping[str, bytes], suffix: str) -> str:
    """SHA-256 over names, contents and their lengths, so that contents cannot move between files unseen."""
    state = hashlib.sha256(f"cdk-sagemaker-mlops/pipeline-code/1{suffix}".encode())
    for name, content in sorted(files.items()):
        state.update(f"{len(name)}:{name}:{len(content)}:".encode())
        state.update(content)
    return state.hexdigest()


def _tar(files: Mapping[str, bytes]) -> bytes:
    """A gzipped tar without times, owners and modes of this machine."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=_GZIP_LEVEL, mtime=0, filename="") as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _zip(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(archive_entry(name), content)
    return buffer.getvalue()


def write_whole(target: Path, content: bytes) -> None:
    """Write a file so that it appears whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=target.name, suffix=".tmp")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    replace_readable(Path(temporary), target)


def network_problems(network: JobNetwork | None) -> list[str]:
    """What is wrong with the VPC of jobs."""
    if network is None:
        return []
    found = []
    if bool(network.subnets) != bool(network.security_groups):
        found.append("network has only one of subnets and security_groups; give both, or neither")
    for what, given, most in (("subnets", network.subnets, 16), ("security_groups", network.security_groups, 5)):
        if len(given) > most:
            found.append(f"network has {len(given)} {what}, allowed are {most}")
    return found
