"""One wake-up for all the models that it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from deploy.memory import Memory
from deploy.reconcile import Reconciliation, Result, Services
from deploy.requests import Request
from deploy.state import Registration, RegistrationError
from shared.log import Logger, bound

log = Logger("deploy.controller")


class ReconcileError(RuntimeError):
    """Some models could not be looked at; names each with its reason. The others were dealt with."""


class Controller:
    """The serving stacks of one environment. ``memory`` makes a fresh view of what is remembered."""

    def __init__(self, services: Services, memory: Callable[[], Memory]) -> None:
        self._services = services
        self._new_memory = memory

    def handle(self, request: Request) -> list[Result]:
        """Deal with one wake-up; raises :class:`ReconcileError` after all models were tried if any of them failed."""
        memory = self._new_memory()
        registrations, failures = _parse(memory.registrations())
        results = []
        for registration in request.select(registrations):
            with bound(model=registration.model):
                try:
                    results.append(Reconciliation(self._services, memory, registration, request).run())
                # One model's failure, of whatever kind, must not keep the others from being dealt with.
                except Exception as error:
                    log.exception("model could not be reconciled")
                    failures.append(f"{registration.model}: {type(error).__name__}: {error}")
        if request.tick and not failures:
            for model in memory.forget_unregistered():
                log.info("forgot a model that is no longer registered", model=model)
        if failures:
            raise ReconcileError("could not reconcile " + "; ".join(failures))
        return results


def _parse(texts: Mapping[str, str]) -> tuple[list[Registration], list[str]]:
    registrations, failures = [], []
    for name, text in sorted(texts.items()):
        try:
            registrations.append(Registration.parse(name, text))
        except RegistrationError as error:
            log.error("registration is unreadable", reason=str(error))
            failures.append(str(error))
    return registrations, failures
