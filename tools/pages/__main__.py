"""Writes what the documentation takes from the code.

    python -m tools.pages           write what is out of date
    python -m tools.pages --check   only say what is, with exit code 1

Pages of constructs (`docs/constructs/`), their values and prices, the error reference and the diagrams. Tests run the
same checks.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import constructs, environment, errors, layers, pipeline, sequence, values
from .marked import DOCS, ROOT, replace, written


def pages() -> Iterator[tuple[Path, str]]:
    """Every file with generated content, as it should be."""
    for file_name in constructs.classes():
        file = constructs.FOLDER / file_name
        with tempfile.TemporaryDirectory() as folder:
            yield file, constructs.rendered(file.read_text(encoding="utf-8"), file_name, Path(folder))
    yield from cheap_pages()


def cheap_pages() -> Iterator[tuple[Path, str]]:
    """Those that need no synthesis."""
    yield constructs.FOLDER / constructs.VALUES, values.rendered()
    yield constructs.FOLDER / "index.md", values.overview()
    yield constructs.FOLDER / "prices.md", values.prices()
    yield DOCS / "diagrams" / "layers.svg", layers.rendered()
    yield DOCS / "diagrams" / "environment.svg", environment.rendered()
    yield DOCS / "diagrams" / "rollout.svg", sequence.rendered()
    yield DOCS / "diagrams" / "pipeline.svg", pipeline.rendered()
    architecture = DOCS / "architecture.md"
    yield architecture, replace(architecture.read_text(encoding="utf-8"), "wiring", environment.table())
    yield errors.FILE, errors.rendered(errors.FILE.read_text(encoding="utf-8"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say what is out of date")
    check = parser.parse_args().check
    # The CDK's own validation of templates is the tests' business.
    os.environ.setdefault("CDK_VALIDATION", "false")
    stale = 0
    for file, text in pages():
        is_stale = not file.exists() or file.read_text(encoding="utf-8") != text
        changed = is_stale if check else written(file, text)
        if changed:
            stale += 1
            print(f"{'out of date' if check else 'wrote'}: {file.relative_to(ROOT)}")
    if check and stale:
        print("run python -m tools.pages")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
