"""Which statements of roles were used while the embedded AWS ran: by id, the actions that a recorded call needed.

`make permissions` collects them from the end-to-end tests into `tests/compliance/recorded_actions.json`; from then on a
template's statement is compared with what stands there, without running anything.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from e2e_support import policies
from e2e_support.requirements import Need, needs

from sagemaker_local.recorder import Call
from sagemaker_local.server import LocalAws
from tools.permissions import FOLDER


class _Place:
    """An account and region, as the rules about calls look at it."""

    prefix = ""

    def __init__(self, aws: LocalAws, account: str, region: str) -> None:
        self.aws, self.account, self.region = aws, account, region

    def client(self, service: str) -> Any:
        return self.aws.client(service, self.account, self.region)

    owner = client


def collect(aws: LocalAws, module: str) -> None:
    """Write down what was used, if somebody asked for it."""
    folder = os.environ.get(FOLDER)
    if folder:
        found = {sid: sorted(actions) for sid, actions in sorted(_used(aws).items())}
        Path(folder, f"{module}.json").write_text(json.dumps(found, indent=1))


def _used(aws: LocalAws) -> dict[str, set[str]]:
    used: dict[str, set[str]] = defaultdict(set)
    calls = aws.calls
    tags = policies.tags_of(calls)
    roles: dict[str, list[policies.Statement]] = {}
    for account, region in {(call.account, call.region) for call in calls}:
        # Roles are the account's, but what their calls are about is looked up in the region of the calls.
        place = _Place(aws, account, region)
        roles |= dict(policies.statements_of_roles(place))  # type: ignore[arg-type]
        for call in calls:
            if (call.account, call.region) != (account, region) or call.caller_arn not in roles:
                continue
            for need in _needs(call, place, tags):
                for statement in roles[call.caller_arn]:
                    if statement.get("Sid") and policies.allows(statement, need):
                        used[statement["Sid"]].add(need.action)
    return used


def _needs(call: Call, place: _Place, tags: Any) -> Iterator[Need]:
    try:
        yield from needs(call, place, tags)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - a rule that cannot look its resource up any more; less is recorded then
        return
