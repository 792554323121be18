"""STS: who am I, and becoming somebody else. Roles need not exist, and their trust is not checked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from .accounts import Accounts, Principal
from .errors import AwsError
from .front import Context, Front

_DEFAULT_SESSION_SECONDS = 3600


def install(front: Front, accounts: Accounts, assumed: Callable[[Principal, str], None]) -> None:
    """Answer GetCallerIdentity, AssumeRole and GetSessionToken.

    Args:
        assumed: told about every role that is assumed, and in which region.
    """

    def assume_role(context: Context, params: dict[str, Any]) -> dict[str, Any]:
        role_arn = params.get("RoleArn", "")
        if len(role_arn.split(":")) < 6 or ":role/" not in role_arn:
            raise AwsError("ValidationError", f"{role_arn} is invalid")
        principal = accounts.assume(role_arn, params.get("RoleSessionName") or "session")
        assumed(principal, context.region)
        return {
            "Credentials": _credentials(principal.access_key, params),
            "AssumedRoleUser": {
                "AssumedRoleId": f"AROA{principal.access_key[4:]}:session",
                "Arn": principal.session_arn,
            },
            "PackedPolicySize": 6,
        }

    front.op("sts", "GetCallerIdentity", _get_caller_identity)
    front.op("sts", "AssumeRole", assume_role)
    front.op("sts", "GetSessionToken", _get_session_token)


def _get_caller_identity(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    principal = context.principal
    return {"UserId": principal.access_key, "Account": principal.account, "Arn": principal.session_arn}


def _get_session_token(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    return {"Credentials": _credentials(context.principal.access_key, params)}


def _credentials(access_key: str, params: dict[str, Any]) -> dict[str, Any]:
    # Clients compare the expiry with the real time, not with the virtual one.
    expiry = datetime.now(UTC) + timedelta(seconds=params.get("DurationSeconds") or _DEFAULT_SESSION_SECONDS)
    return {"AccessKeyId": access_key, "SecretAccessKey": "local", "SessionToken": "local", "Expiration": expiry}
