"""The endpoint of one model: its keys, and which of them SageMaker does not combine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, model_validator

from .around import FrontDoorSettings
from .base import InstanceType, KeyArn, ResourceName, Seconds, Settings, conflicts
from .endpoint_parts import AlarmSettings, CaptureSettings, RolloutSettings, ScalingSettings, VariantSettings
from .serving import AsynchronousSettings, ComponentSettings, InstancesSettings, ServerlessSettings, ShadowSettings

# Keys that say something about a way of serving, and which ways know them.
_KNOWN_BY = {
    "scaling": ("real-time", "asynchronous"),
    "variants": ("real-time",),
    "shadow": ("real-time",),
    "instances": ("inference components",),
    "instance_count": ("real-time", "asynchronous"),
    "instance_type": ("real-time", "asynchronous", "inference components"),
    "volume_gb": ("real-time", "asynchronous", "inference components"),
    "volume_kms_key_arn": ("real-time", "asynchronous", "inference components"),
    "network_isolation": ("real-time", "asynchronous", "inference components"),
    "rollout": ("real-time", "asynchronous", "inference components"),
    "capture": ("real-time",),
}
_WHY = {
    "scaling": "scaling is about instances; each {mode_word} has a scaling of its own",
    "variants": "several variants are for endpoints that answer at once from instances",
    "shadow": "only an endpoint that answers at once from instances can be shadowed",
    "instances": "instances is about components; use instance_count or scaling",
    "rollout": "SageMaker exchanges serverless endpoints at once and watches no alarms meanwhile",
    "capture": "SageMaker captures no traffic here, and nothing can be monitored",
    "network_isolation": "serverless containers have no network isolation",
}


class EndpointSettings(Settings):
    """The endpoint of one model. It appears with the first approved version."""

    instance_type: Annotated[
        InstanceType | None,
        Field(description="Instance type, such as ml.m5.large. Default: none, for serverless"),
    ] = None
    instance_count: Annotated[
        int, Field(ge=1, le=1000, description="Instances of each variant without scaling. Default: 1")
    ] = 1
    variants: Annotated[
        dict[ResourceName, VariantSettings],
        Field(max_length=10, description="Production variants by name. Default: one variant, AllTraffic"),
    ] = {}
    scaling: Annotated[ScalingSettings | None, Field(description="Automatic scaling. Default: none")] = None
    serverless: Annotated[ServerlessSettings | None, Field(description="Serve without instances. Default: no")] = None
    asynchronous: Annotated[
        AsynchronousSettings | None, Field(description="Queue requests, answer through S3. Default: answer at once")
    ] = None
    shadow: Annotated[ShadowSettings | None, Field(description="Copy requests to a model on trial. Default: no")] = None
    components: Annotated[
        dict[ResourceName, ComponentSettings],
        Field(max_length=50, description="Inference components by name, which share the instances. Default: none"),
    ] = {}
    instances: Annotated[
        InstancesSettings | None, Field(description="Bounds of the components' instances. Default: 1 to 2")
    ] = None
    volume_gb: Annotated[
        int | None, Field(ge=1, le=512, description="Volume of each instance in GB. Default: SageMaker's")
    ] = None
    startup_seconds: Annotated[
        Seconds | None, Field(description="Longest start of a container, 60 to 3600. Default: SageMaker's")
    ] = None
    model_download_seconds: Annotated[
        Seconds | None, Field(description="Longest download of a model, 60 to 3600. Default: SageMaker's")
    ] = None
    front_door: Annotated[
        FrontDoorSettings | None, Field(description="API Gateway before the endpoint. Default: none")
    ] = None
    capture: Annotated[
        CaptureSettings | None,
        Field(
            description="Data capture; `capture: null` turns it off. Only what answers at once from instances can be "
            "captured. Default: everything, as CSV, where it can be"
        ),
    ] = CaptureSettings()
    rollout: Annotated[RolloutSettings, Field(description="How a new version takes over.")] = RolloutSettings()
    pinned_version: Annotated[
        int | None,
        Field(ge=1, description="Version number of the registry to serve whatever is approved later. Default: newest"),
    ] = None
    frozen: Annotated[
        bool,
        Field(description="true: the controller leaves this endpoint alone until it is false again. Default: false"),
    ] = False
    volume_kms_key_arn: Annotated[
        KeyArn | None,
        Field(
            description="KMS key of the instances' volumes. Not with instance types that have local NVMe disks, which "
            "encrypt themselves. Default: SageMaker's own key"
        ),
    ] = None
    execution_role_arn: Annotated[
        str | None,
        Field(
            pattern=r"^arn:[a-z-]+:iam::[0-9]{12}:role/[\w+=,.@/-]+$",
            description="A role of yours for the containers, which then needs every permission itself. Default: a new "
            "one with what is used",
            json_schema_extra={"x-allowed": "the ARN of a role (arn:<partition>:iam::<account>:role/<name>)"},
        ),
    ] = None
    network_isolation: Annotated[
        bool, Field(description="true: the container can reach no network at all. Default: false")
    ] = False
    environment: Annotated[
        dict[
            Annotated[
                str,
                Field(
                    pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$",
                    max_length=1024,
                    json_schema_extra={"x-allowed": "letters, digits and _, no digit first"},
                ),
            ],
            Annotated[str, Field(max_length=1024)],
        ],
        Field(description="Environment variables of the container, text to text (quote numbers). Default: none"),
    ] = {}
    alarms: Annotated[AlarmSettings, Field(description="Thresholds of the endpoint's alarms.")] = AlarmSettings()

    @property
    def mode(self) -> str:
        """How the endpoint answers, in words."""
        if self.components:
            return "inference components"
        if self.serverless:
            return "serverless"
        return "asynchronous" if self.asynchronous else "real-time"

    @property
    def captured(self) -> CaptureSettings | None:
        """What is captured; nothing where SageMaker cannot."""
        return self.capture if self.mode == "real-time" else None

    @model_validator(mode="after")
    def _keys_go_together(self) -> EndpointSettings:
        found = list(_conflicts(self))
        if found:
            raise conflicts(found)
        return self


def _conflicts(endpoint: EndpointSettings) -> Iterator[tuple[str, str]]:
    """What is wrong, as key and message."""
    yield from _ways(endpoint)
    yield from _known_keys(endpoint)
    if endpoint.mode != "serverless" and endpoint.instance_type is None:
        yield "instance_type", "is missing; allowed is a SageMaker instance type, for example ml.m5.large"
    yield from _scaling(endpoint)
    yield from _variants(endpoint)
    yield from _rollout(endpoint)
    if endpoint.alarms.latency_milliseconds is not None:
        longest = 3_600_000 if endpoint.mode == "asynchronous" else 60_000
        if endpoint.alarms.latency_milliseconds > longest:
            yield (
                "alarms",
                f"latency_milliseconds is {endpoint.alarms.latency_milliseconds:g}, SageMaker ends a request of a "
                f"{endpoint.mode} endpoint after {longest}",
            )


def _ways(endpoint: EndpointSettings) -> Iterator[tuple[str, str]]:
    given = [key for key in ("serverless", "asynchronous", "components") if getattr(endpoint, key)]
    if len(given) > 1:
        yield given[1], f"an endpoint serves in one way, and {', '.join(given)} are given; keep one of them"


def _known_keys(endpoint: EndpointSettings) -> Iterator[tuple[str, str]]:
    for key, modes in _KNOWN_BY.items():
        value = getattr(endpoint, key)
        if endpoint.mode in modes or key not in endpoint.model_fields_set or not value:
            continue
        word = "serverless endpoint" if endpoint.mode == "serverless" else "component"
        why = _WHY.get(key, "a serverless endpoint has no instances").format(mode_word=word)
        yield key, f"{why}; remove {key}, as this endpoint is {endpoint.mode}"


def _scaling(endpoint: EndpointSettings) -> Iterator[tuple[str, str]]:
    scalings = [("scaling", endpoint.scaling), *(("variants", each.scaling) for each in endpoint.variants.values())]
    for key, scaling in scalings:
        if scaling is None:
            continue
        if endpoint.instance_type and re.match(r"ml\.t\d", endpoint.instance_type):
            yield (
                key,
                f"{endpoint.instance_type} cannot scale automatically; choose another type, or remove scaling",
            )
        queued = endpoint.mode == "asynchronous"
        if scaling.min < 1 and not queued:
            yield key, "min is 0, and instances that answer at once cannot scale to zero; set it to 1 or more"
        if scaling.backlog_per_instance is not None and not queued:
            yield key, "backlog_per_instance is about a queue, which only asynchronous endpoints have; remove it"
        if queued and (scaling.invocations_per_instance or scaling.concurrency_per_instance):
            yield key, "an asynchronous endpoint publishes nothing but its queue; use backlog_per_instance"


def _variants(endpoint: EndpointSettings) -> Iterator[tuple[str, str]]:
    if endpoint.variants and not any(variant.weight > 0 for variant in endpoint.variants.values()):
        yield "variants", "no variant has a weight above 0, so none would get traffic"
    if endpoint.shadow and len(endpoint.variants) > 1:
        yield (
            "shadow",
            f"a shadow stands beside one variant, there are {len(endpoint.variants)}; remove one or the other",
        )


def _rollout(endpoint: EndpointSettings) -> Iterator[tuple[str, str]]:
    strategy = endpoint.rollout.strategy
    asked = "rollout" in endpoint.model_fields_set
    if endpoint.mode == "inference components":
        if asked and strategy != "rolling":
            yield "rollout", f"copies of a component are exchanged by rolling only, strategy is {strategy}"
        if asked and strategy == "rolling":
            few = [
                name
                for name, component in endpoint.components.items()
                if min(component.copies or 1, component.scaling.min if component.scaling else 1000) < 2
                and not (component.scaling and component.copies is None and component.scaling.min >= 2)
            ]
            if few:
                yield "rollout", f"rolling needs 2 copies of each component, {', '.join(few)} may have fewer"
        return
    if endpoint.mode == "serverless":
        return
    if strategy == "rolling" and (len(endpoint.variants) > 1 or endpoint.shadow):
        yield "rollout", "a rolling rollout works with one variant only; choose canary, linear or all-at-once"
    if strategy in ("canary", "linear"):
        fewest = endpoint.scaling.min if endpoint.scaling else endpoint.instance_count
        if fewest < 2:
            where = "scaling.min" if endpoint.scaling else "instance_count"
            yield (
                "rollout",
                f"{strategy} splits a fleet, which needs at least 2 instances; {where} is {fewest}. "
                f"Raise it, or choose all-at-once",
            )
