"""Retention deletes the past of rooms, and what remains is as it was: meetings, usage, late events and rebuilds."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount.engine.engine import Engine
from headcount.engine.expiry import Expirer
from headcount.engine.room_cache import since
from headcount.kernel.events import Event, Inferred, Kind
from headcount.kernel.rules import Rules
from headcount.store import retention
from headcount.store.expiry import Expiry, spans_up_to
from headcount.store.replacement import copy_given, copy_log, first_difference
from headcount.store.retention import HoldKind, new_rule
from support.engines import NEW_YEAR
from support.stored import DOMAIN, StoredEngine
from support.strategies import SCALED, histories

DAY = 86_400_000
MINUTE = 60_000
T0 = NEW_YEAR
QUICK = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("expiry")


class Retaining(StoredEngine):
    """A store with an engine and its retention."""

    def start(self):
        super().start()
        self.expiry = Expiry(self.store.database)
        self.expirer = Expirer(self.engine, self.store.retention, self.expiry)

    def rule(self, pattern="*", names=None, events=None, meetings=None):
        self.store.retention.set_rule(new_rule(DOMAIN, pattern, names, events, meetings, 0))

    def expire(self, now):
        self.show(now)
        self.store.usage_rollup.finish()
        self.expirer = Expirer(self.engine, self.store.retention, self.expiry)
        while self.expirer.step(now):
            pass

    def events(self):
        return [entry.at for entry in self.store.log.after(0, 10_000)]

    def difference(self, now):
        """The first difference between the tables and those that follow from the log, as `rebuild --check` finds it."""
        self.show(now)
        self.store.usage_rollup.finish()
        rebuilt = StoredEngine(self.path.parent, self.rules, **self.options)
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


def test_a_late_event_of_an_expired_time_is_ignored_and_counted(made):
    meeting_at(made, 0)
    meeting_at(made, 20)
    made.rule(events=5)
    made.expire(T0 + 40 * DAY)
    before = made.meetings()
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


def test_only_rooms_of_a_rule_expire_and_the_most_specific_one_applies(made):
    for room in ("blue", "lecture-1", "lecture-2"):
        meeting_at(made, 0, room)
    made.rule("lecture-*", meetings=5)
    made.rule("lecture-2", meetings=100)
    made.expire(T0 + 40 * DAY)
    assert [one.room for one in made.meetings()] == ["blue", "lecture-2"]


def test_steps_are_bounded_and_go_on_after_a_restart(made):
    for day in range(130):
        meeting_at(made, day)
    made.rule(events=5, meetings=5)
    made.show(T0 + 200 * DAY)
    made.store.usage_rollup.finish()
    steps = 0
    while made.expirer.step(T0 + 200 * DAY):
        steps += 1
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
        made.rule(events=data.draw(st.integers(1, days)), meetings=days)
        try:
            latest = T0
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
            end = T0 + 5_000 * MINUTE
            made.show(end)
            control.show(end)
            assert infers or made.usage() == control.usage()
            made.expire(T0 + data.draw(st.integers(0, 5_000)) * MINUTE)
            until = made.store.retention.progress(DOMAIN, "room").usage_until or 0
            # Inferred leaves of a time that has expired are not overridden any more.
            assert infers or made.usage() == control.usage()
            assert infers or made.meetings() == [one for one in control.meetings() if one.start > until]
            assert made.difference(end) is None
        finally:
            made.close()
            control.close()
