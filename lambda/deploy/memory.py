"""SSM: the registrations of an environment's serving stacks, and what the controller remembers of each model.

``/<controller>/serving/<model>`` belongs to the serving stacks; ``/<controller>/quarantine/<model>`` (versions that are
not tried again) and ``/<controller>/rollouts/<model>`` (how far a model's history was dealt with) to the controller.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from deploy.lock import Lock
from deploy.state import Intent, Journal, Quarantined
from shared.clients import error_code
from shared.log import Logger

#: Size of a standard parameter: https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
MAX_BYTES = 4096
#: What is left of a reason when space gets short, and of one of the oldest versions.
_SHORT_REASON, _FOLDED_REASON = 200, 60
#: As many of the latest entries are kept whole, as long as the reasons of older ones can go instead.
_WHOLE = 4

log = Logger("deploy.memory")


class Memory:
    """Reads each tree once, when first asked, and writes through; make a new one for every wake-up."""

    def __init__(self, ssm: Any, controller: str) -> None:
        self._ssm = ssm
        self._controller = controller
        self._trees: dict[str, dict[str, str]] = {}
        self._journals: dict[str, Journal] = {}

    def refresh(self) -> None:
        """Forget what was read, because another invocation may have changed it."""
        self._trees.clear()
        self._journals.clear()

    def lock(self, model: str, now: Callable[[], datetime]) -> Lock:
        """The model's lock, which lies beside its memory."""
        return Lock(self._ssm, self._controller, model, now)

    def registrations(self) -> dict[str, str]:
        """The registered models: parameter name to its JSON, as the serving stacks wrote it."""
        return {self._name("serving", model): text for model, text in self._tree("serving").items()}

    def quarantine(self, model: str) -> tuple[Quarantined, ...]:
        """The model's quarantined versions, oldest first."""
        document = self._document("quarantine", model, [])
        return tuple(entry for item in document for entry in _unfold(item))

    def journal(self, model: str) -> Journal:
        """How far the model's history was dealt with."""
        if model not in self._journals:
            document = self._document("rollouts", model, {})
            intent = document.pop("intent", None)
            known = {key: str(value) for key, value in document.items() if key in Journal.__dataclass_fields__}
            self._journals[model] = Journal(**known, intent=Intent(**intent) if intent else None)
        return self._journals[model]

    def save_quarantine(self, model: str, entries: Sequence[Quarantined]) -> None:
        """Replace the model's quarantine."""
        if entries:
            self._put("quarantine", model, json.dumps(_fold(entries)))
        else:
            self._delete("quarantine", model)

    def save_journal(self, model: str, journal: Journal) -> None:
        """Replace the model's journal."""
        self._put("rollouts", model, json.dumps({key: value for key, value in asdict(journal).items() if value}))
        self._journals[model] = journal

    def forget_unregistered(self) -> list[str]:
        """Delete what is remembered of models that no serving stack registers any more; returns their names."""
        return self._forget(set(self._tree("serving")))

    def forget_everything(self) -> list[str]:
        """Delete what is remembered of all models; returns their names."""
        return self._forget(set())

    def _forget(self, kept: set[str]) -> list[str]:
        gone = sorted((set(self._tree("quarantine")) | set(self._tree("rollouts"))) - kept)
        for model in gone:
            self._delete("quarantine", model)
            self._delete("rollouts", model)
            self._journals.pop(model, None)
            self._delete_parameter(f"{self._name('rollouts', model)}/lock")
        return gone

    def _document(self, kind: str, model: str, empty: Any) -> Any:
        text = self._tree(kind).get(model)
        if text is None:
            return empty
        try:
            document = json.loads(text)
            if not isinstance(document, type(empty)):
                raise TypeError(f"expected a JSON {type(empty).__name__}")
        except (ValueError, TypeError) as error:
            # Only an edit by hand leads here. Starting afresh costs at worst one more attempt and one more message.
            log.error("parameter is unreadable and is started afresh", parameter=self._name(kind, model), error=error)
            return empty
        return document

    def _tree(self, kind: str) -> dict[str, str]:
        if kind not in self._trees:
            path = f"/{self._controller}/{kind}"
            pages = self._ssm.get_paginator("get_parameters_by_path").paginate(Path=path)
            self._trees[kind] = {
                item["Name"].removeprefix(f"{path}/"): item["Value"] for page in pages for item in page["Parameters"]
            }
        return self._trees[kind]

    def _put(self, kind: str, model: str, text: str) -> None:
        if self._tree(kind).get(model) == text:
            return
        self._ssm.put_parameter(Name=self._name(kind, model), Value=text, Type="String", Overwrite=True)
        self._tree(kind)[model] = text

    def _delete(self, kind: str, model: str) -> None:
        if model not in self._tree(kind):
            return
        self._delete_parameter(self._name(kind, model))
        del self._tree(kind)[model]

    def _delete_parameter(self, name: str) -> None:
        try:
            self._ssm.delete_parameter(Name=name)
        except ClientError as error:
            if error_code(error) != "ParameterNotFound":
                raise

    def _name(self, kind: str, model: str) -> str:
        return f"/{self._controller}/{kind}/{model}"


def _fold(entries: Sequence[Quarantined]) -> list[dict[str, Any]]:
    """The entries as JSON that fits into one parameter, which holds 4 KB.

    Reasons of older entries are shortened first; then the oldest versions share one entry that has their number and the
    beginning of their reason, and in the end the number alone, because a forgotten version would be tried again, fail
    again and push out the next one, for ever.
    """
    documents: list[dict[str, Any]] = [dict(entry.to_json()) for entry in entries]
    for document in documents[:-1]:
        if _size(documents) > MAX_BYTES:
            document["reason"] = document["reason"][:_SHORT_REASON]
    folded: dict[str, Any] | None = None
    while _size(documents if folded is None else [folded, *documents]) > MAX_BYTES:
        if len(documents) > _WHOLE or (len(documents) > 1 and not (folded and folded["reasons"])):
            folded = _folded_into(folded, documents.pop(0))
        elif folded and folded["reasons"]:
            del folded["reasons"][min(folded["reasons"], key=int)]
        else:
            break
    return documents if folded is None else [folded, *documents]


def _folded_into(folded: dict[str, Any] | None, oldest: dict[str, Any]) -> dict[str, Any] | None:
    prefix, _, version = oldest["model_package_arn"].rpartition("/")
    if oldest["scope"] != "version" or not version.isdigit():
        return folded
    if folded is None:
        folded = {"group": prefix, "versions": [], "reasons": {}, "at": oldest["at"]}
    # Only the latest 500 are kept: more would fill the parameter, and nobody approves so many broken versions.
    folded["versions"] = [*folded["versions"], int(version)][-500:]
    folded["reasons"][version] = oldest["reason"][:_FOLDED_REASON]
    return folded


def _unfold(document: dict[str, Any]) -> Iterator[Quarantined]:
    if "versions" not in document:
        yield Quarantined.from_json(document)
        return
    reasons = document.get("reasons", {})
    for version in document["versions"]:
        reason = reasons.get(str(version), "rolled back earlier; its announcement has the reason")
        yield Quarantined(f"{document['group']}/{version}", reason, "", document["at"])


def _size(documents: Sequence[dict[str, Any]]) -> int:
    return len(json.dumps(documents).encode())
