"""Worlds for the controller: a small AWS in memory, whose clock the tests move."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from deploy_support.account import Account
from deploy_support.services import Calls, Crash, refusal
from deploy_support.world import World


@pytest.fixture
def make_world(monkeypatch: pytest.MonkeyPatch) -> Callable[..., World]:
    """Makes worlds, whose clock also decides which metrics are too old. Pauses end at once."""
    monkeypatch.setattr("shared.metrics.publish.__kwdefaults__", {"sleep": lambda seconds: None})
    monkeypatch.setattr("shared.log.Logger.info", lambda self, message, **fields: None)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(2026, 11, 21, 8, tzinfo=UTC)

    monkeypatch.setattr("shared.metrics.datetime", Clock)
    return World


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A fresh stack without a model, and three healthy versions to be registered."""
    return make_world()


@pytest.fixture
def crash() -> type[BaseException]:
    """What a test catches where it made the function's process end."""
    return Crash


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], Callable[[], None]]:
    """Makes a service refuse a call from now on, until the returned function is called."""

    def refuse_call(name: str, code: str, message: str) -> Callable[[], None]:
        def call(account: Account, **arguments: Any) -> None:
            raise refusal(code, message)

        accepted = vars(Calls)[name]
        monkeypatch.setattr(Calls, name, staticmethod(call))
        return lambda: monkeypatch.setattr(Calls, name, accepted)

    return refuse_call
