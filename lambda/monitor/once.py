"""What is to happen once, however often it is asked for: a note in S3 says who does it, and that it is done.

Whoever puts the note first does it. If that fails, the note goes, so that the next one can try. If the process ends in
the middle, the note stays and says since when it has been at it: later ones are refused until it must have ended, and
then one of them takes over. Lambda's second retry comes late enough for that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.storage import Storage
from shared.log import Logger
from shared.s3 import S3Uri

#: The note's member that says since when somebody has been at it; it goes when that is done.
SINCE = "since"
#: Telling of a run takes seconds; who has not done it by then has been ended.
PATIENCE = timedelta(seconds=150)

log = Logger("monitor.once")


class StillAtIt(RuntimeError):
    """Somebody else has begun and not finished; to be tried again later."""


def once(storage: Storage, place: S3Uri, note: Mapping[str, Any], act: Callable[[], object]) -> bool:
    """``act`` unless that was done already; returns whether it was done now.

    Raises :class:`StillAtIt`, and whatever ``act`` raises.
    """
    now = datetime.now(tz=UTC)
    begun = json.dumps({**note, SINCE: now.isoformat()}, indent=2)
    if not storage.claim(place, begun) and not _taken_over(storage, place, begun, now):
        return False
    try:
        act()
    except BaseException:
        storage.delete(place)
        raise
    storage.write(place, json.dumps(dict(note), indent=2), "application/json")
    return True


def is_done(storage: Storage, place: S3Uri) -> bool:
    """Whether the note says so; needs permission to list, and spares those that look often the attempt."""
    content = storage.read(place)
    return content is not None and SINCE not in json.loads(content)


def _taken_over(storage: Storage, place: S3Uri, begun: str, now: datetime) -> bool:
    """Whether the note was one of somebody who has been ended, and is ours now; False if it says that it is done."""
    found = storage.tagged(place)
    if found is None:
        raise StillAtIt(f"the note {place} has just been taken back; try again")
    content, tag = found
    since = json.loads(content).get(SINCE)
    if since is None:
        return False
    if now - datetime.fromisoformat(since) < PATIENCE:
        raise StillAtIt(f"{place} says that somebody has been at it since {since}; try again later")
    log.warning("somebody began and was ended, so it is done now", place=str(place), since=since)
    if not storage.replaced(place, begun, tag):
        raise StillAtIt(f"somebody else has taken over {place}; try again later")
    return True
