"""Runs a notebook as SageMaker's notebook jobs do: cell by cell, in a process of its own, and keeps what it says.

Started as a program in the place of `amazon_sagemaker_scheduler`. There is no kernel: cells are Python, run by this
interpreter; magics and shell lines are refused. The notebook with its results becomes a part of the job's output.

https://docs.aws.amazon.com/sagemaker/latest/dg/notebook-auto-run.html
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

_OUTPUT = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "output"


class NotRunnable(Exception):
    """The notebook cannot be run here; the message says why."""


class _Tee(io.StringIO):
    """Keeps what a cell prints, and prints it to the job's log."""

    def write(self, text: str) -> int:
        sys.__stdout__.write(text) if sys.__stdout__ else None
        return super().write(text)


def run(notebook: dict[str, Any], namespace: dict[str, Any]) -> str | None:
    """Run all cells of a notebook and write their outputs into it.

    Returns:
        What went wrong in the first cell that failed, or None.

    Raises:
        NotRunnable: if it is no notebook of Python.
    """
    language = ((notebook.get("metadata") or {}).get("language_info") or {}).get("name", "python")
    if language != "python":
        raise NotRunnable(f"the notebook is written in {language}; the embedded AWS runs Python")
    count = 0
    for number, cell in enumerate(notebook.get("cells") or [], 1):
        if cell.get("cell_type") != "code":
            continue
        count += 1
        cell["execution_count"], cell["outputs"] = count, []
        failed = _run_cell(cell, f"cell {number}", namespace)
        if failed:
            return failed
    return None


def _run_cell(cell: dict[str, Any], name: str, namespace: dict[str, Any]) -> str | None:
    source = "".join(cell["source"]) if isinstance(cell["source"], list) else str(cell["source"])
    for line in source.splitlines():
        if line.lstrip().startswith(("%", "!")):
            raise NotRunnable(f"{name} has the line {line.strip()!r}; the embedded AWS has no IPython")
    said = _Tee()
    try:
        with contextlib.redirect_stdout(said):
            shown = _evaluate(source, name, namespace)
    except Exception as error:  # noqa: BLE001 - whatever a cell raises ends the notebook
        _note(cell, said)
        cell["outputs"].append(
            {
                "output_type": "error",
                "ename": type(error).__name__,
                "evalue": str(error),
                "traceback": traceback.format_exc().splitlines(),
            }
        )
        return f"{name}: {type(error).__name__}: {error}"
    _note(cell, said)
    if shown is not None:
        data = {"text/plain": [repr(shown)]}
        cell["outputs"].append(
            {"output_type": "execute_result", "execution_count": cell["execution_count"], "data": data, "metadata": {}}
        )
    return None


def _evaluate(source: str, name: str, namespace: dict[str, Any]) -> Any:
    """Run a cell; the value of its last line, if that is an expression."""
    tree = ast.parse(source, name)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    exec(compile(tree, name, "exec"), namespace)  # noqa: S102 - that is what a notebook is for
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), name, "eval"), namespace)  # noqa: S307


def _note(cell: dict[str, Any], said: io.StringIO) -> None:
    if said.getvalue():
        cell["outputs"].append({"output_type": "stream", "name": "stdout", "text": [said.getvalue()]})


def main() -> int:
    """Run the notebook that the job's variables name."""
    folder = Path(os.environ["SM_EXECUTION_INPUT_PATH"])
    source = folder / os.environ["SM_INPUT_NOTEBOOK_NAME"]
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    target = _OUTPUT / "data" / os.environ.get("SM_OUTPUT_NOTEBOOK_NAME", source.name)
    try:
        if os.environ.get("SM_INIT_SCRIPT"):
            runpy.run_path(str(folder / os.environ["SM_INIT_SCRIPT"]))
        notebook = json.loads(source.read_text(encoding="utf-8"))
        failed = run(notebook, {"__name__": "__main__"})
    except (NotRunnable, OSError, ValueError) as error:
        failed, notebook = f"{source.name}: {error}", None
    if notebook is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(notebook, indent=1), encoding="utf-8")
    if failed:
        (_OUTPUT / "failure").write_text(failed[:1000])
        sys.stderr.write(f"{failed}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
