"""What SageMaker forbids in a batch transform, said before anything is deployed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from ._endpoint_rules import check_region, check_volume_key
from ._errors import Problems
from ._instances import INSTANCE_PATTERN, INSTANCE_RULE
from ._naming import NAME_PATTERN, NAME_RULE
from .scheduled_capacity import check_timing

if TYPE_CHECKING:
    from constructs import Construct

    from .endpoint_base import EndpointBase
    from .model import Model
    from .transform_job import SplitType
    from .transform_settings import TransformSettings

#: 63 characters of a job's name, less a hyphen and an id as long as a UUID.
JOB_NAME_LIMIT = 26


class _Part(Protocol):
    def problems(self) -> Iterable[str]: ...


def check_transform(
    scope: Construct,
    construct_id: str,
    *,
    name: str,
    model: Model,
    parts: Mapping[str, _Part | None],
    settings: TransformSettings,
    encrypted: bool,
    split: SplitType,
    timing: tuple[str, str] | None,
    beside: EndpointBase | None,
) -> None:
    """Raise everything that is wrong with the properties.

    :param parts: Properties that know themselves what is wrong with them, by name.
    :param timing: Schedule and its time zone.
    """
    problems = Problems()
    problems.matches("name", name, NAME_PATTERN, NAME_RULE)
    problems.require(
        len(name) <= JOB_NAME_LIMIT,
        f'name is "{name}", allowed are {JOB_NAME_LIMIT} characters: an id of the run is appended',
    )
    problems.matches("settings: instance_type", settings.instance_type, INSTANCE_PATTERN, INSTANCE_RULE)
    if encrypted:
        check_volume_key(problems, [settings.instance_type])
    problems.extend(model.problems(), where="model")
    problems.require(
        not model.loads_many, "model is multi-model, which batch transform cannot host; make a transform of each"
    )
    for where, part in parts.items():
        problems.extend(part.problems() if part is not None else (), where=where)
    problems.extend(settings.problems(split), where="settings")
    if timing is not None:
        check_timing(problems, *timing)
    if beside is not None and model.follows is not None:
        problems.require(
            beside.follows is not None and beside.follows.group_arn == model.follows.group_arn,
            f"beside is endpoint {beside.endpoint_name}, which does not follow the group of the model; remove beside, "
            "or let both follow one group",
        )
    check_region(problems, scope, [model])
    problems.raise_if_any(scope, construct_id)
