"""Athena: workgroups, results, errors, and Trino's dialect on DuckDB."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 7 / 2, 7 / 2e0, 7 % 4", ["3", "3.5", "3"]),
        ("SELECT concat('a', NULL), greatest(1, NULL), least(3, 2, 1)", [None, None, "1"]),
        ("SELECT 'it''s -- none', \"x\" FROM (VALUES (1)) AS t(\"x\") -- a comment", ["it's -- none", "1"]),
        ("SELECT date_diff('day', TIMESTAMP '2026-01-01 12:00:00', TIMESTAMP '2026-01-03 11:00:00')", ["1"]),
        ("SELECT date_add('month', 1, TIMESTAMP '2026-01-31 00:00:00')", ["2026-02-28 00:00:00.000"]),
        ("SELECT date_format(TIMESTAMP '2026-01-02 03:04:05', '%Y-%m-%dT%H:%i:%s')", ["2026-01-02T03:04:05"]),
        ("SELECT date_parse('2026-01-02 03:04', '%Y-%m-%d %H:%i')", ["2026-01-02 03:04:00.000"]),
        ("SELECT from_iso8601_timestamp('2026-01-02T03:04:05.6789Z')", ["2026-01-02 03:04:05.678 UTC"]),
        ("SELECT to_unixtime(from_iso8601_timestamp('1970-01-02T00:00:00Z'))", ["86400.0"]),
        ("SELECT CAST(NULL AS timestamp(3) with time zone)", [None]),
        ("SELECT TIMESTAMP '2026-01-01 00:00:00 UTC'", ["2026-01-01 00:00:00.000 UTC"]),
        (
            "SELECT from_iso8601_timestamp_nanos('2026-01-01T00:00:00.000000002Z') < "
            "from_iso8601_timestamp_nanos('2026-01-01T00:00:00.000000003Z')",
            ["true"],
        ),
        ("SELECT approx_distinct(x), max_by(y, x), cardinality(array_agg(x)) FROM (VALUES (1, 'a'), (2, 'b')) t(x, y)",
         ["2", "b", "2"]),
        ("SELECT u.n FROM (SELECT ARRAY[4] AS several) CROSS JOIN UNNEST(several) AS u(n)", ["4"]),
        ("WITH q(a) AS (SELECT 5) SELECT a AS at FROM q", ["5"]),
        ("SELECT json_extract_scalar('{\"a\": {\"b\": 1}}', '$.a.b'), regexp_like('abc', 'b')", ["1", "true"]),
        ("SELECT CAST('nan' AS double), CAST('inf' AS double), 1e0", ["NaN", "Infinity", "1.0"]),
        ("SELECT DATE '2026-01-01', true, CAST('1.5' AS decimal(9, 2))", ["2026-01-01", "true", "1.50"]),
    ],
)  # fmt: skip
def test_expressions_give_what_athena_gives(store: Any, sql: str, expected: list[str | None]) -> None:
    assert store.rows(sql) == [expected]


def test_now_is_the_virtual_time(store: Any) -> None:
    store.aws.clock.advance(3600)
    (row,) = store.rows("SELECT now(), current_timestamp, current_date")
    assert row[0][:16] == row[1][:16] == store.aws.clock.now().strftime("%Y-%m-%d %H:%M")
    assert row[2] == store.aws.clock.now().strftime("%Y-%m-%d")


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT nope", "COLUMN_NOT_FOUND: .*nope"),
        ("SELECT * FROM nope", "TABLE_NOT_FOUND: Table 'awsdatacatalog.default.nope' does not exist"),
        ("SELECT 1 +", "SYNTAX_ERROR"),
        ("SELECT 1; SELECT 2", "SYNTAX_ERROR: line 1:9: Only one sql statement"),
        ("SELECT\n  geometry_union(1)", "FUNCTION_NOT_FOUND: line 2:3: Function 'geometry_union' is not registered"),
        ("SELECT CAST('x' AS bigint)", "INVALID_CAST_ARGUMENT"),
        ("DELETE FROM t", "NOT_SUPPORTED: .*SELECT only, not DELETE"),
        ("CREATE TABLE t AS SELECT 1", "NOT_SUPPORTED: .*not CREATE"),
        ("SELECT ?", "INVALID_PARAMETER_USAGE: .*expected 1 but found 0"),
        ("SELECT date_format(now(), upper('%y'))", "NOT_SUPPORTED: .*as a literal"),
        # Nothing of this machine can be seen.
        ("SELECT * FROM '/etc/passwd'", "TABLE_NOT_FOUND"),
        ("SELECT * FROM read_text('/etc/passwd')", "FUNCTION_NOT_FOUND: .*read_text"),
        ("SELECT * FROM \"read_text\"('/etc/passwd')", "FUNCTION_NOT_FOUND: .*read_text"),
        ("SELECT getenv('HOME')", "FUNCTION_NOT_FOUND: .*getenv"),
    ],
)
def test_queries_fail_with_athenas_names(store: Any, sql: str, reason: str) -> None:
    found = store.query(sql)
    assert found["Status"]["State"] == "FAILED"
    assert found["Status"]["AthenaError"]["ErrorCategory"] == 2
    assert re.search(reason, found["Status"]["StateChangeReason"])
    with pytest.raises(ClientError, match="Query did not finish successfully"):
        store.client("athena").get_query_results(QueryExecutionId=found["QueryExecutionId"])


def test_parameters_are_expressions(store: Any) -> None:
    assert store.rows("SELECT ? || ?, ?", ExecutionParameters=["'a'", "'b''?'", "1 + 1"]) == [["ab'?", "2"]]


def test_results_are_paged_and_written_as_csv(store: Any) -> None:
    word = "CASE WHEN n = 2 THEN NULL WHEN n = 3 THEN '' ELSE 'a\"b' END AS word"
    sql = f"SELECT n, {word}, sum(n) OVER () FROM UNNEST(ARRAY[1, 2, 3, 4, 5]) AS t(n) ORDER BY n"
    found = store.query(sql)
    assert found["StatementType"] == "DML"
    location = found["ResultConfiguration"]["OutputLocation"]
    assert location == f"s3://{store.bucket}/results/{found['QueryExecutionId']}.csv"
    body = store.client("s3").get_object(Bucket=store.bucket, Key=location.split("/", 3)[3])["Body"].read()
    assert body == b'"n","word","_col2"\n"1","a""b","15"\n"2",,"15"\n"3","","15"\n"4","a""b","15"\n"5","a""b","15"\n'
    pages = (
        store.client("athena")
        .get_paginator("get_query_results")
        .paginate(QueryExecutionId=found["QueryExecutionId"], PaginationConfig={"PageSize": 4})
    )
    rows = [[item.get("VarCharValue") for item in row["Data"]] for page in pages for row in page["ResultSet"]["Rows"]]
    assert rows[0] == ["n", "word", "_col2"]
    assert [row[0] for row in rows[1:]] == ["1", "2", "3", "4", "5"]
    assert rows[2][1] is None
    columns = store.client("athena").get_query_results(QueryExecutionId=found["QueryExecutionId"])["ResultSet"]
    assert [item["Type"] for item in columns["ResultSetMetadata"]["ColumnInfo"]] == ["integer", "varchar", "bigint"]


def test_a_workgroup_says_where_results_go_and_how_much_may_be_scanned(store: Any) -> None:
    athena = store.client("athena")
    own = {
        "OutputLocation": f"s3://{store.bucket}/own/",
        "EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": "alias/aws/s3"},
    }
    athena.create_work_group(
        Name="team",
        Configuration={"ResultConfiguration": own, "BytesScannedCutoffPerQuery": 10_000_000},
        Tags=[{"Key": "team", "Value": "ml"}],
    )
    found = store.query("SELECT 1", WorkGroup="team")
    assert found["ResultConfiguration"]["OutputLocation"].startswith(f"s3://{store.bucket}/own/")
    key = found["ResultConfiguration"]["OutputLocation"].split("/", 3)[3]
    assert store.client("s3").head_object(Bucket=store.bucket, Key=key)["ServerSideEncryption"] == "aws:kms"
    store.client("s3").put_object(Bucket=store.bucket, Key="large/1.csv", Body=b"12345\n" * 2_000_000)
    storage = {
        "Columns": [{"Name": "n", "Type": "int"}],
        "Location": f"s3://{store.bucket}/large",
        "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"},
    }
    glue = store.client("glue")
    glue.create_database(DatabaseInput={"Name": "csv"})
    glue.create_table(DatabaseName="csv", TableInput={"Name": "large", "StorageDescriptor": storage})
    assert "Bytes scanned limit was exceeded" in store.reason("SELECT sum(n) FROM csv.large", WorkGroup="team")
    assert store.rows("SELECT sum(n) FROM csv.large") == [[str(12345 * 2_000_000)]]
    athena.update_work_group(WorkGroup="team", State="DISABLED")
    with pytest.raises(ClientError, match="WorkGroup team is disabled"):
        store.query("SELECT 1", WorkGroup="team")
    arn = "arn:aws:athena:eu-west-1:123456789012:workgroup/team"
    assert athena.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "ml"}]
    with pytest.raises(ClientError, match="is not empty"):
        athena.delete_work_group(WorkGroup="team")
    athena.delete_work_group(WorkGroup="team", RecursiveDeleteOption=True)
    assert [group["Name"] for group in athena.list_work_groups()["WorkGroups"]] == ["primary"]
    with pytest.raises(ClientError, match="No output location provided"):
        athena.start_query_execution(QueryString="SELECT 1")


def test_a_query_can_be_stopped(store: Any) -> None:
    athena = store.client("athena")
    numbers = ", ".join(f"({number})" for number in range(2000))
    sql = f"WITH t(n) AS (VALUES {numbers}) SELECT count(*) FROM t a, t b, t c WHERE a.n * b.n = c.n + 1"
    key = athena.start_query_execution(
        QueryString=sql, ResultConfiguration={"OutputLocation": f"s3://{store.bucket}/r"}
    )["QueryExecutionId"]
    with pytest.raises(ClientError, match="Query has not yet finished"):
        athena.get_query_results(QueryExecutionId=key)
    athena.stop_query_execution(QueryExecutionId=key)
    found = store.ended(key)
    assert found["Status"]["State"] == "CANCELLED"
    assert store.rows("SELECT 1") == [["1"]]


def test_a_token_starts_a_query_once(store: Any) -> None:
    athena = store.client("athena")
    request = {
        "QueryString": "SELECT 1",
        "ClientRequestToken": "t" * 32,
        "ResultConfiguration": {"OutputLocation": f"s3://{store.bucket}/r"},
    }
    first, second = athena.start_query_execution(**request), athena.start_query_execution(**request)
    assert first["QueryExecutionId"] == second["QueryExecutionId"]
    with pytest.raises(ClientError, match="Idempotent parameters do not match"):
        athena.start_query_execution(**{**request, "QueryString": "SELECT 2"})


def test_what_the_tables_format_or_type_is_that_cannot_be_read_is_said(store: Any) -> None:
    glue = store.client("glue")
    glue.create_database(DatabaseInput={"Name": "odd"})
    orc = {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.orc.OrcSerde"}
    parquet = {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"}
    store.client("s3").put_object(Bucket=store.bucket, Key="odd/1", Body=io.BytesIO(b"x").read())
    for name, kind, serde in (("orc", "int", orc), ("nested", "struct<a:int>", parquet)):
        storage = {"Columns": [{"Name": "n", "Type": kind}], "Location": f"s3://{store.bucket}/odd", "SerdeInfo": serde}
        glue.create_table(DatabaseName="odd", TableInput={"Name": name, "StorageDescriptor": storage})
    assert "reads Parquet and CSV, not org.apache.hadoop.hive.ql.io.orc.OrcSerde" in store.reason(
        "SELECT * FROM odd.orc"
    )
    assert "does not read columns of type struct<a:int>" in store.reason("SELECT * FROM odd.nested")
