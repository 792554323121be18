"""Writes environments/schema.json: `python -m tools.schema`."""

from __future__ import annotations

from pathlib import Path

from stacks.settings import schema

FILE = Path(__file__).resolve().parent.parent / "environments" / "schema.json"


def main() -> None:
    FILE.write_text(schema.rendered(), encoding="utf-8")
    print(f"wrote {FILE}")


if __name__ == "__main__":
    main()
