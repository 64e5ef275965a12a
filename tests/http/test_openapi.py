"""The document says what the routes do: all of it, and nothing else."""

import re
from html.parser import HTMLParser
from itertools import chain

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks

from headcount.http import openapi, openapi_page
from headcount.http.routes.meetings import routes

DOCUMENT = openapi.document("", "0", {})


def test_every_route_is_in_the_document_and_every_path_of_it_is_a_route(world):
    ours = {re.sub(r"{(\w+):\w+}", r"{\1}", route.path) for route in routes(world.reading)}
    assert ours == set(DOCUMENT["paths"])


def test_paths_of_others_are_taken_in_as_they_are():
    extra = {"/events": {"post": openapi.operation("events", "Take events", "…", {"type": "object"})}}
    whole = openapi.document("/v1", "1.2.3", extra)
    assert whole["servers"] == [{"url": "/v1"}]
    assert whole["info"]["version"] == "1.2.3"
    assert whole["paths"]["/events"] is extra["/events"]
    assert "<code>/v1/events</code>" in openapi_page.page(
        "/v1", "1.2.3", openapi.document("/v1", "1.2.3", extra)
    )


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids, self.targets, self.open = set(), [], []

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        if "id" in named:
            assert named["id"] not in self.ids
            self.ids.add(named["id"])
        self.targets += [named[key] for key in ("href", "src") if key in named]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_leads_nowhere_but_into_itself():
    page = openapi_page.page("/v1", "1.2.3", openapi.document("/v1", "1.2.3", {}))
    links = Links()
    links.feed(page)
    assert links.open == []
    assert {link[1:] for link in links.targets if link.startswith("#")} <= links.ids
    assert {link for link in links.targets if not link.startswith("#")} == {"/openapi.json"}
    assert "url(" not in page
    for path in DOCUMENT["paths"]:
        assert f"<code>/v1{path}</code>" in page


# What is asked and answered: Schemathesis makes it up from the document.


@pytest.fixture
def schema(world):
    """The document, and a world with something of everything in it."""
    old = world.replaced(-50)
    name = world.met(-100, 0, "a", "b")
    world.stay("c", 5, 8)
    world.stay("c", 10, user_id="u", user_name="Ann")
    on = world.meeting(10)
    document = openapi.document("", "0", {})
    del document["security"]  # nobody asks for a key here
    for path, ways in document["paths"].items():
        for parameter in chain.from_iterable(way["parameters"] for way in ways.values()):
            if parameter["name"] in ("id", "starting_after", "ending_before"):
                parameter["examples"] = {key: {"value": key} for key in (old, name, on)}
            if parameter["name"] == "room":
                parameter["examples"] = {"known": {"value": "blue"}}
        assert path.startswith("/")
    schema = schemathesis.openapi.from_dict(document)
    schema.app = world.client.app
    return schema


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(
    ("path", "way"), [(path, way.upper()) for path, ways in sorted(DOCUMENT["paths"].items()) for way in ways]
)
def test_whatever_is_asked_the_answer_is_as_the_document_says(schema, path, way, mode):
    @given(schema[path][way].as_strategy(generation_mode=mode))
    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def ask(case):
        # A cursor may name nothing, and bounds may contradict each other: that is 400, and no schema can say so.
        case.call_and_validate(base_url="http://test", excluded_checks=[checks.positive_data_acceptance])

    try:
        ask()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE
