"""Lazy bootstrap: an account and region is ready for the CDK when the CLI first assumes one of its bootstrap roles.

`cdk bootstrap` works as well and takes ten seconds and more per account and region; nobody has to run it here. What
lazy bootstrapping makes is what deployments need of the bootstrap stack: the asset bucket and the version parameter.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from .accounts import Principal
    from .server import LocalAws

BOOTSTRAP_VERSION = "31"
_ROLE = re.compile(
    r":role/cdk-(?P<qualifier>[a-z0-9]+)-(?P<kind>[a-z-]+)-role-(?P<account>\d{12})-(?P<region>[a-z0-9-]+)$"
)


class LazyBootstrap:
    """Prepares each account and region once, unless `cdk bootstrap` has already done so."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._done: set[tuple[str, str, str]] = set()
        self._lock = threading.Lock()

    def __call__(self, principal: Principal, region: str) -> None:
        match = _ROLE.search(principal.arn)
        if match is None:
            return
        place = (match["qualifier"], match["account"], match["region"])
        with self._lock:
            if place not in self._done:
                self._done.add(place)
                self.prepare(*place)

    def prepare(self, qualifier: str, account: str, region: str) -> None:
        """Make the asset bucket and the version parameter if they are missing."""
        ssm = self._aws.clients("ssm", account, region)
        name = f"/cdk-bootstrap/{qualifier}/version"
        if ssm.get_parameters(Names=[name])["Parameters"]:
            return
        ssm.put_parameter(Name=name, Value=BOOTSTRAP_VERSION, Type="String")
        s3, bucket = self._aws.clients("s3", account, region), f"cdk-{qualifier}-assets-{account}-{region}"
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            s3.create_bucket(Bucket=bucket, **place)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise


def install(aws: LocalAws) -> None:
    """Prepare accounts and regions for the CDK as they are first used."""
    aws.on_assume_role.append(LazyBootstrap(aws))
