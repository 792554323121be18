"""Queries: start, watch, stop, read."""

from __future__ import annotations

import copy
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from . import results
from .dialect import Refused, kind
from .engine import Request, Session
from .service import ENGINE, Athena, Execution, Store, WorkGroup, invalid
from .workgroups import find

if TYPE_CHECKING:
    from sagemaker_local.front import Context

Params = dict[str, Any]
_PAGE = 1000
_DONE = ("SUCCEEDED", "FAILED", "CANCELLED")


def install(athena: Athena) -> None:
    """Answer the operations on queries."""
    executions = _Executions(athena)
    athena.register(
        {
            "StartQueryExecution": executions.start,
            "GetQueryExecution": executions.get,
            "BatchGetQueryExecution": executions.batch_get,
            "ListQueryExecutions": executions.list_ids,
            "GetQueryResults": executions.results,
            "StopQueryExecution": executions.stop,
        }
    )


class _Executions:
    def __init__(self, athena: Athena) -> None:
        self._athena = athena
        # Beginning and ending of queries, each of which only one thread may decide.
        self._deciding = threading.Lock()

    def start(self, context: Context, params: Params) -> Params:
        """StartQueryExecution; the same client request token starts a query once."""
        store = self._athena.store(context)
        group = find(store, params.get("WorkGroup", "primary"))
        if group.state != "ENABLED":
            raise invalid(f"WorkGroup {group.name} is disabled.")
        token = params.get("ClientRequestToken")
        with store.lock:
            known = store.executions.get(store.tokens.get(token, "")) if token else None
            if known is not None:
                if known.query != params["QueryString"]:
                    raise invalid("Idempotent parameters do not match")
                return {"QueryExecutionId": known.id}
            execution = Execution(
                id=str(uuid.uuid4()),
                query=params["QueryString"],
                statement=kind(params["QueryString"]),
                context={"Catalog": "awsdatacatalog", **(params.get("QueryExecutionContext") or {})},
                result_configuration=_configuration(group, params.get("ResultConfiguration") or {}),
                workgroup=group.name,
                submitted=self._athena.aws.clock.now(),
                parameters=params.get("ExecutionParameters"),
            )
            location = execution.result_configuration["OutputLocation"].rstrip("/")
            execution.result_configuration["OutputLocation"] = f"{location}/{execution.id}.csv"
            store.executions[execution.id] = execution
            if token:
                store.tokens[token] = execution.id
        self._athena.settle_features()
        # Athena reads and writes with the caller's permissions.
        glue, s3 = context.client("glue"), context.client("s3")
        self._athena.pool.submit(self._run, execution, group, glue, s3)
        return {"QueryExecutionId": execution.id}

    def get(self, context: Context, params: Params) -> Params:
        """GetQueryExecution."""
        return {"QueryExecution": _described(self._find(context, params["QueryExecutionId"]))}

    def batch_get(self, context: Context, params: Params) -> Params:
        """BatchGetQueryExecution; what does not exist is reported beside the others."""
        found = self._athena.store(context).executions
        wanted = params["QueryExecutionIds"]
        return {
            "QueryExecutions": [_described(found[key]) for key in wanted if key in found],
            "UnprocessedQueryExecutionIds": [
                {
                    "QueryExecutionId": key,
                    "ErrorCode": "INVALID_INPUT",
                    "ErrorMessage": f"QueryExecution {key} was not found",
                }
                for key in wanted
                if key not in found
            ],
        }

    def list_ids(self, context: Context, params: Params) -> Params:
        """ListQueryExecutions of a workgroup, newest first."""
        store: Store = self._athena.store(context)
        group = find(store, params.get("WorkGroup", "primary"))
        ids = [key for key, execution in store.executions.items() if execution.workgroup == group.name][::-1]
        start, size = int(params.get("NextToken", 0)), int(params.get("MaxResults", 50))
        answer: Params = {"QueryExecutionIds": ids[start : start + size]}
        return {**answer, "NextToken": str(start + size)} if start + size < len(ids) else answer

    def results(self, context: Context, params: Params) -> Params:
        """GetQueryResults: the first row has the names of the columns."""
        execution = self._find(context, params["QueryExecutionId"])
        if execution.state != "SUCCEEDED":
            hint = f" Query error: {execution.reason}" if execution.reason else ""
            text = f"Query did not finish successfully. Final query state: {execution.state}.{hint}"
            raise invalid(
                text if execution.state in _DONE else f"Query has not yet finished. Current state: {execution.state}"
            )
        try:
            start = int(params.get("NextToken", 0))
        except ValueError:
            raise invalid(f"Invalid NextToken: {params['NextToken']}") from None
        size = int(params.get("MaxResults", _PAGE))
        header: list[tuple[str | None, ...]] = [tuple(name for name, _ in execution.columns)]
        rows = [*header, *execution.rows][start : start + size]
        answer: Params = {
            "UpdateCount": 0,
            "ResultSet": {
                "Rows": [{"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in rows],
                "ResultSetMetadata": {"ColumnInfo": [_column(name, of) for name, of in execution.columns]},
            },
        }
        more = start + size < len(execution.rows) + 1
        return {**answer, "NextToken": str(start + size)} if more else answer

    def stop(self, context: Context, params: Params) -> Params:
        """StopQueryExecution; a query that is done stays as it is."""
        execution = self._find(context, params["QueryExecutionId"])
        self._finish(execution, "CANCELLED", "Query cancelled by user")
        session = execution.session
        if session is not None:
            session.interrupt()
        return {}

    def _find(self, context: Context, key: str) -> Execution:
        execution = self._athena.store(context).executions.get(key)
        if execution is None:
            raise invalid(f"QueryExecution {key} was not found")
        return execution

    def _run(self, execution: Execution, group: WorkGroup, glue: Any, s3: Any) -> None:
        started = time.perf_counter()
        session = Session(glue, s3, self._athena.files)
        with self._deciding:
            if execution.state != "QUEUED":
                return
            execution.session, execution.state = session, "RUNNING"
        try:
            request = Request(
                execution.query,
                execution.context.get("Database") or "default",
                execution.parameters,
                group.configuration.get("BytesScannedCutoffPerQuery"),
                self._athena.aws.clock.now(),
            )
            result = session.run(request)
            _store(s3, execution, result)
            execution.columns, execution.rows = result.columns, result.rows
            state, reason = "SUCCEEDED", None
        except Refused as error:
            state, reason = "FAILED", str(error)
        except (ClientError, BotoCoreError) as error:
            state, reason = "FAILED", f"PERMISSION_DENIED_OR_MISSING: {error}"
        except Exception as error:  # noqa: BLE001 - a query must end, whatever happens to it
            state, reason = "FAILED", f"GENERIC_INTERNAL_ERROR: {type(error).__name__}: {error}"
        execution.session = None
        execution.scanned = session.scanned
        execution.milliseconds = round((time.perf_counter() - started) * 1000)
        self._finish(execution, state, reason)

    def _finish(self, execution: Execution, state: str, reason: str | None) -> None:
        # Whoever ends a query first decides how it ended.
        with self._deciding:
            if execution.state not in _DONE:
                execution.completed = self._athena.aws.clock.now()
                execution.reason = reason
                execution.state = state


def _configuration(group: WorkGroup, given: Params) -> Params:
    own = group.configuration.get("ResultConfiguration") or {}
    chosen = copy.deepcopy(
        {**given} if given and not group.configuration["EnforceWorkGroupConfiguration"] else own or given
    )
    if not chosen.get("OutputLocation"):
        chosen["OutputLocation"] = own.get("OutputLocation") or given.get("OutputLocation")
    if not chosen["OutputLocation"]:
        raise invalid(
            "No output location provided. An output location is required either through the Workgroup result "
            "configuration setting or as an API input."
        )
    if not chosen["OutputLocation"].startswith("s3://"):
        raise invalid(f"outputLocation is not a valid S3 path: {chosen['OutputLocation']}")
    return dict(chosen)


def _store(s3: Any, execution: Execution, result: results.Result) -> None:
    place = urlsplit(execution.result_configuration["OutputLocation"])
    encryption = execution.result_configuration.get("EncryptionConfiguration") or {}
    extra = {"SSE_S3": {"ServerSideEncryption": "AES256"}, "SSE_KMS": {"ServerSideEncryption": "aws:kms"}}.get(
        encryption.get("EncryptionOption", ""), {}
    )
    if encryption.get("KmsKey") and extra:
        extra["SSEKMSKeyId"] = encryption["KmsKey"]
    s3.put_object(Bucket=place.netloc, Key=place.path.lstrip("/"), Body=results.csv(result), **extra)


def _column(name: str, athena_type: str) -> Params:
    precision, scale = {"varchar": (2147483647, 0), "bigint": (19, 0), "integer": (10, 0), "double": (17, 0)}.get(
        athena_type, (0, 0)
    )
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": athena_type,
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": athena_type == "varchar",
    }


def _described(execution: Execution) -> Params:
    status: Params = {"State": execution.state, "SubmissionDateTime": execution.submitted}
    if execution.completed is not None:
        status["CompletionDateTime"] = execution.completed
    if execution.reason is not None:
        status["StateChangeReason"] = execution.reason
        if execution.state == "FAILED":
            # Category 2: the user's query, not the system.
            status["AthenaError"] = {
                "ErrorCategory": 2,
                "ErrorType": 1006,
                "Retryable": False,
                "ErrorMessage": execution.reason,
            }
    return {
        "QueryExecutionId": execution.id,
        "Query": execution.query,
        "StatementType": execution.statement,
        "ResultConfiguration": execution.result_configuration,
        "QueryExecutionContext": execution.context,
        "Status": status,
        "Statistics": {
            "EngineExecutionTimeInMillis": execution.milliseconds,
            "DataScannedInBytes": execution.scanned,
            "TotalExecutionTimeInMillis": execution.milliseconds,
        },
        "WorkGroup": execution.workgroup,
        "EngineVersion": dict(ENGINE),
        **({"ExecutionParameters": execution.parameters} if execution.parameters else {}),
    }
