"""The event stream of the real process: no event is lost or doubled, however clients read."""

import re
import socket
import threading
from contextlib import closing
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest

from headcount.outbound import broadcast
from headcount.store.outbox import MessageType
from support.running_service import Running, headcount
from support.stream_client import Outbox, StreamReader
from support.waiting import wait_until


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service that sends a comment every second."""
    every_second = {"headcount.outbound.broadcast.HEARTBEAT_S": 1.0}
    running = Running(tmp_path_factory.mktemp("stream"), constants=every_second).start()
    yield running
    running.stop()


@pytest.fixture
def outbox(service):
    with closing(Outbox(service.database)) as outbox:
        yield outbox


def metric(service, name):
    text = httpx.get(f"{service.url}/metrics", timeout=10).text
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)[1])


def test_an_event_arrives_with_the_body_of_its_webhook(service, outbox):
    with closing(StreamReader(service)) as stream:
        (name,) = outbox.publish("blue")
        (event,) = stream.read()
        assert event.event == "meeting.started"
        assert event.data["id"] == name
        assert list(event.data) == ["version", "type", "id", "payload", "event_ts"]
        assert stream.answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.answer.headers["access-control-allow-origin"] == "*"
        assert 1_000 <= stream.retry < 3_000


def test_a_client_that_reacts_to_a_join_or_leave_finds_it_in_presence(service):
    headers = {"Authorization": f"Bearer {service.key}"}
    with (
        closing(StreamReader(service, room="reacting")) as stream,
        httpx.Client(base_url=f"{service.url}/v1", headers=headers, timeout=10) as client,
    ):
        for n in range(5):
            for kind in ("join", "leave"):
                event = {"room": "reacting", "kind": kind, "participant_id": f"c-{n}"}
                assert client.post("/events", json=event).status_code == 200
                (message,) = stream.read()
                assert message.event == {"join": "participant.joined", "leave": "participant.left"}[kind]
                listed = [one["id"] for one in client.get("/rooms/reacting/presence").json()["data"]]
                assert listed == ([f"c-{n}"] if kind == "join" else [])


def test_the_stream_has_the_attributes_of_a_participant(service):
    known = {"role": "host", "seat": 7, "vip": True}
    with closing(StreamReader(service, room="attributes")) as stream, service.client() as client:
        for kind in ("join", "leave"):
            event = {"room": "attributes", "kind": kind, "participant_id": "c-1", "attributes": known}
            assert client.post("/events", json=event).status_code == 200
            (message,) = stream.read()
            assert message.data["payload"]["attributes"] == known


def test_without_a_last_id_the_stream_begins_now(service, outbox):
    outbox.publish("blue")
    with closing(StreamReader(service)) as stream:
        assert outbox.publish("blue", "blue") == stream.read_ids(2)


def test_a_client_that_was_cut_off_before_the_first_event_misses_nothing(service, outbox):
    with closing(StreamReader(service)) as stream:
        last = stream.last
    published = outbox.publish("blue")
    with closing(StreamReader(service, last_event_id=last)) as stream:
        assert stream.read_ids(1) == published


def test_a_stream_resumes_after_any_event(service, outbox):
    with closing(StreamReader(service)) as stream:
        published = outbox.publish(*["blue"] * 12)
        cursors = [event.id for event in stream.read(12)]
    for n, cursor in enumerate(cursors[:-1]):
        with closing(StreamReader(service, headers={"Last-Event-ID": cursor}, last_event_id="0")) as stream:
            assert stream.read_ids(11 - n) == published[n + 1 :]


def test_a_backlog_of_thousands_and_the_events_meanwhile_arrive_once_in_order(service, outbox):
    with closing(StreamReader(service)) as stream:
        last = stream.last
    backlog = [name for _ in range(20) for name in outbox.publish(*["blue"] * 100)]
    more = []

    def publish_more():
        for _ in range(100):
            more.extend(outbox.publish(*["blue"] * 3))

    publisher = threading.Thread(target=publish_more)
    publisher.start()
    streams = [StreamReader(service, last_event_id=last) for _ in range(4)]
    received = [stream.read_ids(2_300) for stream in streams]
    publisher.join()
    assert all(ids == backlog + more for ids in received)
    for stream in streams:
        stream.close()


def test_no_event_is_lost_or_doubled_when_the_process_is_killed(tmp_path):
    service = Running(tmp_path).start()
    published, received, last = [], [], None
    stop = threading.Event()
    with closing(Outbox(service.database)) as outbox:

        def publish():
            while not stop.is_set():
                published.extend(outbox.publish("blue", "blue"))

        with closing(StreamReader(service)) as stream:
            last = stream.last
        publisher = threading.Thread(target=publish)
        publisher.start()
        for _ in range(5):
            stream = StreamReader(service, last_event_id=last)
            received += stream.read_ids(50)
            service.kill()
            last = stream.last
            stream.close()
            service.start()
        stop.set()
        publisher.join()
        with closing(StreamReader(service, last_event_id=last)) as stream:
            received += stream.read_ids(len(published) - len(received))
    service.stop()
    assert received == published


def test_rooms_and_types_are_filtered_live_and_in_the_backlog(service, outbox):
    filters = {"room": ["blue", "a,b"], "types": "meeting.ended,meeting.started"}
    with closing(StreamReader(service, **filters)) as stream:
        last = stream.last
        outbox.publish("green")
        first = outbox.publish("a,b")
        outbox.publish("blue", type_=MessageType.PARTICIPANT_JOINED)
        second = outbox.publish("blue")
        assert stream.read_ids(2) == first + second
    with closing(StreamReader(service, last_event_id=last, **filters)) as stream:
        assert stream.read_ids(2) == first + second


def test_another_domain_receives_none_of_its_events(service, outbox):
    key = service.make_key("stranger", "read")
    with (
        closing(StreamReader(service)) as mine,
        closing(StreamReader(service, key, last_event_id="0")) as theirs,
    ):
        outbox.publish("blue")
        mine.read()
        published = outbox.publish("blue", domain="stranger")
        assert theirs.read_ids(1) == published


def test_a_browser_passes_its_key_in_the_url(service, outbox):
    with closing(StreamReader(service, token=service.make_key("default", "read"))) as stream:
        assert outbox.publish("blue") == stream.read_ids(1)


def test_event_ids_do_not_reveal_how_many_events_other_domains_have(service, outbox):
    with closing(StreamReader(service)) as stream:
        outbox.publish("blue")
        outbox.publish(*["blue"] * 7, domain="stranger")
        outbox.publish("blue")
        first, second = (event.id for event in stream.read(2))
    assert all(re.fullmatch("[A-Za-z0-9_-]{22}", cursor) for cursor in (first, second))
    with closing(StreamReader(service, last_event_id=first)) as stream:
        assert stream.read()[0].id == second


def test_a_domain_opens_no_more_streams_than_its_limit(tmp_path):
    service = Running(tmp_path, max_streams_per_domain=3).start()
    key = service.make_key("elsewhere", "read")
    streams = [StreamReader(service) for _ in range(3)]
    with service.client() as client:
        refused = client.get("/stream")
        assert refused.status_code == 429
        assert "max_streams_per_domain" in refused.json()["info"]
        assert refused.headers["retry-after"] == "5"
    streams.append(StreamReader(service, key))
    streams.pop(0).close()
    wait_until(lambda: metric(service, "headcount_streams_open") == 3)
    streams.append(StreamReader(service))
    service.stop()
    for stream in streams:
        stream.close()


WRONG = [
    ({"last_event_id": "x"}, '"last_event_id" must be the id of an event of this stream'),
    ({"last_event_id": "-1"}, '"last_event_id" must be the id'),
    ({"types": "meeting.begun"}, '"types" must be some of [meeting.started'),
    ({"room": ""}, '"room" is not allowed to be empty'),
    ({"room": "a\0"}, '"room" must not contain U+0000'),
]


@pytest.mark.parametrize(("query", "message"), WRONG)
def test_invalid_parameters_are_refused(service, query, message):
    with service.client() as client:
        answer = client.get("/stream", params=query)
        assert answer.status_code == 400
        assert answer.json()["info"].startswith(message)


@pytest.mark.parametrize(
    ("query", "status"), [({}, 400), ({"token": "hc_x"}, 401), ({"token": "\0"}, 400), ({"token": "é"}, 401)]
)
def test_a_stream_needs_a_valid_key(service, query, status):
    assert httpx.get(f"{service.url}/v1/stream", params=query, timeout=10).status_code == status


def test_a_key_needs_the_read_scope(service):
    with service.client(service.make_key("default", "ingest")) as client:
        assert client.get("/stream").status_code == 403


def test_an_id_of_another_domain_is_reported_as_a_gap(service, outbox):
    with closing(StreamReader(service, service.make_key("stranger", "read"))) as other:
        outbox.publish("blue", domain="stranger")
        (foreign,) = other.read()
    with closing(StreamReader(service, last_event_id=foreign.id)) as stream:
        (gap,) = stream.read()
        assert gap.event == "gap"
        assert outbox.publish("blue") == stream.read_ids(1)


def test_a_comment_keeps_an_idle_stream_alive(service):
    assert broadcast.HEARTBEAT_S <= 15, "proxies close what is idle for longer"
    with closing(StreamReader(service)) as stream:
        stream.read_comment()
        stream.read_comment()


def test_a_head_request_ends(service):
    with service.client() as client:
        assert client.head("/stream").status_code == 200


def test_a_client_that_disconnects_is_not_counted_any_more(service):
    before = metric(service, "headcount_streams_open")
    with closing(StreamReader(service)):
        wait_until(lambda: metric(service, "headcount_streams_open") == before + 1)
    wait_until(lambda: metric(service, "headcount_streams_open") == before)


def test_the_time_that_a_stream_is_open_is_not_counted_as_the_duration_of_a_request(service, outbox):
    with closing(StreamReader(service)) as stream:
        for _ in range(4):  # three seconds at least
            stream.read_comment()
        assert outbox.publish("blue") == stream.read_ids(1)
        counted = 'headcount_http_request_duration_seconds_bucket{le="%s",route="/v1/stream"}'
        assert metric(service, counted % "2.5") == metric(service, counted % "+Inf") > 0


class SilentClient:
    """Requests the stream and reads nothing."""

    def __init__(self, service, query=""):
        place = urlsplit(service.url)
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self.socket.connect((place.hostname, place.port))
        self.socket.sendall(
            f"GET /v1/stream{query} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {service.key}\r\n\r\n".encode()
        )

    def close(self):
        self.socket.close()


def test_a_client_that_does_not_read_is_disconnected_and_no_other_is_affected(service, outbox):
    slow = 'headcount_streams_disconnected_total{reason="slow_consumer"}'
    open_, before = metric(service, "headcount_streams_open"), metric(service, slow)
    with closing(SilentClient(service)), closing(StreamReader(service)) as stream:
        wait_until(lambda: metric(service, "headcount_streams_open") == open_ + 2)
        for _ in range(20):
            published = outbox.publish(*["blue"] * 100, padding="x" * 5_000)
            assert stream.read_ids(100) == published
        wait_until(lambda: metric(service, slow) == before + 1)
        wait_until(lambda: metric(service, "headcount_streams_open") == open_ + 1)
        assert outbox.publish("blue") == stream.read_ids(1)


def test_a_revoked_key_ends_its_stream(service):
    key = service.make_key("default", "read")
    with closing(StreamReader(service, key)) as stream:
        headcount("key", "revoke", "--database", service.database, key[3:11])
        (last,) = stream.read_to_end()
        assert last["event"] == "disconnect"
        assert '"reason":"key_revoked"' in last["data"]


def test_the_service_stops_however_many_streams_are_open(tmp_path):
    service = Running(tmp_path).start()
    streams = [StreamReader(service) for _ in range(20)]
    silent = [SilentClient(service) for _ in range(5)]
    wait_until(lambda: metric(service, "headcount_streams_open") == 25)
    service.stop()
    assert service.process.returncode == 0
    for stream in streams:
        assert [last["event"] for last in stream.read_to_end()] == ["disconnect"]
    for client in (*streams, *silent):
        client.close()
