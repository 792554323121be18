"""The embedded Athena: its state by account and region, and what its parts share."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagemaker_local.errors import AwsError
from sagemaker_local.sagemaker.shapes import check

if TYPE_CHECKING:
    from sagemaker_local.front import Context
    from sagemaker_local.server import LocalAws

    from .engine import Session

Params = dict[str, Any]
Action = Callable[["Context", Params], Params]
ENGINE = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}


@dataclass
class WorkGroup:
    """A workgroup."""

    name: str
    created: datetime
    configuration: Params
    description: str = ""
    state: str = "ENABLED"


@dataclass
class Execution:
    """A query with its state and, once it has succeeded, its result."""

    id: str
    query: str
    statement: str
    context: Params
    result_configuration: Params
    workgroup: str
    submitted: datetime
    parameters: list[str] | None
    state: str = "QUEUED"
    reason: str | None = None
    completed: datetime | None = None
    scanned: int = 0
    milliseconds: int = 0
    columns: list[tuple[str, str]] = field(default_factory=list)
    rows: list[tuple[str | None, ...]] = field(default_factory=list)
    session: Session | None = None
    """The session that executes it at the moment."""


@dataclass
class Store:
    """Workgroups, queries and tags of one account and region. Hold `lock` to change them."""

    account: str
    region: str
    created: datetime
    lock: threading.RLock = field(default_factory=threading.RLock)
    workgroups: dict[str, WorkGroup] = field(default_factory=dict)
    executions: dict[str, Execution] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    """Client request tokens with the queries that they started."""
    tags: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workgroups["primary"] = WorkGroup("primary", self.created, default_configuration())

    def arn(self, workgroup: str) -> str:
        """Return a workgroup's ARN."""
        partition = "aws-cn" if self.region.startswith("cn-") else "aws"
        return f"arn:{partition}:athena:{self.region}:{self.account}:workgroup/{workgroup}"


def default_configuration() -> Params:
    """Return what a workgroup has when nothing is said."""
    return {
        "ResultConfiguration": {},
        "EnforceWorkGroupConfiguration": False,
        "PublishCloudWatchMetricsEnabled": False,
        "RequesterPaysEnabled": False,
        "EngineVersion": dict(ENGINE),
    }


def invalid(message: str) -> AwsError:
    """Return the error that Athena answers requests with that it cannot serve."""
    return AwsError("InvalidRequestException", message)


class Athena:
    """One embedded Athena."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="athena")
        self.files = Path(tempfile.mkdtemp(prefix="athena-"))
        """Copies of the objects that queries read."""
        self._stores: dict[tuple[str, str], Store] = {}
        self._lock = threading.Lock()

    def store(self, context: Context) -> Store:
        """Return what is remembered for the caller's account and region."""
        key = (context.account, context.region)
        with self._lock:
            if key not in self._stores:
                self._stores[key] = Store(*key, self.aws.clock.now())
            return self._stores[key]

    def register(self, actions: dict[str, Action]) -> None:
        """Answer operations, each after its parameters have been checked against the service model."""
        for operation, action in actions.items():
            self.aws.front.op("athena", operation, _checked(operation, action))

    def settle_features(self) -> None:
        """Let the feature store write what its delay allows, as a query is a look at its files."""
        if "featurestore" in self.aws.extensions:
            self.aws.extensions["featurestore"].flush_due()

    def stop(self) -> None:
        """End running queries and remove the copies of files."""
        for store in self._stores.values():
            for execution in store.executions.values():
                if execution.session is not None:
                    execution.session.interrupt()
        self.pool.shutdown(wait=True, cancel_futures=True)
        shutil.rmtree(self.files, ignore_errors=True)


def _checked(operation: str, action: Action) -> Action:
    def handle(context: Context, params: Params) -> Params:
        params = {key: value for key, value in params.items() if value is not None}
        try:
            check(operation, params, "athena")
        except AwsError as error:
            raise invalid(error.message) from None
        return action(context, params)

    return handle
