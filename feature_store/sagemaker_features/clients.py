"""boto3 clients, made when they are needed."""

from __future__ import annotations

from typing import Any


def client(service: str, session: Any = None, **config: Any) -> Any:
    """Return a boto3 client.

    Args:
        service: its name in boto3.
        session: a boto3 session; default: boto3's own, with its usual sources of credentials and region.
        **config: settings of botocore's Config.
    """
    import boto3
    from botocore.config import Config

    made = session if session is not None else boto3.session.Session()
    return made.client(service, config=Config(**config) if config else None)
