"""Connections are kept: many requests over one, whatever a request is, until somebody has enough."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from urllib.parse import urlparse

import pytest

from sagemaker_local import connections
from sagemaker_local.accounts import developer_key
from sagemaker_local.server import LocalAws

KEY = developer_key("111111111111")
SIGNED = {"Authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/eu-west-1/s3/aws4_request, Signature=0"}


def connect(aws: LocalAws) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", urlparse(aws.url).port, timeout=10)
    connection.connect()
    return connection


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(features=()) as running:
        running.client("s3", "111111111111").create_bucket(
            Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        yield running


def test_requests_of_all_kinds_share_a_connection(aws: LocalAws) -> None:
    connection = connect(aws)
    first = connection.sock

    def ask(method: str, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
        connection.request(method, path, body, {**SIGNED, **headers})
        answer = connection.getresponse()
        return answer.status, answer.read()

    assert ask("PUT", "/kept/whole", b"abc") == (200, b"")
    # Without a length the body goes in chunks, the last of which is empty.
    assert ask("PUT", "/kept/parts", iter([b"ab", b"c" * 70_000])) == (200, b"")
    assert ask("HEAD", "/kept/whole") == (200, b"")
    assert ask("GET", "/kept/parts") == (200, b"ab" + b"c" * 70_000)
    # A body that nobody asked for is not taken for the next request.
    assert ask("POST", "/_local/unheard-of", b"GET / HTTP/1.1\r\n\r\n" * 1000)[0] == 404
    assert ask("DELETE", "/kept/whole")[0] == 204
    assert ask("GET", "/kept/whole")[0] == 404
    assert json.loads(ask("GET", "/_local/health")[1])["status"] == "ok"
    assert connection.sock is first


def test_requests_that_come_together_are_answered_in_turn(aws: LocalAws) -> None:
    port = urlparse(aws.url).port
    head = f"HTTP/1.1\r\nHost: x\r\nAuthorization: {SIGNED['Authorization']}\r\n"
    tag = '"900150983cd24fb0d6963f7d28e17f72"'
    aws.client("s3", "111111111111").put_object(Bucket="kept", Key="known", Body=b"abc")
    asked = f"GET /kept/known {head}If-None-Match: {tag}\r\n\r\nDELETE /kept/known {head}Connection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=4) as plain:
        plain.sendall(asked.encode())
        answers = b"".join(iter(lambda: plain.recv(1000), b""))
    # Both end with their headers; what came behind would be taken for the next answer.
    first, second, rest = answers.split(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 304 ") and second.startswith(b"HTTP/1.1 204 ") and rest == b""
    assert first.lower().count(b"\r\ndate:") == first.lower().count(b"\r\nserver:") == 1
    assert b"content-length" not in second.lower()


def test_a_body_waits_for_leave_where_it_asks_for_it(aws: LocalAws) -> None:
    connection = connect(aws)
    connection.putrequest("PUT", "/kept/late")
    for name, value in {**SIGNED, "Content-Length": "3", "Expect": "100-continue"}.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.send(b"abc")
    assert connection.getresponse().status == 200


def test_after_a_body_that_cannot_be_read_the_connection_ends(aws: LocalAws, caplog: pytest.LogCaptureFixture) -> None:
    connection = connect(aws)
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    connection.request("POST", "/", b"not compressed", headers)
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Connection")) == (500, "close")
    assert "POST / HTTP/1.1 failed" in caplog.text
    answer.read()
    connection.request("GET", "/_local/health")
    assert connection.getresponse().status == 200


def test_who_asks_for_it_gets_a_connection_of_one_request(aws: LocalAws) -> None:
    connection = connect(aws)
    plain = connection.sock
    connection.request("GET", "/_local/health", headers={"Connection": "close"})
    assert connection.getresponse().read()
    assert plain.recv(1) == b""


def test_an_idle_connection_is_given_up(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_IDLE_SECONDS", 0.05)
    connection = connect(aws)
    connection.request("GET", "/_local/health")
    assert connection.getresponse().read()
    assert connection.sock.recv(1) == b""


def test_no_connection_outlives_the_server(aws: LocalAws) -> None:
    waiting, port = connect(aws), urlparse(aws.url).port
    waiting.request("GET", "/_local/health")
    assert waiting.getresponse().read()
    aws.stop()
    assert waiting.sock.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
