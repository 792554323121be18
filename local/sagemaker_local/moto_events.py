"""Reading and steering the rules and schedules that moto keeps: a continuation of moto_state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .errors import AwsError
from .moto_state import Undo, accounts_and_regions, replace

Json = dict[str, Any]


@dataclass(frozen=True)
class RuleView:
    """One EventBridge rule."""

    account: str
    region: str
    bus: str
    name: str
    arn: str
    enabled: bool
    has_pattern: bool
    schedule: str | None
    targets: tuple[Json, ...]
    matches: Callable[[Json], bool]
    rule: Any
    """moto's own object, for its own kinds of targets."""


def _rule_view(rule: Any) -> RuleView:
    return RuleView(
        account=rule.account_id,
        region=rule.region_name,
        bus=rule.event_bus_name,
        name=rule.name,
        arn=rule.arn,
        enabled=str(rule.state).startswith("ENABLED"),
        has_pattern=bool(rule.event_pattern.get_pattern()),
        schedule=rule.scheduled_expression,
        targets=tuple(rule.targets),
        matches=rule.event_pattern.matches_event,
        rule=rule,
    )


def event_rules(account: str, region: str, bus: str) -> list[RuleView]:
    """Return the rules of an event bus.

    Raises:
        AwsError: ResourceNotFoundException if the bus does not exist.
    """
    from moto.events.models import events_backends

    found = events_backends[account][region].event_buses.get(bus)
    if found is None:
        raise AwsError("ResourceNotFoundException", f"Event bus {bus} does not exist.")
    return [_rule_view(rule) for rule in list(found.rules.values())]


def all_event_rules() -> list[RuleView]:
    """Return every rule of every account and region."""
    from moto.events.models import events_backends

    return [
        _rule_view(rule)
        for _, _, backend in accounts_and_regions(events_backends)
        for bus in list(backend.event_buses.values())
        for rule in list(bus.rules.values())
    ]


def redirect_rule_targets(handler: Callable[[RuleView, Json], None]) -> Undo:
    """Send what moto itself puts on a bus (S3 notifications) to `handler(rule, event)`."""
    from moto.events.models import Rule

    original = Rule.send_to_targets

    def send_to_targets(self: Any, original_event: Any, transform_input: bool = True) -> None:
        handler(_rule_view(self), original_event)

    return replace(Rule, send_to_targets=send_to_targets, send_to_targets_of_moto=original)


def archive_event(view: RuleView, event: Json) -> None:
    """Let moto put an event into the archive that a managed rule feeds."""
    moment = datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()
    view.rule.send_to_targets_of_moto({**event, "time": moment, "ingestion-time": moment})


# -- EventBridge Scheduler --------------------------------------------------------------------------------------------


def schedules() -> list[tuple[str, str, Json, datetime]]:
    """Return every schedule of EventBridge Scheduler with account, region and time of its last change."""
    from moto.scheduler.models import scheduler_backends

    found = []
    for account, region, backend in accounts_and_regions(scheduler_backends):
        for group in list(backend.schedule_groups.values()):
            for schedule in list(group.schedules.values()):
                # moto forgets the state in an update that does not name it; the service enables the schedule then.
                schedule.state = schedule.state or "ENABLED"
                changed = datetime.fromtimestamp(schedule.last_modified_date, UTC)
                found.append((account, region, schedule.to_dict(), changed))
    return found


def pattern_matches(pattern: str, event: Json) -> bool:
    """Return whether an event matches an event pattern (JSON text)."""
    from moto.events.models import EventPattern

    return bool(EventPattern.load(pattern).matches_event(event))  # type: ignore[arg-type]
