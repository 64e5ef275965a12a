"""The client against a real server, both variants: what is sent, what comes back, and what errors are."""

import inspect
import json
import subprocess
import sys
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from headcount.client import (
    Client,
    ClientError,
    ConnectionFailed,
    Event,
    ExpectedUser,
    Forbidden,
    InvalidRequest,
    NotFound,
    SnapshotParticipant,
    Unauthorized,
    UnexpectedAnswer,
    models,
)
from headcount.errors import BadInput
from support.running_service import Running
from support.servers import free_port

pytestmark = pytest.mark.process

T0 = 1_767_225_600


def moment(second):
    return datetime.fromtimestamp(T0 + second, UTC)


def meeting_of(room, *stays):
    """The events of a meeting: each stay has a participant, a user, a name, a role, and two seconds."""
    for who, user, name, role, join, leave in stays:
        common = {"room": room, "participant_id": who, "user_id": user, "user_name": name}
        yield Event(kind="join", at=moment(join), attributes={"role": role}, **common)
        yield Event(kind="leave", at=T0 + leave, **common)


def test_a_story_of_all_operations_that_read_and_ingest(service, make_client, request):
    domain = f"story-{request.node.callspec.id}"
    key = service.make_key(domain, "read", "ingest")
    client = make_client(service.url, key)
    room = "blue/room é?"

    events = list(
        meeting_of(room, ("c-1", "u-1", "Ines", "host", 0, 600), ("c-2", "u,2", "Tom", "guest", 60, 540))
    )
    sent = client.ingest_events(events, wait=True)
    assert (sent.accepted, sent.duplicates) == (4, 0)
    again = client.ingest_events(events)
    assert (again.accepted, again.duplicates) == (0, 4), "an event has one id, however often it is sent"
    for number in range(5):
        client.ingest_events(
            meeting_of(f"room-{number}", (f"r-{number}", "u-1", "Ines", "host", number * 3_600 + 7_200, number * 3_600 + 7_300))
        )  # fmt: skip
    client.ingest_event(Event(room="open", kind="join", participant_id="c-9", user_name="Zoë"), wait=True)

    page = client.list_meetings(room=room)
    assert page.total_count == 1
    (meeting,) = page.data
    assert (meeting.start_time, meeting.duration, meeting.max_participants) == (T0, 600, 2)
    assert [one.user_name for one in meeting.participants] == ["Ines", "Tom"]
    assert page.meta.complete_until.tzinfo is not None
    assert page.meta.request_id
    assert meeting.meta == page.meta, "the items of a page have what the answer states"
    assert client.get_meeting(meeting.id).meta.held_back_by == f"api_key/{client.get_key().name}"

    assert (
        client.list_meetings(from_=moment(0), to=moment(1), no_participants=True).data[0].participants is None
    )
    assert client.list_meetings(timeframe_start=T0 + 1, order="asc", limit=1).data[0].room == "room-0"
    assert client.list_meetings(attributes={"role": "guest"}).total_count == 1
    assert client.list_meetings(room=room, include_attributes=True).data[0].participants[1].attributes == {
        "role": "guest"
    }
    assert client.list_meetings(ongoing=True, min_participants=1, min_duration=0).total_count <= 1
    listed = client.list_meetings()
    assert [one.id for one in client.iterate_meetings(limit=2)] == [one.id for one in listed.data]
    assert [one.id for one in client.iterate_meetings(starting_after=listed.data[1].id)] == [
        one.id for one in listed.data[2:]
    ]
    assert client.list_meetings(ending_before="OLDEST", limit=1).data[0].id == meeting.id

    assert [one.participant_id for one in client.list_meeting_participants(meeting.id).data] == ["c-1", "c-2"]
    assert [one.user_id for one in client.iterate_meeting_participants(meeting.id, limit=1)] == ["u-1", "u,2"]
    of_user = client.list_user_meetings("u-1", order="asc")
    assert of_user.data[0].attended.attendance_ratio == 1.0
    assert len(list(client.iterate_user_meetings("u-1", limit=4))) == of_user.total_count == 6
    assert client.list_user_meetings("u,2").total_count == 1

    explained = client.explain_meeting(meeting.id, include_attributes=True)
    assert explained.start.at == moment(0)
    assert explained.events[0].attributes == {"role": "host"}
    assert explained.events[0].log_entry.source.type == "api_key"

    assert [one.duration for one in client.get_attendance(meeting.id).data] == [600, 480]
    late = client.get_attendance(
        meeting.id, expected=["u-1", "u-3"], late_after_seconds=30, starts_at=moment(-60)
    )
    assert (late.totals.late, late.totals.absent, late.totals.unexpected) == (1, 1, 1)
    with pytest.raises(BadInput, match="create_attendance_report"):
        client.get_attendance(meeting.id, expected=["u,2"])
    report = client.create_attendance_report(
        meeting.id, ["u,2", ExpectedUser(user_id="u-3", user_name="Ada")], starts_at=T0, ends_at=moment(600)
    )
    assert [(one.user_name, one.status) for one in report.data][-1] == ("Ada", "absent")

    together = client.get_time_together(
        meeting.id, {"hosts": {"attribute.role": ["host", "cohost"]}, "tom": {"user_id": "u,2"}}
    )
    assert (together.together.duration, [side.name for side in together.sides]) == (480, ["hosts", "tom"])
    assert (
        client.get_time_together(meeting.id, {"ines": {"user_id": "u-1"}}, others=True).together.duration
        == 480
    )

    assert [one.name for one in client.iterate_rooms(limit=3)] == [
        one.name for one in client.list_rooms().data
    ]
    assert client.get_room(room).name == room
    assert client.get_presence()["open"][0].user_name == "Zoë"
    assert client.get_presence(include_attributes=True).meta.complete_until is not None
    assert client.get_room_presence("open", user_name="Zoë").total_count == 1
    assert [one.user_id for one in client.get_room_presence_at(room, moment(30)).data] == ["u-1"]
    between = client.get_room_presence_between(room, moment(541), T0 + 599.5, include_attributes=True)
    assert [(one.left_by, one.attributes) for one in between.data] == [("reported", {"role": "host"})]
    assert between.from_ == moment(541)

    usage = client.get_usage("2026-01-01", group_by="hour", timezone="Europe/Berlin", to=moment(3_600))
    assert (usage.totals.participant_seconds, usage.from_) == (1_080, "2026-01-01T00:00:00+01:00")
    assert client.get_usage(moment(0).date(), group_by="total", to="2026-01-02").totals.meetings == 6
    assert client.get_usage_by_room("2026-01-01", to="2026-01-02").data[0].room == room
    by_role = client.get_usage_by_attribute("role", "2026-01-01", to="2026-01-02", limit=1)
    assert (by_role.data[0].value, by_role.remainder.groups) == ("host", 1)
    assert client.get_concurrency("2026-01-01", group_by="day", to="2026-01-02").totals.max_participants == 2
    assert client.get_concurrency_by_attribute("role", "2026-01-01", to="2026-01-02").data[0].value == "host"

    participants = [SnapshotParticipant(participant_id="c-9"), SnapshotParticipant(participant_id="c-10")]
    assert client.ingest_snapshot("open", participants, wait=True).accepted == 1
    assert client.get_room_presence("open").total_count == 2

    assert client.list_quarantined_rooms().total_count == 0
    completeness = client.get_completeness()
    assert completeness.held_back_by.type == "api_key"
    assert completeness.data[0].last_request_at is not None
    assert (client.get_key().domain, client.get_key().scopes) == (domain, ["ingest", "read"])
    assert client.get_version().version
    assert client.request("GET", "/meetings", parameters={"limit": 1})["total_count"] == listed.total_count


def test_webhooks_are_managed(service, make_client, receiver):
    client = make_client(service.url, service.make_key("hooks", "admin"))
    created = client.create_webhook(
        receiver, event_types=["meeting.started"], retry_type="exponential", basic_auth="a:b"
    )
    assert (created.url, created.event_types, created.state) == (receiver, ["meeting.started"], "ACTIVE")
    assert client.update_webhook(created.uuid, basic_auth=None, extensions=True).extensions
    assert client.get_webhook(created.uuid).basic_auth is None
    assert [one.uuid for one in client.list_webhooks()] == [created.uuid]
    assert client.list_webhook_secrets(created.uuid).secrets == [created.hmac]
    secrets = ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", created.hmac]
    assert client.update_webhook_secrets(created.uuid, secrets).secrets == secrets
    assert client.test_webhook(created.uuid).delivered
    assert client.list_deliveries(created.uuid, state="failed").data == []
    assert list(client.iterate_deliveries(created.uuid)) == []
    assert client.resend_deliveries(created.uuid, failed=True, from_=moment(0), to=moment(1)).resent == 0
    assert client.delete_webhook(created.uuid).deleted
    with pytest.raises(NotFound, match="No webhook has the id"):
        client.delete_webhook(created.uuid)


def test_an_error_of_the_api_is_an_exception_with_its_text(service, make_client):
    client = make_client(service.url, service.make_key("errors", "read"))
    with pytest.raises(NotFound) as not_found:
        client.get_meeting("nope")
    error = not_found.value
    assert (error.status, error.error, error.info) == (404, "not-found", "No meeting has the id nope")
    assert error.request_id
    with pytest.raises(InvalidRequest, match='"limit" must be greater'):
        client.list_meetings(limit=0)
    with pytest.raises(Forbidden, match=r"lacks the scope 'ingest'.*headcount key create --scope ingest"):
        client.ingest_event(Event(room="r", kind="end"))
    with pytest.raises(Unauthorized, match="not valid"):
        make_client(service.url, "hc_" + "x" * 32).list_rooms()
    with pytest.raises(Unauthorized, match="no API key"):
        make_client(service.url).list_rooms()
    with pytest.raises(NotFound):
        list(client.iterate_meeting_participants("nope"))


def test_what_no_server_can_read_is_refused_before_it_is_sent(make_client):
    client = make_client(f"http://127.0.0.1:{free_port()}", "k", retries=0)
    with pytest.raises(BadInput, match="no time zone"):
        client.get_room_presence_at("r", datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point
    with pytest.raises(BadInput, match="no time zone"):
        client.ingest_snapshot("r", [], at=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(TypeError, match=r"unexpected argument 'rom': expected some of .*room"):
        client.list_meetings(rom="blue")
    with pytest.raises(BadInput, match="cannot be written as JSON"):
        client.ingest_event(Event(room="r", kind="join", participant_id="c", attributes={"x": object()}))
    for url in ("127.0.0.1:8080", "http://", "http://u:p@x", "http://x?y=1", "ftp://x"):
        with pytest.raises(BadInput, match="base URL"):
            Client(url)
    with pytest.raises(BadInput, match="one word"):
        Client("http://x", "two words")


def test_a_server_that_is_not_there_is_a_connection_that_failed(make_client):
    client = make_client(f"http://127.0.0.1:{free_port()}", "k", retries=1)
    with pytest.raises(ConnectionFailed, match="could not be reached"):
        client.list_rooms()


def test_a_page_that_is_no_api_is_an_unexpected_answer(service, make_client):
    client = make_client(service.url, service.key, prefix="")
    with pytest.raises(NotFound, match="No route matches"):
        client.list_meetings()
    with pytest.raises(UnexpectedAnswer, match=r"refers to .*correct the base URL"):
        client.request("GET", "/")
    with pytest.raises(UnexpectedAnswer, match="not the expected JSON"):
        client.request("GET", "/healthz")


def test_the_prefix_and_a_sub_path_can_be_changed(tmp_path, make_client):
    running = Running(tmp_path, api_prefix="/headcount/api")
    running.start()
    try:
        for base_url, prefix in ((running.url, "headcount/api/"), (f"{running.url}/headcount/", "/api")):
            client = make_client(base_url, running.key, prefix=prefix)
            assert client.list_meetings().total_count == 0
    finally:
        running.stop()


def test_many_events_are_sent_in_requests_of_a_thousand(service, make_client, request):
    client = make_client(service.url, service.make_key(f"many-{request.node.callspec.id}", "ingest"))
    events = (Event(room=f"r-{n}", kind="join", participant_id="c", at=T0) for n in range(2_001))
    assert client.ingest_events(events).accepted == 2_001
    assert client.ingest_events([]).accepted == 0


def test_importing_the_client_imports_nothing_of_the_server_and_no_http_library():
    code = "import sys, headcount.client; print([m for m in sys.modules if m.startswith(('headcount.', 'httpx2', 'asyncio', 'starlette'))])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout.replace("'", '"'))
    assert [name for name in found if not name.startswith("headcount.client")] == ["headcount.errors"]


def test_a_type_checker_finds_wrong_arguments_and_knows_the_types_of_answers(tmp_path):
    file = tmp_path / "uses.py"
    file.write_text(
        "from headcount.client import AsyncClient, Client, Event\n"
        "client = Client('http://x', 'k')\n"
        "wrong: int = client.get_meeting('m').room\n"
        "client.list_meetings(rom='x')\n"
        "Event(room='r', kind='jon')\n"
        "for meeting in client.iterate_meetings(room='x'):\n"
        "    number: int = meeting.duration\n"
        "async def main() -> None:\n"
        "    other = AsyncClient('http://x', 'k')\n"
        "    right: str = (await other.get_meeting('m')).room\n"
        "    async for one in other.iterate_user_meetings('u'):\n"
        "        ratio: float = one.attended.attendance_ratio\n"
        "    async for message in other.stream_events():\n"
        "        cursor: str = message.cursor\n"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", file],
        capture_output=True, text=True, check=False, cwd=tmp_path, timeout=300,
    )  # fmt: skip
    lines = ran.stdout.splitlines()
    assert [line.split(":")[1] for line in lines] == ["3", "4", "5"], ran.stdout


@pytest.fixture
def receiver():
    """The address of an endpoint that answers every webhook with 200."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hook"
        server.shutdown()


def test_a_console_shows_the_parameters_and_the_answer_of_a_method(make_client):
    client = make_client("http://127.0.0.1:1", "k")
    signature = inspect.signature(client.get_meeting)
    assert (list(signature.parameters), signature.return_annotation) == (["meeting_id"], models.Meeting)
    assert inspect.signature(client.ingest_events).return_annotation is models.IngestResult
    assert client.get_meeting.__name__ == "get_meeting"
    assert "without its participants" in client.get_meeting.__doc__


def test_every_error_is_a_client_error():
    from headcount.client import errors

    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and kind.__module__ == errors.__name__
    ]
    assert all(issubclass(kind, ClientError) for kind in kinds)
