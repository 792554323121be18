"""Which input the settings name."""

from __future__ import annotations

from monitor.batch_transform import BatchTransformSource
from monitor.offline_store import OfflineStoreSource
from monitor.sources import DatasetSource, EndpointSource, InputSource, read_format
from shared.environment import Environment


def source_of(environment: Environment) -> InputSource:
    """The input that the settings name; mistakes are noted in ``environment``."""
    types = (EndpointSource.type, DatasetSource.type, OfflineStoreSource.type, BatchTransformSource.type)
    kind = environment.choice("INPUT_TYPE", types, EndpointSource.type)
    if kind == OfflineStoreSource.type:
        return OfflineStoreSource.of(environment)
    if kind == BatchTransformSource.type:
        return BatchTransformSource.of(environment)
    if kind == DatasetSource.type:
        form, header = read_format(environment)
        return DatasetSource(
            name=environment.text("DATASET_NAME"),
            root=environment.s3_uri("DATASET_URI"),
            format=form,
            header=header,
            partitions=environment.optional_text("DATASET_PARTITIONS"),
        )
    return EndpointSource(name=environment.text("ENDPOINT_NAME"), captures=environment.s3_uri("CAPTURE_URI"))
