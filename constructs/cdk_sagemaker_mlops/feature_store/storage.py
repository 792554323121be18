"""Key and buckets of feature groups: offline records and results of queries."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from constructs import Construct

from cdk_sagemaker_mlops._buckets import Buckets, make_key
from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops._storage_policies import Readers, bucket_policy, plain_key_policy
from cdk_sagemaker_mlops.storage import ACCOUNT_PATTERN, ACCOUNT_RULE

if TYPE_CHECKING:
    from aws_cdk.aws_kms import IKey
    from aws_cdk.aws_s3 import IBucket


class FeatureStorage(Construct):
    """One customer managed key, a bucket for offline records and one for results of queries.

    Both buckets refuse plain HTTP and TLS below 1.2, block public access, are versioned, encrypted with the key and log
    their accesses. Offline records never expire.

    :param retain: Keep key and buckets when the stack is deleted. With False they are deleted, and a small function
        empties the buckets first. Default: True.
    :param encryption_key: An existing key. Default: - a key with yearly rotation.
    :param reader_accounts: Accounts that may read offline records and decrypt online and offline ones. Default: - none.
    :param results_days: How long results of queries are kept. Default: 30.
    :param noncurrent_days: How long overwritten and deleted versions of anything are kept. Default: 30.
    :param access_logs_days: How long access logs are kept. Default: 365.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        retain: bool = True,
        encryption_key: IKey | None = None,
        reader_accounts: Sequence[str] = (),
        results_days: int = 30,
        noncurrent_days: int = 30,
        access_logs_days: int = 365,
    ) -> None:
        problems = Problems()
        for number in reader_accounts:
            problems.matches("reader_accounts", number, ACCOUNT_PATTERN, ACCOUNT_RULE)
        for prop, days in (
            ("results_days", results_days),
            ("noncurrent_days", noncurrent_days),
            ("access_logs_days", access_logs_days),
        ):
            problems.between(prop, days, 1, 36500, "days")
        problems.raise_if_any(scope, construct_id)
        super().__init__(scope, construct_id)
        readers = tuple(dict.fromkeys(reader_accounts))
        self.encryption_key: IKey = encryption_key or make_key(
            self,
            "Key",
            description="Encrypts features: online, offline and results of queries",
            policy=plain_key_policy(readers),
            retain=retain,
        )
        buckets = Buckets(self, self.encryption_key, retain, noncurrent_days)
        logs = buckets.access_logs("AccessLogs", of=["Offline", "Results"], days=access_logs_days)
        may_read = Readers("Readers", readers, "Feature Store makes up the names of files") if readers else None
        self.offline: IBucket = buckets.make(
            "Offline", logs=logs, expiry_days=None, policy=functools.partial(bucket_policy, readers=may_read)
        )
        self.results: IBucket = buckets.make("Results", logs=logs, expiry_days=results_days, policy=bucket_policy)
