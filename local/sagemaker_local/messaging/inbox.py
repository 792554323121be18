"""Mail, text messages and web hooks that would leave the machine: kept and readable at `/_local/inbox`."""

from __future__ import annotations

import threading
from typing import Any


class Inbox:
    """What was sent to people, oldest first."""

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def add(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._messages.append(message)

    def control(self, method: str, body: bytes, query: dict[str, str]) -> list[dict[str, Any]]:
        """Answer GET with the messages (`?to=`, `?protocol=`, `?topicArn=` select); DELETE also forgets them."""
        with self._lock:
            found = [
                message
                for message in self._messages
                if all(message.get(name) == value for name, value in query.items())
            ]
            if method == "DELETE":
                self._messages = [message for message in self._messages if message not in found]
        return found
