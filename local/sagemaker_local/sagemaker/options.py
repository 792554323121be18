"""What tests may set of the embedded SageMaker."""

from __future__ import annotations

from dataclasses import dataclass

from .serving.containers import INSTANCE_MEMORY_BYTES


@dataclass
class Options:
    """How long things take, in seconds of virtual time, and how often events come.

    SageMaker needs minutes for what takes no time here; give delays to test code that has to wait.
    """

    create_endpoint_seconds: float = 0.0
    update_endpoint_seconds: float = 0.0
    events_per_change: int = 1
    """SageMaker may send several events for one change; consumers must be idempotent."""
    serverless_cold_start_seconds: float = 0.0
    """Real time that the first request on new capacity of a serverless variant waits."""
    serverless_keep_warm_seconds: float = 300.0
    """Virtual time after which idle capacity of a serverless variant is gone."""
    instance_memory_bytes: int = INSTANCE_MEMORY_BYTES
    """Memory of an instance, which limits how many models a multi-model container keeps."""
    async_requests_per_instance: int = 4
    """Requests that an instance of an asynchronous endpoint works on at once, where its configuration does not say."""
