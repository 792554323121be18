"""EventBridge: events from PutEvents and from services reach the targets of the rules that they match."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from sagemaker_local.front import Context
    from sagemaker_local.server import LocalAws

    from .bus import Buses

_buses: WeakKeyDictionary[LocalAws, Buses] = WeakKeyDictionary()


def install(aws: LocalAws) -> None:
    """Dispatch events here instead of in moto."""
    from sagemaker_local import moto_events

    buses = of(aws)
    aws.front.op("events", "PutEvents", buses.put_events)
    aws.front.op("events", "TestEventPattern", _test_event_pattern)
    aws.on_stop(moto_events.redirect_rule_targets(buses.from_moto))


def of(aws: LocalAws) -> Buses:
    """Return the event buses of an embedded AWS."""
    from .bus import Buses

    found = _buses.get(aws)
    if found is None:
        found = _buses[aws] = Buses(aws)
        aws.on_stop(lambda: _buses.__delitem__(aws))
    return found


def emit(
    aws: LocalAws,
    account: str,
    region: str,
    source: str,
    detail_type: str,
    detail: dict[str, Any],
    resources: Sequence[str] = (),
) -> None:
    """Send the event of an AWS service (`aws.sagemaker`, `aws.cloudwatch`, ...) to the default bus of an account."""
    buses = of(aws)
    buses.dispatch(account, region, "default", buses.event(account, region, source, detail_type, detail, resources))


def _test_event_pattern(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    from sagemaker_local import moto_events
    from sagemaker_local.errors import AwsError

    try:
        event = json.loads(params["Event"])
    except ValueError as error:
        raise AwsError("ValidationException", f"Parameter Event is not valid. Reason: {error}") from error
    return {"Result": moto_events.pattern_matches(params["EventPattern"], event)}
