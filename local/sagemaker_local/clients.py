"""boto3 clients and subprocess environments that can reach nothing but the embedded AWS."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from .accounts import SECRET, Accounts, Principal

_CONFIG = Config(
    retries={"max_attempts": 1},
    s3={"addressing_style": "path"},
    max_pool_connections=50,
    connect_timeout=10,
    # A Lambda function may run for 15 minutes.
    read_timeout=930,
    tcp_keepalive=True,
    proxies={},
)


class Clients:
    """boto3 clients of any account, region and role, made once each (boto3 clients are thread-safe)."""

    def __init__(self, url: str, accounts: Accounts) -> None:
        self._url = url
        self._accounts = accounts
        self._session = boto3.session.Session(aws_access_key_id="local", aws_secret_access_key=SECRET)
        self._cache: dict[tuple[str, str, str], Any] = {}
        self._lock = threading.Lock()

    def __call__(self, service: str, account: str, region: str, *, role_arn: str | None = None) -> Any:
        """Return a client that calls as `role_arn`, or as the account's developer without one."""
        principal = self._accounts.acting_as(role_arn) if role_arn else self._accounts.developer(account)
        return self.of(principal, service, region)

    def of(self, principal: Principal, service: str, region: str) -> Any:
        """Return a client that calls as `principal`."""
        key = (principal.access_key, service, region)
        with self._lock:
            client = self._cache.get(key)
            if client is None:
                # Making clients is not thread-safe in boto3, using them is.
                client = self._session.client(
                    service,
                    region_name=region,
                    endpoint_url=self._url,
                    aws_access_key_id=principal.access_key,
                    aws_secret_access_key=principal.secret_key,
                    config=_CONFIG,
                )
                self._cache[key] = client
        return client

    def close(self) -> None:
        """Close the connections of every client."""
        with self._lock:
            for client in self._cache.values():
                client.close()
            self._cache.clear()


def environment(url: str, principal: Principal, region: str, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment whose AWS settings all point here, whatever the user's own profile says."""
    source = os.environ if base is None else base
    kept = {key: value for key, value in source.items() if not key.startswith("AWS_")}
    no_proxy = ",".join(filter(None, [kept.get("NO_PROXY") or kept.get("no_proxy"), "127.0.0.1", "localhost"]))
    return {
        **kept,
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": principal.access_key,
        "AWS_SECRET_ACCESS_KEY": principal.secret_key,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
    }
