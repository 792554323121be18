"""What a docstring says, in the form of this repository: text, then `:param name: Meaning. Default: x`."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

_FIELD = re.compile(r"^:(param|ivar|raises|returns)(?: ([\w*]+))?: ?", re.M)
_DEFAULT = re.compile(r"\s*Default: (?P<value>.+)$", re.S)
_ROLE = re.compile(r":(?:class|meth|func|attr|mod):`~?([^`]+)`")
_LINK = re.compile(r"(?<![<(`\"])(https?://[^\s)]+)")


@dataclass(frozen=True)
class Parameter:
    """One documented parameter. `default` is None where the docstring names none."""

    name: str
    meaning: str
    default: str | None


@dataclass(frozen=True)
class Docstring:
    """A docstring, taken apart."""

    summary: str
    text: str
    parameters: dict[str, Parameter] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    raises: dict[str, str] = field(default_factory=dict)


def parse(given: object) -> Docstring:
    """The docstring of a class or function."""
    raw = inspect.getdoc(given) or ""
    matches = list(_FIELD.finditer(raw))
    text = raw[: matches[0].start()] if matches else raw
    parameters: dict[str, Parameter] = {}
    attributes: dict[str, str] = {}
    raises: dict[str, str] = {}
    for number, match in enumerate(matches):
        end = matches[number + 1].start() if number + 1 < len(matches) else len(raw)
        kind, name = match[1], match[2] or ""
        # A blank line ends a field: what follows belongs to the text.
        body, _, rest = raw[match.end() : end].partition("\n\n")
        text += f"\n\n{rest}" if rest.strip() else ""
        said = markdown(" ".join(body.split()))
        if kind == "param":
            parameters[name] = _parameter(name, said)
        elif kind == "ivar":
            attributes[name] = said
        elif kind == "raises":
            raises[name] = said
    text = markdown(text.strip())
    return Docstring(" ".join(text.partition("\n\n")[0].split()), text, parameters, attributes, raises)


def markdown(text: str) -> str:
    """References and bare links as Markdown."""
    return _LINK.sub(r"<\1>", _ROLE.sub(lambda match: f"`{match[1].rpartition('.')[2]}`", text))


def _parameter(name: str, said: str) -> Parameter:
    match = _DEFAULT.search(said)
    if match is None:
        return Parameter(name, said, None)
    # "Default: - behaviour" is behaviour, "Default: value" a value.
    return Parameter(name, said[: match.start()], match["value"].removeprefix("- ").rstrip("."))
