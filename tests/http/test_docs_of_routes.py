"""docs/api.md is true: what it says is answered is answered, and it tells of all that may be asked."""

import json
import re

import pytest

from headcount.http import openapi
from headcount.kernel.events import Event, Kind
from support import ROOT
from support.stored import StoredEngine

PAGE = (ROOT / "docs/api.md").read_text()
EXAMPLES = re.findall(r"```http\nGET /v1(\S+)\n```\n\n```json\n(.*?)```", PAGE, re.DOTALL)
T0 = 1_767_225_600_000


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """The day that the page tells of."""
    engine = StoredEngine(tmp_path_factory.mktemp("docs"))

    def said(kind, second, who, **more):
        return Event(kind, "blue-room", T0 + second * 1_000, who, **more)

    ines = {"user_id": "u-17", "user_name": "Ines"}
    engine.append(
        said(Kind.JOIN, 0, "c-1", **ines),
        said(Kind.JOIN, 15, "c-2"),
        said(Kind.LEAVE, 75, "c-2"),
        said(Kind.LEAVE, 90, "c-1"),
        said(Kind.JOIN, 3_600, "c-3", **ines),
        said(Kind.JOIN, 3_610, "c-4", user_name="Tom"),
    )
    engine.show(T0 + 3_642_000)
    yield engine
    engine.close()


@pytest.mark.parametrize(("path", "told"), EXAMPLES, ids=[path for path, _ in EXAMPLES])
def test_an_example_of_the_page_is_answered_as_it_says(engine, world_of, path, told):
    world = world_of(engine.store)
    world.now = 3_642
    assert world.ask(path, domain="default").json() == json.loads(told)


def test_there_are_examples_of_every_route():
    patterns = [re.sub(r"{\w+}", "[^/]+", path) for path in openapi.document("", "0", {})["paths"]]
    asked = [path.partition("?")[0] for path, _ in EXAMPLES]
    assert all(any(re.fullmatch(pattern, path) for path in asked) for pattern in patterns)


def test_every_parameter_is_on_the_page():
    for path, ways in openapi.document("", "0", {})["paths"].items():
        heading = f"## `GET /v1{path}`"
        assert heading in PAGE
        section = PAGE.partition(heading)[2].partition("\n## ")[0]
        named = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
        assert {one["name"] for one in ways["get"]["parameters"] if one["in"] == "query"} <= named, path
