"""Seeded data of twenty mixed columns, as CSV, Parquet and captured JSONL.

    python benchmarks/analyzer/generate.py --rows 1000000 --out /tmp/data

The same row count always gives the same bytes. Column mix: six floats, five integers, two small integers and seven
strings (from three categories up to nearly unique), two percent missing values in every column but two.
"""

from __future__ import annotations

import argparse
import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

BLOCK = 250_000
MISSING_SHARE = 0.02
COMPLETE = ("i_id", "label")
CAPTURE_FILES = 24


def block(number: int, rows: int, drift: float = 0.0) -> pl.DataFrame:
    """One block of rows; `drift` shifts f_normal by that many standard deviations and makes category a rarer."""
    rng = np.random.default_rng([20_240, number])
    first = 0.5 - min(drift, 1.0) * 0.3
    data: dict[str, object] = {
        "label": rng.integers(0, 2, rows).astype(np.int8),
        "f_normal": rng.normal(50, 10, rows) + 10 * drift,
        "f_exp": rng.exponential(3, rows),
        "f_uniform": rng.random(rows),
        "f_lognormal": rng.lognormal(1, 0.7, rows),
        "f_money": np.round(rng.gamma(2, 120, rows), 2),
        "f_signed": rng.standard_t(5, rows),
        "i_id": np.arange(number * BLOCK, number * BLOCK + rows),
        "i_age": rng.integers(18, 95, rows),
        "i_count": rng.poisson(4, rows),
        "i_wide": rng.integers(-(10**9), 10**9, rows),
        "i_month": rng.integers(1, 13, rows),
        "i_flag": rng.integers(0, 2, rows).astype(np.int8),
        "s_three": rng.choice(np.array(["basic", "plus", "premium"]), rows, p=[first, 0.8 - first, 0.2]),
        "s_ten": np.char.add("city_", rng.integers(0, 10, rows).astype(str)),
        "s_hundred": np.char.add("shop-", rng.integers(0, 100, rows).astype(str)),
        "s_thousand": np.char.add("sku ", rng.integers(0, 1_000, rows).astype(str)),
        "s_fivethousand": np.char.add("zip", rng.zipf(1.4, rows).clip(0, 5_000).astype(str)),
        "s_unique": np.char.add("user-", rng.integers(0, 2**40, rows).astype(str)),
        "b_text": np.where(rng.random(rows) < 0.3, "true", "false"),
    }
    frame = pl.DataFrame(data).with_columns(pl.col(pl.Float64).round(4))
    holes = [
        pl.when(pl.Series(rng.random(rows) < MISSING_SHARE)).then(None).otherwise(pl.col(name)).alias(name)
        for name in frame.columns
        if name not in COMPLETE
    ]
    return frame.with_columns(holes)


def blocks(rows: int, drift: float = 0.0) -> list[tuple[int, int, float]]:
    return [(n, min(BLOCK, rows - n * BLOCK), drift) for n in range((rows + BLOCK - 1) // BLOCK)]


def write_csv(path: Path, rows: int, drift: float = 0.0) -> None:
    with path.open("wb") as out:
        for n, part in enumerate(blocks(rows, drift)):
            block(*part).write_csv(out, include_header=n == 0)


def write_parquet(path: Path, rows: int, drift: float = 0.0) -> None:
    pl.scan_csv(path.with_suffix(".csv")).sink_parquet(path) if not drift else pl.concat(
        [block(*part) for part in blocks(rows, drift)]
    ).write_parquet(path)


def write_capture(folder: Path, rows: int, drift: float = 0.0) -> None:
    """Hour folders as SageMaker writes them; the first column is the model's answer, the others its input."""
    start = datetime(2025, 3, 1, 10, tzinfo=UTC)
    target = folder / "benchmark" / "AllTraffic" / start.strftime("%Y/%m/%d/%H")
    target.mkdir(parents=True, exist_ok=True)
    files = [(target / f"{n * 2:02d}-00-000-{uuid.UUID(int=n)}.jsonl").open("w") for n in range(CAPTURE_FILES)]
    index = 0
    for part in blocks(rows, drift):
        frame = block(*part)
        answers = frame.select("label").write_csv(include_header=False).splitlines()
        inputs = frame.drop("label").write_csv(include_header=False).splitlines()
        for answer, body in zip(answers, inputs, strict=True):
            moment = start + timedelta(seconds=3600 * index / rows)
            sides = {
                side: {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": "CSV"}
                for side, mode, data in (("endpointInput", "INPUT", body), ("endpointOutput", "OUTPUT", answer))
            }
            record = {
                "captureData": sides,
                "eventMetadata": {
                    "eventId": str(uuid.UUID(int=index)),
                    "inferenceTime": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
                },
                "eventVersion": "0",
            }
            files[index * CAPTURE_FILES // rows].write(json.dumps(record, separators=(",", ":")) + "\n")
            index += 1
    for file in files:
        file.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--formats", nargs="+", default=["csv", "parquet"], choices=["csv", "parquet", "capture"])
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    csv = options.out / f"data-{options.rows}.csv"
    if not csv.exists():
        write_csv(csv, options.rows)
    if "parquet" in options.formats:
        write_parquet(csv.with_suffix(".parquet"), options.rows)
    if "capture" in options.formats:
        write_capture(options.out / f"capture-{options.rows}", options.rows)


if __name__ == "__main__":
    main()
