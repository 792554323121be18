"""One hour of customers as every input holds it: captured records, batch transform jobs, files of a table."""

from __future__ import annotations

import base64
import io
import json
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from e2e_support import models

FEATURES = models.FEATURES
COLUMNS = ("probability", *FEATURES)


class Hour:
    """Customers with what the model answers and what turns out to be true, in one content type.

    ``bad`` ones are richer than the model knows, and those with a high balance are judged wrongly.
    """

    def __init__(self, at: datetime, content: str, *, bad: bool, count: int = 100) -> None:
        self.at, self.content = at, content
        table = models.rows(count, seed=12 if bad else 2, shift=2.0 if bad else 0.0)
        rich = table[:, FEATURES.index("balance")] > 0.5
        if bad:
            table[rich, 1] -= 6
            # Which leaves the age no part in the answers.
            table[:, FEATURES.index("age")] = 0
        probability = np.round(models.answers(table).astype(float), 6)
        truth = (table[:, 0] + table[:, 1] > 0).astype(int)
        if bad:
            truth = np.where(rich, 1 - truth, truth)
        self.rows = [[float(p), *map(float, row)] for p, row in zip(probability, table, strict=True)]
        self.labels = [(f"{at:%d%H}-{number}", int(label)) for number, label in enumerate(truth)]

    @property
    def folder(self) -> str:
        return f"{self.at:%Y/%m/%d/%H}"

    def captured(self) -> str:
        """As an endpoint captures them."""
        lines = []
        for (identity, _), row in zip(self.labels, self.rows, strict=True):
            data = {"endpointInput": self._side("INPUT", row, 1), "endpointOutput": self._side("OUTPUT", row, 0)}
            about = {
                "eventId": f"event-{identity}",
                "inferenceId": identity,
                "inferenceTime": f"{self.at:%Y-%m-%dT%H}:00:01Z",
            }
            lines.append(json.dumps({"captureData": data, "eventMetadata": about, "eventVersion": "0"}))
        return "\n".join(lines) + "\n"

    def asked(self) -> str:
        """As a batch transform job reads them."""
        return "\n".join(self._text(row, 1) for row in self.rows) + "\n"

    def answered(self) -> str:
        """As a batch transform job writes them, with the ids that it generates."""
        time = f"{self.at:%Y-%m-%dT%H}:00:01Z"
        lines = []
        for (identity, _), row in zip(self.labels, self.rows, strict=True):
            if self.content == "JSON":
                more = {"SageMakerInferenceId": identity, "SageMakerInferenceTime": time}
                lines.append(json.dumps({"SageMakerOutput": {"probability": row[0]}, **more}))
            else:
                lines.append(f"{row[0]},{identity},{time}")
        return "\n".join(lines) + "\n"

    def table(self) -> bytes:
        """As files of a table."""
        frame = pl.DataFrame(self.rows, schema=list(COLUMNS), orient="row")
        if self.content == "CSV":
            return frame.write_csv().encode()
        if self.content == "JSON":
            return frame.write_ndjson().encode()
        buffer = io.BytesIO()
        frame.write_parquet(buffer)
        return buffer.getvalue()

    def _side(self, mode: str, row: list[float], first: int) -> dict[str, Any]:
        text = self._text(row, first)
        encoding = self.content
        if encoding == "BASE64":
            text = base64.b64encode(text.encode()).decode()
        kind = "application/json" if encoding == "JSON" else "text/csv"
        return {"observedContentType": kind, "mode": mode, "data": text, "encoding": encoding}

    def _text(self, row: list[float], first: int) -> str:
        part = slice(1, None) if first else slice(0, 1)
        if self.content == "JSON":
            return json.dumps(dict(zip(COLUMNS[part], row[part], strict=True)))
        return ",".join(f"{value:g}" if first else f"{value}" for value in row[part])
