"""Summaries made in several processes, each over some of the files.

Worth it where reading is the work (captured JSON, quoted text): plain CSV and Parquet already use all processors in one
process.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import reduce
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")


def summarize_files(
    files: Iterable[Path],
    summarize: Callable[[list[Path]], Result],
    merge: Callable[[Result, Result], Result],
    processes: int,
) -> Result:
    """The summary of all files, made by up to `processes` processes.

    Args:
        files: The files; each is read by one process.
        summarize: Makes the summary of some files. It travels to the processes, so it must be a function of a module,
            or a `functools.partial` of one.
        merge: Puts two summaries together.
        processes: How many, 1 or more. With 1, or with one file, everything happens in this process.

    Raises:
        ValueError: `processes` is below 1.
    """
    if processes < 1:
        raise ValueError(f"processes is {processes}: use 1 or more")
    shares = shared_out(list(files), processes)
    if len(shares) == 1:
        return summarize(shares[0])
    # A forked child would inherit the locks of polars' threads, held by threads that it does not have.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(shares), mp_context=context) as pool:
        return reduce(merge, pool.map(summarize, shares))


def shared_out(files: Sequence[Path], shares: int) -> list[list[Path]]:
    """Files dealt into shares of about equal size, the largest first; each share in the order of the files."""
    count = max(1, min(shares, len(files)))
    sizes = [file.stat().st_size if file.is_file() else 0 for file in files]
    dealt: list[list[int]] = [[] for _ in range(count)]
    loads = [0] * count
    for index in sorted(range(len(files)), key=lambda n: -sizes[n]):
        lightest = loads.index(min(loads))
        dealt[lightest].append(index)
        loads[lightest] += sizes[index] + 1
    return [[files[index] for index in sorted(share)] for share in dealt]
