"""How far an ingestion has come, and what was rejected: two files that agree with each other after a crash.

The position names the length of the dead-letter file at that point; whatever stands behind it belongs to rows that are
sent again, and is cut off. So every rejected row is there once.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .errors import FeaturesError


@dataclass
class State:
    """Counts of rows up to a point in the source."""

    rows: int = 0
    written: int = 0
    rejected: int = 0
    duplicates: int = 0
    dead_letter_bytes: int = 0
    complete: bool = False


class Journal:
    """The files of one ingestion.

    Args:
        group: ARN of the feature group.
        fingerprint: of the source.
        position: the position file, or None to keep no position.
        dead_letters: the dead-letter file, or None to keep rejected rows in memory.

    Raises:
        FeaturesError: if the position belongs to another ingestion or cannot be read.
    """

    def __init__(self, group: str, fingerprint: str, position: Path | None, dead_letters: Path | None) -> None:
        self._identity = {"feature_group": group, "source": fingerprint}
        self._position = position
        self._path = dead_letters
        self.rejects: list[dict[str, Any]] = []
        self.state = self._read()
        self._stream = None
        if dead_letters is not None:
            dead_letters.parent.mkdir(parents=True, exist_ok=True)
            self._stream = dead_letters.open("ab")
            if position is not None and self.state.rows > 0:
                self._stream.truncate(self.state.dead_letter_bytes)
            self._stream.seek(0, os.SEEK_END)
            if self.state.rows == 0:
                self.state.dead_letter_bytes = self._stream.tell()

    def reject(self, row: int, reason: str, values: dict[str, Any], code: str = "") -> None:
        """Keep a row that was rejected, with the reason."""
        letter = {"row": row, "reason": reason, **({"code": code} if code else {}), "record": values}
        self.state.rejected += 1
        if self._stream is None:
            self.rejects.append(letter)
            return
        line = json.dumps(letter, default=str, ensure_ascii=False).encode() + b"\n"
        self._stream.write(line)
        self.state.dead_letter_bytes += len(line)

    def save(self) -> None:
        """Make everything so far durable, dead letters first."""
        if self._stream is not None:
            self._stream.flush()
            os.fsync(self._stream.fileno())
        if self._position is None:
            return
        self._position.parent.mkdir(parents=True, exist_ok=True)
        partial = self._position.with_name(self._position.name + ".part")
        with partial.open("w") as stream:
            json.dump({"version": 1, **self._identity, **asdict(self.state)}, stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(self._position)

    def close(self) -> None:
        """Save and close the files."""
        self.save()
        if self._stream is not None:
            self._stream.close()
            if self._path is not None and self._path.stat().st_size == 0:
                self._path.unlink()

    def _read(self) -> State:
        if self._position is None or not self._position.exists():
            return State()
        try:
            found = json.loads(self._position.read_text())
            version = found.pop("version")
            identity = {name: found.pop(name) for name in self._identity}
            state = State(**found)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise FeaturesError(f"{self._position} is no position of an ingestion: {error}") from error
        if version != 1:
            raise FeaturesError(f"{self._position} has version {version}, but this package writes version 1")
        different = [name.replace("_", " ") for name, value in self._identity.items() if identity[name] != value]
        if different:
            raise FeaturesError(
                f"{self._position} belongs to another {' and '.join(different)}; delete it to start from the "
                "beginning, or name another file"
            )
        return state
