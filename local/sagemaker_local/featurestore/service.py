"""The embedded feature store: its state by account and region, and what its parts share."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sagemaker_local.errors import AwsError

from .metrics import Metrics
from .offline import write
from .state import Group, Store

if TYPE_CHECKING:
    from sagemaker_local.sagemaker import SageMaker
    from sagemaker_local.server import LocalAws

_log = logging.getLogger(__name__)


@dataclass
class Options:
    """How long things take, in seconds of virtual time, and the account's quotas."""

    create_seconds: float = 0.0
    """SageMaker needs about a minute, and 10 to 15 for an InMemory online store."""
    offline_delay_seconds: float = 0.0
    """How long records wait before they are written to S3; SageMaker takes up to 15 minutes. Without a delay they are
    there when a query looks, and within a second of real time for everybody else."""
    concurrent_creations: int = 4
    groups_per_account: int = 100


@dataclass
class FeatureStore:
    """One embedded feature store."""

    aws: LocalAws
    sagemaker: SageMaker
    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        self.metrics = Metrics(lambda service, account, region: self.sagemaker.client(service, account, region))
        self._stores: dict[tuple[str, str], Store] = {}
        self._lock = threading.Lock()

    def store(self, account: str, region: str) -> Store:
        """Return what is remembered for an account and region."""
        with self._lock:
            return self._stores.setdefault((account, region), Store(account, region))

    def find(self, account: str, region: str, reference: str, code: str = "ResourceNotFound") -> Group:
        """Return a group by name or ARN; an ARN may belong to another account.

        Raises:
            AwsError: with `code` if it does not exist or is being deleted.
        """
        name = reference
        if reference.startswith("arn:"):
            parts = reference.split(":", 5)
            region, account, name = parts[3], parts[4], parts[5].removeprefix("feature-group/")
        group = self.store(account, region).groups.get(name.lower())
        if group is None:
            raise AwsError(code, f"Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name {name}")
        return group

    def nanoseconds(self) -> int:
        """Return the virtual time in nanoseconds since 1970."""
        now = self.aws.clock.now()
        return int(now.timestamp()) * 10**9 + now.microsecond * 1000

    def flush(self) -> int:
        """Write every record that waits for the offline store now; return how many were written."""
        return sum(self.flush_group(group) for group in self._groups())

    def flush_due(self) -> int:
        """Write the records whose delay is over; return how many were written."""
        until = self.aws.clock.now() - timedelta(seconds=self.options.offline_delay_seconds)
        return sum(self.flush_group(group, until) for group in self._groups())

    def _groups(self) -> list[Group]:
        with self._lock:
            stores = list(self._stores.values())
        return [group for store in stores for group in list(store.groups.values()) if group.waiting]

    def flush_group(self, group: Group, until: datetime | None = None) -> int:
        """Write what a group got up to a moment (default: all of it); return how many records were written."""
        # Whoever looks while another thread writes waits for it, so that nothing is missed.
        with group.flushing:
            with group.lock:
                due = [record for record in group.waiting if until is None or record.invoked <= until]
            if not due:
                return 0
            try:
                write(self.sagemaker, group, due, self.aws.clock.now())
            except Exception as error:  # noqa: BLE001 - shown as the store's status, as SageMaker does, and tried again
                _log.warning("cannot write the offline store of %s: %s", group.name, error)
                group.blocked = str(error)[:1024]
                return 0
            written = {id(record) for record in due}
            with group.lock:
                group.blocked = None
                group.waiting = [record for record in group.waiting if id(record) not in written]
            return len(due)

    def announce(self, group: Group, detail: dict[str, Any]) -> None:
        """Put the event about a group's new state on its account's bus."""
        store = self.sagemaker.store(group.account, group.region)
        self.sagemaker.announce(store, "SageMaker Feature Group State Change", group.arn, detail)
