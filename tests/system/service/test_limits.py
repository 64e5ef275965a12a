"""The limits of every entrance: the longest names are stored and processed, and longer ones are refused."""

import json
import random
import re
import time
from contextlib import closing

import httpx2 as httpx
import psycopg
import pytest

from headcount.limits import ATTRIBUTE_KEY_BYTES, DOMAIN_BYTES, INDEXED_BYTES, NAME_BYTES
from headcount.sources import standard_webhooks
from headcount.sources.api import InboundRequest
from support.running_service import Running, headcount

ADDRESS = re.compile(r"/v1/ingest/\S+")
SECRET = "a-word-that-signs"
CHANCE = random.Random(1)
MAPPING = {
    "kind": {"at": "/kind", "join": ["join"], "leave": ["leave"], "end": ["end"]},
    "room": "/room",
    "participant_id": "/participant_id",
    "user_id": "/user_id",
    "user_name": "/user_name",
    "source_session": "/source_session",
    "id": "/id",
    "at": {"at": "/at", "unit": "s"},
    "role": {"at": "/role", "words": {"recorder": "recorder"}},
    "events": "/events",
    "signature": {"scheme": "token"},
}
ROW_LIMIT = 2_704
"""What PostgreSQL can hold in one entry of a B-tree."""


def largest(most_bytes=NAME_BYTES):
    """Return a text of so many bytes that cannot be compressed."""
    return "".join(chr(CHANCE.randrange(0x20000, 0x2A6D0)) for _ in range(most_bytes // 4))


def now():
    return int(time.time())


@pytest.fixture(scope="module")
def service(tmp_path_factory, postgres):
    running = Running(
        tmp_path_factory.mktemp("limits"), postgres.database(), events_per_5s=0, domain=largest(DOMAIN_BYTES)
    )  # fmt: skip
    running.start()
    yield running
    running.stop()


def people(room, *, until, **more):
    """Return a meeting of two participants, all of whose texts are as long as allowed."""
    found = []
    for _ in range(2):
        who = {"room": room, "participant_id": largest(), "user_id": largest(), "user_name": largest(), "source_session": largest()}  # fmt: skip
        found += [
            who | {"kind": "join", "at": until - 60, "id": largest()} | more,
            who | {"kind": "leave", "at": until, "id": largest()} | more,
        ]
    return found


def source(service, folder, name):
    """Create a source with a field mapping, and return its URL."""
    (folder / "mapping.json").write_text(json.dumps(MAPPING))
    made = headcount(
        "source", "create", "generic", "--database", service.database, "--domain", service.settings.get("domain", "default"),
        "--name", name, "--secret", SECRET, "--mapping", folder / "mapping.json",
    )  # fmt: skip
    return service.url + ADDRESS.search(made.stdout)[0]


def send(url, events):
    headers = {"authorization": f"Bearer {SECRET}"}
    return httpx.post(url, json={"events": events}, headers=headers, timeout=60)


def is_processed(service, room):
    """Return whether the engine has processed everything and the room had a meeting of two."""
    wait = service.client().post("/events", json={"room": "w", "kind": "end"}, params={"wait": "true"})
    assert wait.status_code == 200, wait.text
    (meeting,) = service.client().get("/meetings", params={"room": room}).json()["data"]
    return meeting["max_participants"] == 2


def test_the_longest_names_of_every_entrance_are_processed(service, tmp_path):
    """On PostgreSQL, which limits the size of an index entry. The test writes to every index."""
    posted, sent, listed, imported = largest(), largest(), largest(), largest()
    assert service.client().post("/events", json=people(posted, until=now() - 600)).status_code == 200
    url = source(service, tmp_path, largest(DOMAIN_BYTES))
    answer = send(url, people(sent, until=now() - 600)).json()
    assert answer["accepted"] == 4
    answer = send(url, people(sent, until=now() - 300, role="recorder")).json()
    assert answer["excluded"] == 4
    for at, present in ((now() - 600, people(listed, until=0)), (now() - 500, [])):
        names = [
            {name: one[name] for name in ("participant_id", "user_id", "user_name")} for one in present[::2]
        ]
        whole = {"at": at, "participants": names}
        answer = service.client().post(f"/rooms/{listed}/snapshot", json=whole)
        assert answer.json()["accepted"] == 1, answer.text
    file = tmp_path / "events.ndjson"
    rows = [
        one | {"at": one["at"] * 1_000, "domain": service.settings["domain"]}
        for one in people(imported, until=now() - 600)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = headcount("import", file, "--database", service.database)
    assert done.stdout.startswith("Imported 4 events.")
    assert all(is_processed(service, room) for room in (posted, sent, listed, imported))
    headcount("rebuild", "--database", service.database, "--check")


def test_one_byte_more_is_refused_everywhere_and_nothing_of_it_is_stored(service, tmp_path):
    over = largest() + "a"
    fine, until = people(largest(), until=now() - 600), now() - 600
    url = source(service, tmp_path, "over")
    with closing(psycopg.connect(service.database)) as store:
        before = store.execute("select count(*) from entries").fetchone()
    for field in ("room", "participant_id", "user_id", "source_session", "id"):
        wrong = [*fine, fine[0] | {field: over}]
        answer = service.client().post("/events", json=wrong)
        assert (answer.status_code, answer.json()["info"]) == (
            400, f'events[4]: "{field}" must be at most 1,024 bytes in UTF-8 [Received 1,025]',
        )  # fmt: skip
        if field in ("room", "participant_id"):  # from a source, an optional one is unknown
            answer = send(url, wrong[-1:]).json()
            assert (answer["status"], answer["accepted"]) == ("dead_letter", 0)
            assert answer["info"].startswith(
                f"{field} must be at most 1,024 bytes in UTF-8 [Received 1,025]: "
            )
        if field != "id":  # files have none
            file = tmp_path / "over.ndjson"
            rows = [
                {name: value for name, value in one.items() if name != "id"} | {"at": until * 1_000}
                for one in wrong
            ]
            file.write_text("".join(json.dumps(row) + "\n" for row in rows))
            done = headcount("import", file, "--database", service.database, check=False)
            assert (done.returncode, f"line 5: {field} must be at most 1,024 bytes" in done.stderr) == (
                2,
                True,
            )
    answer = service.client().post(f"/rooms/{over}/snapshot", json={"participants": []})
    assert (answer.status_code, answer.json()["info"].startswith('"room" must be at most 1,024 bytes')) == (
        400,
        True,
    )
    who = {"participants": [{"participant_id": "a", "user_id": over}]}
    answer = service.client().post("/rooms/r/snapshot", json=who)
    assert answer.json()["info"].startswith('participants[0]: "user_id" must be at most 1,024 bytes')
    done = headcount("source", "dead-letters", "retry", "--database", service.database)
    assert done.stdout.startswith("Dead letters parsed: 0 ")
    with closing(psycopg.connect(service.database)) as store:
        assert store.execute("select count(*) from entries").fetchone() == before


def test_invalid_rows_of_an_import_can_be_skipped(service, tmp_path):
    rows = [one | {"at": one["at"] * 1_000} for one in people("partly", until=now() - 900)]
    file = tmp_path / "partly.ndjson"
    file.write_text(
        "".join(json.dumps(row) + "\n" for row in [*rows, rows[0] | {"domain": largest(DOMAIN_BYTES) + "a"}])
    )
    done = headcount("import", file, "--database", service.database, "--skip-invalid")
    assert done.stdout == "Imported 4 events. Skipped 0 duplicates and 1 other rows.\n"


def test_a_display_name_is_cut_at_every_entrance(service, tmp_path):
    url, name = source(service, tmp_path, "cut"), "漢" * 1_700_000
    joined = {"room": "cut", "participant_id": "a", "kind": "join", "at": now() - 600, "user_name": name}
    assert send(url, [joined]).json()["accepted"] == 1
    assert service.client().post("/events", json=joined | {"room": "cut-1"}).json()["accepted"] == 1
    file = tmp_path / "cut.ndjson"
    file.write_text(json.dumps(joined | {"room": "cut-2", "at": (now() - 600) * 1_000}))
    headcount("import", file, "--database", service.database, "--domain", service.settings["domain"])
    present = {"participants": [{"participant_id": "a", "user_name": name}]}
    answer = service.client().post("/rooms/cut-3/snapshot", json=present, params={"wait": "true"})
    assert answer.json()["accepted"] == 1
    with closing(psycopg.connect(service.database)) as store:
        names = store.execute(
            "select user_name from entries where room like 'cut%' and user_name is not null"
        ).fetchall()
    assert names == [("漢" * 341,)] * 4


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (("key", "create", "--domain"), "domain"),
        (("login-link", "--domain"), "domain"),
        (("source", "create", "generic", "--name"), "a source's name"),
        (("webhook", "create", "http://127.0.0.1:9/", "--no-ping", "--domain"), "domain"),
    ],
)
def test_domains_and_names_of_sources_are_limited_where_they_are_created(service, command, what):
    done = headcount(*command, largest(DOMAIN_BYTES) + "a", "--database", service.database, check=False)
    assert done.returncode == 2
    assert f"headcount: {what} must be at most 256" in done.stderr


def test_too_many_events_in_one_request_are_refused_together(service, tmp_path):
    url, many = (
        source(service, tmp_path, "many"),
        [{"kind": "end", "room": f"r{n}", "at": now()} for n in range(10_001)],
    )
    answer = send(url, many).json()
    assert (answer["accepted"], answer["status"]) == (0, "dead_letter")
    assert answer["info"] == "10,001 at once: at most 10,000 are accepted (max_events)"
    assert headcount("source", "dead-letters", "retry", "--database", service.database).stdout.startswith(
        "Dead letters parsed: 0 "
    )
    retried = headcount(
        "source", "dead-letters", "retry", "--database", service.database, "--max-events", "20000"
    )
    assert retried.stdout.startswith("Dead letters parsed: 1 (new events: 10,001).")


def test_no_entry_of_any_index_can_be_too_large_for_postgresql(service):
    """Each indexed text has a limit here, so that a new index that could overflow fails this test."""
    bounds = {"domain": DOMAIN_BYTES, "token": DOMAIN_BYTES, "name": DOMAIN_BYTES, "metric": 32, "kind": 32}
    bounds |= {"key": ATTRIBUTE_KEY_BYTES, "attribute": ATTRIBUTE_KEY_BYTES, "value": INDEXED_BYTES}
    bounds |= dict.fromkeys(("room", "participant_id", "user_id", "actor", "subject"), NAME_BYTES)
    bounds |= {"pattern": DOMAIN_BYTES, "action": 32, "pseudonym": 32}
    bounds |= dict.fromkeys(("id", "uuid", "endpoint", "digest", "participant", "event_key"), 128)
    with closing(psycopg.connect(service.database)) as store:
        indexes = store.execute(
            "select c.relname, array_agg(a.attname::text order by a.attnum), array_agg(a.attlen order by a.attnum)"
            " from pg_index i join pg_class c on c.oid = i.indexrelid join pg_attribute a on a.attrelid = c.oid"
            " where c.relnamespace = 'public'::regnamespace group by 1"
        ).fetchall()
    assert len(indexes) > 30
    for index, names, lengths in indexes:
        texts = [name for name, length in zip(names, lengths, strict=True) if length < 0]
        assert set(texts) <= set(bounds), f"{index} has a text without a limit"
        # The entry has a head of 16 bytes, each text one of four; each column begins at a multiple of eight.
        size = 16 + 8 * len(lengths) + sum(bounds[name] + 4 for name in texts)
        assert size <= ROW_LIMIT, index


def test_a_snapshot_counts_as_many_events_as_it_has_participants(tmp_path):
    running = Running(tmp_path, events_per_5s=100)
    running.start()
    try:
        client, most = running.client(), [{"participant_id": f"p{n}"} for n in range(60)]
        first = client.post("/rooms/r/snapshot", json={"participants": most})
        refused = client.post("/rooms/r/snapshot", json={"participants": most[::-1]})
        assert (first.status_code, refused.status_code, refused.json()["error"]) == (
            200,
            429,
            "rate-limit-error",
        )
        url = source(running, tmp_path, "own")
        ends = [{"kind": "end", "room": f"r{n}", "at": now()} for n in range(60)]
        first, refused = send(url, ends), send(url, ends[:50])
        assert (first.status_code, refused.status_code, "from this source" in refused.json()["info"]) == (
            200,
            429,
            True,
        )
        assert int(refused.headers["retry-after"]) >= 1
        last = client.get("/healthz") and send(url, [])
        assert last.status_code == 200
    finally:
        running.stop()


DEEP = b"[" * 200_000
DEEP_FIELD = b'{"room":"r","kind":"end","x":' + DEEP


@pytest.mark.parametrize(
    ("method", "path", "content_type", "body"),
    [
        ("POST", "/events", "application/json", DEEP),
        ("POST", "/events", "application/json", DEEP_FIELD),
        ("POST", "/events?wait=true", "application/json", DEEP_FIELD),
        ("POST", "/events", "application/x-ndjson", DEEP_FIELD),
        ("POST", "/rooms/r/snapshot", "application/json", b'{"participants":' + DEEP),
        ("POST", "/meetings/x/attendance", "application/json", b'{"people":' + DEEP),
        ("POST", "/webhooks", "application/json", DEEP),
    ],
)
def test_json_that_is_nested_too_deeply_is_refused(service, method, path, content_type, body):
    answer = service.client().request(method, path, content=body, headers={"content-type": content_type})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] in ("json-parsing-error", "invalid-request-error")


def test_a_payload_that_is_nested_too_deeply_is_refused(service, tmp_path):
    headers = {"authorization": f"Bearer {SECRET}"}
    assert httpx.post(source(service, tmp_path, "deep"), content=DEEP, headers=headers).status_code == 400


def test_a_signed_message_that_is_sent_again_counts_once(service, tmp_path):
    made = headcount(
        "source", "create", "generic", "--database", service.database, "--domain", service.settings["domain"], "--name", "signed",
        "--secret", SECRET,
    )  # fmt: skip
    url = service.url + ADDRESS.search(made.stdout)[0]
    body = b'{"room":"again","kind":"join","participant_id":"a"}'
    signed = standard_webhooks.sign(
        InboundRequest({"content-type": "application/json"}, body, received_at=now() * 1_000), SECRET
    )
    answers = [httpx.post(url, content=body, headers=dict(signed.headers)).json() for _ in range(3)]
    assert [(one["accepted"], one["duplicates"]) for one in answers] == [(1, 0), (0, 1), (0, 1)]


def test_tokens_of_declared_sources_have_nothing_in_common(tmp_path):
    file = tmp_path / "headcount.toml"
    file.write_text("".join(f'[sources.s{n}]\nkind = "generic"\nsecrets = ["word"]\n' for n in range(3)))
    running = Running(tmp_path)
    running.start("--config", str(file))
    running.stop()
    listed = headcount("source", "list", "--addresses", "--database", running.database).stdout
    tokens = [path.rpartition("/")[2] for path in ADDRESS.findall(listed)]
    assert len(tokens) == 3
    assert len({token[:6] for token in tokens}) == 3
    running.start("--config", str(file))
    running.stop()
    assert headcount("source", "list", "--addresses", "--database", running.database).stdout == listed
