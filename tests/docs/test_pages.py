"""Pages that are taken from the code are as the code is, and every page can be reached."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from cdk_sagemaker_mlops._errors import Problems
from tools.pages import constructs, environment, errors, layers, pipeline, props, sequence
from tools.pages.__main__ import cheap_pages
from tools.pages.docstrings import parse
from tools.pages.marked import DOCS, ROOT, MarkMissing, replace
from tools.pages.messages import Message, messages
from tools.pages.prices import price_of


def test_generated_pages_are_up_to_date() -> None:
    """Pages of constructs are compared where their examples run, in test_code_blocks."""
    stale = [
        file.relative_to(ROOT).as_posix()
        for file, text in cheap_pages()
        if not file.exists() or file.read_text(encoding="utf-8") != text
    ]

    assert stale == [], "run python -m tools.pages"


def test_every_construct_has_a_page() -> None:
    pages = {file.name for file in constructs.FOLDER.glob("*.md")}

    assert pages == {*constructs.classes(), constructs.VALUES, "index.md", "prices.md"}


def test_every_page_can_be_reached() -> None:
    configuration = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    navigation = yaml.safe_load(configuration)["nav"]

    assert set(_files(navigation)) == {file.relative_to(DOCS).as_posix() for file in DOCS.rglob("*.md")}


def _files(entries: object) -> Iterator[str]:
    match entries:
        case str():
            yield entries
        case list():
            for entry in entries:
                yield from _files(entry)
        case dict():
            for entry in entries.values():
                yield from _files(entry)


#: Words that say what a number counts.
UNITS = re.compile(
    r"day|hour|minute|second|percent|share|gb|mb|byte|count|number|instances|copies|rows|requests|usd|dollars|threshold|"
    r"0 to 1|most|least|version|weight|limit|how many|starts|retrainings|concurren|rate|at once|runs|size|memory|times|"
    r"cores|accelerators|violations|severity|often|records|features|jobs|steps|samples|capacity|units|value|prob|"
    r"tolerance|seed|distance|periods",
    re.I,
)


NUMBER = re.compile(r"(int|float)( \| None)?$")


def test_every_prop_is_explained() -> None:
    unexplained, without_unit = [], []
    for name, owner in {**{c.__name__: c for c in constructs.classes().values()}, **constructs.values()}.items():
        meanings = props.documented(owner)
        if not meanings:
            continue
        for item in props.parameters(owner):
            known = meanings.get(item.name)
            if known is None:
                unexplained.append(f"{name}.{item.name}")
            elif NUMBER.match(str(item.annotation)) and not UNITS.search(f"{item.name} {known.meaning}"):
                without_unit.append(f"{name}.{item.name}: {known.meaning}")

    assert unexplained == []
    assert without_unit == []


def test_errors_have_a_cause_and_a_way_out() -> None:
    page = errors.FILE.read_text(encoding="utf-8")

    assert errors.raised_classes() - errors.documented_classes(page) == set()


def test_every_function_has_its_messages_on_the_page() -> None:
    looked_at = {Path(folder).parts[1] for folders, _ in errors.PARTS.values() for folder in folders if "/" in folder}

    assert {path.name for path in (ROOT / "lambda").iterdir() if path.is_dir()} - {"__pycache__"} <= looked_at
    page = errors.FILE.read_text(encoding="utf-8")
    assert "the execution was stopped, and with it the job *name*" in page


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("endpoint", "a rolling rollout works with one variant only; choose canary, linear or all-at-once"),
        ("document", "a tab is used for indentation; indent with spaces"),
        (
            "loader",
            "the file's name, <stem>, is the environment's; allowed are lower-case letters, digits and inner hyphens, "
            "at most 16 characters",
        ),
    ],
)
def test_mistakes_in_environment_files_are_read_however_they_are_handed_out(file: str, text: str) -> None:
    assert text in {item.text for item in messages(f"stacks/settings/{file}.py")}


def test_messages_are_read_from_the_source() -> None:
    (found,) = (item for item in messages("stacks/settings/serving.py") if item.text.startswith("max is <max> but"))

    assert (found.text, found.error) == ("max is <max> but min is <min>; max must be at least min", "SettingsError")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("scaling is 3, allowed are 1 to 2", ("scaling is 3", "allowed are 1 to 2")),
        ("it is empty; give one", ("it is empty", "give one")),
        ("nothing to do", ("nothing to do", "")),
    ],
)
def test_causes_and_ways_out(text: str, parts: tuple[str, str]) -> None:
    assert Message("f.py", text).parts == parts


def test_docstrings_are_taken_apart() -> None:
    """One of every form that this repository writes."""

    def documented() -> None:
        """Does it. See :class:`Problems`.

        More.

        :param first: What, in days. Default: 3
        :param second: Which. Default: - none of them.
        :param third: Needed.
        """

    found = parse(documented)

    assert found.summary == "Does it. See `Problems`."
    assert [(p.name, p.meaning, p.default) for p in found.parameters.values()] == [
        ("first", "What, in days.", "3"),
        ("second", "Which.", "none of them"),
        ("third", "Needed.", None),
    ]
    assert parse(Problems).summary.startswith("Collects what is wrong")


def test_a_page_without_its_place_is_refused() -> None:
    with pytest.raises(MarkMissing, match="generated: x"):
        replace("# Page", "x", "content")


def test_a_resource_without_a_price_is_refused() -> None:
    assert price_of("AWS::IAM::Role").words == "nothing"
    with pytest.raises(KeyError, match="look it up"):
        price_of("AWS::Redshift::Cluster")


ROWS = re.compile(r"^\| (`.+?`(?:, `.+?`)*) \|", re.M)


def test_every_alarm_has_its_row() -> None:
    """Ids of alarms are read from the code; an id with a changing part stands by how it begins."""
    page = (DOCS / "operations.md").read_text(encoding="utf-8").partition("## Every alarm")[2].partition("\n## ")[0]
    documented = {name.strip("` ") for row in ROWS.findall(page) for name in row.split(",")}
    stems = {re.split(r"[ <…]", name.rpartition("-")[2] or name)[0] for name in documented}

    produced = set(_alarm_ids())

    assert len(produced) > 25
    assert produced - stems == set()
    assert stems - produced == set(), "rows about alarms that no code makes"


def _alarm_ids() -> Iterator[str]:
    """What ids of alarms are, or begin with; an expression that cannot be read is given as it stands."""
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in sorted((ROOT / "constructs").rglob("*.py"))}
    for file, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("AlarmRule", "replace"):
                given = next((item.value for item in node.keywords if item.arg == "id"), None)
                # `replace` that only adds an ending gives no new id.
                if given is not None and not ast.unparse(given).startswith("f'{rule.id}"):
                    yield from _ids(given, file, trees)


def _ids(given: ast.expr, file: Path, trees: Mapping[Path, ast.Module]) -> Iterator[str]:
    match given:
        case ast.Constant(value=str() as value):
            yield value
        case ast.JoinedStr(values=[ast.Constant(value=str() as value), *_]):
            yield value.split()[0]
        case ast.Call(func=ast.Name(id=name)):
            (made,) = (
                node for node in ast.walk(trees[file]) if isinstance(node, ast.FunctionDef) and node.name == name
            )
            for node in ast.walk(made):
                if isinstance(node, ast.Return) and node.value is not None:
                    yield from _ids(node.value, file, trees)
        case ast.Name(id=name):
            # A parameter of a helper: what its callers give.
            (helper,) = (
                node
                for node in ast.walk(trees[file])
                if isinstance(node, ast.FunctionDef) and node.lineno <= given.lineno <= (node.end_lineno or 0)
            )
            place = [item.arg for item in helper.args.args].index(name)
            for other, tree in trees.items():
                if other != file and file.stem not in ast.unparse(tree):
                    continue
                for node in ast.walk(tree):
                    if not isinstance(node, ast.Call) or len(node.args) <= place:
                        continue
                    if ast.unparse(node.func).rpartition(".")[2] == helper.name:
                        yield from _ids(node.args[place], other, trees)
        case _:
            yield f"{file.name}:{given.lineno}: {ast.unparse(given)}"


def test_diagrams_say_what_the_code_does() -> None:
    graph = layers.edges()

    assert graph["lambda (functions)"] == {"analyzer (engine)"}
    assert layers.ranks(graph)["examples"] > layers.ranks(graph)["constructs (library)"]
    assert layers.reduced({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == {"a": {"b"}, "b": {"c"}, "c": set()}
    with pytest.raises(ValueError, match="circle: a -> b -> a"):
        layers.ranks({"a": {"b"}, "b": {"a"}})
    assert "Foundation" in environment.imports("Serving-churn")
    assert ("Delivery", "queue `ControllerQueue`", "`ControllerFunction`") in set(environment.wiring())


def test_the_drawn_pipeline_ends_with_a_version_or_says_why() -> None:
    steps = list(pipeline.path(pipeline.definition()["Steps"]))

    assert [name for name, _, _ in steps][:4] == ["Prepare", "Tune", "Evaluate", "Gates"]
    assert steps[-1][1] == "RegisterModel"
    assert all(otherwise for _, kind, otherwise in steps if kind == "decision")


def test_the_drawn_rollout_is_found_within_one_rollout_only() -> None:
    calls = [(step.call, step.by) for step in sequence.steps()]

    assert sequence.furthest(calls) == len(calls)
    assert sequence.furthest([*calls[:5], calls[0], *calls[5:]]) == 5
    assert sequence.furthest([(call, "somebody else") for call, _ in calls]) == 1


@pytest.mark.parametrize(
    ("section", "pattern", "source"),
    [
        ("## Evidently and whylogs", r"[\d.,]+(?:x| MB)", "analyzer.md"),
        ("## SageMaker Model Monitor and Clarify", r"(?<=\| )[\d.]+(?= s| USD)", "monitoring-cost.md"),
    ],
)
def test_numbers_of_the_comparison_stand_on_the_page_that_says_how_they_were_measured(
    section: str, pattern: str, source: str
) -> None:
    page = (DOCS / "comparison.md").read_text(encoding="utf-8").partition(section)[2].partition("\n## ")[0]
    measured = (DOCS / source).read_text(encoding="utf-8").replace("\n", " ")

    numbers = re.findall(pattern, page)

    assert len(numbers) >= 4
    assert [number for number in numbers if number not in measured] == []
