"""Workgroups: where results go, how they are encrypted, and how much a query may scan."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from .service import ENGINE, Athena, Store, WorkGroup, default_configuration, invalid

if TYPE_CHECKING:
    from sagemaker_local.front import Context

Params = dict[str, Any]
_STATES = ("ENABLED", "DISABLED")
_LEAST_CUTOFF = 10_000_000


def install(athena: Athena) -> None:
    """Answer the operations on workgroups."""

    def create(context: Context, params: Params) -> Params:
        """CreateWorkGroup."""
        store, name = athena.store(context), params["Name"]
        with store.lock:
            if name in store.workgroups:
                raise invalid("WorkGroup is already created")
            configuration = {**default_configuration(), **copy.deepcopy(params.get("Configuration") or {})}
            # Athena's own default: the workgroup's settings hold for every query in it.
            configuration["EnforceWorkGroupConfiguration"] = (params.get("Configuration") or {}).get(
                "EnforceWorkGroupConfiguration", True
            )
            _check(configuration)
            description = params.get("Description", "")
            store.workgroups[name] = WorkGroup(name, athena.aws.clock.now(), configuration, description)
            store.tags[store.arn(name)] = {tag["Key"]: tag["Value"] for tag in params.get("Tags") or []}
        return {}

    def get(context: Context, params: Params) -> Params:
        """GetWorkGroup."""
        group = find(athena.store(context), params["WorkGroup"])
        return {"WorkGroup": {**_summary(group), "Configuration": copy.deepcopy(group.configuration)}}

    def list_workgroups(context: Context, params: Params) -> Params:
        """ListWorkGroups, by name, in one page."""
        groups = sorted(athena.store(context).workgroups.values(), key=lambda group: group.name)
        return {"WorkGroups": [{**_summary(group), "EngineVersion": dict(ENGINE)} for group in groups]}

    def update(context: Context, params: Params) -> Params:
        """UpdateWorkGroup."""
        store = athena.store(context)
        with store.lock:
            group = find(store, params["WorkGroup"])
            configuration = _updated(group.configuration, params.get("ConfigurationUpdates") or {})
            _check(configuration)
            if params.get("State", "ENABLED") not in _STATES:
                raise invalid(f"State must be one of {', '.join(_STATES)}, not {params['State']}")
            group.configuration = configuration
            group.description = params.get("Description", group.description)
            group.state = params.get("State", group.state)
        return {}

    def delete(context: Context, params: Params) -> Params:
        """DeleteWorkGroup, with its queries if RecursiveDeleteOption says so."""
        store, name = athena.store(context), params["WorkGroup"]
        if name == "primary":
            raise invalid("The primary workgroup cannot be deleted")
        with store.lock:
            find(store, name)
            members = [key for key, execution in store.executions.items() if execution.workgroup == name]
            if members and not params.get("RecursiveDeleteOption"):
                raise invalid(f"WorkGroup {name} is not empty")
            for key in members:
                del store.executions[key]
            del store.workgroups[name]
            store.tags.pop(store.arn(name), None)
        return {}

    athena.register(
        {
            "CreateWorkGroup": create,
            "GetWorkGroup": get,
            "ListWorkGroups": list_workgroups,
            "UpdateWorkGroup": update,
            "DeleteWorkGroup": delete,
        }
    )


def find(store: Store, name: str) -> WorkGroup:
    """Return a workgroup.

    Raises:
        AwsError: if it does not exist.
    """
    group = store.workgroups.get(name)
    if group is None:
        raise invalid(f"WorkGroup {name} is not found.")
    return group


def _check(configuration: Params) -> None:
    cutoff = configuration.get("BytesScannedCutoffPerQuery")
    if cutoff is not None and cutoff < _LEAST_CUTOFF:
        raise invalid(f"BytesScannedCutoffPerQuery must be at least {_LEAST_CUTOFF}, not {cutoff}")


def _updated(configuration: Params, updates: Params) -> Params:
    """Return a configuration with updates: members replace, `Remove*` members take away."""
    updated = copy.deepcopy(configuration)
    result = dict(updated.get("ResultConfiguration") or {})
    for name, value in (updates.get("ResultConfigurationUpdates") or {}).items():
        if name.startswith("Remove"):
            if value:
                result.pop(name.removeprefix("Remove"), None)
        else:
            result[name] = value
    updated["ResultConfiguration"] = result
    for name, value in updates.items():
        if name == "RemoveBytesScannedCutoffPerQuery":
            if value:
                updated.pop("BytesScannedCutoffPerQuery", None)
        elif name != "ResultConfigurationUpdates" and not name.startswith("Remove"):
            updated[name] = value
    return updated


def _summary(group: WorkGroup) -> Params:
    return {
        "Name": group.name,
        "State": group.state,
        "Description": group.description,
        "CreationTime": group.created,
    }
