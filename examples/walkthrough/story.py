"""The steps of the walk-through: what was expected, what happened, how long it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text


class Difference(Exception):
    """What happened is not what was expected; the walk-through ends here."""


@dataclass
class Step:
    """One step: its expectation, what was observed and every difference between the two."""

    title: str
    expected: str
    seconds: float = 0.0
    observed: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    _show: Callable[[str], None] = field(default=lambda _: None, repr=False)

    def observe(self, text: str) -> None:
        """Write down something that really happened."""
        self.observed.append(text)
        self._show(text)

    def progress(self, text: str) -> None:
        """Show what is going on right now; nothing is written down."""
        self._show(text)

    def check(self, holds: bool, difference: str) -> None:
        """Write a difference down unless `holds`."""
        if not holds:
            self.differences.append(difference)

    def require(self, holds: bool, difference: str) -> None:
        """The same, for what the rest of the step cannot do without."""
        if not holds:
            raise Difference(difference)

    def wait(
        self,
        holds: Callable[[], bool],
        *,
        for_what: str,
        timeout_seconds: float = 60,
        pause_seconds: float = 0.05,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """Poll until `holds`, calling `meanwhile` between polls; a time-out is a difference."""
        deadline = time.monotonic() + timeout_seconds
        while not holds():
            if time.monotonic() > deadline:
                raise Difference(f"waited {timeout_seconds:.0f} s in vain for {for_what}")
            self.progress(f"waiting for {for_what}")
            meanwhile()
            time.sleep(pause_seconds)


class Story:
    """Runs the steps and prints them as they happen."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.steps: list[Step] = []
        self.started = time.monotonic()

    @property
    def failed(self) -> bool:
        """Whether any step differed from what was expected."""
        return any(step.differences for step in self.steps)

    @contextmanager
    def step(self, title: str, *, expect: str) -> Iterator[Step]:
        """One step. Differences are printed; the first step with one ends the story."""
        step = Step(title, expect)
        self.steps.append(step)
        self.console.print(f"[bold]{len(self.steps):>2}. {title}[/bold]", highlight=False)
        self.console.print(f"    expected  {expect}", style="dim", highlight=False)
        started = time.monotonic()
        spinner = Spinner("dots", text="")
        try:
            with Live(spinner, console=self.console, transient=True, refresh_per_second=8):
                step._show = lambda text: spinner.update(
                    text=Text(f" {time.monotonic() - started:5.1f} s  {text}", overflow="ellipsis", no_wrap=True)
                )
                yield step
        except Difference as difference:
            step.differences.append(str(difference))
        step.seconds = time.monotonic() - started
        for text in step.observed:
            self.console.print(f"    observed  {text}", highlight=False, markup=False)
        for text in step.differences:
            self.console.print("    [red]DIFFERENT[/red] ", end="")
            self.console.print(text, highlight=False, markup=False)
        verdict = "[red]different[/red]" if step.differences else "[green]as expected[/green]"
        self.console.print(f"    {verdict} in {step.seconds:.1f} s", highlight=False)
        if step.differences:
            raise StoryEnded

    def summary(self) -> None:
        """Print the steps with their verdicts and times."""
        table = Table(title="The walk-through", title_justify="left")
        table.add_column("#", justify="right")
        table.add_column("step")
        table.add_column("verdict")
        table.add_column("seconds", justify="right")
        for number, step in enumerate(self.steps, 1):
            verdict = "[red]different[/red]" if step.differences else "[green]as expected[/green]"
            table.add_row(str(number), step.title, verdict, f"{step.seconds:.1f}")
        table.add_row("", "altogether", "", f"{time.monotonic() - self.started:.1f}")
        self.console.print(table)


class StoryEnded(Exception):
    """A step differed from what was expected: nothing after it would mean anything."""
