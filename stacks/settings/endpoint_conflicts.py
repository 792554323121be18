"""Keys of an endpoint that SageMaker does not combine, said about the key that has to change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .endpoint import EndpointSettings

Conflict = tuple[str, str]

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


def endpoint_conflicts(endpoint: EndpointSettings) -> Iterator[Conflict]:
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


def _ways(endpoint: EndpointSettings) -> Iterator[Conflict]:
    given = [key for key in ("serverless", "asynchronous", "components") if getattr(endpoint, key)]
    if len(given) > 1:
        yield given[1], f"an endpoint serves in one way, and {', '.join(given)} are given; keep one of them"


def _known_keys(endpoint: EndpointSettings) -> Iterator[Conflict]:
    for key, modes in _KNOWN_BY.items():
        value = getattr(endpoint, key)
        if endpoint.mode in modes or key not in endpoint.model_fields_set or not value:
            continue
        word = "serverless endpoint" if endpoint.mode == "serverless" else "component"
        why = _WHY.get(key, "a serverless endpoint has no instances").format(mode_word=word)
        yield key, f"{why}; remove {key}, as this endpoint is {endpoint.mode}"


def _scaling(endpoint: EndpointSettings) -> Iterator[Conflict]:
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


def _variants(endpoint: EndpointSettings) -> Iterator[Conflict]:
    if endpoint.variants and not any(variant.weight > 0 for variant in endpoint.variants.values()):
        yield "variants", "no variant has a weight above 0, so none would get traffic"
    if endpoint.shadow and len(endpoint.variants) > 1:
        yield (
            "shadow",
            f"a shadow stands beside one variant, there are {len(endpoint.variants)}; remove one or the other",
        )


def _rollout(endpoint: EndpointSettings) -> Iterator[Conflict]:
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
