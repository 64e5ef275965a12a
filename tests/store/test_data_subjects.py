"""Finding a person and exporting everything that is stored about them, on both databases."""

import csv
import io
import json
from zipfile import ZipFile

import pytest

from headcount.engine.engine import REORDER_WINDOW_MS, Engine
from headcount.errors import BadInput
from headcount.kernel.attributes import canonical
from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import Rules
from headcount.maintenance.person_export import PersonExport, as_json, write_person
from headcount.store.access_log import (
    AccessEntry,
    AccessRecord,
    Action,
    Actor,
    ActorType,
    Subject,
    SubjectType,
)
from headcount.store.credentials import AccessToken, AccessTokenKind, Role, SubjectKind
from headcount.store.data_subjects import DataSubjects, Selector, SelectorKind, parse_selector
from headcount.store.dedup import entry_of, snapshot_entry
from headcount.store.pseudonyms import pseudonyms_of
from headcount.store.records import KIND_CODES, Origin, Provenance
from headcount.store.sources import DeadLetter, ExcludedParticipant, SourceRow
from headcount.store.webhooks import Attempt, DeliveryBatch, Endpoint, RetryType
from support.engines import NEW_YEAR

T = NEW_YEAR
D = "acme"
ANNA = {"user_id": "anna", "user_name": "Anna Arendt"}
BOB = {"user_id": "bob", "user_name": "Bob Bloch"}
MINUTE = 60_000


def event(kind, who, at, room="blue", **more):
    return entry_of(
        Event(Kind(kind), room, T + round(at * MINUTE), who, **more), D, T, Origin.LIVE, provenance=Provenance("token", b"1")
    )  # fmt: skip


def snapshot(at, *people, room="blue"):
    listed = json.dumps([{"participant_id": who, **more} for who, more in people], separators=(",", ":"))
    return snapshot_entry(D, T, room, T + at * MINUTE, listed, Provenance("token", b"2"))


@pytest.fixture
def filled(store):
    """Anna and Bob in two meetings of two rooms. Anna has a connection without a user id on its leave, and a short stay."""
    store.sources.add(SourceRow("token", "livekit", D, "lk", ("secret",)))
    store.messages.stream_opened(D, 0)
    mail = canonical({"email": "anna@example.com", "role": "host"})
    store.log.append(
        [
            [
                event("join", "a1", 0, **ANNA, attributes=mail),
                event("join", "b1", 0, **BOB),
                event("leave", "a1", 30),
                event("leave", "b1", 40),
                event("join", "a2", 60, room="green", **ANNA),
                event("join", "b2", 60, room="green", **BOB),
                snapshot(61, ("a2", ANNA), ("b2", BOB), ("a3", {**ANNA, "user_name": None}), room="green"),
                event("leave", "a2", 90, room="green"),
                event("leave", "a3", 90, room="green"),
                event("leave", "b2", 90, room="green"),
                event("join", "a4", 200, room="red", **ANNA),
                event("leave", "a4", 200.05, room="red"),
                event("join", "b9", 200, room="red", **BOB),
                event("leave", "b9", 230, room="red"),
            ]
        ]
    )
    engine = Engine(store, Rules(), store.projections.take_over())
    now = T + 300 * MINUTE
    while engine.step(now + REORDER_WINDOW_MS):
        pass
    return store


def export_of(store, **selector):
    export = PersonExport(store, D, parse_selector(**selector), T + 300 * MINUTE)
    return json.loads(b"".join(as_json(export)))


def test_a_user_is_found_by_all_participants_that_had_the_id(filled):
    found = DataSubjects(filled.database).find(D, parse_selector(user_id="anna"))
    assert found.participants == {"blue": {"a1"}, "green": {"a2", "a3"}, "red": {"a4"}}
    assert DataSubjects(filled.database).find("other", parse_selector(user_id="anna")).participants == {}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"participant_id": "a2"}, {"green": {"a2"}}),
        ({"attribute": "email=anna@example.com"}, {"blue": {"a1"}}),
        ({"attribute": "email=%"}, {}),
        ({"user_id": "an"}, {}),
    ],
)
def test_a_person_is_found_by_a_participant_or_an_attribute(filled, selector, expected):
    assert DataSubjects(filled.database).find(D, parse_selector(**selector)).participants == expected


@pytest.mark.parametrize("odd", ['q"uo\\te', "ünïcode\N{SNOWMAN}", "100%_x", "a\x01b", "/slash/"])
def test_a_user_id_with_odd_characters_is_found_in_snapshots(store, odd):
    store.log.append([[snapshot(0, ("p1", {"user_id": odd}), ("p2", {"user_id": "somebody"}))]])
    assert DataSubjects(store.database).find(D, parse_selector(user_id=odd)).participants == {"blue": {"p1"}}


def test_the_export_has_all_rows_about_the_person_and_nothing_of_others(filled):
    found = export_of(filled, user_id="anna")
    assert {(one["room"], one["kind"], one["participant_id"]) for one in found["log_entries"]} == {
        ("blue", "join", "a1"),
        ("blue", "leave", "a1"),
        ("green", "join", "a2"),
        ("green", "join", "a3"),
        ("green", "leave", "a2"),
        ("green", "leave", "a3"),
        ("green", "snapshot", None),
        ("red", "join", "a4"),
        ("red", "leave", "a4"),
    }
    (listed,) = [one["snapshot"] for one in found["log_entries"] if one["kind"] == "snapshot"]
    assert [one["participant_id"] for one in listed] == ["a2", "a3"]
    assert [(one["room"], one["participant_id"], one["duration_seconds"]) for one in found["stays"]] == [
        ("blue", "a1", 1800),
        ("green", "a2", 1800),
        ("green", "a3", 1740),
    ]
    assert [(one["room"], one["duration_seconds"]) for one in found["meetings"]] == [
        ("blue", 2400),
        ("green", 1800),
    ]
    assert {one["payload"]["participant_id"] for one in found["messages"]} == {"a1", "a2", "a3", "a4"}
    assert found["log_entries"][0]["sender"] == "source lk"
    text = json.dumps(found)
    assert "token" not in text
    assert all(secret not in text.lower() for secret in ("bob", "bloch", '"b1"', '"b2"'))


def test_a_participant_id_that_another_user_had_is_not_exported(filled):
    filled.log.append([[event("join", "a1", 250, user_id="eve", user_name="Eve"), event("leave", "a1", 280)]])
    found = export_of(filled, user_id="anna")
    assert "Eve" not in json.dumps(found)


def test_late_events_excluded_roles_deliveries_dead_letters_and_shares_are_exported(filled):
    engine = Engine(filled, Rules(), filled.projections.take_over())
    filled.log.append([[event("leave", "a1", 35), event("leave", "b1", 36)]])
    while engine.step(T + 300 * MINUTE + REORDER_WINDOW_MS):
        pass
    filled.sources.add_excluded_participants(
        [
            ExcludedParticipant(D, "blue", T, who, KIND_CODES[Kind.JOIN], "recorder", user, user, "token")
            for who, user in (("r1", "anna"), ("r2", "bob"))
        ]
    )
    filled.endpoints.add(
        Endpoint("e", D, "https://hooks.example/secret-path", ("AAEC",), None, RetryType.EXPONENTIAL, ("participant.joined",))
    )  # fmt: skip
    joined = filled.messages.after(0, domain=D)[0]
    assert json.loads(joined.payload)["participant_id"] == "a1"
    attempt = Attempt("e", D, joined.position, joined.id, T, 1, 200, 3, "ok", None)
    filled.deliveries.commit(DeliveryBatch(attempts=[attempt]))
    for number, body in enumerate(
        (b'{"id": "anna", "n": "Anna"}', b'{"id": "joanna"}', b"user=an%6ea&x", b"name:Anna Arendt")
    ):
        filled.sources.add_dead_letter(DeadLetter(0, "token", T + number, "/v1/x", {}, body, "unknown Anna"))
    meeting = export_of(filled, user_id="anna")["meetings"][0]["id"]
    for kind, subject in ((SubjectKind.MEETING, meeting), (SubjectKind.ROOM, "red"), (SubjectKind.ROOM, "x")):
        share = AccessToken(
            f"{kind}{subject}",
            AccessTokenKind.SHARE,
            D,
            Role.VIEWER,
            "for Bob",
            None,
            T,
            T + 10**12,
            kind,
            subject,
        )
        filled.access_tokens.add_share(share)
    found = export_of(filled, user_id="anna")
    assert [one["role"] for one in found["excluded_participants"]] == ["recorder"]
    assert [(one["message_id"], one["recipient"], one["status"]) for one in found["deliveries"]] == [
        (joined.id, "hooks.example", 200)
    ]
    assert [one["number"] for one in found["dead_letters"]] == [1, 3, 4]
    assert {one["subject"] for one in found["shared_links"]} == {meeting, "red"}
    assert found["corrections"]
    assert all(
        stay["participant_id"] in {"a1", "a2", "a3"}
        for one in found["corrections"]
        for stay in (*one["change"]["stays_before"], *one["change"]["stays_after"])
    )
    text = json.dumps(found)
    assert "secret-path" not in text
    assert "bob" not in text


def test_files_of_an_export_have_the_same_rows(filled, tmp_path):
    now = T + 300 * MINUTE
    (path,) = write_person(PersonExport(filled, D, parse_selector(user_id="anna"), now), tmp_path / "a.zip")
    folder = write_person(PersonExport(filled, D, parse_selector(user_id="anna"), now), tmp_path / "folder")
    with ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert files == {one.name: one.read_bytes() for one in folder}
    data = json.loads(files["data.json"])
    assert data == export_of(filled, user_id="anna")
    for name in data.keys() - {"domain", "selector", "exported_at"}:
        rows = list(csv.reader(io.StringIO(files[f"{name}.csv"].decode("utf-8-sig"))))
        assert len(rows) == 1 + len(data[name])
        if data[name]:
            assert rows[0] == list(data[name][0])
        readme = files["README.txt"].decode()
        assert all(f"  {column}: " in readme for column in rows[0])


def test_pages_do_not_lose_rows(filled, monkeypatch):
    whole = export_of(filled, user_id="anna")
    for name, size in {"_PAGE_SIZE": 1, "_POSITIONS": 2, "_IDS": 1}.items():
        monkeypatch.setattr(f"headcount.store.data_subjects.{name}", size)
    paged = export_of(filled, user_id="anna")
    for name in whole.keys() - {"log_entries"}:
        assert paged[name] == whole[name]
    both = [sorted(one["log_entries"], key=json.dumps) for one in (whole, paged)]
    assert both[0] == both[1]


@pytest.mark.parametrize(
    "given", [{}, {"user_id": "a", "participant_id": "b"}, {"user_id": ""}, {"user_id": "a\0"}]
)
def test_a_person_is_selected_in_one_way(given):
    with pytest.raises(BadInput):
        parse_selector(**given)


@pytest.mark.parametrize("text", ["email", "=x", "email="])
def test_an_attribute_needs_a_key_and_a_value(text):
    with pytest.raises(BadInput, match=r"expected KEY=VALUE, such as email=anna@example\.com"):
        parse_selector(attribute=text)
    assert parse_selector(attribute="a=b=c") == (SelectorKind.ATTRIBUTE, "b=c", "a")


def test_a_user_is_exported_with_what_was_pseudonymized(filled):
    pseudonym = pseudonyms_of(filled.database).user(D, "anna")
    filled.log.append([[event("join", "p1", 250, user_id=pseudonym), event("leave", "p1", 280)]])
    found = export_of(filled, user_id="anna")
    assert {"room": "blue", "participant_id": "p1"} in found["participants"]
    assert {one["user_id"] for one in found["log_entries"]} == {"anna", pseudonym, None}
    assert found["selector"] == {"user_id": "anna"}


def test_accesses_are_exported_without_who_it_was(filled):
    reader = Actor(ActorType.SESSION, "0123", "Eve")
    subjects = [
        Subject(SubjectType.USER, "anna"),
        Subject(SubjectType.USER, "bob"),
        Subject(SubjectType.PARTICIPANT, "a1"),
        Subject(SubjectType.PARTICIPANT, "b1"),
        None,
    ]
    filled.access_log.add(
        [
            AccessEntry(
                None, T + n, AccessRecord(D, reader, Action.PERSON_READ, subject, "192.0.2.1", "GET /p")
            )
            for n, subject in enumerate(subjects)
        ]
    )
    found = export_of(filled, user_id="anna")
    assert [(one["at"][-5:], one["action"]) for one in found["accesses"]] == [
        (".000Z", "person.read"),
        (".002Z", "person.read"),
    ]
    assert all(text not in json.dumps(found) for text in ("Eve", "192.0.2.1", "0123"))


def test_a_snapshot_that_cannot_be_read_hides_nobody_else(store):
    store.log.append([[snapshot_entry("acme", 1, "r", 1, '["anna"')]])
    joined = Event(Kind.JOIN, "r", 2, "c-anna", "anna")
    store.log.append([[entry_of(joined, "acme", 2, Origin.LIVE)]])
    found = DataSubjects(store.database).find("acme", Selector(SelectorKind.USER_ID, "anna"))
    assert found.participants == {"r": {"c-anna"}}
