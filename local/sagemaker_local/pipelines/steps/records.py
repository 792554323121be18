"""Steps that record where things come from: Lineage."""

from __future__ import annotations

from typing import Any

from .base import Halt, Run

Params = dict[str, Any]

#: Keys of the arguments with the kind of their entities and boto3's word for making one.
_MADE = (
    ("Actions", "Action", "create_action"),
    ("Artifacts", "Artifact", "create_artifact"),
    ("Contexts", "Context", "create_context"),
)


def record(run: Run, arguments: Params) -> None:
    """Lineage: makes entities, then the associations between them.

    Raises:
        Halt: if an association names an entity that the step does not make.
    """
    client = run.client("sagemaker")
    made: dict[tuple[str, str], str] = {}
    for key, kind, method in _MADE:
        for request in arguments.get(key) or []:
            made[(kind, str(request.get(f"{kind}Name", "")))] = getattr(client, method)(**request)[f"{kind}Arn"]

    def arn_of(end: Params) -> str:
        if end.get("Arn"):
            return str(end["Arn"])
        try:
            return made[(str(end.get("Type")), str(end.get("Name")))]
        except KeyError:
            raise Halt(
                f"an association names the {end.get('Type')} {end.get('Name')}, which this step does not make"
            ) from None

    associated = []
    for item in arguments.get("Associations") or []:
        more = {"AssociationType": item["AssociationType"]} if item.get("AssociationType") else {}
        source, destination = arn_of(item["Source"]), arn_of(item["Destination"])
        client.add_association(SourceArn=source, DestinationArn=destination, **more)
        associated.append({"SourceArn": source, "DestinationArn": destination})
    arns = {f"{kind}Arns": {name: arn for (of, name), arn in made.items() if of == kind} for _, kind, _ in _MADE}
    metadata = {**{name: found for name, found in arns.items() if found}, "Associations": associated}
    run.executing({"Lineage": metadata})
    run.succeed({**arns, "Associations": associated})
