"""Which engine a run of the engine `auto` gets: the function itself as long as the window fits into it. Pure.

Limits follow from throughput: what one processor reads in half of the function's time, the other half being kept for
S3's latency and for windows that are slower than usual. One processor (AMD EPYC) was measured to profile 89 MB
of captured CSV in a second and 24 MB of captured JSON, to join and score 128 MB, and to measure bias of 93 MB. Half of
the slowest that may come is reckoned with, since Lambda's processors are slower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.storage import AHEAD, MAX_IN_MEMORY, StoredFile

MEGABYTE = 1_000_000
#: Megabytes of captured traffic or tables that one processor of Lambda (1769 MB) analyses in a second, by type.
MEGABYTES_PER_SECOND = {"DataQuality": 12.0, "ModelQuality": 12.0, "ModelBias": 10.0}
#: Labels are held in memory as a table: so many bytes of memory for one of theirs, and the share they may have.
LABEL_BYTES, LABEL_SHARE = 6.0, 0.25
#: Answers of a transform job are matched with their requests in memory: so many bytes for one of both, and their share.
HELD_BYTES, HELD_SHARE = 14.0, 0.5
#: Room of `/tmp`, less what the runtime uses; as many files lie there at a time as are fetched ahead.
DISK_BYTES = 480 * MEGABYTE
#: Of the function's time, what reading and analysing may take.
TIME_SHARE = 0.5
FULL_PROCESSOR_MB = 1769


@dataclass(frozen=True)
class Room:
    """What the function has: its memory, and the seconds until it is ended."""

    memory_mb: int
    seconds: float


@dataclass(frozen=True)
class Choice:
    """Whether the function does it, and why."""

    here: bool
    reason: str


def runs_in_a_function(monitoring_type: str) -> bool:
    """Whether the libraries that the type needs fit into a function."""
    return monitoring_type in MEGABYTES_PER_SECOND


def choose(
    monitoring_type: str, captures: Sequence[StoredFile], labels: Sequence[StoredFile], room: Room, limit: int | None
) -> Choice:
    """Decide for a window. ``limit`` is the monitor's own limit in bytes, in place of the computed one."""
    rate = MEGABYTES_PER_SECOND.get(monitoring_type)
    if rate is None:
        return Choice(False, f"{monitoring_type} does not run in a function: the libraries that it needs do not fit")
    size = sum(item.size for item in captures)
    if limit is None:
        processors = min(1.0, room.memory_mb / FULL_PROCESSOR_MB)
        limit = int(rate * processors * room.seconds * TIME_SHARE * MEGABYTE)
    if size > limit:
        return Choice(
            False, f"the window has {_megabytes(size)}, a run in the function takes up to {_megabytes(limit)}"
        )
    known = sum(item.size for item in labels)
    most = int(room.memory_mb * MEGABYTE * LABEL_SHARE / LABEL_BYTES)
    if known > most:
        return Choice(False, f"the labels have {_megabytes(known)}, the function's memory takes {_megabytes(most)}")
    held = max((item.size for item in captures if item.in_memory), default=0)
    most = int(room.memory_mb * MEGABYTE * HELD_SHARE / HELD_BYTES)
    if held > most:
        room_for = f"the function's memory takes {_megabytes(most)}"
        return Choice(False, f"answers have up to {_megabytes(held)} with their requests, {room_for}")
    largest = sorted((item.size for item in captures if item.size > MAX_IN_MEMORY and not item.in_memory), reverse=True)
    on_disk = sum(largest[: AHEAD + 1])
    if on_disk > DISK_BYTES:
        return Choice(False, f"files of up to {_megabytes(largest[0])} do not fit the function's disk side by side")
    return Choice(True, f"the window has {_megabytes(size)}, a run in the function takes up to {_megabytes(limit)}")


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:,.1f} MB"
