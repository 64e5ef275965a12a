"""The live stream of the real process: nothing is missed and nothing doubled, whoever reads however."""

import re
import socket
import threading
import time
from contextlib import closing
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest

from headcount.store.outbox import MessageType
from support.running_service import PATIENCE_S, Running, headcount
from support.stream_client import Ear, PendingNotifications


@pytest.fixture
def outbox(service):
    with closing(PendingNotifications(service.database)) as outbox:
        yield outbox


def eventually(holds):
    until = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def metric(service, name):
    text = httpx.get(f"{service.url}/metrics", timeout=10).text
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)[1])


def test_what_is_told_is_heard_at_once_with_the_body_of_the_webhook(service, outbox):
    with closing(Ear(service)) as ear:
        (name,) = outbox.tell("blue")
        (heard,) = ear.hear()
        assert heard.event == "meeting.started"
        assert heard.data["id"] == name
        assert list(heard.data) == ["version", "type", "id", "payload", "event_ts"]
        assert ear.answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert ear.answer.headers["access-control-allow-origin"] == "*"
        assert 1_000 <= ear.retry < 3_000


def test_without_a_last_id_the_stream_begins_now(service, outbox):
    outbox.tell("blue")
    with closing(Ear(service)) as ear:
        assert outbox.tell("blue", "blue") == ear.ids(2)


def test_who_was_cut_off_before_the_first_event_has_missed_nothing(service, outbox):
    with closing(Ear(service)) as ear:
        last = ear.last
    told = outbox.tell("blue")
    with closing(Ear(service, last_event_id=last)) as ear:
        assert ear.ids(1) == told


def test_from_anywhere_on_it_goes_on_with_the_next(service, outbox):
    with closing(Ear(service)) as ear:
        told = outbox.tell(*["blue"] * 12)
        places = [one.id for one in ear.hear(12)]
    for n, place in enumerate(places[:-1]):
        with closing(Ear(service, headers={"Last-Event-ID": place}, last_event_id="0")) as ear:
            assert ear.ids(11 - n) == told[n + 1 :]


def test_thousands_that_lie_behind_and_those_that_come_meanwhile_are_heard_once_in_order(service, outbox):
    with closing(Ear(service)) as ear:
        last = ear.last
    told = [name for _ in range(20) for name in outbox.tell(*["blue"] * 100)]
    more = []

    def go_on():
        for _ in range(100):
            more.extend(outbox.tell(*["blue"] * 3))

    telling = threading.Thread(target=go_on)
    telling.start()
    ears = [Ear(service, last_event_id=last) for _ in range(4)]
    heard = [ear.ids(2_300) for ear in ears]
    telling.join()
    assert all(one == told + more for one in heard)
    for ear in ears:
        ear.close()


def test_nothing_is_missed_or_doubled_when_the_process_is_killed(tmp_path):
    service = Running(tmp_path, reads_per_5s=0).start()
    told, heard, last = [], [], None
    stop = threading.Event()
    with closing(PendingNotifications(service.database)) as outbox:

        def go_on():
            while not stop.is_set():
                told.extend(outbox.tell("blue", "blue"))

        with closing(Ear(service)) as ear:
            last = ear.last
        telling = threading.Thread(target=go_on)
        telling.start()
        for _ in range(5):
            ear = Ear(service, last_event_id=last)
            heard += ear.ids(50)
            service.kill()
            last = ear.last
            ear.close()
            service.start()
        stop.set()
        telling.join()
        with closing(Ear(service, last_event_id=last)) as ear:
            heard += ear.ids(len(told) - len(heard))
    service.stop()
    assert heard == told


def test_rooms_and_types_are_filtered_live_and_from_behind(service, outbox):
    asked = {"room": ["blue", "a,b"], "types": "meeting.ended,meeting.started"}
    with closing(Ear(service, **asked)) as ear:
        last = ear.last
        outbox.tell("green")
        first = outbox.tell("a,b")
        outbox.tell("blue", type_=MessageType.PARTICIPANT_JOINED)
        second = outbox.tell("blue")
        assert ear.ids(2) == first + second
    with closing(Ear(service, last_event_id=last, **asked)) as ear:
        assert ear.ids(2) == first + second


def test_a_stranger_hears_nothing(service, outbox):
    key = service.make_key("stranger", "read")
    with closing(Ear(service)) as mine, closing(Ear(service, key, last_event_id="0")) as theirs:
        outbox.tell("blue")
        mine.hear()
        told = outbox.tell("blue", domain="stranger")
        assert theirs.ids(1) == told


def test_a_browser_shows_its_key_in_the_address(service, outbox):
    with closing(Ear(service, token=service.make_key("default", "read"))) as ear:
        assert outbox.tell("blue") == ear.ids(1)


def test_ids_do_not_say_how_much_happens_elsewhere(service, outbox):
    with closing(Ear(service)) as ear:
        outbox.tell("blue")
        outbox.tell(*["blue"] * 7, domain="stranger")
        outbox.tell("blue")
        first, second = (one.id for one in ear.hear(2))
    assert all(re.fullmatch("[A-Za-z0-9_-]{22}", one) for one in (first, second))
    with closing(Ear(service, last_event_id=first)) as ear:
        assert ear.hear()[0].id == second


def test_a_domain_has_its_share_of_streams_and_leaves_the_rest_to_others(tmp_path):
    service = Running(tmp_path, reads_per_5s=0, max_streams_per_domain=3).start()
    key = service.make_key("elsewhere", "read")
    ears = [Ear(service) for _ in range(3)]
    with service.client() as client:
        refused = client.get("/stream")
        assert refused.status_code == 429
        assert "max_streams_per_domain" in refused.json()["info"]
        assert refused.headers["retry-after"] == "5"
    ears.append(Ear(service, key))
    ears.pop(0).close()
    eventually(lambda: metric(service, "headcount_streams_open") == 3)
    ears.append(Ear(service))
    service.stop()
    for ear in ears:
        ear.close()


WRONG = [
    ({"last_event_id": "x"}, '"last_event_id" must be the id of an event of this stream'),
    ({"last_event_id": "-1"}, '"last_event_id" must be the id'),
    ({"types": "meeting.begun"}, '"types" must be some of [meeting.started'),
    ({"types": ""}, '"types" must be some of'),
    ({"room": ""}, '"room" is not allowed to be empty'),
    ({"room": "a\0"}, '"room" must not contain U+0000'),
]


@pytest.mark.parametrize(("query", "told"), WRONG)
def test_what_makes_no_sense_is_refused(service, query, told):
    with service.client() as client:
        answer = client.get("/stream", params=query)
        assert answer.status_code == 400
        assert answer.json()["info"].startswith(told)


@pytest.mark.parametrize(
    ("query", "status"), [({}, 400), ({"token": "hc_x"}, 401), ({"token": "\0"}, 400), ({"token": "é"}, 401)]
)
def test_without_a_good_key_nobody_listens(service, query, status):
    assert httpx.get(f"{service.url}/v1/stream", params=query, timeout=10).status_code == status


def test_a_key_must_be_one_that_reads(service):
    with service.client(service.make_key("default", "ingest")) as client:
        assert client.get("/stream").status_code == 403


def test_an_id_from_elsewhere_is_told_to_be_a_gap(service, outbox):
    with closing(Ear(service, service.make_key("stranger", "read"))) as other:
        outbox.tell("blue", domain="stranger")
        (foreign,) = other.hear()
    with closing(Ear(service, last_event_id=foreign.id)) as ear:
        (gap,) = ear.hear()
        assert gap.event == "gap"
        assert outbox.tell("blue") == ear.ids(1)


def test_a_sign_of_life_comes_within_fifteen_seconds(service):
    with closing(Ear(service)) as ear:
        began = time.monotonic()
        ear.hear_comment()
        assert time.monotonic() - began < 16


def test_only_asking_how_it_would_be_ends(service):
    with service.client() as client:
        assert client.head("/stream").status_code == 200


def test_who_goes_is_not_counted_any_more(service):
    before = metric(service, "headcount_streams_open")
    with closing(Ear(service)):
        eventually(lambda: metric(service, "headcount_streams_open") == before + 1)
    eventually(lambda: metric(service, "headcount_streams_open") == before)


def test_an_hour_of_listening_is_not_a_request_of_an_hour(service, outbox):
    with closing(Ear(service)) as ear:
        time.sleep(1.2)
        assert outbox.tell("blue") == ear.ids(1)
        counted = 'headcount_http_request_seconds_bucket{le="%s",route="/v1/stream"}'
        assert metric(service, counted % "1.0") == metric(service, counted % "+Inf") > 0


class Deaf:
    """Asks for the stream and reads nothing."""

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


def test_who_does_not_read_is_dropped_and_nobody_else_suffers(service, outbox):
    slow = 'headcount_streams_dropped_total{reason="slow"}'
    open_, before = metric(service, "headcount_streams_open"), metric(service, slow)
    with closing(Deaf(service)), closing(Ear(service)) as ear:
        eventually(lambda: metric(service, "headcount_streams_open") == open_ + 2)
        for _ in range(100):
            told = outbox.tell(*["blue"] * 20, padding="x" * 5_000)
            assert ear.ids(20) == told
        eventually(lambda: metric(service, slow) == before + 1)
        eventually(lambda: metric(service, "headcount_streams_open") == open_ + 1)
        assert outbox.tell("blue") == ear.ids(1)


def test_a_revoked_key_hears_within_two_seconds_that_it_is_over(service):
    key = service.make_key("default", "read")
    with closing(Ear(service, key)) as ear:
        headcount("key", "revoke", "--database", service.database, key[3:11])
        began = time.monotonic()
        (last,) = ear.rest()
        assert last["event"] == "dropped"
        assert '"reason":"revoked"' in last["data"]
        assert time.monotonic() - began < 3


def test_the_service_stops_within_five_seconds_however_many_listen(tmp_path):
    service = Running(tmp_path, reads_per_5s=0).start()
    ears = [Ear(service) for _ in range(20)]
    deaf = [Deaf(service) for _ in range(5)]
    eventually(lambda: metric(service, "headcount_streams_open") == 25)
    began = time.monotonic()
    service.stop()
    assert time.monotonic() - began < 5
    assert service.process.returncode == 0
    for ear in ears:
        assert [last["event"] for last in ear.rest()] == ["dropped"]
    for one in (*ears, *deaf):
        one.close()
