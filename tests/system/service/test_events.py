"""POST /v1/events and snapshots: what is accepted, what is refused, and with which errors."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.running_service import PATIENCE_S
from support.waiting import wait_until

NUMBERS = count()
NOW = int(time.time())


@pytest.fixture
def room():
    return f"room-{next(NUMBERS)}"


@pytest.fixture
def client(service):
    with service.client() as found:
        yield found


def join(room, who="a", **more):
    return {"room": room, "kind": "join", "participant_id": who, **more}


def info(answer, status=400, error="invalid-request-error"):
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["error"] == error
    return body["info"]


def test_one_event_an_array_and_lines_are_accepted(client, room):
    assert client.post("/events", json=join(room, "a")).json()["accepted"] == 1
    assert client.post("/events", json=[join(room, "b"), join(room, "c")]).json()["accepted"] == 2
    lines = "\n".join(json.dumps(join(room, who)) for who in "de") + "\n\n"
    answer = client.post("/events", content=lines, headers={"content-type": "application/x-ndjson"})
    assert answer.json()["accepted"] == 2


def test_positions_grow(client, room):
    first = client.post("/events", json=join(room)).json()["position"]
    assert client.post("/events", json=join(room, "b")).json()["position"] != first


def test_the_same_id_counts_once_per_domain(service, client, room):
    event = join(room, id=f"evt-{room}")
    assert client.post("/events", json=event).json()["accepted"] == 1
    again = client.post("/events", json={**event, "user_name": "other"}).json()
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    with service.client(service.make_key("elsewhere", "ingest")) as other:
        assert other.post("/events", json=event).json()["accepted"] == 1


def test_the_same_event_without_an_id_counts_once(client, room):
    event = join(room, at=NOW)
    assert client.post("/events", json=[event, event]).json() | {"position": 0} == {
        "accepted": 1,
        "duplicates": 1,
        "position": 0,
    }


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8"]
)
def test_json_is_json_whatever_the_header_says(client, room, kind):
    answer = client.post("/events", content=json.dumps(join(room)), headers={"content-type": kind})
    assert answer.status_code == 200


def test_a_batch_is_accepted_as_a_whole_or_not_at_all(client, room):
    reason = info(client.post("/events", json=[join(room, "a"), {**join(room, "b"), "kind": "jion"}]))
    assert reason == 'events[1]: "kind" must be one of [join, leave, end] [Received "jion"]'
    client.post("/events", json=join(f"{room}-other"), params={"wait": "true"})
    assert client.get(f"/rooms/{room}/presence", params={"at": NOW + 60}).json().get("participants", []) == []


@pytest.mark.parametrize("room", [rb"\ud800", rb"x\udc00", b"\xed\xa0\x80"])
def test_half_a_character_is_refused(client, room):
    answer = client.post("/events", content=b'{"room": "%s", "kind": "end"}' % room)
    assert info(answer, error="json-parsing-error").startswith("The body is not JSON")


def test_a_request_that_waits_is_answered_once_its_events_show(client, room):
    """No request is repeated here."""
    for who in "abc":
        came = join(room, who, at=time.time() - 20)
        client.post("/events", json=came, params={"wait": "true"})
        shown = client.get(f"/rooms/{room}/presence").json()["data"]
        assert who in [one["id"] for one in shown]
    client.post(f"/rooms/{room}/snapshot", json={"participants": []}, params={"wait": "true"})
    assert client.get(f"/rooms/{room}/presence").json()["data"] == []


BAD = [
    ({"kind": "join", "participant_id": "a"}, '"room" is required'),
    ({"room": "", "kind": "join", "participant_id": "a"}, '"room" is not allowed to be empty'),
    ({"room": "r" * 513, "kind": "join", "participant_id": "a"}, '"room" must be at most 512 characters [Received 513]'),
    ({"room": "r\0", "kind": "join", "participant_id": "a"}, '"room" must not contain U+0000'),
    ({"room": "r", "kind": "join"}, '"participant_id" is required for a join'),
    ({"room": "r", "kind": "end", "participant_id": "a"}, '"participant_id" is not allowed: an end applies to the whole room'),
    ({"room": "r", "kind": "join", "participant_id": 7}, "participant_id: expected `str | null`, got `int`"),
    ({"room": "r", "kind": "join", "participant_id": "a", "userName": "A"}, '"userName" is not allowed; an event has room, kind'),
    ({"room": "r", "kind": "join", "participant_id": "a", "joined_at": 1}, '"joined_at" is not allowed: it belongs to a leave'),
    ({"room": "r", "kind": "leave", "participant_id": "a", "at": NOW - 5, "joined_at": NOW}, '"joined_at" must not be after "at"'),
    ({"room": "r", "kind": "join", "participant_id": "a", "at": NOW * 1000}, "it looks like milliseconds"),
    ({"room": "r", "kind": "join", "participant_id": "a", "at": 3}, "must not be before the year 2000"),
    ({"room": "r", "kind": "join", "participant_id": "a", "at": 1e308}, "must be seconds since 1970"),
    ({"room": "r", "kind": "join", "participant_id": "a", "at": 2**63}, "must be seconds since 1970"),
    ({"room": "r", "kind": "join", "participant_id": "a", "at": -0.0}, "must not be before the year 2000"),
    ({"room": "r", "kind": "join", "participant_id": "a", "at": NOW + 3600}, "more than 5 minutes ahead of the server's clock"),
    ({"room": "r", "kind": "join", "participant_id": "a", "at": "2026-01-01T00:00:00"}, "has no time zone"),
    ({"room": "r", "kind": "join", "participant_id": "a", "at": "1767225600"}, "without quotes"),
    ({"room": "r", "kind": "join", "participant_id": "a", "at": "yesterday"}, "is not a time"),
    (7, "Expected `object | array`"),
]  # fmt: skip


@pytest.mark.parametrize(("event", "words"), BAD, ids=[words[:40] for _, words in BAD])
def test_an_invalid_event_is_refused_with_how_to_fix_it(client, event, words):
    assert words in info(client.post("/events", json=event))


def test_a_body_that_is_not_json_is_refused(client):
    assert "not JSON" in info(client.post("/events", content=b"{"), error="json-parsing-error")
    assert "not JSON" in info(client.post("/events", content=b'{"room": NaN}'), error="json-parsing-error")
    assert "empty" in info(client.post("/events", content=b""))
    lines = b'{"room":"r","kind":"join","participant_id":"a"}\n{\n'
    answer = client.post("/events", content=lines, headers={"content-type": "application/x-ndjson"})
    assert info(answer, error="json-parsing-error").startswith("Line 2: ")


def test_a_request_that_is_too_large_is_413(client):
    assert "at most 10,000" in info(
        client.post("/events", json=[join("r", str(n)) for n in range(10_001)]), 413, "request-too-large"
    )
    assert "larger than 8,000,000 bytes" in info(
        client.post("/events", content=b" " * 8_000_001), 413, "request-too-large"
    )


def test_another_media_type_is_415(client):
    gzip = client.post("/events", content=b"x", headers={"content-encoding": "gzip"})
    assert "Content-encoding 'gzip'" in info(gzip, 415, "unsupported-media-type")
    form = client.post("/events", files={"file": b"x"})
    assert "multipart/form-data" in info(form, 415, "unsupported-media-type")


def test_wrong_paths_and_methods_are_named(client):
    assert "/v1/nothing" in info(client.get("/nothing"), 404, "not-found")
    assert "DELETE" in info(client.delete("/events"), 405, "method-not-allowed")


def test_a_snapshot_infers_joins_and_leaves(client, room):
    client.post("/events", json=[join(room, "a", at=NOW - 900), join(room, "ghost", at=NOW - 900)])
    present = {
        "at": NOW - 300,
        "participants": [{"participant_id": "a"}, {"participant_id": "b", "user_name": "Bea"}],
    }
    answer = client.post(f"/rooms/{room}/snapshot", json=present, params={"wait": "1"})
    assert answer.json()["accepted"] == 1

    def participants():
        meetings = client.get("/meetings", params={"room": room}).json()["data"]
        return meetings[0]["participants"] if meetings else []

    present = wait_until(lambda: len(found := participants()) == 3 and found)
    durations = {participant["participant_id"]: participant["duration"] for participant in present}
    assert durations["ghost"] == 600
    assert durations["a"] >= 900
    assert durations["a"] - durations["b"] == 600


def test_a_snapshot_leaves_later_reports_as_they_are(client, room):
    client.post("/events", json=[join(room, "a", at=NOW - 900), join(room, "b", at=NOW - 100)])
    client.post(f"/rooms/{room}/snapshot", json={"at": NOW - 300, "participants": [{"participant_id": "a"}]})
    client.post("/events", json=join(f"{room}-x"), params={"wait": "1"})
    client.post("/events", json=join(f"{room}-y"), params={"wait": "1"})
    present = client.get(f"/rooms/{room}/presence").json()
    assert sorted(one["id"] for one in present["data"]) == ["a", "b"]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(st.binary(max_size=60), st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["room", "kind", "participant_id", "at", "joined_at", "id", "x"]), inner, max_size=5),
    max_leaves=8).map(lambda value: json.dumps(value).encode())))  # fmt: skip
def test_no_body_makes_the_service_fail(service, body):
    with service.client() as client:
        answer = client.post("/events", content=body)
    assert answer.status_code in (200, 400)
    if answer.status_code == 400:
        assert set(answer.json()) == {"error", "info"}
        assert answer.json()["info"]


def raw(service, data):
    """Send bytes that no HTTP client would, and return what arrives until the service disconnects."""
    host, port = service.url.removeprefix("http://").split(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
        with suppress(ConnectionError):
            connection.sendall(data)
        with suppress(ConnectionError):
            while chunk := connection.recv(65_536):
                received += chunk
    return received


def test_huge_heads_and_nonsense_are_refused_and_affect_nobody(service, client):
    head = b"POST /v1/events HTTP/1.1\r\nhost: x\r\n"
    assert raw(service, head + b"x-a: " + b"y" * 200_000 + b"\r\n\r\n").startswith(b"HTTP/1.1 4")
    assert raw(service, b"\x16\x03\x01 nonsense\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert client.get("/presence").status_code == 200


def test_chunked_and_pipelined_requests_are_understood(service, room):
    body = json.dumps(join(room)).encode()
    auth = f"authorization: Bearer {service.key}\r\n".encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (1, bytes([byte])) for byte in body) + b"0\r\n\r\n"
    head = b"POST /v1/events HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n" + auth
    received = raw(service, head + b"\r\n" + chunks + head + b"connection: close\r\n\r\n" + chunks)
    assert received.count(b"HTTP/1.1 200") == 2


def request(service, body, *, more=b"", version=b"1.1", path=b"/v1/events"):
    """Return the bytes of a POST of this body."""
    head = b"POST %s HTTP/%s\r\nhost: x\r\nauthorization: Bearer %s\r\n" % (
        path,
        version,
        service.key.encode(),
    )
    return head + more + b"content-length: %d\r\n\r\n" % len(body) + body


def send_in_pieces(service, pieces, number):
    """Send each piece by itself, and return so many statuses, headers and bodies."""
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.002)  # a piece of its own
        received = b""
        while len(answers_in(received)) < number and (chunk := connection.recv(65_536)):
            received += chunk
    return answers_in(received)


def answers_in(received):
    found = []
    while b"\r\n\r\n" in received:
        head, _, rest = received.partition(b"\r\n\r\n")
        status, *headers = head.split(b"\r\n")
        named = dict(header.split(b": ", 1) for header in headers)
        length = int(named[b"content-length"])
        if len(rest) < length:
            break
        found.append((int(status.split()[1]), set(named), rest[:length]))
        received = rest[length:]
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_the_answers_are_the_same_however_requests_are_cut_into_pieces(service, data):
    room = f"room-{next(NUMBERS):05}"  # as long every time, or what is drawn would not be the same
    bodies = {
        "good": json.dumps(join(room, at=NOW)).encode(),
        "end": json.dumps({"room": room, "kind": "end", "at": NOW}).encode(),
        "wrong": b'{"room": 1}',
        "empty": b"",
        "no JSON": b"{",
    }
    names = data.draw(st.lists(st.sampled_from(sorted(bodies)), min_size=1, max_size=4))
    wire = b"".join(request(service, bodies[name]) for name in names)
    alone = [send_in_pieces(service, [request(service, bodies[name])], 1)[0] for name in names]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(wire) - 1), max_size=3)))
    pieces = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    found = send_in_pieces(service, pieces, len(names))
    assert [answer[:2] for answer in found] == [answer[:2] for answer in alone]
    for name, (status, _, body), (_, _, before) in zip(names, found, alone, strict=True):
        assert (status == 200) == (name in ("good", "end"))
        assert json.loads(body).keys() == json.loads(before).keys()


def test_a_client_that_closes_its_connection_is_answered(service, room):
    body = json.dumps(join(room)).encode()
    closing = raw(service, request(service, body, more=b"connection: close\r\n"))
    assert closing.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in closing
    assert raw(service, request(service, body, version=b"1.0")).startswith(b"HTTP/1.1 200")
    expecting = raw(service, request(service, body, more=b"expect: 100-continue\r\nconnection: close\r\n"))
    assert expecting.startswith(b"HTTP/1.1 100")
    assert b"HTTP/1.1 200" in expecting
    assert b"HTTP/1.1 200" in raw(
        service, request(service, body, path=b"/v1/events/", more=b"connection: close\r\n")
    )


def test_concurrent_requests_are_all_accepted_once(service, room):
    def send(number):
        with service.client() as client:
            return client.post(
                "/events", json=join(room, f"p-{number % 50}", id=f"{room}-{number % 50}")
            ).json()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(200)))
    assert sum(answer["accepted"] for answer in answers) == 50
    assert sum(answer["duplicates"] for answer in answers) == 150


def test_a_duplicate_without_a_time_is_not_waited_for_in_vain(service):
    event = {"room": "twice", "kind": "end", "id": "the-same"}
    with service.client() as client:
        answers = [client.post("/events", json=event, params={"wait": "true"}).json() for _ in range(2)]
    assert [(answer["accepted"], answer["duplicates"]) for answer in answers] == [(1, 0), (0, 1)]
