"""The report as a message: what a person reads on a telephone."""

from __future__ import annotations

from collections.abc import Sequence

from insights.page_advice import Advised, state
from shared.s3 import S3Uri

# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
_MOST_SUBJECT = 100
_MOST_MESSAGE = 200_000


def subject(environment: str, models: Sequence[Advised]) -> str:
    """One line: how many models need somebody."""
    needy = [facts.name for facts, advice in models if state(facts, advice)[1] == "bad"]
    text = f"{environment}: {', '.join(needy)} need you" if needy else f"{environment}: {len(models)} models are well"
    if len(needy) == 1:
        text = f"{environment}: {needy[0]} needs you"
    elif not needy and len(models) == 1:
        text = f"{environment}: {models[0][0].name} is well"
    # SNS takes printable ASCII.
    plain = text.encode("ascii", "replace").decode()
    return plain if len(plain) <= _MOST_SUBJECT else plain[: _MOST_SUBJECT - 3] + "..."


def message(models: Sequence[Advised], page: S3Uri, region: str) -> str:
    """Each model with its state and what to do, and where the pages are."""
    lines: list[str] = []
    for facts, advice in models:
        word, _ = state(facts, advice)
        live = f"version {facts.live.number}" if facts.live else "no version"
        lines.append(f"{facts.name}: {word} ({live}, {int(facts.endpoint.invocations.total):,} requests)")
        for item in advice:
            lines.append(f"  [{item.urgency}] {item.title}")
            if item.urgency != "note":
                lines.append(f"        {item.step}")
        lines.append("")
    lines += [
        f"The pages: {page}",
        f"In the console: https://s3.console.aws.amazon.com/s3/object/{page.bucket}?region={region}&prefix={page.key}",
    ]
    text = "\n".join(lines)
    return text.encode()[:_MOST_MESSAGE].decode(errors="ignore")
