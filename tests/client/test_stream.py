"""The stream of messages: it resumes across restarts and cuts without loss or duplicates, and ends when that is right."""

import contextlib
import itertools
import json
import re
import threading
import time

import httpx2 as httpx
import pytest

from headcount.client import ConnectionFailed, Event, EventsMissed, Unauthorized
from support.client_variants import VARIANTS
from support.failing_server import DROP, FailingServer, answer
from support.running_service import Running, headcount
from support.servers import free_port
from support.stream_client import Outbox

pytestmark = pytest.mark.process

BUSY = answer(503, "retry-after: 0\r\n", '{"error":"server-error","info":"Busy"}')


@pytest.fixture(params=list(VARIANTS))
def variant(request):
    return VARIANTS[request.param]


@pytest.fixture
def domain(request):
    return request.node.name


def ids(messages, number):
    return [one.id for one in itertools.islice(messages, number)]


def test_a_stream_continues_across_restarts_and_cuts_without_loss_or_duplicates(tmp_path, variant):
    service = Running(tmp_path)
    port = free_port()
    service.start("--port", port)
    with FailingServer(service.url) as between, variant(between.url, service.key) as client:
        messages = client.stream_events()
        received = []
        reading = threading.Thread(target=lambda: received.extend(ids(messages, 90)), daemon=True)
        reading.start()
        _wait_for_stream(service)
        sent = []
        outbox = Outbox(service.database)
        for turn in range(3):
            sent += outbox.publish(*[f"room-{n}" for n in range(10)])
            if turn == 0:
                between.cut()
            sent += outbox.publish(*[f"room-{n}" for n in range(10)])
            service.stop() if turn else service.kill()
            sent += outbox.publish(*[f"room-{n}" for n in range(10)])
            service.start("--port", port)
        reading.join(120)
        outbox.close()
        service.stop()
    assert received == sent


def _wait_for_stream(service):
    """Wait until the stream is open: until then it has no beginning."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        found = re.search(
            r"^headcount_streams_open (\d+)", httpx.get(f"{service.url}/metrics").text, re.MULTILINE
        )
        assert found, "the metric of open streams has another name"
        if int(found[1]):
            return
    pytest.fail("the stream did not open")


@pytest.fixture(scope="module")
def outbox(service):
    found = Outbox(service.database)
    yield found
    found.close()


def test_a_stream_starts_after_a_message_and_filters(service, outbox, make_client, domain):
    key = service.make_key(domain, "read")
    client = make_client(service.url, key)
    outbox.publish("first", domain=domain)
    with contextlib.closing(client.stream_events(last_event_id="0")) as everything:
        first = next(everything)  # from here on the domain's messages are complete
        sent = outbox.publish("a", "b", "c/ü", "b", domain=domain)
        assert (first.type, first.payload["room"], first.version) == ("meeting.started", "first", "1.0.0")
        assert ids(everything, 4) == sent
    assert ids(client.stream_events(last_event_id=first.cursor), 4) == sent
    assert ids(client.stream_events(last_event_id=first.cursor, rooms=["b", "c/ü"]), 3) == sent[1:]
    more = client.stream_events(last_event_id="0", types=["meeting.ended", "meeting.started"], rooms=["b"])
    assert ids(more, 2) == [sent[1], sent[3]]


def test_the_events_of_meetings_arrive(service, make_client, domain):
    key = service.make_key(domain, "read", "ingest")
    client = make_client(service.url, key)
    common = {"room": "blue", "participant_id": "c-1", "user_name": "Ines"}
    client.ingest_events(
        [Event(kind="join", at=1_767_225_600, **common), Event(kind="leave", at=1_767_226_200, **common)]
    )
    messages = client.stream_events(last_event_id="0", types=["meeting.ended"], give_up_after_s=60)
    assert next(messages).payload["duration"] == 600


def test_a_stream_opens_although_the_server_is_busy_at_first(service, outbox, variant, domain):
    key = service.make_key(domain, "read")
    sent = outbox.publish("a", domain=domain)
    with FailingServer(service.url, DROP, BUSY, BUSY) as between, variant(between.url, key) as client:
        assert ids(client.stream_events(last_event_id="0"), 1) == sent[:1]
        assert len(between.requests) == 3


def test_a_key_that_is_revoked_ends_the_stream(service, outbox, make_client, domain):
    key = service.make_key(domain, "read")
    outbox.publish("a", domain=domain)
    messages = make_client(service.url, key).stream_events(last_event_id="0")
    next(messages)
    listed = headcount("key", "list", "--database", service.database, "--json").stdout
    (key_id,) = [one["id"] for one in json.loads(listed) if one["domain"] == domain]
    headcount("key", "revoke", "--database", service.database, key_id)
    with pytest.raises(Unauthorized, match="revoked"):
        next(messages)
    with pytest.raises(Unauthorized):
        next(make_client(service.url, key).stream_events())


def test_a_gap_is_an_error_unless_it_is_allowed(service, outbox, make_client, domain):
    client = make_client(service.url, service.make_key(domain, "read"))
    foreign = "A" * 22
    with pytest.raises(EventsMissed, match="no longer stored"):
        next(client.stream_events(last_event_id=foreign))
    messages = client.stream_events(last_event_id=foreign, allow_gaps=True)
    received = []
    reading = threading.Thread(target=lambda: received.append(next(messages)), daemon=True)
    reading.start()
    sent = set()
    while reading.is_alive():  # it starts now, whenever that is
        sent |= set(outbox.publish("a", domain=domain))
        reading.join(0.05)
    assert received[0].id in sent


def test_reconnecting_ends_after_a_time(variant):
    url = f"http://127.0.0.1:{free_port()}"
    with variant(url, "k") as client, pytest.raises(ConnectionFailed, match="broke off"):
        next(client.stream_events(give_up_after_s=0.2))
