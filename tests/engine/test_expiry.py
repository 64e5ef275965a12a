"""Retention deletes the past of rooms, and what remains is as it was: meetings, usage, late events and rebuilds."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from headcount.engine.engine import Engine
from headcount.engine.erasure import new_eraser
from headcount.engine.expired_names import ExpiredNames
from headcount.engine.expiry import Expirer
from headcount.engine.room_cache import since
from headcount.errors import BadInput
from headcount.kernel.events import Event, Inferred, Kind
from headcount.kernel.rules import Rules
from headcount.maintenance.erasure_preview import request_erasure
from headcount.reporting.explain.meeting import explain_meeting
from headcount.store import retention
from headcount.store.data_subjects import Selector, SelectorKind
from headcount.store.erasures import Mode
from headcount.store.expiry import Expiry, spans_up_to
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.pseudonyms import is_pseudonym
from headcount.store.replacement import copy_given, copy_log, first_difference
from headcount.store.retention import HoldKind, new_rule
from headcount.store.sources import DeadLetter, SourceRow
from headcount.store.usage.quarters import QUARTER_MS
from support.engines import NEW_YEAR
from support.stored import DOMAIN, StoredEngine
from support.strategies import SCALED, histories

DAY = 86_400_000
MINUTE = 60_000
T0 = NEW_YEAR
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # to shrink a history takes minutes
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)


@pytest.fixture
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("expiry")


class Retaining(StoredEngine):
    """A store with an engine and its retention."""

    def start(self):
        self.options["eraser"] = new_eraser(self.store.database)
        super().start()
        self.new_sweep()

    def new_sweep(self):
        database = self.store.database
        self.expirer = Expirer(self.engine, self.store.retention, Expiry(database), ExpiredNames(database))

    def rule(self, pattern="*", names=None, events=None, meetings=None):
        self.store.retention.set_rule(new_rule(DOMAIN, pattern, names, events, meetings, 0))

    def expire(self, now):
        self.show(now)
        self.store.usage_rollup.finish()
        self.new_sweep()
        while self.expirer.step(now):
            pass

    def events(self):
        return [entry.at for entry in self.store.log.after(0, 10_000)]

    def difference(self, now):
        """The first difference between the tables and those that follow from the log, as `rebuild --check` finds it."""
        self.show(now)
        self.store.usage_rollup.finish()
        options = {name: value for name, value in self.options.items() if name != "eraser"}
        rebuilt = StoredEngine(self.path.parent, self.rules, **options)
        copy_log(self.store.database, rebuilt.store.database)
        copy_given(self.store.database, rebuilt.store.database)
        rebuilt.start()
        rebuilt.show(now)
        rebuilt.store.usage_rollup.finish()
        try:
            return first_difference(self.store.database, rebuilt.store.database)
        finally:
            rebuilt.close()

    def usage(self):
        self.store.usage_rollup.finish()
        tables = ("room_quarters", "domain_quarters", "domain_steps", "room_totals", "value_totals")
        with self.store.database.reading() as connection:
            return {
                table: sorted(map(repr, connection.query(f"select * from {table}", {}))) for table in tables
            }


@pytest.fixture
def made(folder):
    made = Retaining(folder)
    yield made
    made.close()


def meeting_at(made, day, room="blue", who=("ada", "bob"), customer="acme"):
    """A meeting of ten minutes."""
    start = T0 + day * DAY
    for one in who:
        names = {"user_id": f"u-{one}", "attributes": f'{{"customer":"{customer}"}}'}
        made.append(
            Event(Kind.JOIN, room, start, f"{one}-{day}", **names),
            Event(Kind.LEAVE, room, start + 10 * MINUTE, f"{one}-{day}"),
        )


def starts(made):
    return [round((one.start - T0) / DAY) for one in made.meetings()]


def test_events_and_meetings_are_deleted_after_their_time_and_usage_stays(made):
    for day in (0, 10, 20, 30):
        meeting_at(made, day)
    made.show(T0 + 31 * DAY)
    before = made.usage()
    made.rule(events=15, meetings=25)
    made.expire(T0 + 40 * DAY)
    assert starts(made) == [20, 30]
    assert {round((at - T0) / DAY) for at in made.events()} == {30}
    assert made.usage() == before
    assert made.difference(T0 + 40 * DAY) is None
    made.store.usage_rollup.set_attributes(("customer",))
    made.store.usage_rollup.set_attributes(("customer", "role", "kind"))
    assert made.usage() == before


def test_usage_of_an_expired_time_is_answered_while_its_rollup_is_pending(made):
    for day in (0, 10, 20, 30):
        meeting_at(made, day)
    made.rule(events=15, meetings=25)
    made.expire(T0 + 40 * DAY)
    ends = (T0 // QUARTER_MS, (T0 + 41 * DAY) // QUARTER_MS, T0 + 41 * DAY)

    def answers():
        usage = made.store.usage
        return (
            *(usage.by_quarter(DOMAIN, room, *ends) for room in (None, "blue")),
            usage.by_room(DOMAIN, None, *ends),
            usage.by_value(DOMAIN, "customer", None, *ends),
            usage.by_value(DOMAIN, "customer", "blue", *ends),
        )

    settled = answers()
    assert len(settled[0]) == 4
    made.store.usage_rollup.reset()
    assert answers() == settled
    made.store.usage_rollup.finish()
    assert answers() == settled


def test_a_late_event_of_an_expired_time_is_ignored_and_counted(made):
    meeting_at(made, 0)
    meeting_at(made, 20)
    made.rule(events=5)
    made.expire(T0 + 40 * DAY)
    before = made.meetings()
    rows = made.store.meetings.page(DOMAIN, MeetingFilter(), Page(limit=10), 0)
    found = [
        explain_meeting(
            made.store.meetings, made.store.history, lambda *_: [], row, T0 + 40 * DAY, made.rules
        )
        for row in rows
    ]
    assert [(one.events_expired, one.is_complete) for one in found] == [(True, False)] * 2
    made.append(
        Event(Kind.JOIN, "blue", T0 + 3 * MINUTE, "eve"),
        Event(Kind.LEAVE, "blue", T0 + 39 * DAY, "ada-20", joined_at=T0 + 20 * DAY),
    )
    made.show(T0 + 40 * DAY)
    assert made.meetings() == before
    assert made.engine.stats.expired == 1
    assert made.difference(T0 + 40 * DAY) is None
    made.start()
    made.append(Event(Kind.JOIN, "blue", T0 + 39 * DAY, "eve"))
    made.show(T0 + 41 * DAY)
    assert len(made.meetings()) == len(before) + 1


def test_a_room_that_is_occupied_expires_up_to_the_last_moment_when_it_was_empty(made):
    meeting_at(made, 0)
    made.append(Event(Kind.JOIN, "blue", T0 + 10 * DAY, "ada"))
    made.rule(meetings=5)
    made.expire(T0 + 40 * DAY)
    assert starts(made) == [10]
    assert made.events()[0] == T0 + 10 * DAY


@pytest.mark.parametrize("kind", HoldKind)
def test_a_hold_protects_until_it_is_released(made, kind):
    for day in (0, 1, 2):
        meeting_at(made, day, who=("ada", "bob") if day == 1 else ("eve", "dan"))
    made.show(T0 + 3 * DAY)
    subject = {"meeting": made.meetings()[1].id, "room": "blue", "user": "u-ada"}[kind]
    made.rule(meetings=5)
    hold = made.store.retention.create_hold(DOMAIN, kind, subject, "case", T0, "key")
    made.expire(T0 + 40 * DAY)
    held = [0, 1, 2] if kind is HoldKind.ROOM else [1]
    assert starts(made) == held
    assert {round((at - T0) / DAY) for at in made.events()} >= set(held)
    assert made.difference(T0 + 40 * DAY) is None
    made.store.retention.release_hold(DOMAIN, hold.number, T0, "key")
    made.expire(T0 + 40 * DAY)
    assert starts(made) == []
    assert made.difference(T0 + 40 * DAY) is None


def test_a_leave_that_was_never_reported_does_not_stop_retention(made):
    names = {"inferred": Inferred.SNAPSHOT}
    for day in (0, 20):
        start = T0 + day * DAY
        for who in ("ada", "bob"):
            made.append(Event(Kind.JOIN, "blue", start, f"{who}-{day}"))
            made.append(Event(Kind.LEAVE, "blue", start + 10 * MINUTE, f"{who}-{day}", **names))
    made.append(Event(Kind.JOIN, "blue", T0 + 39 * DAY, "eve"))
    made.show(T0 + 40 * DAY)
    before = made.meetings()[1:]
    made.rule(meetings=25)
    made.expire(T0 + 40 * DAY)
    assert made.meetings() == before
    made.append(Event(Kind.LEAVE, "blue", T0 + 39 * DAY, "ada-0"))
    made.show(T0 + 40 * DAY)
    assert made.meetings() == before
    assert made.difference(T0 + 40 * DAY) is None
    made.append(Event(Kind.LEAVE, "blue", T0 + 38 * DAY, "ada-20"))
    made.show(T0 + 40 * DAY)
    assert made.meetings() != before
    assert made.difference(T0 + 40 * DAY) is None


def test_names_are_removed_after_their_time_and_meetings_stay(made):
    for day in (0, 10, 30):
        meeting_at(made, day, customer="acme")
    made.append(Event(Kind.LEAVE, "blue", T0 + 5 * DAY, "ada-late", user_name="Ada Late"))
    made.show(T0 + 31 * DAY)
    before, usage = shapes(made), made.usage()
    made.rule(names=15)
    made.expire(T0 + 40 * DAY)
    assert shapes(made) == before
    assert made.usage() == usage
    for meeting in made.meetings():
        names = {entry.user_id for entry in meeting.participants}
        assert names == ({"u-ada", "u-bob"} if meeting.start > T0 + 25 * DAY else {None})
        assert {entry.attributes for entry in meeting.participants} == {'{"customer":"acme"}'}
    assert made.difference(T0 + 40 * DAY) is None
    late = Event(Kind.JOIN, "blue", T0 + 10 * DAY + MINUTE, "eve-late", user_name="Eve Late")
    made.append(late, replace(late, kind=Kind.LEAVE, at=late.at + 5 * MINUTE))
    made.show(T0 + 40 * DAY)
    assert made.meetings()[1].max_participants == 3
    for entry in made.store.log.after(0, 100):
        assert is_pseudonym(entry.participant_id) == (entry.at < T0 + 25 * DAY)
    content = b"".join(file.read_bytes() for file in made.path.parent.glob(f"{made.path.name}*"))
    assert b"u-ada" in content
    assert b"Ada Late" not in content.replace(b"u-ada", b"")
    assert made.difference(T0 + 40 * DAY) is None


def shapes(made):
    return [
        (
            one.id, one.start, one.end, one.max_participants, len({who.participant_id for who in one.participants}),
            sorted((who.join, who.leave or 0, who.left_by or "") for who in one.participants),
        )
        for one in made.meetings()
    ]  # fmt: skip


def test_only_rooms_of_a_rule_expire_and_the_most_specific_one_applies(made):
    for room in ("blue", "lecture-1", "lecture-2"):
        meeting_at(made, 0, room)
    made.rule("lecture-*", meetings=5)
    made.rule("lecture-2", meetings=100)
    made.expire(T0 + 40 * DAY)
    assert [one.room for one in made.meetings()] == ["blue", "lecture-2"]


def test_steps_are_bounded_and_go_on_after_a_restart(made, monkeypatch):
    monkeypatch.setattr("headcount.engine.expiry._ROWS", 20)
    for day in range(20):
        meeting_at(made, day)
    made.rule(events=5, meetings=5)
    made.show(T0 + 200 * DAY)
    made.store.usage_rollup.finish()
    steps = 0
    while made.expirer.step(T0 + 200 * DAY):
        steps += 1
        if steps % 5 == 0:
            made.start()
    assert steps > 3
    assert made.meetings() == []
    assert made.difference(T0 + 200 * DAY) is None


def test_a_past_engine_deletes_nothing(made):
    meeting_at(made, 0)
    made.rule(meetings=5)
    made.show(T0 + 40 * DAY)
    made.store.usage_rollup.finish()
    Engine(made.store, made.rules, made.store.projections.take_over())
    with pytest.raises(Exception, match="another process runs the engine now"):
        made.expirer.step(T0 + 40 * DAY)
    assert starts(made) == [0]


@pytest.mark.parametrize(
    ("until", "held", "spans"),
    [
        (10, [], [(None, 10)]),
        (10, [(3, 5)], [(None, 3), (5, 10)]),
        (10, [(3, 5), (4, 12)], [(None, 3)]),
        (None, [], []),
    ],
)
def test_what_is_held_is_left_out(until, held, spans):
    found = list(spans_up_to(until, held))
    assert [(None if first < 0 else first, last) for first, last in found] == spans


def scaled(event):
    joined_at = None if event.joined_at is None else T0 + event.joined_at * MINUTE
    return replace(event, at=T0 + event.at * MINUTE, joined_at=joined_at)


RULES = Rules(*(number * MINUTE for number in (10, 30, 600, 15)))


@QUICK
@given(st.data())
def test_what_remains_is_as_without_retention_and_a_rebuild_agrees(folder, data):
    infers = data.draw(st.booleans())
    strategy = histories(SCALED, inferred=True) if infers else histories(SCALED, inferred=False)
    events = [scaled(event) for event in data.draw(strategy)]
    order = data.draw(st.permutations(events))
    moments = sorted(data.draw(st.lists(st.integers(0, 3_000), min_size=len(order), max_size=len(order))))
    expires = data.draw(st.sets(st.integers(0, len(order)), max_size=3))
    restarts = data.draw(st.sets(st.integers(0, len(order)), max_size=2))
    days = data.draw(st.integers(1, 40))
    made, control = Retaining(folder, RULES), Retaining(folder, RULES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retention, "DAY_MS", 30 * MINUTE)
        events_days = data.draw(st.integers(1, days))
        names_days = data.draw(st.one_of(st.just(events_days), st.integers(1, events_days)))
        made.rule(names=names_days, events=events_days, meetings=days)
        try:
            latest, differs = T0, infers
            for n, event in enumerate(order):
                now = latest = max(latest, T0 + moments[n] * MINUTE, event.at)
                if n in expires:
                    made.expire(now)
                if n in restarts:
                    made.start()
                made.show(now)
                control.show(now)
                made.append(event)
                frozen = made.store.retention.progress(DOMAIN, event.room).frozen
                control.append(*([event] if frozen is None else since([event], frozen)))
                named = made.store.retention.progress(DOMAIN, event.room).names_until
                # Somebody who is in an event of a time without names counts as another one later.
                differs = differs or (
                    named is not None and min(event.at, event.joined_at or event.at) <= named
                )
            end = T0 + 5_000 * MINUTE
            made.show(end)
            control.show(end)
            assert differs or made.usage() == control.usage()
            made.expire(T0 + data.draw(st.integers(0, 5_000)) * MINUTE)
            until = made.store.retention.progress(DOMAIN, "room").usage_until or 0
            # Inferred leaves of a time that has expired are not overridden any more, either.
            assert differs or made.usage() == control.usage()
            assert differs or shapes(made) == [one for one in shapes(control) if one[1] > until]
            assert made.difference(end) is None
        finally:
            made.close()
            control.close()


@pytest.mark.parametrize("kind", HoldKind)
def test_a_person_of_whom_a_hold_protects_data_is_not_erased(made, kind):
    meeting_at(made, 0)
    meeting_at(made, 1, who=("eve", "dan"), room="red")
    made.show(T0 + 2 * DAY)
    subject = {"meeting": made.meetings()[0].id, "room": "blue", "user": "u-ada"}[kind]
    hold = made.store.retention.create_hold(DOMAIN, kind, subject, "case 17", T0, "key")

    def request(user):
        selector = Selector(SelectorKind.USER_ID, user)
        return request_erasure(made.store, DOMAIN, selector, Mode.ERASE, T0 + 2 * DAY, "key")

    with pytest.raises(BadInput, match=r"legal holds protect data of this person: 1 \(case 17\)"):
        request("u-ada")
    request("u-eve")
    made.store.retention.release_hold(DOMAIN, hold.number, T0, "key")
    request("u-ada")


def test_messages_and_dead_letters_that_may_name_people_are_deleted_with_the_names(made):
    made.store.sources.add(SourceRow("token", "generic", DOMAIN, "generic", ("secret",)))
    for day in (0, 30):
        meeting_at(made, day)
        made.show(T0 + (day + 1) * DAY)
        made.store.sources.add_dead_letter(DeadLetter(0, "token", T0 + day * DAY, f"/{day}", {}, b"", "no"))
    made.rule(names=15)
    made.expire(T0 + 40 * DAY)
    messages = made.store.messages.after(0)
    assert messages
    assert {message.at >= T0 + 30 * DAY for message in messages} == {True}
    assert [letter.url for letter in made.store.sources.dead_letters()] == ["/30"]
