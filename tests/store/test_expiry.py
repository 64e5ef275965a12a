"""Both databases delete what has expired."""

from headcount.engine.engine import Engine
from headcount.engine.erasure import new_eraser
from headcount.engine.expired_names import ExpiredNames
from headcount.engine.expiry import Expirer
from headcount.kernel.events import Event, Inferred, Kind
from headcount.kernel.rules import Rules
from headcount.store.expiry import Expiry
from headcount.store.pseudonyms import is_pseudonym
from headcount.store.retention import HoldKind, new_rule
from headcount.store.sources import DeadLetter, SourceRow
from support.stored import DOMAIN, entry_of, meetings_in

DAY = 86_400_000
T0 = 1_767_225_600_000
NOW = T0 + 60 * DAY


def meeting(day, room="blue", **leave):
    start = T0 + day * DAY
    for who in ("ada", "bob"):
        names = {
            "user_id": f"u-{who}",
            "user_name": who.title(),
            "attributes": '{"email":"a@b.c","role":"host"}',
        }
        yield Event(Kind.JOIN, room, start, f"{who}-{day}", **names)
        yield Event(Kind.LEAVE, room, start + 600_000, f"{who}-{day}", **leave)


def test_names_events_and_meetings_expire_and_late_events_stay_out(store):
    days = (0, 10, 20, 30, 40)
    events = [
        event for day in days for event in meeting(day, inferred=Inferred.SNAPSHOT if day == 10 else None)
    ]
    store.sources.add(SourceRow("token", "generic", DOMAIN, "generic", ("secret",)))
    store.sources.add_dead_letter(DeadLetter(0, "token", T0, "/", {}, b"", "no"))
    store.log.append([[entry_of(event) for event in [*events, *meeting(0, "red")]]])
    engine = Engine(store, Rules(), store.projections.take_over(), eraser=new_eraser(store.database))
    work(engine)
    store.usage_rollup.finish()
    store.retention.set_rule(new_rule(DOMAIN, "*", 25, 35, 45, 0))
    hold = store.retention.create_hold(DOMAIN, HoldKind.ROOM, "red", "case", 0, "key")
    expire(store, engine)
    kept = {(one.room, round((one.start - T0) / DAY)): one for one in meetings_in(store)}
    assert sorted(kept) == [("blue", 20), ("blue", 30), ("blue", 40), ("red", 0)]
    assert [is_pseudonym(kept["blue", day].participants[0].participant_id) for day in (20, 30, 40)] == [
        True,
        True,
        False,
    ]
    assert {one.attributes for one in kept["blue", 30].participants} == {'{"role":"host"}'}
    assert {round((entry.at - T0) / DAY) for entry in store.log.after(0, 100) if entry.room == "blue"} == {
        30,
        40,
    }
    assert store.sources.dead_letters() == []
    late = [
        Event(Kind.JOIN, "blue", T0 + 5 * DAY, "eve"),
        Event(Kind.LEAVE, "blue", T0 + 41 * DAY, "x", joined_at=T0),
    ]
    store.log.append([[entry_of(event) for event in late]])
    work(engine)
    assert len(meetings_in(store)) == 4
    store.retention.release_hold(DOMAIN, hold.number, 0, "key")
    expire(store, engine)
    assert len(meetings_in(store)) == 3
    assert not store.usage_rollup.step()


def work(engine):
    while engine.step(NOW):
        pass


def expire(store, engine):
    expirer = Expirer(engine, store.retention, Expiry(store.database), ExpiredNames(store.database))
    while expirer.step(NOW):
        pass
