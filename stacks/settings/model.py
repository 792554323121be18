"""One model of an environment file, and what its parts demand of each other."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from .around import BatchSettings
from .base import Settings, conflict
from .containers import ContainerSettings
from .endpoint import EndpointSettings
from .labelled import MonitorsSettings
from .registry import RegistrySettings
from .training import OnDrift, TrainingSettings


class ModelSettings(Settings):
    """One model: where its versions come from, how it is served, what watches it."""

    registry: Annotated[RegistrySettings | None, Field(description="Serve the latest approved version of a group.")] = (
        None
    )
    container: Annotated[
        ContainerSettings | None, Field(description="Serve a fixed image and model instead of a registry's.")
    ] = None
    pipeline: Annotated[
        tuple[ContainerSettings, ...],
        Field(max_length=15, description="Containers that a request passes one after the other. Default: none"),
    ] = ()
    endpoint: Annotated[EndpointSettings, Field(description="The endpoint.")]
    monitors: Annotated[MonitorsSettings, Field(description="What is watched. Default: the endpoint only")] = (
        MonitorsSettings()
    )
    batch: Annotated[BatchSettings | None, Field(description="Scheduled batch transform. Default: none")] = None
    training: Annotated[TrainingSettings | None, Field(description="How it is trained. Default: not here")] = None
    on_drift: OnDrift = None

    @model_validator(mode="after")
    def _trains_where_it_is_registered(self) -> ModelSettings:
        if self.training and (self.registry is None or self.registry.account is not None):
            raise conflict(
                "training",
                "new versions are registered in a group of this environment; train in the environment that owns the "
                "group, or write registry: {group: <name>} without account",
            )
        if self.on_drift and not self.training:
            raise conflict("on_drift", "there is nothing to start; add training: {…}, or remove it")
        if self.on_drift and self.monitors == MonitorsSettings():
            raise conflict("on_drift", "no monitor could find drift; add one to monitors, or remove on_drift")
        return self

    @model_validator(mode="after")
    def _one_source(self) -> ModelSettings:
        if self.registry and self.container:
            raise conflict("container", "a model comes from a registry or from a container; remove one of the two")
        if self.pipeline and (self.registry or self.container):
            raise conflict("pipeline", "a model comes from one source; remove pipeline, or registry and container")
        if self.pipeline and len(self.pipeline) < 2:
            raise conflict("pipeline", "holds one container, a pipeline has 2 to 15; write it as container")
        if not self.registry and not self.container and not self.pipeline:
            raise conflict("registry", "missing; say where versions come from: registry: {group: <name>}")
        if not self.registry and self.endpoint.pinned_version:
            raise conflict("endpoint", "pinned_version is a version of a registry; remove it, or use registry")
        return self

    @model_validator(mode="after")
    def _others_exist(self) -> ModelSettings:
        others = {**self.endpoint.variants, **self.endpoint.components}
        for name, other in (*others.items(), ("shadow", self.endpoint.shadow)):
            if other and other.version and not self.registry:
                raise conflict(
                    "endpoint", f"{name} serves a version of a registry, and there is none; give a container"
                )
        if self.endpoint.mode == "real-time":
            return self
        if self.pipeline or self.loads_many:
            what = "a pipeline" if self.pipeline else "a multi-model container"
            raise conflict(
                "endpoint", f"{what} answers at once from instances only, this endpoint is {self.endpoint.mode}"
            )
        return self

    @model_validator(mode="after")
    def _batch_hosts_one_model(self) -> ModelSettings:
        if self.batch and self.loads_many:
            raise conflict("batch", "batch transform cannot host a multi-model container; remove it")
        return self

    @model_validator(mode="after")
    def _captures_one_model(self) -> ModelSettings:
        if self.loads_many and self.endpoint.captured and "capture" in self.endpoint.model_fields_set:
            raise conflict("endpoint", "SageMaker does not capture multi-model containers; write capture: null")
        return self

    @property
    def loads_many(self) -> bool:
        """Whether a container loads models on request."""
        return any(each.models for each in (*self.pipeline, *([self.container] if self.container else ())))

    @model_validator(mode="after")
    def _monitors_see_what_they_need(self) -> ModelSettings:
        capture, bias = None if self.loads_many else self.endpoint.captured, self.monitors.bias
        needed = {"data_quality": "input", "model_quality": "output", "bias": "both", "attribution": "input"}
        for monitor, side in needed.items():
            if getattr(self.monitors, monitor) is None:
                continue
            if capture is None and (self.endpoint.mode != "real-time" or self.loads_many):
                what = "multi-model containers" if self.loads_many else f"{self.endpoint.mode} endpoints"
                raise conflict("monitors", f"{monitor} reads captured traffic, and SageMaker captures none of {what}")
            if capture is None:
                raise conflict(
                    "monitors", f"{monitor} reads captured traffic, and capture is turned off; turn one of them"
                )
            if capture.sides not in (side, "both"):
                what = "inputs and outputs" if side == "both" else f"{side}s"
                enough = "both" if side == "both" else f"both or {side}"
                raise conflict(
                    "monitors",
                    f"{monitor} reads captured {what}, and capture.sides is {capture.sides}; use {enough}",
                )
        if bias and bias.by_name and not bias.columns and capture and capture.content == "csv":
            raise conflict(
                "monitors",
                f"bias knows no column {bias.facet}: captured CSV has no names; add columns to bias, or give the "
                'column\'s number in quotes, such as facet: "3"',
            )
        return self
