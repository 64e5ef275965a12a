"""docs/reference/rest-api.md is true: its examples are answered as shown, and it has every operation and parameter."""

import json
import re

import msgspec
import pytest

from headcount.http.routes import privacy, webhooks
from headcount.http.routes.events import IngestResult
from headcount.http.routes.inbound import InboundResult
from headcount.ingest.event_json import SnapshotBody
from headcount.kernel.events import Event, Kind
from headcount.sources.event_format import EventBody
from headcount.store.provenance import digest_of
from headcount.store.records import Provenance
from headcount.store.sources import COMPLETE_REQUESTS, SourceRow, SourceStat
from support import ROOT
from support.openapi import document, reading_document
from support.stored import StoredEngine

PAGE = (ROOT / "docs/reference/rest-api.md").read_text()
EXAMPLES = re.findall(r"```http\nGET /v1(\S+)\n```\n\n```json\n(.*?)```", PAGE, re.DOTALL)
ROSTER = re.findall(r"```http\nPOST /v1(/meetings/\S+)\n\n(.*?)```\n\n```json\n(.*?)```", PAGE, re.DOTALL)
SECTIONS = dict(re.findall(r"^### (.*?)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
OPERATIONS = [
    (path, method.upper(), operation)
    for path, methods in document("/v1")["paths"].items()
    for method, operation in methods.items()
    if method != "patch"  # which the section of POST describes
]
T0 = 1_767_225_600_000
PATHS = reading_document()["paths"]


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """The day of the examples."""
    engine = StoredEngine(tmp_path_factory.mktemp("docs"))

    def event(kind, second, participant_id, **user):
        return Event(kind, "blue-room", T0 + second * 1_000, participant_id, **user)

    ines = {"user_id": "u-17", "user_name": "Ines"}
    engine.store.sources.add(SourceRow("t", "livekit", "default", "livekit", ("word",)))
    events = (
        event(Kind.JOIN, 0, "c-1", **ines),
        event(Kind.JOIN, 15, "c-2"),
        event(Kind.LEAVE, 75, "c-2"),
        event(Kind.LEAVE, 90, "c-1"),
        event(Kind.JOIN, 3_600, "c-3", **ines),
        event(Kind.JOIN, 3_610, "c-4", user_name="Tom", attributes='{"role":"guest"}'),
    )
    for n, one in enumerate(events):
        engine.append(one, received=one.at + 200, provenance=Provenance("t", digest_of(b"%d" % n)))
    last = T0 + 3_610_200
    stats = [SourceStat("t", "requests", 6, last), SourceStat("t", COMPLETE_REQUESTS, 0, last)]
    engine.store.sources.add_stats(stats)
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


def test_a_roster_is_compared_as_shown(engine, world_of):
    world = world_of(engine.store)
    world.now = 3_642
    ((path, body, expected),) = ROSTER
    answer = world.client.post(path, json=json.loads(body), headers={"x-domain": "default"})
    assert answer.json() == json.loads(expected)


@pytest.mark.parametrize(
    ("path", "method", "operation"), OPERATIONS, ids=[one[2]["operationId"] for one in OPERATIONS]
)
def test_an_operation_has_a_section_with_its_availability_and_parameters(path, method, operation):
    section = SECTIONS[operation["summary"]]
    availability = operation["description"].rpartition(". ")[2].rstrip(".")
    assert section.lstrip().startswith(f"`{method} /v1{path}` · *{availability}*")
    listed = set(re.findall(r"^\| `([\w.-]+)` \|", section, re.MULTILINE))
    parameters = {
        re.sub(r"^attribute\..*", "attribute.KEY", param["name"])
        for param in operation.get("parameters", ())
        if param["in"] != "path"
    }
    assert parameters <= listed


def test_every_section_about_an_operation_describes_one():
    described = {title for title, text in SECTIONS.items() if re.match(r"\s*`[A-Z]+ /v1", text)}
    assert described == {operation["summary"] for _, _, operation in OPERATIONS}


FORMS = {
    "Ingest events": IngestResult,
    "Send a room snapshot": IngestResult,
    "Ingest a webhook of a video server": InboundResult,
    "Create a webhook": webhooks.Webhook,
    "Delete a webhook": webhooks.DeletedWebhook,
    "List the deliveries of a webhook": webhooks.Deliveries,
    "Resend messages": webhooks.Resent,
    "Test a webhook": webhooks.WebhookTest,
    "Export a person": privacy.ExportedPerson,
    "Erase a person": privacy.ShownErasure,
    "List erasures": privacy.Erasures,
}


@pytest.mark.parametrize("title", FORMS)
def test_an_example_has_the_form_of_the_answer(title):
    (example,) = re.findall(r"```json\n(.*?)```", SECTIONS[title], re.DOTALL)
    parsed = msgspec.json.decode(example, type=FORMS[title])
    assert json.loads(msgspec.json.encode(parsed)) == json.loads(example)


def test_an_example_of_a_request_has_the_form_of_the_body():
    bodies = {
        "Ingest events": EventBody,
        "Send a room snapshot": SnapshotBody,
        "Create a webhook": webhooks.NewWebhook,
        "Resend messages": webhooks.Resend,
        "Export a person": privacy.PersonSelector,
        "Erase a person": privacy.ErasureRequest,
    }
    for title, body in bodies.items():
        (example,) = re.findall(r"```http\nPOST \S+\n\n(.*?)```", SECTIONS[title], re.DOTALL)
        msgspec.json.decode(example, type=body)
