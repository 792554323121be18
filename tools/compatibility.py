"""The library's tests with another aws-cdk-lib: `python -m tools.compatibility oldest|newest|X.Y.Z [--python 3.13]`.

Uses an environment of its own, `.venv-compatibility/<version>-<Python>`, that is made anew each time.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".venv-compatibility"
TESTS = ["tests/library", "tests/stacks"]
# Templates of another version may differ in what they record; the tests say what must hold in all of them.
LEFT_OUT = ["--deselect", "tests/stacks/test_snapshots.py"]


def requirement(wanted: str) -> str:
    """What to install for a word or a version.

    Raises:
        ValueError: It is neither.
    """
    if re.fullmatch(r"\d+\.\d+\.\d+", wanted):
        return f"aws-cdk-lib=={wanted}"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    supported = next(line for line in project["dependencies"] if line.startswith("aws-cdk-lib"))
    match wanted:
        case "newest":
            return str(supported)
        case "oldest":
            bound = re.search(r">=(\d+(?:\.\d+)*)", supported)
            assert bound is not None, f"pyproject.toml sets no lower bound: {supported}"
            return f"aws-cdk-lib~={'.'.join((bound[1] + '.0.0').split('.')[:3])}"
    raise ValueError(f"{wanted} is neither oldest nor newest nor a version such as 2.275.0")


def main() -> int:
    """Make the environment and run the tests in it; return their exit code, or 2 for a wrong word."""
    parser = argparse.ArgumentParser(prog="python -m tools.compatibility", description=__doc__.partition("\n")[0])
    parser.add_argument("cdk", help="oldest, newest, or a version")
    parser.add_argument("--python", default=sys.executable, help="version or path, as uv takes it (default: this one)")
    arguments = parser.parse_args()
    wanted = arguments.cdk
    try:
        cdk = requirement(wanted)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    uv = Path(sys.executable).with_name("uv")
    home = FOLDER / f"{wanted}-{Path(arguments.python).name}"
    python = home / "bin" / "python"
    pins = FOLDER / f"{home.name}.txt"
    FOLDER.mkdir(exist_ok=True)
    locked = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines()
    # Everything as locked, but for the CDK and what comes with it.
    free = ("aws-cdk", "constructs", "jsii", "cdk-nag", "publication", "-e")
    pins.write_text("\n".join(line for line in locked if not line.startswith(free)), encoding="utf-8")
    for step in (
        [uv, "venv", "--quiet", "--clear", "--seed", "--python", arguments.python, home],
        [uv, "pip", "install", "--quiet", "--python", python, "-r", pins, "-e", f"{ROOT}[app,local]", "cdk-nag", cdk],
        [uv, "pip", "list", "--quiet", "--python", python],
    ):
        done = subprocess.run([str(part) for part in step], cwd=ROOT, check=False, capture_output=True, text=True)
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            return done.returncode
    print(
        "\n".join(line for line in done.stdout.splitlines() if line.startswith(("aws-cdk-lib", "constructs", "jsii")))
    )
    tests = [str(python), "-m", "pytest", "-q", *TESTS, *LEFT_OUT]
    return subprocess.run(tests, cwd=ROOT, check=False, env=os.environ | {"PYTHONPATH": str(ROOT)}).returncode


if __name__ == "__main__":
    sys.exit(main())
