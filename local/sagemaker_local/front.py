"""The door of the embedded AWS: a WSGI application that identifies every call, records it, and decides who answers.

Own handlers come first, moto answers the rest, hooks run after either. Handlers are registered per operation of a
service's model, whatever protocol it speaks, or per path for what no model describes.
"""

from __future__ import annotations

import gzip
import io
import json
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from .accounts import Accounts, Principal
from .clients import Clients
from .clock import Clock
from .errors import AwsError
from .moto_base import Base, Environ, Operation, Reply, identify
from .recorder import Call, Recorder, summarise

Params = dict[str, Any]
Handler = Callable[["Context", Params], Params | None]
Hook = Callable[["Context", Params, Params], None]
Guard = Callable[["Context", Params], None]
RouteHandler = Callable[["Context", "re.Match[str]", bytes, dict[str, str], dict[str, str]], Reply | None]
LocalHandler = Callable[[str, bytes, dict[str, str]], Any]

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d+/([^/]+)/([^/]+)/aws4_request")
_log = logging.getLogger(__name__)


@dataclass
class Context:
    """Where a call came from, and the way back into the same account and region."""

    clients: Callable[[], Clients] = field(repr=False)
    clock: Clock
    principal: Principal
    region: str
    service: str = ""
    operation: str = ""
    _forward: Callable[[], Reply] | None = field(default=None, repr=False)
    _matched: Operation | None = field(default=None, repr=False)

    @property
    def account(self) -> str:
        return self.principal.account

    @property
    def caller_arn(self) -> str:
        """ARN of the calling role or user."""
        return self.principal.arn

    def client(self, service: str, *, role_arn: str | None = None, region: str | None = None) -> Any:
        """Return a boto3 client of the same account and region, calling as `role_arn` or else as the same caller."""
        clients = self.clients()
        if role_arn:
            return clients(service, self.account, region or self.region, role_arn=role_arn)
        return clients.of(self.principal, service, region or self.region)

    def forward(self) -> Params:
        """Let moto answer the call that is being handled, and return its result.

        Raises:
            AwsError: if moto answers with an error.
        """
        if self._forward is None or self._matched is None:
            raise RuntimeError("only a handler registered with op() can forward its call")
        reply = self._forward()
        if reply.status >= 300:
            raise self._matched.error_of(reply)
        return self._matched.result_of(reply)


class Front:
    """Registry of handlers and WSGI application in one.

    Args:
        base: answers what no handler does.
        clients: returns the clients of the running AWS, with which handlers make calls of their own.
    """

    def __init__(
        self, base: Base, accounts: Accounts, recorder: Recorder, clock: Clock, clients: Callable[[], Clients]
    ) -> None:
        self._base = base
        self._clock = clock
        self._clients = clients
        self._accounts = accounts
        self._recorder = recorder
        self._ops: dict[tuple[str, str], Handler] = {}
        self._routes: list[tuple[str, str, re.Pattern[str], RouteHandler]] = []
        self._hooks: dict[tuple[str, str], list[Hook]] = {}
        self._guards: list[Guard] = []
        self._local: dict[str, LocalHandler] = {}

    def op(self, service: str, operation: str, handler: Handler) -> None:
        """Answer an operation with `handler(ctx, params) -> result`. Returning None lets moto answer after all."""
        self._ops[service, operation] = handler

    def route(self, service: str, method: str, regex: str, handler: RouteHandler) -> None:
        """Answer requests by path: `handler(ctx, match, body, headers, query) -> Reply`, or None if it is not for this
        handler. `service` is the signing name, or "" for unsigned requests. Headers have lower-case names."""
        self._routes.append((service, method.upper(), re.compile(regex), handler))

    def before(self, guard: Guard) -> Callable[[], None]:
        """Ask `guard(ctx, params)` before every operation is answered; an AwsError that it raises is the answer.

        For tests of what happens when AWS throttles, refuses or is interrupted. Returns what takes the guard away.
        """
        self._guards.append(guard)
        return lambda: self._guards.remove(guard)

    def after(self, service: str, operation: str, hook: Hook) -> None:
        """Call `hook(ctx, params, result)` whenever the operation succeeded, before the client gets its answer."""
        self._hooks.setdefault((service, operation), []).append(hook)

    def local(self, path: str, handler: LocalHandler) -> None:
        """Answer `/_local/<path>` with the JSON of `handler(method, body, query)`."""
        self._local[path] = handler

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        reply = self._answer(environ, _read_body(environ))
        headers = {key: value for key, value in reply.headers.items() if key.lower() != "transfer-encoding"}
        if environ["REQUEST_METHOD"] != "HEAD":
            headers = {key: value for key, value in headers.items() if key.lower() != "content-length"}
            headers["Content-Length"] = str(len(reply.body))
        start_response(f"{reply.status} {'OK' if reply.status < 400 else 'Error'}", list(headers.items()))
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [reply.body]

    def _answer(self, environ: Environ, body: bytes) -> Reply:
        path = unquote(str(environ.get("RAW_URI") or environ.get("PATH_INFO") or "/").split("?", 1)[0])
        if path.startswith("/_local/"):
            return self._answer_local(path.removeprefix("/_local/"), environ, body)
        access_key, region, signing_name = _credential(environ)
        principal = self._accounts.resolve(access_key)
        context = Context(self._clients, self._clock, principal, region)
        try:
            routed = self._answer_route(context, signing_name, path, environ, body)
            if routed is not None:
                return routed
            environ["wsgi.input"] = io.BytesIO(body)
            matched = identify(signing_name, environ) if signing_name else None
            if matched is None:
                return self._base.handle(environ, body, principal.account)
            return self._answer_operation(context, matched, environ, body)
        except Exception as error:  # noqa: BLE001 - clients shall see a 500, not a dropped connection
            _log.exception("%s %s failed", environ["REQUEST_METHOD"], path)
            text = json.dumps({"__type": "InternalFailure", "message": f"{type(error).__name__}: {error}"})
            return Reply(500, {"Content-Type": "application/json"}, text.encode())

    def _answer_operation(self, context: Context, matched: Operation, environ: Environ, body: bytes) -> Reply:
        context.service, context.operation = matched.service, matched.name
        context._matched = matched
        context._forward = lambda: self._base.handle(environ, body, context.account)
        call = Call(
            context.account,
            context.region,
            matched.service,
            matched.name,
            context.caller_arn,
            {},
            self._clock.now(),
        )
        self._recorder.add(call)
        key = (matched.service, matched.name)
        handler, hooks = self._ops.get(key), self._hooks.get(key, [])
        try:
            params = matched.params()
            call.params = summarise(params)
            for guard in list(self._guards):
                guard(context, params)
            result = handler(context, params) if handler else None
            if result is not None:
                call.response = result
                reply = matched.reply(result)
            else:
                reply = context._forward()
                if reply.status >= 300 and not (matched.service == "s3" and reply.status < 400):
                    call.status, call.error = reply.status, matched.error_of(reply).code
                    return reply
            if hooks:
                outcome = result if result is not None else matched.result_of(reply)
                for hook in hooks:
                    hook(context, params, outcome)
        except AwsError as error:
            call.status, call.error = error.status, error.code
            return matched.reply_error(error)
        except NotImplementedError:
            # A 4xx: clients would retry a 5xx.
            text = f"the embedded AWS does not implement {matched.service}:{matched.name}"
            call.status, call.error = 400, "NotImplemented"
            return matched.reply_error(AwsError("NotImplemented", text))
        except Exception as error:  # noqa: BLE001 - clients shall see a failure that they can read
            _log.exception("%s:%s failed", matched.service, matched.name)
            call.status, call.error = 500, "InternalFailure"
            return matched.reply_error(AwsError("InternalFailure", f"{type(error).__name__}: {error}", 500))
        return reply

    def _answer_route(
        self, context: Context, signing_name: str, path: str, environ: Environ, body: bytes
    ) -> Reply | None:
        for service, method, pattern, handler in self._routes:
            if service != signing_name or method != environ["REQUEST_METHOD"]:
                continue
            match = pattern.fullmatch(path)
            if match is not None:
                context.service = service
                try:
                    answer = handler(context, match, body, _headers(environ), _query(environ))
                except AwsError as error:
                    text = json.dumps({"__type": error.code, "message": error.message})
                    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": error.code}
                    return Reply(error.status, headers, text.encode())
                if answer is not None:
                    return answer
        return None

    def _answer_local(self, path: str, environ: Environ, body: bytes) -> Reply:
        handler = self._local.get(path.strip("/"))
        if handler is None:
            known = ", ".join(f"/_local/{name}" for name in sorted(self._local))
            return _json({"error": f'no such control "/_local/{path}"; there are {known}'}, 404)
        try:
            return _json(handler(environ["REQUEST_METHOD"], body, _query(environ)))
        except (ValueError, KeyError, AwsError) as error:
            return _json({"error": str(error)}, 400)


def _json(document: Any, status: int = 200) -> Reply:
    return Reply(status, {"Content-Type": "application/json"}, json.dumps(document, default=str).encode())


def _read_body(environ: Environ) -> bytes:
    stream = environ["wsgi.input"]
    if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        # werkzeug's development server has undone the chunking and ends the stream.
        body = stream.read()
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["CONTENT_LENGTH"] = str(len(body))
    else:
        body = stream.read(int(environ.get("CONTENT_LENGTH") or 0))
    if environ.get("HTTP_CONTENT_ENCODING", "").lower() == "gzip" and "/s3/" not in environ.get(
        "HTTP_AUTHORIZATION", ""
    ):
        body = gzip.decompress(body)
        environ.pop("HTTP_CONTENT_ENCODING", None)
        environ["CONTENT_LENGTH"] = str(len(body))
    return bytes(body)


def _credential(environ: Environ) -> tuple[str | None, str, str]:
    """Return access key, region and signing name of a request; unsigned requests give `(None, default region, "")`."""
    match = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    if match:
        return match.group(1), match.group(2), match.group(3)
    scope = _query(environ).get("X-Amz-Credential", "").split("/")
    if len(scope) == 5:
        return scope[0], scope[2], scope[3]
    return None, "us-east-1", ""


def _headers(environ: Environ) -> dict[str, str]:
    headers = {key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")}
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = environ[name]
    return headers


def _query(environ: Environ) -> dict[str, str]:
    return {
        key: values[-1] for key, values in parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True).items()
    }
