"""What roles may do, in all environments and examples, against what the embedded AWS recorded them doing."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools import permissions

FOLDER = Path(__file__).resolve().parent
Actions = dict[str, set[str]]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _documents(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    properties = resource.get("Properties", {})
    if resource["Type"] == "AWS::IAM::Role":
        yield from (policy["PolicyDocument"] for policy in properties.get("Policies", []))
    elif resource["Type"] in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        yield properties["PolicyDocument"]


@pytest.fixture(scope="module")
def allowed(templates: dict[str, Any], example_templates: dict[str, Any]) -> Actions:
    """Actions that roles may take, by the statement's id; without one, by the role's."""
    found: Actions = defaultdict(set)
    for template in (*templates.values(), *example_templates.values()):
        for logical_id, resource in template["Resources"].items():
            for document in _documents(resource):
                for statement in document["Statement"]:
                    if statement["Effect"] == "Allow":
                        found[statement.get("Sid", logical_id)].update(_listed(statement["Action"]))
    return found


@pytest.fixture(scope="module")
def recorded() -> Actions:
    document = json.loads((FOLDER / "recorded_actions.json").read_text(encoding="utf-8"))
    return {sid: set(actions) for sid, actions in document.items()}


@pytest.fixture(scope="module")
def reasons() -> Actions:
    """Actions with a reason, by statement."""
    found: Actions = defaultdict(set)
    for entry in yaml.safe_load((FOLDER / "unrecorded_actions.yaml").read_text(encoding="utf-8")):
        assert len(entry["reason"]) > 20
        for sid, actions in entry["statements"].items():
            found[sid].update(actions)
    return found


def test_what_is_allowed_was_seen_or_has_a_reason(allowed: Actions, recorded: Actions, reasons: Actions) -> None:
    left = {
        sid: sorted(actions - recorded.get(sid, set()) - reasons.get(sid, set())) for sid, actions in allowed.items()
    }
    missing = [f"{sid}: {', '.join(actions)}" for sid, actions in sorted(left.items()) if actions]

    assert sum(map(len, allowed.values())) > 200
    assert not missing, (
        "allowed, and neither seen by `make permissions` nor explained in unrecorded_actions.yaml:\n"
        + "\n".join(missing)
    )


def test_no_reason_is_left_over(allowed: Actions, recorded: Actions, reasons: Actions) -> None:
    needless = {
        sid: sorted(action for action in actions if action not in allowed[sid] or action in recorded.get(sid, set()))
        for sid, actions in reasons.items()
    }

    assert {sid: actions for sid, actions in needless.items() if actions} == {}


def test_most_of_it_was_seen(allowed: Actions, recorded: Actions) -> None:
    """The reasons are exceptions; of the functions' own code nearly everything is seen."""
    seen = sum(len(actions & recorded.get(sid, set())) for sid, actions in allowed.items())

    assert seen > 0.5 * sum(map(len, allowed.values()))


def test_a_recording_is_what_all_modules_saw_and_says_what_changed(tmp_path: Path) -> None:
    (tmp_path / "test_b.json").write_text('{"Read": ["s3:ListBucket", "s3:GetObject"], "Ask": ["sqs:SendMessage"]}')
    (tmp_path / "test_a.json").write_text('{"Read": ["s3:GetObject"]}')

    found = permissions.merged(tmp_path)

    assert json.dumps(found) == '{"Ask": ["sqs:SendMessage"], "Read": ["s3:GetObject", "s3:ListBucket"]}'
    before = {"Read": ["s3:GetObject"], "Gone": ["s3:PutObject"]}
    assert list(permissions.changes(before, found)) == [
        "+ Ask: sqs:SendMessage",
        "- Gone: s3:PutObject",
        "+ Read: s3:ListBucket",
    ]
