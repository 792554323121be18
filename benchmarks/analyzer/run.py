"""Time and peak memory of whole processes: this analyzer beside a plain parse of the file and other libraries.

    python benchmarks/analyzer/run.py --rows 100000 1000000 --repeat 3
    python benchmarks/analyzer/run.py --rows 10000000 --formats csv parquet --engines analyzer parse
    python benchmarks/analyzer/run.py --rows 100000 --formats capture --limit-mb 1024
    python benchmarks/analyzer/run.py --rows 1000000 --engines parse analyzer evidently \
        --python evidently=../evidently-venv/bin/python

Each measurement is a process of its own, imports included; the engines take turns and the best of the repetitions
counts. `analyzer` profiles the data, writes the statistics and checks them against a baseline of 100,000 other rows;
`records` looks at whole rows as well, as the command line does for records.json. `parse` only reads the file with
polars. Engines that are not installed are left out by name.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BASELINE_ROWS = 100_000
SLOW_SECONDS = 20.0

_ANALYZER = """
import functools, json, sys
from pathlib import Path
from model_analyzer import data_quality as dq, inputs
data, kind, baseline = sys.argv[1:]
read = inputs.read_capture if kind == "capture" else functools.partial(inputs.read_table, format=kind)
frames = read(Path(data), numbers=True)
profile = dq.profile_all(frames, records=RECORDS)
known = Path(baseline)
constraints = dq.Constraints.from_json((known / "constraints.json").read_bytes())
text = json.dumps(dq.statistics(profile))
found = dq.check(profile, constraints, dq.Statistics.from_json((known / "statistics.json").read_bytes()))
if RECORDS:
    json.dumps(dq.records(profile))
print(profile.rows)
"""

PROGRAMS = {
    "analyzer": "RECORDS = False" + _ANALYZER,
    "records": "RECORDS = True" + _ANALYZER,
    "parse": """
import sys
import polars as pl
data, kind, _ = sys.argv[1:]
if kind == "capture":
    from pathlib import Path
    rows = sum(pl.read_ndjson(file).height for file in sorted(Path(data).rglob("*.jsonl")))
else:
    lazy = pl.scan_csv(data) if kind == "csv" else pl.scan_parquet(data)
    rows = sum(batch.height for batch in lazy.collect_batches(chunk_size=250_000))
print(rows)
""",
    "pandas": """
import sys
import pandas as pd
data, kind, _ = sys.argv[1:]
frame = pd.read_csv(data) if kind == "csv" else pd.read_parquet(data)
frame.describe(include="all")
print(len(frame))
""",
    "whylogs": """
import sys
import pandas as pd
import whylogs
data, kind, _ = sys.argv[1:]
frame = pd.read_csv(data) if kind == "csv" else pd.read_parquet(data)
whylogs.log(frame).view().to_pandas()
print(len(frame))
""",
    "evidently": """
import sys
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
data, kind, _ = sys.argv[1:]
frame = (pd.read_csv(data) if kind == "csv" else pd.read_parquet(data)).drop(columns=["i_id", "s_unique"])
Report([DataDriftPreset()]).run(frame, frame.sample(len(frame), random_state=0))
print(len(frame))
""",
}
MODULES = {
    "analyzer": "polars",
    "records": "polars",
    "parse": "polars",
    "pandas": "pandas",
    "whylogs": "whylogs",
    "evidently": "evidently",
}
CANNOT = {("pandas", "capture"), ("whylogs", "capture"), ("evidently", "capture")}


@dataclass
class Measurement:
    """The best of the repetitions: seconds of wall and processor time, peak resident memory in MB (10^6 bytes)."""

    engine: str
    format: str
    rows: int
    wall: float
    cpu: float
    peak_mb: float


def measure(python: str, program: str, arguments: list[str], limit_mb: int | None) -> tuple[float, float, float, str]:
    """Run one process; wall seconds, processor seconds, peak MB and what it printed."""

    def limit() -> None:
        if limit_mb:
            resource.setrlimit(resource.RLIMIT_DATA, (limit_mb * 1024 * 1024,) * 2)

    start = time.perf_counter()
    process = subprocess.Popen(
        [python, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        preexec_fn=limit,
    )
    out, errors = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if status:
        raise RuntimeError(errors.strip().splitlines()[-1] if errors.strip() else f"status {status}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6, out.strip()


def environment() -> dict[str, str]:
    """Every process may cache its bytecode, as an installed program does."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, "PYTHONPATH": f"{ROOT / 'analyzer'}:{ROOT / 'lambda'}"}


def path_of(folder: Path, rows: int, kind: str) -> Path:
    return folder / (f"capture-{rows}" if kind == "capture" else f"data-{rows}.{kind}")


def prepare(folder: Path, rows: list[int], formats: list[str]) -> Path:
    """Generate what is missing; gives the folder of the baseline."""
    wanted = [(count, kind) for count in rows for kind in formats] + [(BASELINE_ROWS, "csv")]
    for count, kind in wanted:
        if not path_of(folder, count, kind).exists():
            command = [sys.executable, str(HERE / "generate.py"), "--rows", str(count), "--out", str(folder)]
            subprocess.run([*command, "--formats", kind], check=True)
    baseline = folder / "baseline"
    command = [sys.executable, "-m", "model_analyzer.cli", "baseline", str(path_of(folder, BASELINE_ROWS, "csv"))]
    subprocess.run([*command, "--out", str(baseline), "--quiet"], check=True, env=environment())
    return baseline


def installed(python: str, engine: str) -> str | None:
    """The version of an engine's library, None if it is not installed."""
    code = f"from importlib.metadata import version; print(version({MODULES[engine]!r}))"
    found = subprocess.run([python, "-c", code], check=False, capture_output=True, text=True)
    return found.stdout.strip() if not found.returncode else None


def interpreters(settings: list[str], engines: list[str]) -> dict[str, str]:
    """The interpreter of each engine, from `PATH` for all or `ENGINE=PATH` for one."""
    chosen = dict.fromkeys(engines, sys.executable)
    for setting in settings:
        engine, equals, path = setting.partition("=")
        if not equals:
            chosen |= dict.fromkeys(chosen, engine)
        elif engine in PROGRAMS:
            chosen[engine] = path
        else:
            raise SystemExit(f"--python {setting}: {engine!r} is no engine; choose from {', '.join(PROGRAMS)}")
    return chosen


def compare(
    engines: list[str],
    pythons: dict[str, str],
    rows: int,
    kind: str,
    arguments: list[str],
    repeat: int,
    limit_mb: int | None,
) -> list[Measurement]:
    """The best runs of each engine over one file, the engines taking turns; slow ones run once."""
    runs: dict[str, list[tuple[float, float, float]]] = {}
    for turn in range(repeat):
        for engine in list(engines):
            if turn and runs[engine][0][0] > SLOW_SECONDS:
                continue
            try:
                *numbers, printed = measure(pythons[engine], PROGRAMS[engine], arguments, limit_mb)
            except RuntimeError as error:
                print(f"{engine} on {rows:,} rows of {kind}: {error}")
                engines.remove(engine)
                runs.pop(engine, None)
                continue
            assert printed == str(rows), f"{engine} read {printed} of {rows} rows"
            runs.setdefault(engine, []).append((numbers[0], numbers[1], numbers[2]))
    return [
        Measurement(engine, kind, rows, *(min(run[position] for run in taken) for position in range(3)))
        for engine, taken in runs.items()
    ]


def show(results: list[Measurement]) -> None:
    """A table with ratios to the plain parse of the same file."""
    plain = {(r.format, r.rows): r for r in results if r.engine == "parse"}
    heads = " ".join(f"{title:>8}" for title in ("wall s", "cpu s", "peak MB"))
    print(f"{'rows':>10} {'format':8} {'engine':10} {heads} {'wall/parse':>11} {'cpu/parse':>10}")
    for result in results:
        reference = plain.get((result.format, result.rows))
        wall = f"{result.wall / reference.wall:.2f}" if reference else "-"
        cpu = f"{result.cpu / reference.cpu:.2f}" if reference else "-"
        print(
            f"{result.rows:>10,} {result.format:8} {result.engine:10} {result.wall:8.2f} {result.cpu:8.2f} "
            f"{result.peak_mb:8.0f} {wall:>11} {cpu:>10}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--formats", nargs="+", default=["csv", "parquet"], choices=["csv", "parquet", "capture"])
    parser.add_argument("--engines", nargs="+", default=["parse", "analyzer", "pandas"], choices=list(PROGRAMS))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--limit-mb", type=int, help="largest data segment of each process, in MiB")
    parser.add_argument(
        "--python",
        nargs="+",
        default=[],
        metavar="[ENGINE=]PATH",
        help="interpreter of the measured processes, of all engines or of one",
    )
    parser.add_argument("--data", type=Path, default=ROOT / "build" / "benchmarks")
    parser.add_argument("--json", type=Path, help="also write the measurements to this file")
    options = parser.parse_args()
    options.data.mkdir(parents=True, exist_ok=True)
    baseline = prepare(options.data, options.rows, options.formats)
    pythons = interpreters(options.python, options.engines)
    versions = {engine: installed(pythons[engine], engine) for engine in options.engines}
    for engine, version in versions.items():
        print(f"{engine}: {MODULES[engine]} {version}" if version else f"{engine}: not installed, left out")
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} processors, load {load:.1f}, Python {platform.python_version()}")
    results = []
    for rows in options.rows:
        for kind in options.formats:
            arguments = [str(path_of(options.data, rows, kind)), kind, str(baseline)]
            engines = [engine for engine in options.engines if versions[engine] and (engine, kind) not in CANNOT]
            results += compare(engines, pythons, rows, kind, arguments, options.repeat, options.limit_mb)
    show(results)
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
