"""STS: who am I, and becoming somebody else. Roles need not exist, and their trust is not checked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .errors import AwsError

if TYPE_CHECKING:
    from .front import Context
    from .server import LocalAws

_DEFAULT_SESSION_SECONDS = 3600


def install(aws: LocalAws) -> None:
    """Answer GetCallerIdentity, AssumeRole and GetSessionToken."""
    aws.front.op("sts", "GetCallerIdentity", _get_caller_identity)
    aws.front.op("sts", "AssumeRole", _assume_role)
    aws.front.op("sts", "GetSessionToken", _get_session_token)


def _get_caller_identity(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    principal = context.principal
    return {"UserId": principal.access_key, "Account": principal.account, "Arn": principal.session_arn}


def _assume_role(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    role_arn = params.get("RoleArn", "")
    if len(role_arn.split(":")) < 6 or ":role/" not in role_arn:
        raise AwsError("ValidationError", f"{role_arn} is invalid")
    principal = context.aws.accounts.assume(role_arn, params.get("RoleSessionName") or "session")
    for listener in context.aws.on_assume_role:
        listener(principal, context.region)
    return {
        "Credentials": _credentials(context, principal.access_key, params),
        "AssumedRoleUser": {"AssumedRoleId": f"AROA{principal.access_key[4:]}:session", "Arn": principal.session_arn},
        "PackedPolicySize": 6,
    }


def _get_session_token(context: Context, params: dict[str, Any]) -> dict[str, Any]:
    return {"Credentials": _credentials(context, context.principal.access_key, params)}


def _credentials(context: Context, access_key: str, params: dict[str, Any]) -> dict[str, Any]:
    # Clients compare the expiry with the real time, not with the virtual one.
    expiry = context.aws.real_now() + timedelta(seconds=params.get("DurationSeconds") or _DEFAULT_SESSION_SECONDS)
    return {"AccessKeyId": access_key, "SecretAccessKey": "local", "SessionToken": "local", "Expiration": expiry}
