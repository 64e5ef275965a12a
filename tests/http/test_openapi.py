"""The OpenAPI document describes the routes: all of them, and nothing else."""

import re
from html.parser import HTMLParser
from itertools import chain

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks

from headcount.http import openapi_page
from headcount.http.routes.queries import routes
from support.openapi import document, reading_document, with_accepted_spellings

DOCUMENT = reading_document()
TAGS = ("Meetings", "Rooms", "Presence", "Usage", "Webhooks", "Privacy", "Events", "Health")


def test_every_route_is_in_the_document_and_every_path_of_it_is_a_route(world):
    ours = {re.sub(r"{(\w+):\w+}", r"{\1}", route.path) for route in routes(world.query_context)}
    assert ours == set(DOCUMENT["paths"])


def test_the_document_has_the_prefix_the_version_and_all_operations():
    whole = document("/v1")
    assert whole["servers"] == [{"url": "/v1"}]
    assert whole["info"]["version"] == "1.2.3"
    assert {"/events", "/stream", "/webhooks", "/ingest/{kind}/{token}"} <= set(whole["paths"])
    assert set(DOCUMENT["paths"]) < set(whole["paths"])


def objects(schema):
    """All objects within a schema or a document."""
    if isinstance(schema, dict):
        yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for item in schema:
            yield from objects(item)


def test_the_document_has_only_canonical_forms_that_generators_of_clients_accept():
    for schema in objects(document()):
        assert not isinstance(schema.get("type"), list), schema
        assert schema.get("type") != "null"
        assert "const" not in schema
        assert "$ref" not in schema or len(schema) == 1, schema
        assert len(set(map(str, schema.get("enum", ())))) == len(schema.get("enum", ())), schema


def test_of_several_answers_the_one_with_more_required_fields_comes_first():
    """Generated clients read an answer as the first alternative that fits."""
    whole = document()
    required = {name: schema.get("required", []) for name, schema in whole["components"]["schemas"].items()}
    alternatives = [
        [len(required[member["$ref"].rpartition("/")[2]]) for member in content["schema"]["anyOf"]]
        for path in whole["paths"].values()
        for operation in path.values()
        for content in operation["responses"]["200"]["content"].values()
        if "anyOf" in content["schema"]
    ]
    assert len(alternatives) == 3
    assert all(sizes == sorted(sizes, reverse=True) for sizes in alternatives)


def test_operation_ids_are_unique():
    ids = [operation["operationId"] for path in document()["paths"].values() for operation in path.values()]
    assert len(set(ids)) == len(ids)


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
        if tag not in ("meta", "br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_links_only_to_itself():
    page = openapi_page.page("/v1", "1.2.3", document("/v1"))
    links = Links()
    links.feed(page)
    assert links.open == []
    assert {link[1:] for link in links.targets if link.startswith("#")} <= links.ids
    assert {link for link in links.targets if not link.startswith("#")} == {"openapi.json"}
    assert "url(" not in page
    for path in DOCUMENT["paths"]:
        assert f"<code>/v1{path}</code>" in page


def test_every_operation_states_its_availability_and_has_a_verb():
    for path in document()["paths"].values():
        for operation in path.values():
            assert operation["description"].endswith(("Daily-compatible.", "Headcount extension."))
            assert re.match(
                r"(list|get|create|update|patch|delete|test|explain|ingest|stream|resend|export)[A-Z]",
                operation["operationId"],
            )
            assert operation["tags"][0] in TAGS


def test_the_index_lists_every_operation_once_with_a_link_to_its_section():
    documented = document("/v1")
    lines = re.findall(
        r"^- \[(\w+)\]\(docs#(\w+)\): `([A-Z]+) /v1(/\S+)`\. (.+)\.$",
        openapi_page.index("/v1", "1.2.3", documented),
        re.MULTILINE,
    )
    page = openapi_page.page("/v1", "1.2.3", documented)
    assert all(f'<section id="{anchor}"' in page for _, anchor, *_ in lines)
    assert sorted(
        (name, method.lower(), path, summary) for name, _, method, path, summary in lines
    ) == sorted(
        (operation["operationId"], method, path, operation["summary"])
        for path, methods in documented["paths"].items()
        for method, operation in methods.items()
    )


def test_the_page_shows_methods_in_upper_case():
    page = openapi_page.page("/v1", "1.2.3", document("/v1"))
    assert '<b class="patch">PATCH</b>' in page


# Requests and answers: Schemathesis generates requests from the document.


@pytest.fixture
def schema(world):
    """The document, and a world with one of everything in it."""
    old = world.replaced(-50)
    name = world.met(-100, 0, "a", "b")
    world.stay("c", 5, 8)
    world.stay("c", 10, user_id="u", user_name="Ann")
    on = world.meeting(10)
    document = with_accepted_spellings(DOCUMENT)
    del document["security"]  # no key is needed here
    for path, operations in document["paths"].items():
        for parameter in chain.from_iterable(one.get("parameters", ()) for one in operations.values()):
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
    ("path", "method"),
    [
        (path, method.upper())
        for path, operations in sorted(DOCUMENT["paths"].items())
        for method in operations
    ],
)
def test_every_answer_is_as_the_document_describes(schema, path, method, mode):
    @given(schema[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def send(case):
        # A cursor may be of no meeting, and bounds may contradict each other: that is 400, and no schema can describe it.
        case.call_and_validate(base_url="http://test", excluded_checks=[checks.positive_data_acceptance])

    try:
        send()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE
