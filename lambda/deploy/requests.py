"""What woke the controller, reduced to which models to look at. Anything unknown means: look at all of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy.state import Registration

#: What a person may ask for. All but the first name a model; they hold until the opposite is asked for.
ACTIONS = ("reconcile", "release", "pin", "unpin", "freeze", "unfreeze")


class RequestError(ValueError):
    """A person's request that cannot be carried out; says what is allowed."""


@dataclass(frozen=True)
class Request:
    """One wake-up. ``time`` is when its cause happened, None if it does not say."""

    action: str = "reconcile"
    model: str | None = None
    group: str | None = None
    stack_name: str | None = None
    version: int | None = None
    time: datetime | None = None
    #: The regular look at everything: it comes again by itself, so nothing needs to be requeued for it.
    tick: bool = False
    #: A message that this function sent itself while a stack was busy; it is not sent again.
    recheck: bool = False

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Request:
        """Read an EventBridge event or a request of a person; raises :class:`RequestError` for a wrong request."""
        if "detail-type" in document:
            return cls._from_event(document)
        action = document.get("action", "reconcile")
        model, version = document.get("model"), document.get("version")
        mistakes = []
        if action not in ACTIONS:
            mistakes.append(f"'action' is {action!r}; it must be one of {', '.join(ACTIONS)}")
        if model is not None and not isinstance(model, str):
            mistakes.append(f"'model' is {model!r}; it must be the name of a model")
        if action in ACTIONS[1:] and model is None:
            mistakes.append(f"'model' is missing; {action} is about one model")
        if action == "pin" and version is None:
            mistakes.append("'version' is missing; pin names the version that has to be live")
        if version is not None and (isinstance(version, bool) or not isinstance(version, int) or version < 1):
            mistakes.append(f"'version' is {version!r}; it must be a whole number from 1")
        if mistakes:
            raise RequestError("the request cannot be carried out: " + "; ".join(mistakes))
        return cls(
            action=action,
            model=model,
            version=version,
            tick=bool(document.get("tick")),
            recheck=bool(document.get("recheck")),
        )

    @classmethod
    def _from_event(cls, event: Mapping[str, Any]) -> Request:
        detail = event.get("detail")
        detail = detail if isinstance(detail, Mapping) else {}
        stack_id = str(detail.get("stack-id") or "")
        group = str(detail.get("ModelPackageGroupName") or "")
        return cls(
            group=group.rpartition("/")[2].lower() or None,
            # arn:aws:cloudformation:<region>:<account>:stack/<name>/<id>
            stack_name=stack_id.split("/")[1] if stack_id.count("/") == 2 else None,
            time=_time(event.get("time")),
            tick=event.get("detail-type") == "Scheduled Event",
        )

    @classmethod
    def from_message(cls, body: str) -> Request:
        """Read a queue message. One that is not JSON still is a wake-up, so it means: look at everything."""
        try:
            document = json.loads(body)
        except ValueError:
            return cls()
        return cls.parse(document) if isinstance(document, Mapping) else cls()

    def select(self, registrations: Iterable[Registration]) -> list[Registration]:
        """The models that this wake-up is about; all of them when it names none that is registered here.

        Raises :class:`RequestError` if a person named a model that is not registered.
        """
        known = list(registrations)
        if self.model is not None:
            named = [item for item in known if item.model == self.model]
            if not named and not self.recheck:
                names = ", ".join(sorted(item.model for item in known)) or "none"
                raise RequestError(f"model {self.model!r} is not registered here; registered are: {names}")
            return named
        meant = [
            item
            for item in known
            if (self.group is not None and item.group_name.lower() == self.group)
            or (self.stack_name is not None and item.stack_name == self.stack_name)
        ]
        return meant or known


def _time(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else None
