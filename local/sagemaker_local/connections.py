"""Connections of clients, kept open between requests as AWS keeps them.

werkzeug's own handler closes a connection after each answer, since it cannot know whether a request's body was read to
its end. The door reads every body before it does anything else, and answers in one piece.
"""

from __future__ import annotations

import logging
import select
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from .moto_base import RequestHandler

# An idle connection holds a thread here, and a file descriptor on either side.
_IDLE_SECONDS = 5.0
_log = logging.getLogger(__name__)

_idle: set[socket.socket] = set()
_lock = threading.Lock()


class KeptConnection(RequestHandler):
    """Answers the requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    # Nagle's algorithm adds 40 ms to every small answer.
    disable_nagle_algorithm = True
    # Headers and body go out together.
    wbufsize = 1 << 16
    _answered = False

    def handle_one_request(self) -> None:
        """Answer the next request, or close the connection if none comes any more."""
        if self._answered and not self._has_more():
            self.close_connection = True
            return
        super().handle_one_request()
        self._answered = True

    def handle_expect_100(self) -> bool:
        """Let a client send the body that it holds back; it waits for that, so this must not wait in the buffer."""
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def run_wsgi(self) -> None:
        """Hand one request to the door."""
        door: Any = self.server.app
        head: list[tuple[str, Sequence[tuple[str, str]]]] = []
        try:
            body = b"".join(door(self.make_environ(), lambda status, headers: head.append((status, headers))))
        except Exception:  # noqa: BLE001 - the client shall see a failure, and the next one an open door
            _log.exception("%s failed", self.requestline)
            # Nobody knows how much of the request has been read.
            self.send_error(500)
            self.close_connection = True
            return
        [(status, headers)] = head
        code, _, reason = status.partition(" ")
        self.log_request(code)
        self.send_response_only(int(code), reason)
        given = {name.lower() for name, _ in headers}
        for name, value in (("Server", self.version_string()), ("Date", self.date_time_string())):
            if name.lower() not in given:
                self.send_header(name, value)
        for name, value in headers:
            if code != "204" or name.lower() != "content-length":
                self.send_header(name, value)
        self.end_headers()
        # Answers of these kinds end with their headers; what came behind would be taken for the next answer.
        if code not in ("204", "304"):
            self.wfile.write(body)

    def _has_more(self) -> bool:
        """Wait for another request; False if the client has gone, waits too long itself, or nobody listens any more."""
        with _lock:
            if self.server.socket.fileno() < 0:
                return False
            _idle.add(self.connection)
        try:
            if self._has_read_ahead():
                return True
            poll = select.poll()
            poll.register(self.connection, select.POLLIN)
            return bool(poll.poll(_IDLE_SECONDS * 1000))
        finally:
            with _lock:
                _idle.discard(self.connection)

    def _has_read_ahead(self) -> bool:
        """Whether the next request came together with the last one; the socket does not tell of it any more."""
        self.connection.setblocking(False)
        try:
            buffered: Any = self.rfile
            return bool(buffered.peek(1))
        finally:
            self.connection.setblocking(True)


def close_idle(stop_listening: Callable[[], Any]) -> None:
    """Stop listening, and close the connections that wait for a request. All others close after their answer."""
    with _lock:
        stop_listening()
        for connection in _idle:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
