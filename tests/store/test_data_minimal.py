"""The data-minimal mode: participants are counted, and nobody is identified."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import Rules
from headcount.store.data_minimal import DataMinimal, reason_without_values
from headcount.store.dedup import snapshot_entry
from headcount.store.pseudonyms import is_pseudonym
from headcount.store.records import AppendResult
from headcount.store.sources import DeadLetter, ExcludedParticipant, SourceRow
from support.stored import DOMAIN, StoredEngine, entry_of, shifted
from support.strategies import SCALED, asked_as_of, histories, uncertain_histories

T0 = 1_767_225_600_000
ADA = {"user_id": "ada-7", "user_name": "Ada Lovelace", "attributes": '{"email":"ada@x.org","role":"host"}'}
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("minimal")


def join(who, second=0, **names):
    return Event(Kind.JOIN, "blue", T0 + second * 1_000, who, **names)


def leave(who, second, **names):
    return Event(Kind.LEAVE, "blue", T0 + second * 1_000, who, **names)


def minimal(store, on=True, now=T0):
    store.minimal.switch(DOMAIN, minimal=on, now=now)


def log_of(store):
    return store.log.after(0, 1_000)


def last(store):
    return store.log.end()[0]


def contents(path):
    """All bytes of a database file and its write-ahead log."""
    return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))


def test_only_pseudonyms_and_counted_attributes_are_stored(store):
    minimal(store)
    event = join("ada-device", **ADA)
    listed = '[{"participant_id":"ada-device","user_id":"ada-7","user_name":"Ada","attributes":{"email":"a","role":"host"}}]'
    entry = entry_of(event)._replace(event_id="ada-event", digest=b"digest-of-ada")
    store.log.append([[entry, snapshot_entry(DOMAIN, 0, "blue", T0 + 1, listed)]])
    stored, snapshot = log_of(store)
    assert is_pseudonym(stored.participant_id)
    assert (stored.user_id, stored.user_name, stored.digest) == (None, None, None)
    assert stored.attributes == '{"role":"host"}'
    assert snapshot.snapshot == (
        f'[{{"participant_id":"{stored.participant_id}","attributes":{{"role":"host"}}}}]'
    )


def test_other_domains_are_stored_as_they_are(store):
    minimal(store)
    store.log.append([[entry_of(join("ada", **ADA), domain="other")]])
    (stored,) = log_of(store)
    assert (stored.participant_id, stored.user_id) == ("ada", "ada-7")


def test_duplicates_are_recognized_also_of_what_was_stored_before(store):
    entry = entry_of(join("ada"))
    store.log.append([[entry]])
    minimal(store)
    assert store.log.append([[entry, entry_of(join("bob"))]])[0] == AppendResult(1, 1, last(store))
    assert store.log.append([[entry_of(join("bob"))]])[0] == AppendResult(0, 1, last(store))


def test_a_pseudonym_is_stored_as_it_is(store):
    minimal(store)
    store.log.append([[entry_of(join("ada"))]])
    (first,) = log_of(store)
    store.log.append([[entry_of(leave(first.participant_id, 20))]])
    assert log_of(store)[1].participant_id == first.participant_id
    assert store.minimal.participant(DOMAIN, "blue", first.participant_id) == first.participant_id


def test_excluded_participants_are_not_identified_and_are_still_found(store):
    minimal(store)
    store.sources.add_excluded_participants(
        [ExcludedParticipant(DOMAIN, "blue", T0, "recorder-of-ada", 1, "recorder", "ada-7", "Ada", "token")]
    )
    (one,) = store.sources.excluded_participants(DOMAIN, "blue", T0, T0 + 1, 10)
    assert is_pseudonym(one.participant_id)
    assert (one.user_id, one.user_name) == (None, None)
    assert store.sources.excluded_role(DOMAIN, "blue", T0, "recorder-of-ada") == "recorder"


def test_a_dead_letter_has_only_its_reason(store):
    store.sources.add(SourceRow("token", "generic", DOMAIN, "generic", ("secret",)))
    minimal(store)
    for _ in range(2):
        store.sources.add_dead_letter(
            DeadLetter(
                0, "token", T0, "/v1/ingest?name=ada", {"x-name": "ada"}, b"ada", 'no [Received "ada"]'
            )
        )
    (found,) = store.sources.dead_letters()
    assert (found.url, found.headers, found.body, found.reason) == ("", {}, b"", "no")


@pytest.mark.parametrize(
    ("reason", "stored"),
    [
        ('"kind" must be one of [join] [Received "ada"]', '"kind" must be one of [join]'),
        ("payload.at is not a time: 'ada'", "payload.at is not a time: '…'"),
        ('the key "ada" is too long', "the key '…' is too long"),
    ],
)
def test_a_reason_is_stored_without_values(reason, stored):
    assert reason_without_values(reason) == stored


def test_who_is_present_when_the_mode_changes_leaves_under_the_id_of_the_join(tmp_path):
    made = StoredEngine(tmp_path, Rules(), reorder_window=0)
    made.append(join("ada", 0, **ADA), join("bob", 1))
    made.show(T0 + 60_000)
    minimal(made.store)
    made.append(leave("ada", 100, **ADA), join("eve", 100), join("eve", 101))
    made.show(T0 + 160_000)
    minimal(made.store, on=False)
    made.append(leave("bob", 170), leave("eve", 180, user_name="Eve"))
    made.show(T0 + 1_000_000)
    (meeting,) = made.meetings()
    assert [entry.left_by for entry in meeting.participants] == ["reported"] * 3
    assert b"Eve" not in contents(made.path)
    made.close()


def test_the_raw_bytes_have_no_trace(tmp_path):
    made = StoredEngine(tmp_path, Rules())
    minimal(made.store)
    names = {"user_id": "zq-user", "user_name": "Zq Name", "attributes": '{"email":"zq@mail"}'}
    entry = entry_of(join("zq-connection", **names))._replace(event_id="zq-event")
    made.append_entries(
        [
            entry,
            entry_of(join("other")),
            entry_of(leave("zq-connection", 500, **names)),
            entry_of(leave("other", 500)),
        ]
    )
    made.show(T0 + 5_000_000)
    made.store.sources.add(SourceRow("token", "generic", DOMAIN, "generic", ("secret",)))
    made.store.sources.add_dead_letter(
        DeadLetter(0, "token", T0, "/?zq=1", {"zq": "1"}, b"zq-connection", "'zq-event' is not known")
    )
    found = contents(made.path)
    for text in (b"zq-", b"Zq Name", b"zq@mail", b"?zq"):
        assert text not in found
    assert len(made.meetings()) == 1
    made.close()


def test_another_process_notices_the_mode_within_a_second(url, store, monkeypatch):
    seconds = [0.0]
    monkeypatch.setattr("headcount.store.data_minimal.monotonic", lambda: seconds[0])
    other = DataMinimal(store.database)
    assert not other.has(DOMAIN)
    minimal(store)
    seconds[0] = 1.0
    assert other.has(DOMAIN)


@QUICK
@given(st.data())
def test_meetings_and_their_ids_are_the_same_as_in_an_ordinary_domain(folder, data):
    rules = SCALED
    events = [shifted(event) for event in data.draw(st.one_of(histories(rules), uncertain_histories()))]
    as_of = data.draw(asked_as_of([*events], rules))
    order = data.draw(st.permutations(events))
    assert found(folder, order, rules, as_of, on=True) == found(folder, order, rules, as_of, on=False)


def found(folder, order, rules, as_of, *, on):
    made = StoredEngine(folder, rules)
    try:
        if on:
            minimal(made.store)
        for event in order:
            made.append(event)
        made.show(as_of)
        return [
            (
                one.id, one.start, one.end, one.max_participants, len({who.participant_id for who in one.participants}),
                sorted((who.join, who.leave or 0, who.left_by or "") for who in one.participants),
            )
            for one in made.meetings()
        ]  # fmt: skip
    finally:
        made.close()
