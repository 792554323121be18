"""Which account and which principal an access key belongs to.

The key `AKIA<12 digits>LOCL` is the developer of that account, so credentials alone select an account and nothing
has to be created first. AssumeRole mints keys that belong to a role; internal work on behalf of a role uses such keys
as well.
"""

from __future__ import annotations

import re
import secrets
import string
import threading
from dataclasses import dataclass

DEFAULT_ACCOUNT = "123456789012"
SECRET = "local"  # noqa: S105 - signatures are not checked

_DEVELOPER_KEY = re.compile(r"AKIA(\d{12})LOCL")
_ALPHABET = string.ascii_uppercase + string.digits


@dataclass(frozen=True)
class Principal:
    """Who makes a call: an IAM principal of one account."""

    account: str
    arn: str
    """The role's or user's own ARN (`arn:aws:iam::...:role/...`), not the session's."""
    session_arn: str
    """What GetCallerIdentity answers."""
    access_key: str

    @property
    def secret_key(self) -> str:
        return SECRET


def developer_key(account: str) -> str:
    """Return the access key of an account's developer.

    Raises:
        ValueError: if `account` is not twelve digits.
    """
    if not re.fullmatch(r"\d{12}", account):
        raise ValueError(f'an AWS account id has 12 digits, got "{account}"')
    return f"AKIA{account}LOCL"


def account_of_arn(arn: str) -> str:
    """Return the account field of an ARN (empty if it has none)."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 else ""


class Accounts:
    """The access keys that this embedded AWS knows."""

    def __init__(self) -> None:
        self._by_key: dict[str, Principal] = {}
        self._by_role: dict[str, Principal] = {}
        self._lock = threading.Lock()

    def resolve(self, access_key: str | None) -> Principal:
        """Return the principal of a key. Unknown keys belong to the default account's developer."""
        known = self._by_key.get(access_key or "")
        if known is not None:
            return known
        match = _DEVELOPER_KEY.fullmatch(access_key or "")
        return self.developer(match.group(1) if match else DEFAULT_ACCOUNT)

    def developer(self, account: str) -> Principal:
        """Return the principal that an account's own credentials stand for."""
        arn = f"arn:aws:iam::{account}:user/developer"
        return Principal(account, arn, arn, developer_key(account))

    def assume(self, role_arn: str, session: str) -> Principal:
        """Mint a key for a new session of a role."""
        account = account_of_arn(role_arn)
        key = "ASIA" + "".join(secrets.choice(_ALPHABET) for _ in range(16))
        name = role_arn.rsplit("/", 1)[-1]
        partition = role_arn.split(":", 2)[1]
        session_arn = f"arn:{partition}:sts::{account}:assumed-role/{name}/{session}"
        principal = Principal(account, role_arn, session_arn, key)
        with self._lock:
            self._by_key[key] = principal
        return principal

    def acting_as(self, role_arn: str) -> Principal:
        """Return the one lasting session that services use when they act as a role."""
        with self._lock:
            known = self._by_role.get(role_arn)
        if known is None:
            known = self.assume(role_arn, "local")
            with self._lock:
                known = self._by_role.setdefault(role_arn, known)
        return known

    def service(self, account: str, name: str) -> Principal:
        """Return an AWS service that acts in an account by itself, for example `events.amazonaws.com`."""
        label = f"{account}/{name}"
        with self._lock:
            known = self._by_role.get(label)
            if known is None:
                key = "ASIA" + "".join(secrets.choice(_ALPHABET) for _ in range(16))
                known = self._by_role[label] = self._by_key[key] = Principal(account, name, name, key)
        return known

    def visiting(self, principal: Principal, account: str) -> Principal:
        """Return a principal whose calls keep their caller but reach the resources of another account."""
        label = f"{account}/{principal.arn}"
        with self._lock:
            known = self._by_role.get(label)
            if known is None:
                key = "ASIA" + "".join(secrets.choice(_ALPHABET) for _ in range(16))
                known = Principal(account, principal.arn, principal.session_arn, key)
                self._by_role[label] = self._by_key[key] = known
        return known
