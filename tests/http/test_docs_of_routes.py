"""docs/reference/rest-api.md is true: its examples are answered as shown, and it lists every route and parameter."""

import json
import re

import pytest

from headcount.kernel.events import Event, Kind
from support import ROOT
from support.openapi import reading_document
from support.stored import StoredEngine

PAGE = (ROOT / "docs/reference/rest-api.md").read_text()
EXAMPLES = re.findall(r"```http\nGET /v1(\S+)\n```\n\n```json\n(.*?)```", PAGE, re.DOTALL)
T0 = 1_767_225_600_000
PATHS = reading_document()["paths"]


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """The day of the examples."""
    engine = StoredEngine(tmp_path_factory.mktemp("docs"))

    def event(kind, second, participant_id, **user):
        return Event(kind, "blue-room", T0 + second * 1_000, participant_id, **user)

    ines = {"user_id": "u-17", "user_name": "Ines"}
    engine.append(
        event(Kind.JOIN, 0, "c-1", **ines),
        event(Kind.JOIN, 15, "c-2"),
        event(Kind.LEAVE, 75, "c-2"),
        event(Kind.LEAVE, 90, "c-1"),
        event(Kind.JOIN, 3_600, "c-3", **ines),
        event(Kind.JOIN, 3_610, "c-4", user_name="Tom"),
    )
    engine.show(T0 + 3_642_000)
    yield engine
    engine.close()


@pytest.mark.parametrize(("path", "expected"), EXAMPLES, ids=[path for path, _ in EXAMPLES])
def test_an_example_is_answered_as_shown(engine, world_of, path, expected):
    world = world_of(engine.store)
    world.now = 3_642
    assert world.ask(path, domain="default").json() == json.loads(expected)


def test_there_are_examples_of_every_route():
    patterns = [re.sub(r"{\w+}", "[^/]+", path) for path in PATHS]
    requested = [path.partition("?")[0] for path, _ in EXAMPLES]
    assert all(any(re.fullmatch(pattern, path) for path in requested) for pattern in patterns)


def test_every_parameter_is_on_the_page():
    for path, operations in PATHS.items():
        heading = f"## `GET /v1{path}`"
        assert heading in PAGE
        section = PAGE.partition(heading)[2].partition("\n## ")[0]
        listed = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
        params = operations["get"].get("parameters", ())
        assert {param["name"] for param in params if param["in"] == "query"} <= listed, path
