"""Hostile bodies at the address of a source, signed as its vendor signs: each is refused or accepted, and none harms the service."""

import gzip
import re
import sqlite3
import time

import httpx2 as httpx
import pytest

from headcount.errors import BadInput
from headcount.sources.api import TEST_ROOM
from headcount.sources.registry import SOURCES
from support.running_service import headcount
from support.source_secrets import secret_for

ADDRESS = re.compile(r"/v1/ingest/\S+")
PATIENCE_S = 15
ROOM = TEST_ROOM.encode()
WHOLE_BODIES = {
    "empty": b"",
    "half": b'{"event":',
    "no text": b"\xff\xfe\x00",
    "arrays": b"[" * 100_000,
    "objects": b'{"a":' * 100_000,
    "array of nothing": b"[]",
    "many events": b"[" + b"{}," * 100_000 + b"{}]",
    "many members": b"{" + b",".join(b'"k%d":0' % n for n in range(100_000)) + b"}",
    "number": b"9" * 1_000_000,
    "compressed": gzip.compress(bytes(60_000_000)),
    "form": b"&".join(b"f%d=%d" % (n, n) for n in range(100_000)),
    "equal fields": b"event=%5B%5D&" * 100_000,
    "too large": b'"' + b"x" * 8_000_000 + b'"',
}
ROOMS = {
    "long": b"x" * 4_000_000,
    "surrogate": rb"\ud800",
    "zero": rb"\u0000",
    "escapes": rb"\u202e\u0007" * 1_000,
    "quote": b'"',
    "percent": b"%00%ff%C0%80",
}
STATUSES = (200, 400, 401, 413, 415)


def bodies(sample):
    """Return hostile bodies by name: some have nothing of the vendor's sample, some its form."""
    found = WHOLE_BODIES | {f"room {name}": sample.replace(ROOM, text) for name, text in ROOMS.items()}
    found["number as room"] = sample.replace(b'"' + ROOM + b'"', b"9" * 400)
    for word in (b"NaN", b"Infinity", b"-1e999", b"1e308", b"null", b"[[[]]]", b'{"a":{}}'):
        found[f"{word.decode()} as numbers"] = re.sub(rb":\d+", b":" + word, sample)
    if sample.startswith(b"{"):
        found["keys twice"] = sample[:-1] + b"," + sample[1:]
    return found


def signed_as_well_as_possible(source, request, secret):
    """Return the request signed; a body that the vendor cannot sign has the signature of another."""
    try:
        return source.sign(request, secret)
    except BadInput:
        return source.sign(request._replace(body=b"{}"), secret)._replace(body=request.body)


@pytest.mark.parametrize("kind", [kind for kind, source in SOURCES.items() if not source.poll_only])
def test_a_hostile_body_is_refused_or_accepted_in_time(service, kind):
    source = SOURCES[kind]
    secret = secret_for(source)
    made = headcount("source", "create", kind, "--database", service.database, "--secret", secret)
    url = service.url + ADDRESS.search(made.stdout)[0]
    sample = source.samples(time.time_ns() // 1_000_000)[0]
    with httpx.Client(timeout=60) as client:
        for name, body in bodies(sample.body).items():
            signed = signed_as_well_as_possible(source, sample._replace(body=body, url=url), secret)
            started = time.monotonic()
            answer = client.post(signed.url, content=signed.body, headers=dict(signed.headers))
            assert answer.status_code in STATUSES, (name, answer.status_code, answer.text[:300])
            assert time.monotonic() - started < PATIENCE_S, name
            assert len(answer.content) < 2_000, name


def test_afterwards_every_event_is_usable(service):
    wait = service.client().post("/events?wait=true", json={"room": "afterwards", "kind": "end"})
    assert wait.status_code == 200
    with sqlite3.connect(service.database) as database:
        assert (
            database.execute("select room, reason from deferred_rooms where reason is not null").fetchall()
            == []
        )
        ((least, most),) = database.execute("select min(at_ms), max(at_ms) from entries").fetchall()
    assert 946_684_800_000 <= least <= most < 4_102_444_800_000
