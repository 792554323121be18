"""Filtering, sorting and paging of List* operations, the same for every kind of resource."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

from .faults import invalid

Item = TypeVar("Item")

_DEFAULT_PAGE = 10
"""What SageMaker returns without MaxResults."""


def page(
    items: Iterable[Item],
    params: dict[str, Any],
    *,
    name: Callable[[Item], str],
    created: Callable[[Item], datetime],
    modified: Callable[[Item], datetime] | None = None,
    status: Callable[[Item], str] | None = None,
    descending: bool = True,
    size: int = _DEFAULT_PAGE,
) -> tuple[list[Item], str | None]:
    """Return one page of `items` and the token of the next.

    Understands NameContains (case-insensitive), StatusEquals, CreationTime/LastModifiedTime After and Before, SortBy
    (Name, CreationTime, LastModifiedTime, Status), SortOrder, MaxResults and NextToken.

    Args:
        items: in order of creation, which breaks ties.
        params: the request.
        name: the item's name.
        created: its creation time.
        modified: its last change; default: `created`.
        status: its status, where it has one.
        descending: default order; SageMaker's differs by operation.
        size: default page size.

    Raises:
        AwsError: if NextToken is not one of ours.
    """
    modified = modified or created
    wanted = str(params.get("NameContains") or "").lower()
    chosen = [item for item in items if wanted in name(item).lower() and _within(item, params, created, modified)]
    if params.get("StatusEquals") and status is not None:
        chosen = [item for item in chosen if status(item) == params["StatusEquals"]]
    keys: dict[str, Callable[[Item], Any]] = {"Name": name, "LastModifiedTime": modified}
    if status is not None:
        keys["Status"] = status
    order = params.get("SortOrder")
    reverse = order == "Descending" if order else descending
    numbered = list(enumerate(chosen))
    key = keys.get(str(params.get("SortBy")), created)
    numbered.sort(key=lambda pair: (key(pair[1]), pair[0]), reverse=reverse)
    start = _position(params.get("NextToken"))
    end = start + int(params.get("MaxResults") or size)
    token = base64.urlsafe_b64encode(f"at:{end}".encode()).decode() if end < len(numbered) else None
    return [item for _, item in numbered[start:end]], token


def _within(
    item: Item,
    params: dict[str, Any],
    created: Callable[[Item], datetime],
    modified: Callable[[Item], datetime],
) -> bool:
    for field, read in (("CreationTime", created), ("LastModifiedTime", modified)):
        after, before = params.get(f"{field}After"), params.get(f"{field}Before")
        if (after and read(item) <= after) or (before and read(item) >= before):
            return False
    return True


def _position(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token).decode().removeprefix("at:"))
    except (ValueError, binascii.Error) as error:
        raise invalid("Invalid pagination token") from error
