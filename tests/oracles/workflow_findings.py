"""GitHub workflows: their folder in, `{"schema": text, "audit": [text]}` out, both empty if all is well."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

folder = Path(json.load(sys.stdin))
programs = Path(sys.executable).parent
workflows = sorted(map(str, (folder / "workflows").glob("*.yml")))

checked = subprocess.run(
    [programs / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows],
    capture_output=True,
    text=True,
)
audited = subprocess.run(
    [programs / "zizmor", "--offline", "--format", "json", "--min-severity", "medium", folder],
    capture_output=True,
    text=True,
)
print(
    json.dumps(
        {
            "schema": checked.stdout if checked.returncode else "",
            "audit": [f"{finding['ident']}: {finding['desc']}" for finding in json.loads(audited.stdout)],
        }
    )
)
