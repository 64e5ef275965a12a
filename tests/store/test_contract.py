"""The contract of a store, on both databases."""

import asyncio
import sqlite3
import threading

import pytest

from headcount.engine.engine import REORDER_WINDOW_MS, Engine
from headcount.errors import BadInput
from headcount.kernel.events import Event, Inferred, Kind
from headcount.kernel.journal import Mark
from headcount.kernel.meetings import Meeting
from headcount.kernel.rules import NEVER, Rules
from headcount.store.database import LeadershipLost, StoreBusy, StoreError, StoreRejected
from headcount.store.group_commit import GroupCommit
from headcount.store.leadership import leadership
from headcount.store.log import events_between
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.open import open_store
from headcount.store.records import (
    BatchChanges,
    Correction,
    LogEntry,
    MarkChange,
    MeetingRow,
    NewMessage,
    PendingNotification,
    PublishedMeeting,
    StayRow,
    SupersededMeeting,
)
from support.engines import NEW_YEAR, kernel
from support.stored import entry_of

T = NEW_YEAR
D = "default"


def log_entry(kind, who, at, room="r", **more):
    return entry_of(Event(Kind(kind), room, T + at * 1_000, who, **more), T + at * 1_000)


def test_appended_entries_are_read_in_their_order(store):
    entries = [
        log_entry("join", "a", 1, user_id="u", user_name="Ann \U0001f98a \u202e"),
        log_entry("leave", "a", 20, joined_at=T),
    ]
    done = store.log.append([entries])[0]
    assert (done.accepted, done.duplicates) == (2, 0)
    logged = store.log.after(0, 10)
    assert [one.event.user_name for one in logged] == ["Ann \U0001f98a \u202e", None]
    assert logged[1].event.joined_at == T
    assert logged[-1].position == done.position == store.log.end()[0]
    assert store.log.after(logged[0].position, 10) == logged[1:]


def test_many_entries_appended_at_once_are_stored_as_if_one_by_one(store):
    odd = ("Ann \U0001f98a", 'say "hi"', "back\\slash \\x41 \\u0041", "100 % :room ?", "a\tb\nc", " ", None)
    entries = [
        log_entry(
            "leave", f"p{n}", n + 20, user_id=f"u{n}", user_name=odd[n % 7], source_session=odd[(n + 3) % 7], id=f"e{n}",
            joined_at=T + n, inferred=(None, Inferred.TIMEOUT)[n % 2],
        )
        for n in range(60)
    ]  # fmt: skip
    done = store.log.append([entries])[0]
    together = [(one.at, one.received, one.event) for one in store.log.after(0, 100)]
    single = [entry._replace(domain="other") for entry in entries]
    for entry in single:
        store.log.append([[entry]])
    alone = [(one.at, one.received, one.event) for one in store.log.after(done.position, 100)]
    assert done.accepted == 60
    assert together == alone
    assert [event.user_name for _, _, event in together] == [odd[n % 7] for n in range(60)]
    assert store.log.append([entries])[0].duplicates == 60


def test_each_request_of_a_commit_gets_its_own_result(store):
    a, b, c = log_entry("join", "a", 1), log_entry("join", "b", 1), log_entry("join", "c", 1)
    first = store.log.append([[a], [a, b], [], [b, c, c]])
    assert [(done.accepted, done.duplicates) for done in first] == [(1, 0), (1, 1), (0, 0), (1, 2)]
    again = store.log.append([[a, b, c]])[0]
    assert (again.accepted, again.duplicates) == (0, 3)
    assert len(store.log.after(0, 10)) == 3


def test_each_request_of_a_large_commit_gets_its_own_result(store):
    def joins(first, last):
        return [log_entry("join", f"p{n}", n) for n in range(first, last)]

    assert store.log.append([joins(0, 30), joins(30, 100)]) == [(30, 0, 100), (70, 0, 100)]
    first = store.log.end()
    done = store.log.append([joins(90, 130), [], joins(120, 150), joins(0, 30)])
    assert [(one.accepted, one.duplicates) for one in done] == [(30, 10), (0, 0), (20, 10), (0, 30)]
    assert len(store.log.after(first[0], 1_000)) == 50
    repeated = [*joins(200, 240), *joins(200, 240)]
    assert store.log.append([repeated])[0][:2] == (40, 40)


def test_the_same_key_in_another_domain_is_another_entry(store):
    entry = log_entry("join", "a", 1)
    done = store.log.append([[entry, entry._replace(domain="other")]])[0]
    assert done.accepted == 2


def test_a_backup_that_cannot_be_completed_is_not_written(store):
    good, bad = log_entry("join", "a", 1), log_entry("join", "b", 1)._replace(room=None)
    with pytest.raises(Exception, match=r"(?i)null"):
        store.log.append([[good], [bad]])
    assert store.log.after(0, 10) == []
    assert store.log.append([[good]])[0].accepted == 1


def test_events_are_found_by_their_time(store):
    entries = [
        log_entry("join", "a", 5),
        log_entry("leave", "b", 60, joined_at=T + 7_000),
        log_entry("join", "c", 70),
    ]
    entries.insert(1, log_entry("join", "d", 10))
    store.log.append([entries])

    def facts(after, until, settled=NEVER, position=NEVER):
        with store.database.reading() as connection:
            found = events_between(
                connection, D, "r", T + after * 1_000, T + until * 1_000, settled, position
            )
        return [(event.kind.value, event.participant_id, (event.at - T) // 1_000) for event in found]

    d, b, c = ("join", "d", 10), ("leave", "b", 60), ("join", "c", 70)
    assert facts(0, 100) == [("join", "a", 5), ("join", "b", 7), d, b, c]
    assert facts(5, 9) == [("join", "b", 7)]
    assert facts(5, 10) == [("join", "b", 7), d]
    assert facts(7, 100) == [d, b, c]
    assert facts(0, 100, settled=T + 59_000) == [("join", "a", 5), d]
    assert facts(0, 100, position=1) == [("join", "a", 5)]


def stay(who, join, leave=None, room="r", user=None):
    left_by = None if leave is None else "reported"
    return StayRow(
        D, room, T + join * 1_000, who, None if leave is None else T + leave * 1_000, left_by, user, None
    )


def meeting(name, start, end=None, room="r", most=1, carried=()):
    return MeetingRow(
        D, name, room, T + start * 1_000, None if end is None else T + end * 1_000, most, *carried
    )


def written(*rows, cursor=0):
    done = BatchChanges(cursor)
    for row in rows:
        if isinstance(row, StayRow):
            done.stays[row[:4]] = row
        else:
            done.meetings[row.domain, row.id] = row
    return done


def test_a_batch_is_committed_atomically_with_its_cursor(store):
    epoch = store.projections.take_over()
    done = written(stay("a", 0), meeting("m1", 0), cursor=7)
    done.rooms[D, "r"] = (T, T + 500, T)
    done.marks.append(MarkChange(D, "r", T, T, (Mark(T), Mark(T + 5, (("x", 1, None),)))))
    done.inferred.append(log_entry("leave", "a", 30, inferred=Inferred.TIMEOUT))
    store.projections.commit(done, epoch)
    assert store.projections.cursor() == (7, epoch)
    assert store.projections.deadlines() == [(T + 500, D, "r")]
    assert store.projections.room(D, "r").finalized == T
    assert store.meetings.meeting(D, "m1") == meeting("m1", 0)
    past = store.projections.journal(D, "r", T, 7)
    assert past.mark_before(T + 6) == Mark(T + 5, (("x", 1, None),))
    assert [mark.at for mark in past.marks_after(T - 1)] == [T, T + 5]
    assert [one.event.inferred for one in store.log.after(0, 5)] == [Inferred.TIMEOUT]


def test_a_failed_commit_writes_nothing(store):
    epoch = store.projections.take_over()
    done = written(stay("a", 0), meeting("m1", 0)._replace(room=None), cursor=7)
    with pytest.raises(Exception, match=r"(?i)null"):
        store.projections.commit(done, epoch)
    assert store.projections.cursor() == (0, epoch)
    assert store.meetings.open_stays(D) == []


def test_rows_are_replaced_updated_and_deleted(store):
    epoch = store.projections.take_over()
    store.projections.commit(written(stay("a", 0), stay("b", 5), meeting("m1", 0), meeting("m2", 90)), epoch)
    done = written(stay("a", 0, 40), meeting("m3", 100))
    done.stays[stay("b", 5)[:4]] = None
    done.meetings[D, "m2"] = None
    done.progress[D, "m1"] = (T + 40_000, 3)
    done.carried[D, "m3"] = (T + 1, "z")
    store.projections.commit(done, epoch)
    assert store.meetings.meeting(D, "m1") == meeting("m1", 0, 40, most=3)
    assert store.meetings.meeting(D, "m2") is None
    assert store.meetings.meeting(D, "m3") == meeting("m3", 100, carried=(T + 1, "z"))
    assert store.meetings.stays_between(D, "r", T, T + 50_000) == [stay("a", 0, 40)]


def rows_of(store, text):
    with store.database.reading() as connection:
        return connection.query(text, {})


def test_a_batch_writes_messages_pending_rollups_corrections_and_checkpoints(store):
    epoch = store.projections.take_over()
    done = BatchChanges(0)
    later = PendingNotification(D, "m1", T + 9, "r", T, "late_event")
    done.notifications[D, "m1", T + 9] = later
    done.pending_rollups[D, "r"] = (T, T + 5)
    done.published[D, "m1"] = known = PublishedMeeting(D, "m1", "r", T, T + 5, 3, 2, 1)
    done.messages.append(NewMessage(D, "id", "meeting.started", "r", T, T + 1, "{}"))
    done.corrections.append(Correction(D, "r", T + 7, T, T + 5, 99, "late_event", "{}"))
    done.rooms[D, "r"] = (T, None, None)
    done.checkpoints[D, "r"] = "{}"
    store.projections.commit(done, epoch)
    assert store.notifications.due(NEVER, 10) == [later]
    key = later.domain, later.id
    assert store.notifications.states({key: [later]}, T)[key].published == known
    assert [tuple(message)[1:] for message in store.messages.after(0)] == [tuple(done.messages[0])]
    assert rows_of(store, "select domain, room, from_ms, to_ms from pending_rollups") == [(D, "r", T, T + 5)]
    assert rows_of(store, "select late_ms, reason, before_and_after from corrections") == [
        (99, "late_event", "{}")
    ]
    assert store.projections.room(D, "r") == (T, None, "{}")
    assert store.projections.deadlines() == []
    store.projections.commit(BatchChanges(0, handled=[later], checkpoints={(D, "r"): None}), epoch)
    assert store.notifications.due(NEVER, 10) == []
    assert store.projections.room(D, "r").checkpoint is None


def test_meetings_are_counted_by_the_day_of_their_start(store):
    epoch = store.projections.take_over()
    day = 86_400
    store.projections.commit(written(meeting("m1", 0), meeting("m2", day - 1), meeting("m3", day)), epoch)
    tallies = "select day, meetings from meeting_counts order by day"
    first = T // 86_400_000
    assert rows_of(store, tallies) == [(first, 2), (first + 1, 1)]
    done = written(meeting("m1", 0, 50), meeting("m4", 5))
    done.meetings[D, "m3"] = None
    store.projections.commit(done, epoch)
    assert rows_of(store, tallies) == [(first, 3), (first + 1, 0)]


def test_the_rules_of_a_store_are_recorded_once(store):
    assert store.projections.rules() is None
    store.projections.set_rules("1,2,3")
    assert store.projections.rules() == "1,2,3"


def test_an_unknown_room_has_no_row(store):
    assert store.projections.room(D, "r") is None
    assert store.projections.cursor() == (0, 0)
    assert store.log.end() == (0, 0)


def test_an_id_superseded_twice_in_a_batch_leads_to_the_current_meeting(store):
    epoch = store.projections.take_over()
    done = BatchChanges(0)
    done.superseded += [
        SupersededMeeting(D, "gone", "r", T, T + 1),
        SupersededMeeting(D, "gone", "r", T, T + 2),
    ]
    store.projections.commit(done, epoch)
    assert store.meetings.superseded(D, "gone").superseded == T + 2


def test_an_engine_of_an_earlier_epoch_commits_nothing(store):
    old = store.projections.take_over()
    new = store.projections.take_over()
    with pytest.raises(LeadershipLost):
        store.projections.commit(written(stay("a", 0), cursor=5), old)
    assert store.projections.cursor() == (0, new)
    assert store.meetings.open_stays(D) == []


def test_pages_skip_no_participant_in_either_direction(store):
    epoch = store.projections.take_over()
    rows = [meeting(f"m{n:02}", n // 3 * 10, n // 3 * 10 + 5, room=f"r{n % 2}") for n in range(20)]
    store.projections.commit(written(*rows), epoch)
    expected = sorted(rows, key=lambda row: (row.start // 1_000, row.id), reverse=True)
    for limit in (1, 3, 7, 20):
        found, after = [], None
        while page := store.meetings.page(D, MeetingFilter(), Page(limit, after=after), T):
            found += page
            after = page[-1]
        assert found == expected
        back, before = [], None
        while page := store.meetings.page(
            D, MeetingFilter(), Page(limit, before=before, oldest=before is None), T
        ):
            back = page + back
            before = page[0]
        assert back == expected
    assert store.meetings.count(D, MeetingFilter(room="r1"), T) == 10
    assert store.meetings.count("other", MeetingFilter(), T) == 0


def test_filters_add_up(store):
    epoch = store.projections.take_over()
    rows = [meeting("old", 0, 30), meeting("long", 100, 900, most=4), meeting("now", 1_000)]
    stays = [stay("a", 0, 30, user="u1"), stay("b", 100, 900, user="u2"), stay("c", 1_000, user="u1")]
    store.projections.commit(written(*rows, *stays), epoch)

    def names(**wanted):
        return [row.id for row in store.meetings.page(D, MeetingFilter(**wanted), Page(), T + 2_000_000)]

    assert names(ongoing=True) == ["now"]
    assert names(ongoing=False) == ["long", "old"]
    assert names(user_id="u1") == ["now", "old"]
    assert names(min_participants=2) == ["long"]
    assert names(min_duration=100_000) == ["now", "long"]
    assert names(starts_from=T + 100_000, starts_before=T + 1_000_000) == ["long"]
    assert names(runs_from=T + 500_000, runs_before=T + 600_000) == ["long"]


def test_all_features_together_agree_with_the_kernel(store):
    events = [
        Event(Kind.JOIN, "r", T, "a", user_name="A"),
        Event(Kind.JOIN, "r", T + 100_000, "b"),
        Event(Kind.LEAVE, "r", T + 1_000_000, "b"),
        Event(Kind.JOIN, "r", T + 3_000_000, "c"),
        Event(Kind.LEAVE, "r", T + 3_100_000, "c"),
        Event(Kind.LEAVE, "r", T + 5_000_000, "a"),
    ]
    for order in (events, events[::-1]):
        for event in order:
            store.log.append([[entry_of(event, T)]])
        engine = Engine(store, Rules(), store.projections.take_over())
        while engine.step(T + 6_000_000 + REORDER_WINDOW_MS):
            pass
    rows = store.meetings.page(D, MeetingFilter(), Page(order := 100), 0)[::-1]
    entries = store.meetings.entries(rows)
    found = [
        Meeting(m.id, m.domain, m.room, m.start, m.end, m.max_participants, tuple(entries[m.id]))
        for m in rows
    ]
    assert order == 100
    assert found == kernel(events, as_of=T + 6_000_000)


UNSTORABLE = {
    "missing": {"room": None},
    "too large a number": {"at": 2**70},
    "a lone surrogate": {"room": "\ud800"},
}


@pytest.mark.parametrize("value", UNSTORABLE.values(), ids=UNSTORABLE)
def test_a_value_that_the_database_rejects_is_not_reported_as_a_busy_database(store, value):
    entry = log_entry("join", "a", 1)
    for entries in ([entry._replace(**value)], [entry._replace(**value)] * 70):
        with pytest.raises(StoreRejected):
            store.log.append([entries])
    assert store.log.append([[entry]])[0].accepted == 1


@pytest.mark.parametrize("room", ["".join(map(chr, range(0x4E00, 0x4E00 + 1_500))), "a\0b"])
def test_a_value_that_only_postgresql_rejects_is_not_reported_as_a_busy_database(postgres, room):
    """An entry of an index has a size limit there, and a text cannot contain NUL."""
    store = open_store(postgres.database())
    with pytest.raises(StoreRejected):
        store.log.append([[log_entry("join", "a", 1)._replace(room=room)]])
    assert store.log.append([[log_entry("join", "a", 1)]])[0].accepted == 1
    store.close()


def test_a_file_that_another_process_is_writing_to_is_busy_and_names_no_path_to_clients(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("headcount.store.sqlite._BUSY_MS", 0)
    store = open_store(str(tmp_path / "a.db"))
    with sqlite3.connect(tmp_path / "a.db", isolation_level=None) as other:
        other.execute("begin immediate")
        with pytest.raises(StoreBusy, match="locked") as busy:
            store.log.append([[log_entry("join", "a", 1)]])
    assert str(tmp_path) in str(busy.value)
    assert str(tmp_path) not in busy.value.reason


def test_a_request_that_the_database_rejects_does_not_fail_the_others_in_its_commit(store):
    entry = log_entry("join", "a", 1)
    seen = []

    async def append():
        appender = GroupCommit(store.log, lambda: None)
        with store.database.writing() as connection:  # so that all of them wait for one commit
            connection.lock_log()
            for bad in (False, True, False):
                row = entry._replace(room=None) if bad else entry._replace(key=bytes([len(seen)]) * 16)
                seen.append(asyncio.ensure_future(appender.append([row])))
                await asyncio.sleep(0)
        answers = await asyncio.gather(*seen, return_exceptions=True)
        appender.close()
        return answers

    first, rejected, third = asyncio.run(append())
    assert (first.accepted, third.accepted) == (1, 1)
    assert isinstance(rejected, StoreRejected)


def test_keys_are_found_only_whole(store):
    key, text = store.keys.create("acme", "for tests", ("read", "ingest"), T, "s" * 32)
    assert store.keys.find(text) == key
    assert store.keys.find(text[:-1] + "x") is None
    assert store.keys.find("") is None
    store.keys.touch({key.id: T + 5})
    assert store.keys.all()[0].last_used == T + 5
    assert store.keys.revoke(key.id, T + 9)
    assert not store.keys.revoke(key.id, T + 10)
    assert store.keys.find(text).revoked == T + 9
    with pytest.raises(BadInput, match="scopes"):
        store.keys.create("acme", "", ("write",), T, "s" * 32)


def test_a_reader_after_a_position_misses_nothing_while_many_append(url):
    stores = [open_store(url) for _ in range(3)]
    each, groups = 40, 5

    def append(number):
        for n in range(each):
            stores[number % 3].log.append(
                [[log_entry("join", f"{number}-{n}-{g}", 1)] for g in range(groups)]
            )

    threads = [threading.Thread(target=append, args=(number,)) for number in range(4)]
    seen: list[LogEntry] = []
    position = 0
    for thread in threads:
        thread.start()
    while len(seen) < 4 * each * groups:
        under_way = any(thread.is_alive() for thread in threads)
        new = stores[2].log.after(position, 50)
        assert all(later.position > position for later in new)
        seen += new
        position = new[-1].position if new else position
        if not new and not under_way:
            break
    for thread in threads:
        thread.join()
    assert len({one.event.participant_id for one in seen}) == 4 * each * groups
    for opened in stores:
        opened.close()


def test_another_process_leads_when_the_leader_gives_up(url):
    first, second = open_store(url), open_store(url)
    one, other = leadership(first.database), leadership(second.database)
    epoch = one.try_lead()
    assert epoch is not None
    assert one.still_leads()
    try:
        assert other.try_lead() is None
    except StoreError as refused:
        assert "served by another process" in str(refused)  # noqa: PT017 - only a file refuses
    one.give_up()
    assert not one.still_leads()
    assert other.try_lead() > epoch
    with pytest.raises(LeadershipLost):
        first.projections.commit(written(stay("a", 0)), epoch)
    other.give_up()
    first.close()
    second.close()


def test_a_leader_of_a_file_stops_when_another_process_begins_an_epoch(tmp_path):
    """No lock keeps it from that: some file systems have none."""
    store = open_store(str(tmp_path / "a.db"))
    lead = leadership(store.database)
    epoch = lead.try_lead()
    assert lead.still_leads()
    other = open_store(str(tmp_path / "a.db"))
    other.projections.take_over()
    assert not lead.still_leads()
    assert lead.try_lead() == epoch + 2
    assert lead.still_leads()
    for opened in (store, other):
        opened.close()
