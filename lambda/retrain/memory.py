"""SSM: what is remembered of a model's retrainings.

``/<controller>/retraining/<model>/state`` holds evidence and whether it was stopped;
``/<controller>/retraining/<model>/attempts/<number>`` one retraining each. Whoever creates an attempt's parameter has
decided for it: of two invocations that want the same number one fails.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from retrain.state import Attempt, State
from shared.clients import error_code
from shared.log import Logger

#: Attempts that are kept; more than a week's and more than count against further ones.
KEPT = 30
_MAX_BYTES = 4096

log = Logger("retrain.memory")


class AlreadyDecided(RuntimeError):
    """Another invocation has decided for this attempt; look again."""


class Memory:
    """Reads everything once, writes through; make a new one for every wake-up."""

    def __init__(self, ssm: Any, controller: str, model: str) -> None:
        self._ssm = ssm
        self._path = f"/{controller}/retraining/{model}"
        self._known = self._read()

    def _read(self) -> dict[str, str]:
        pages = self._ssm.get_paginator("get_parameters_by_path").paginate(Path=self._path, Recursive=True)
        return {item["Name"]: item["Value"] for page in pages for item in page["Parameters"]}

    def state(self) -> State:
        """What is remembered besides attempts."""
        text = self._known.get(f"{self._path}/state")
        if text is None:
            return State()
        try:
            return State.from_json(json.loads(text))
        except (ValueError, TypeError, AttributeError) as error:
            # Only an edit by hand leads here; monitors repeat what they find.
            log.error("state is unreadable and is started afresh", parameter=f"{self._path}/state", error=error)
            return State()

    def attempts(self) -> list[Attempt]:
        """The attempts, oldest first."""
        found = []
        for name, text in self._known.items():
            if not name.startswith(f"{self._path}/attempts/"):
                continue
            try:
                found.append(Attempt.from_json(json.loads(text)))
            except (ValueError, TypeError) as error:
                log.error("attempt is unreadable and is left out", parameter=name, error=error)
        return sorted(found, key=lambda attempt: attempt.number)

    def next_number(self) -> int:
        """Number of the next attempt, above all that were ever read."""
        numbers = [int(name.rpartition("/")[2]) for name in self._known if name.startswith(f"{self._path}/attempts/")]
        return max(numbers, default=0) + 1

    def save_state(self, state: State) -> None:
        """Replace the state."""
        self._put(f"{self._path}/state", _fitting(state))

    def claim(self, attempt: Attempt) -> None:
        """Decide for an attempt.

        :raises AlreadyDecided: Somebody else has.
        """
        name, text = self._name(attempt), json.dumps(attempt.to_json())
        try:
            self._ssm.put_parameter(Name=name, Value=text, Type="String", Overwrite=False)
        except ClientError as error:
            if error_code(error) != "ParameterAlreadyExists":
                raise
            raise AlreadyDecided(f"attempt {attempt.number} has been decided by another invocation") from error
        self._known[name] = text

    def save(self, attempt: Attempt) -> None:
        """Replace an attempt."""
        self._put(self._name(attempt), json.dumps(attempt.to_json()))

    def forget_old(self, attempts: Sequence[Attempt]) -> None:
        """Delete attempts that nothing depends on any more."""
        for attempt in attempts[:-KEPT]:
            self._delete(self._name(attempt))

    def forget_everything(self) -> None:
        """Delete all of it."""
        for name in list(self._known):
            self._delete(name)

    def _name(self, attempt: Attempt) -> str:
        return f"{self._path}/attempts/{attempt.number}"

    def _put(self, name: str, text: str) -> None:
        if self._known.get(name) == text:
            return
        self._ssm.put_parameter(Name=name, Value=text, Type="String", Overwrite=True)
        self._known[name] = text

    def _delete(self, name: str) -> None:
        try:
            self._ssm.delete_parameter(Name=name)
        except ClientError as error:
            if error_code(error) != "ParameterNotFound":
                raise
        self._known.pop(name, None)


def _fitting(state: State) -> str:
    """The state within a parameter's 4 KB: of many sources the oldest are left out, which their monitors repeat."""
    document = state.to_json()
    while len(json.dumps(document).encode()) > _MAX_BYTES and document["evidence"]:
        oldest = min(document["evidence"], key=lambda source: document["evidence"][source]["seen"])
        del document["evidence"][oldest]
    return json.dumps(document)
