"""The access log in the store."""

import pytest

from headcount.store import access_log
from headcount.store.access_log import (
    AccessEntry,
    AccessFilter,
    AccessRecord,
    Action,
    Actor,
    ActorType,
    Subject,
    SubjectType,
)
from headcount.store.open import open_store
from headcount.store.records import BatchChanges, StayRow

KEY = Actor(ActorType.KEY, "Xy12AbCd", "billing")
ANN = Subject(SubjectType.USER, "ann")


@pytest.fixture
def store(store):
    """A store that knows the users ann, bob and cleo of two domains."""
    stays = {}
    for domain in ("acme", "other"):
        for user in ("ann", "bob", "cleo"):
            row = StayRow(domain, "blue", 1, f"c-{user}", 2, "reported", user, None, None)
            stays[domain, "blue", 1, row.participant_id] = row
    store.projections.commit(BatchChanges(0, stays=stays), store.projections.take_over())
    return store


def record(action=Action.PERSON_READ, subject=ANN, *, domain="acme", actor=KEY):
    return AccessRecord(domain, actor, action, subject, "203.0.113.7", "GET /v1/users/{user}/meetings")


def entries(store, domain="acme", limit=100, after=None, **wanted):
    return store.access_log.page(domain, AccessFilter(**wanted), limit, after=after)


def times(store, **wanted):
    return [entry.at for entry in entries(store, **wanted)]


def test_an_entry_is_returned_as_it_was_added(store):
    store.access_log.add([AccessEntry(None, 5, record(), 3)])
    (entry,) = entries(store)
    assert entry == AccessEntry(entry.number, 5, record(), 3)
    assert entries(store, "other") == []


def test_pages_are_newest_first_and_continue_after_an_entry(store):
    store.access_log.add([AccessEntry(None, at, record()) for at in (1, 3, 3, 2)])
    first = entries(store, limit=2)
    rest = entries(store, limit=2, after=first[-1].number)
    assert [entry.at for entry in [*first, *rest]] == [3, 3, 2, 1]
    assert len({entry.number for entry in [*first, *rest]}) == 4
    assert entries(store, after=10_000) is None
    assert entries(store, "other", after=first[0].number) is None


def test_filters_are_combined(store):
    bob = Subject(SubjectType.USER, "bob")
    room = Subject(SubjectType.ROOM, "ann")
    other = Actor(ActorType.SESSION, "0f9f", "Eve")
    store.access_log.add(
        [
            AccessEntry(None, 1, record()),
            AccessEntry(None, 2, record(subject=bob)),
            AccessEntry(None, 3, record(Action.EXPORT)),
            AccessEntry(None, 4, record(subject=room)),
            AccessEntry(None, 5, record(actor=other)),
            AccessEntry(None, 6, record(Action.SIGN_IN, None, actor=other)),
        ]
    )
    assert times(store, subject="ann") == [5, 4, 3, 1]
    assert times(store, subject="ann", subject_type=SubjectType.USER) == [5, 3, 1]
    assert times(store, subject="ann", action=Action.EXPORT) == [3]
    assert times(store, actor="0f9f") == [6, 5]
    assert times(store, actor="0f9f", subject="ann") == [5]
    assert times(store, action=Action.SIGN_IN) == [6]
    assert times(store, subject_type=SubjectType.ROOM) == [4]
    assert times(store, since=2, before=4) == [3, 2]


def test_a_subject_is_renamed_in_steps(store, monkeypatch):
    monkeypatch.setattr(access_log, "_STEP", 2)
    store.access_log.add([AccessEntry(None, at, record()) for at in range(5)])
    room = record(subject=Subject(SubjectType.ROOM, "ann"))
    store.access_log.add([AccessEntry(None, 5, room), AccessEntry(None, 6, record(domain="other"))])
    assert store.access_log.rename_subject("acme", SubjectType.USER, "ann", "anon-user-1") == 5
    assert times(store, subject="anon-user-1") == [4, 3, 2, 1, 0]
    assert times(store, subject="ann") == [5]
    assert [entry.at for entry in entries(store, "other", subject="ann")] == [6]
    assert store.access_log.rename_subject("acme", SubjectType.USER, "ann", "anon-user-1") == 0


def test_subjects_are_listed_once(store):
    for name in ("bob", "ann", "cleo", "ann"):
        store.access_log.add([AccessEntry(None, 1, record(subject=Subject(SubjectType.USER, name)))])
    store.access_log.add([AccessEntry(None, 1, record(subject=Subject(SubjectType.ROOM, "blue")))])
    assert store.access_log.subjects("acme", SubjectType.USER, limit=2) == ["ann", "bob"]
    assert store.access_log.subjects("acme", SubjectType.USER, after="bob") == ["cleo"]


def test_old_entries_are_deleted_in_steps(store, monkeypatch):
    monkeypatch.setattr(access_log, "_STEP", 2)
    store.access_log.add([AccessEntry(None, at, record()) for at in (1, 2, 4, 3, 5, 6)])
    assert store.access_log.prune(4) == 3
    assert times(store) == [6, 5, 4]
    assert store.access_log.prune(4) == 0
    assert store.access_log.prune(100) == 3
    assert store.access_log.prune(100) == 0


def test_a_user_without_stays_is_stored_under_a_pseudonym(store):
    """Such as one who was erased: a request about them must not bring the id back."""
    nobody = Subject(SubjectType.USER, "nobody")
    participant = Subject(SubjectType.PARTICIPANT, "c-ann")
    store.access_log.add([AccessEntry(None, 1, record()), AccessEntry(None, 2, record(subject=nobody))])
    store.access_log.add([AccessEntry(None, 3, record(subject=participant))])
    stored = [entry.access.subject.id for entry in entries(store)]
    assert stored[2] == "ann"
    assert stored[1].startswith("anon-user-")
    assert stored[0].startswith("anon-")
    assert times(store, subject="nobody") == times(store, subject=stored[1]) == [2]
    assert times(store, subject="nobody", subject_type=SubjectType.USER) == [2]
    assert times(store, subject="nobody", subject_type=SubjectType.ROOM) == []
    assert times(store, subject="c-ann") == [3]


def test_entries_before_and_after_an_erasure_are_one_list(store):
    store.access_log.add([AccessEntry(None, 1, record())])
    erased = record(subject=Subject(SubjectType.USER, "erased"))
    store.access_log.add([AccessEntry(None, 2, erased)])
    pseudonym = entries(store, subject="erased")[0].access.subject.id
    store.access_log.rename_subject("acme", SubjectType.USER, "ann", pseudonym)
    assert times(store, subject="erased") == [2, 1]


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "é" * 5_000, "x" * 5_000, "🎉" * 5_000])
def test_any_text_can_be_a_subject(store, text):
    for number, kind in enumerate((SubjectType.ROOM, SubjectType.USER)):
        store.access_log.add([AccessEntry(None, number, record(subject=Subject(kind, text)))])
        (found,) = entries(store, subject=text, subject_type=kind)
        assert found.at == number
        assert len(found.access.subject.id.encode()) <= 1_024


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({}, "access_log_by_time (domain=?)"),
        ({"since": 1, "before": 9}, "access_log_by_time (domain=? AND at_ms>? AND at_ms<?)"),
        ({"actor": "k"}, "access_log_by_actor (domain=? AND actor=?)"),
        ({"actor": "k", "since": 1}, "access_log_by_actor (domain=? AND actor=? AND at_ms>?)"),
        ({"action": Action.EXPORT}, "access_log_by_action (domain=? AND action=?)"),
        ({"action": Action.MEETING_READ}, "access_log_by_time (domain=?)"),
        ({"subject": "ann"}, "access_log_by_subject (domain=? AND subject=?)"),
        (
            {"subject": "ann", "subject_type": SubjectType.USER, "actor": "k", "action": Action.EXPORT},
            "access_log_by_subject (domain=? AND subject=?)",
        ),
    ],
    ids=str,
)
def test_each_filter_has_an_index_in_the_order_of_the_page(tmp_path, wanted, index):
    store = open_store(str(tmp_path / "a.db"))
    with store.database.reading() as connection:
        plans = Plans(connection)
        access_log.select_entries(plans, "acme", AccessFilter(**wanted), 10, None)
    store.close()
    assert plans.steps == [f"SEARCH access_log USING INDEX {index}"]


class Plans:
    """A connection that explains its queries and returns no rows."""

    def __init__(self, connection):
        self.connection = connection
        self.steps = []

    def query(self, text, values):
        plan = self.connection.query(f"explain query plan {text}", values)
        self.steps += [step for *_, step in plan]
        return []
