"""The buckets and the key that everything else writes to."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from constructs import Construct

from ._buckets import Buckets, make_key
from ._errors import Problems
from ._naming import pascal
from ._storage_policies import Readers, bucket_policy, key_policy

if TYPE_CHECKING:
    from aws_cdk.aws_kms import IKey
    from aws_cdk.aws_s3 import IBucket

ACCOUNT_PATTERN = r"\d{12}"
ACCOUNT_RULE = "allowed are account numbers of 12 digits, in quotes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long each kind of object is kept.

    :param capture_days: Captured requests and responses. Default: 90.
    :param ground_truth_days: Labels. Default: 730.
    :param reports_days: Monitoring reports. Default: 730.
    :param access_logs_days: Server access logs. Default: 365.
    :param noncurrent_days: Overwritten and deleted versions of anything. Default: 30.

    Models and baselines never expire: a version in the registry must stay deployable.
    """

    capture_days: int = 90
    ground_truth_days: int = 730
    reports_days: int = 730
    access_logs_days: int = 365
    noncurrent_days: int = 30


class Storage(Construct):
    """One customer managed key and a bucket per kind of data.

    Every bucket refuses plain HTTP and TLS below 1.2, blocks public access, is versioned, encrypted with the key and
    logs its accesses. An existing key or bucket takes the place of a made one; its policies stay its owner's.

    :param retain: Keep key and buckets when the stack is deleted. With False they are deleted, and a small function
        empties the buckets first. Default: True.
    :param encryption_key: An existing key. It has to let the services use it that the made one would (CloudWatch and
        EventBridge for encrypted topics). Default: - a key with yearly rotation.
    :param models: Existing bucket for model artefacts. Default: - a new bucket, likewise for the others.
    :param capture: Existing bucket for captured requests and responses.
    :param baselines: Existing bucket for statistics and constraints of model versions.
    :param ground_truth: Existing bucket for labels.
    :param reports: Existing bucket for monitoring reports.
    :param consumer_accounts: Accounts that deploy models of this registry; they may read models and baselines and
        decrypt them. Default: - none.
    :param retention: How long objects are kept. Default: - see :class:`Retention`.
    :param event_bridge: Buckets made here that tell EventBridge of each new object: models, capture, baselines,
        ground_truth, reports. AWS charges for these events. Default: - none.
    """

    models: IBucket
    capture: IBucket
    baselines: IBucket
    ground_truth: IBucket
    reports: IBucket

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        retain: bool = True,
        encryption_key: IKey | None = None,
        models: IBucket | None = None,
        capture: IBucket | None = None,
        baselines: IBucket | None = None,
        ground_truth: IBucket | None = None,
        reports: IBucket | None = None,
        consumer_accounts: Sequence[str] = (),
        retention: Retention | None = None,
        event_bridge: Sequence[str] = (),
    ) -> None:
        retention = retention or Retention()
        given = {
            "models": models,
            "capture": capture,
            "baselines": baselines,
            "ground_truth": ground_truth,
            "reports": reports,
        }
        _check(scope, construct_id, consumer_accounts, retention, event_bridge, given)
        super().__init__(scope, construct_id)
        self.encryption_key: IKey = encryption_key or make_key(
            self,
            "Key",
            description="Encrypts models, captured traffic, baselines, labels and monitoring reports",
            policy=key_policy(consumer_accounts),
            retain=retain,
        )
        expiry = {
            "capture": retention.capture_days,
            "ground_truth": retention.ground_truth_days,
            "reports": retention.reports_days,
        }
        for kind, existing in given.items():
            if existing is not None:
                setattr(self, kind, existing)
        missing = [kind for kind, existing in given.items() if existing is None]
        if not missing:
            return
        buckets = Buckets(self, self.encryption_key, retain, retention.noncurrent_days)
        logs = buckets.access_logs("AccessLogs", of=[pascal(kind) for kind in missing], days=retention.access_logs_days)
        for kind in missing:
            readers = _consumers(consumer_accounts) if kind in ("models", "baselines") else None
            policy = functools.partial(bucket_policy, readers=readers)
            bucket = buckets.make(
                pascal(kind),
                logs=logs,
                expiry_days=expiry.get(kind),
                policy=policy,
                event_bridge=kind in event_bridge,
            )
            setattr(self, kind, bucket)


def _consumers(accounts: Sequence[str]) -> Readers | None:
    if not accounts:
        return None
    return Readers("Consumers", accounts, "a consumer deploys whichever version is approved", versions=True)


def _check(
    scope: Construct,
    construct_id: str,
    consumers: Sequence[str],
    retention: Retention,
    event_bridge: Sequence[str],
    given: Mapping[str, IBucket | None],
) -> None:
    problems = Problems()
    for kind in event_bridge:
        problems.one_of("event_bridge", kind, list(given))
        problems.require(
            given.get(kind) is None,
            f"event_bridge names {kind}, which is an existing bucket; its owner turns EventBridge on",
        )
    for number in consumers:
        problems.matches("consumer_accounts", number, ACCOUNT_PATTERN, ACCOUNT_RULE)
    for name in Retention.__slots__:
        problems.between(f"retention.{name}", getattr(retention, name), 1, 36500, "days")
    problems.raise_if_any(scope, construct_id)
