"""One invocation at a time per model, as soon as something is to be changed or told.

The queue feeds at least two invocations at once. CloudFormation would refuse a second update, but both might announce
the same outcome, or one might act on what it read before the other acted. A parameter that only one of them can create
keeps them apart; looks that find nothing to do never need it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from shared.clients import error_code
from shared.log import Logger

#: An invocation that held the lock for so long was ended by its timeout, and the next one may take the lock over.
STALE_AFTER = timedelta(seconds=150)

log = Logger("deploy.lock")


class LockNeeded(Exception):
    """Something is to be changed or told, and the lock is not held yet."""


class LockBusy(RuntimeError):
    """Another invocation deals with the model just now."""


class Lock:
    """The lock of one model; an invocation that dies with it leaves it to go stale."""

    def __init__(self, ssm: Any, controller: str, model: str, now: Callable[[], datetime]) -> None:
        self._ssm = ssm
        self._path = f"/{controller}/rollouts/{model}"
        self._name = f"{self._path}/lock"
        self._now = now
        self.held = False

    def require(self) -> None:
        """To be called before every change; raises :class:`LockNeeded` unless the lock is held."""
        if not self.held:
            raise LockNeeded

    def acquire(self) -> bool:
        """Take the lock if it is free or stale; tells whether it was taken."""
        try:
            self._put(overwrite=False)
        except ClientError as error:
            if error_code(error) != "ParameterAlreadyExists":
                raise
            self.held = self._take_over()
        else:
            self.held = True
        return self.held

    def release(self) -> None:
        """Give the lock back. A failure to do so only delays the next change until the lock is stale."""
        self.held = False
        try:
            self._ssm.delete_parameter(Name=self._name)
        except ClientError as error:
            log.warning("lock could not be given back", parameter=self._name, reason=str(error))

    def _take_over(self) -> bool:
        found = [
            item
            for page in self._ssm.get_paginator("get_parameters_by_path").paginate(Path=self._path)
            for item in page["Parameters"]
            if item["Name"] == self._name
        ]
        if not found:
            return False
        if self._now() - found[0]["LastModifiedDate"] < STALE_AFTER:
            return False
        log.warning("taking over the lock of an invocation that ended without giving it back", parameter=self._name)
        # Parameters are counted up with every write, so that of two that take over at once only one gets the next.
        return bool(self._put(overwrite=True) == found[0]["Version"] + 1)

    def _put(self, *, overwrite: bool) -> int:
        value = f"held since {self._now().isoformat()}"
        answer = self._ssm.put_parameter(Name=self._name, Value=value, Type="String", Overwrite=overwrite)
        return int(answer["Version"])
