"""The Glue table of an offline store."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from .state import Group
from .values import Feature

_TYPES = {"String": "string", "Integral": "bigint", "Fractional": "double"}
_PARTITIONS = ("year", "month", "day", "hour")
_PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}
DEFAULT_DATABASE = "sagemaker_featurestore"


def default_names(name: str, created: int) -> dict[str, str]:
    """Return catalog, database and table that SageMaker chooses, the table's in the letters that Athena recommends."""
    table = f"{name.lower().replace('-', '_')}_{created}"
    return {"Catalog": "AwsDataCatalog", "Database": DEFAULT_DATABASE, "TableName": table}


def register(glue: Any, group: Group) -> None:
    """Create the group's table, and SageMaker's own database if the table belongs there.

    Raises:
        ClientError: if the database does not exist or has such a table already.
    """
    names = group.definition["OfflineStoreConfig"]["DataCatalogConfig"]
    if names["Database"] == DEFAULT_DATABASE:
        try:
            glue.create_database(DatabaseInput={"Name": DEFAULT_DATABASE})
        except ClientError as error:
            if error.response["Error"]["Code"] != "AlreadyExistsException":
                raise
    glue.create_table(DatabaseName=names["Database"], TableInput=table(group))


def refresh(glue: Any, group: Group) -> None:
    """Add the columns of new features to the group's table."""
    names = group.definition["OfflineStoreConfig"]["DataCatalogConfig"]
    glue.update_table(DatabaseName=names["Database"], TableInput=table(group))


def table(group: Group) -> dict[str, Any]:
    """Return the table's definition."""
    config = group.definition["OfflineStoreConfig"]
    columns = [{"Name": name.lower(), "Type": _type(feature)} for name, feature in group.features.items()]
    columns += [
        {"Name": "write_time", "Type": "timestamp"},
        {"Name": "api_invocation_time", "Type": "timestamp"},
        {"Name": "is_deleted", "Type": "boolean"},
    ]
    described: dict[str, Any] = {
        "Name": config["DataCatalogConfig"]["TableName"],
        "TableType": "EXTERNAL_TABLE",
        "StorageDescriptor": {
            "Columns": columns,
            "Location": config["S3StorageConfig"]["ResolvedOutputS3Uri"],
            **_PARQUET,
        },
        "PartitionKeys": [],
        "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"},
    }
    if group.iceberg:
        described["Parameters"]["table_type"] = "ICEBERG"
    else:
        described["PartitionKeys"] = [{"Name": name, "Type": "string"} for name in _PARTITIONS]
    return described


def _type(feature: Feature) -> str:
    return f"array<{_TYPES[feature.type]}>" if feature.collection else _TYPES[feature.type]
