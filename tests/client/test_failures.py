"""What the clients do when connections break, servers are busy and answers are lost: never twice, never for ever."""

import asyncio

import httpx2
import pytest

from headcount.client import (
    AsyncClient,
    Client,
    ConnectionFailed,
    DeadlineExceeded,
    Event,
    NotFound,
    RateLimited,
    RequestTooLarge,
    RoomQuarantined,
    ServerError,
    SnapshotParticipant,
)
from support.failing_server import DROP, HANG, LOSE, FailingServer, answer

pytestmark = pytest.mark.process

BUSY = answer(503, "retry-after: 0\r\n", '{"error":"server-error","info":"The database is busy"}')
LIMITED = answer(429, "retry-after: 0\r\n", '{"error":"rate-limit-error","info":"Too many"}')
PROXY = answer(502, "content-type: text/html\r\n", "<h1>Bad Gateway</h1>")
QUARANTINED = answer(503, "", '{"error":"room-quarantined-error","info":"Stored, but not visible"}')
EVENT = {"room": "r", "kind": "join", "participant_id": "c-1"}


@pytest.fixture
def through(service, make_client, request):
    """Make a client with a domain of its own, whose connections fail as a script has it; and one without failures."""
    servers = []

    def make(*script, scopes=("read", "ingest"), **options):
        key = service.make_key(f"{request.node.name}-{len(servers)}", *scopes)
        server = FailingServer(service.url, *script)
        servers.append(server)
        return make_client(server.url, key, **options), make_client(service.url, key), server

    yield make
    for server in servers:
        server.__exit__()


@pytest.mark.parametrize(
    "fault", [DROP, LOSE, BUSY, LIMITED, PROXY], ids=["drop", "lose", "busy", "limited", "proxy"]
)
def test_events_arrive_once_whatever_happens_to_the_first_attempts(through, fault):
    client, direct, server = through(fault, fault)
    sent = client.ingest_events([Event(**EVENT), Event(**EVENT | {"participant_id": "c-2"})], wait=True)
    assert sent.accepted + sent.duplicates == 2
    assert direct.get_room_presence("r").total_count == 2
    bodies = [request.partition(b"\r\n\r\n")[2] for request in server.requests]
    assert len(set(bodies)) == 1, "every attempt has the same ids"


def test_an_event_that_is_sent_again_after_an_error_counts_once(through):
    client, direct, _ = through(LOSE, retries=0)
    event = Event(**EVENT)
    with pytest.raises(ConnectionFailed):
        client.ingest_event(event)
    assert client.ingest_event(event).duplicates == 1
    assert direct.ingest_event(Event(**EVENT, id=event.id)).duplicates == 1


def test_an_event_without_an_id_is_not_sent_again_if_it_may_have_arrived(through):
    client, direct, server = through(LOSE, LOSE)
    with pytest.raises(ConnectionFailed):
        client.ingest_event(Event(**EVENT, id=None))
    assert len(server.requests) == 1
    direct.ingest_event(Event(**EVENT | {"participant_id": "c-2"}), wait=True)
    assert direct.get_room_presence("r").total_count == 2, "it had arrived"


def test_a_snapshot_is_the_same_snapshot_when_it_is_sent_again(through):
    client, _, server = through(LOSE)
    sent = client.ingest_snapshot("r", [SnapshotParticipant(participant_id="c-1")])
    assert (sent.accepted, sent.duplicates) == (0, 1)
    assert len({request.partition(b"\r\n\r\n")[2] for request in server.requests}) == 1


def test_reads_are_repeated_until_they_succeed(through):
    client, _, server = through(DROP, BUSY, PROXY, LOSE)
    assert client.list_meetings().total_count == 0
    assert len(server.requests) == 4


def test_attempts_are_limited_and_the_last_error_is_raised(through):
    client, _, server = through(*[BUSY] * 9, retries=2)
    with pytest.raises(ServerError, match="The database is busy") as raised:
        client.list_meetings()
    assert (raised.value.status, len(server.requests)) == (503, 3)
    client, _, server = through(PROXY, retries=0)
    with pytest.raises(ServerError, match="answered 502 without an error of the API: <h1>Bad Gateway"):
        client.list_meetings()


def test_a_wait_that_would_pass_the_deadline_is_no_wait(through):
    client, _, server = through(
        answer(429, "retry-after: 30\r\n", '{"error":"rate-limit-error","info":"Too many"}'), timeout_s=20
    )
    with pytest.raises(RateLimited) as raised:
        client.list_meetings()
    assert raised.value.retry_after_s == 30
    assert len(server.requests) == 1


def test_a_server_that_never_answers_ends_at_the_deadline(through):
    client, _, server = through(HANG, timeout_s=0.3)
    with pytest.raises(DeadlineExceeded, match=r"no answer within 0.3 s"):
        client.list_meetings()
    assert len(server.requests) == 1


def test_what_is_not_idempotent_is_repeated_only_if_it_was_refused_or_never_sent(through):
    for fault in (LOSE, BUSY):
        client, _, server = through(fault, scopes=("admin",))
        with pytest.raises((ConnectionFailed, ServerError)):
            client.resend_deliveries("none", failed=True)
        assert len(server.requests) == 1
    client, _, server = through(LIMITED, scopes=("admin",))
    with pytest.raises(NotFound):
        client.resend_deliveries("none", failed=True)
    assert len(server.requests) == 2


def test_a_deletion_whose_answer_was_lost_has_succeeded(through):
    client, _, server = through(LOSE, scopes=("admin",))
    assert client.delete_webhook("none-that-exists").deleted
    assert len(server.requests) == 2
    with pytest.raises(NotFound):
        client.delete_webhook("none-that-exists")


def test_some_errors_are_not_repeated(through):
    client, _, server = through(QUARANTINED)
    with pytest.raises(RoomQuarantined, match="Stored, but not visible"):
        client.ingest_event(Event(**EVENT))
    assert len(server.requests) == 1
    client, _, server = through(
        answer(413, "", '{"error":"request-too-large","info":"The body is too large"}')
    )
    with pytest.raises(RequestTooLarge):
        client.ingest_event(Event(**EVENT))
    assert len(server.requests) == 1


def test_a_caller_can_bring_connections_and_closes_them(service):
    with FailingServer(service.url) as server:
        with (
            httpx2.Client(headers={"X-Proxy": "acme"}) as own,
            Client(server.url, service.key, http_client=own) as client,
        ):
            client.list_rooms()
            client.close()
            client.list_rooms()

        async def story():
            async with httpx2.AsyncClient(headers={"X-Proxy": "acme"}) as own:
                async with AsyncClient(server.url, service.key, http_client=own) as client:
                    await client.list_rooms()
                assert not own.is_closed

        asyncio.run(story())
        assert sum(b"X-Proxy: acme" in request for request in server.requests) == 3


def test_requests_name_the_client_and_carry_the_key(through):
    client, _, server = through(user_agent="acme/3")
    client.list_rooms()
    head = server.requests[0].decode().lower()
    assert "user-agent: acme/3 headcount-client/" in head
    assert "authorization: bearer hc_" in head
