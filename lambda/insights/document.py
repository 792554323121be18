"""The report as data, for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from insights.page_advice import Advised, state

FORMAT = 1


def document(environment: str, models: Sequence[Advised], since: datetime, until: datetime) -> str:
    """``insights.json``: per model its state, its recommendations, and the numbers that rules may refer to."""
    return json.dumps(
        {
            "format": FORMAT,
            "environment": environment,
            "period": {"start": since.isoformat(), "end": until.isoformat()},
            "models": {
                facts.name: {
                    "state": state(facts, advice)[0],
                    "live_version": facts.live.arn if facts.live else None,
                    "alarms": list(facts.alarms),
                    "recommendations": [item.to_json() for item in advice],
                    "facts": {name: round(value, 12) for name, value in sorted(facts.flat().items())},
                    "unread": list(facts.unread),
                }
                for facts, advice in models
            },
        },
        indent=1,
    )
