"""The outbox: a receiver of all messages knows what the projections show (R14, R15)."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount.engine.engine import REORDER_WINDOW_MS
from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import Rules
from headcount.store.records import Origin
from support.engines import NEW_YEAR, kernel
from support.message_receiver import Receiver, as_received, inside
from support.stored import DOMAIN, StoredEngine, shifted
from support.strategies import EAGER, SCALED, histories, tidy_histories, uncertain_histories

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
FAR = NEW_YEAR + 10_000


@pytest.fixture
def engine(folder):
    stored = StoredEngine(folder, Rules())
    yield stored
    stored.close()


def present(stored):
    """Who is shown to be in which room by presence."""
    people, _ = stored.store.meetings.presence(DOMAIN)
    return {(room, participant_id) for room, _, participant_id, *_ in people}


def agrees(folder, data, events, rules, latest):
    """Events in any order, with ticks and restarts anywhere: what is received is what is so."""
    order = data.draw(st.permutations([*events, *data.draw(st.lists(st.sampled_from(events), max_size=2))]))
    ticks = sorted(data.draw(st.lists(st.integers(NEW_YEAR - 100, latest), max_size=len(order))))
    restarts = data.draw(st.sets(st.integers(0, len(order)), max_size=3))
    stored = StoredEngine(folder, rules)
    try:
        for number, event in enumerate(order):
            if number < len(ticks):
                stored.show(ticks[number])
                assert Receiver(stored.store.messages.after(0)).inside == present(stored)
            if number in restarts:
                stored.start()
            stored.append(event)
        stored.show(FAR)
        published = Receiver(stored.store.messages.after(0))
    finally:
        stored.close()
    time = FAR + REORDER_WINDOW_MS
    assert published.meetings == as_received(kernel(events, as_of=time - rules.late_grace_ms, rules=rules))
    assert published.inside == inside(events, rules, FAR)
    assert len(published.ids) == len(set(published.ids))


@QUICK
@given(st.data())
def test_a_receiver_of_all_messages_knows_the_current_state(folder, data):
    events = [shifted(event) for event in data.draw(histories())]
    agrees(folder, data, events, SCALED, NEW_YEAR + 3_000)


@QUICK
@given(st.data())
def test_a_receiver_of_all_messages_knows_whole_meetings(folder, data):
    events = [shifted(event) for event in data.draw(tidy_histories())]
    agrees(folder, data, events, SCALED, NEW_YEAR + 3_000)


@QUICK
@given(st.data())
def test_a_receiver_of_all_messages_knows_overridden_inferences(folder, data):
    events = [shifted(event) for event in data.draw(uncertain_histories())]
    agrees(folder, data, events, EAGER, NEW_YEAR + 30)


T = NEW_YEAR


def test_presence_lists_a_participant_when_the_join_is_published(engine):
    engine.append(Event(Kind.JOIN, "r", T, "a", user_name="Ann"))
    assert not published(engine, REORDER_WINDOW_MS - 1)
    assert not present(engine)
    assert published(engine, REORDER_WINDOW_MS) == ["participant.joined"]
    assert present(engine) == {("r", "a")}
    engine.start()
    assert present(engine) == {("r", "a")}
    engine.append(leave("a", 9_000))
    assert published(engine, 9_500)[1:] == ["participant.left"]
    assert not present(engine)


def join(who, at):
    return Event(Kind.JOIN, "r", T + at, who)


def leave(who, at):
    return Event(Kind.LEAVE, "r", T + at, who)


def published(engine, now):
    """What was said up to a moment, briefly."""
    engine.engine.step(T + now)
    while engine.engine.step(T + now):
        pass
    return [message.type for message in engine.store.messages.after(0)]


def test_joins_and_leaves_are_published_at_once_and_meetings_after_the_late_grace_period(engine):
    engine.append(join("a", 0), join("b", 1_000))
    joined = ["participant.joined"] * 2
    assert published(engine, 1_000 + REORDER_WINDOW_MS) == joined
    assert published(engine, 15_999) == joined
    assert published(engine, 16_000) == [*joined, "meeting.started"]
    engine.append(leave("a", 60_000), leave("b", 60_000))
    assert published(engine, 60_200)[3:] == ["participant.left"] * 2
    assert published(engine, 74_999)[5:] == []
    assert published(engine, 75_000)[5:] == ["meeting.ended"]


def test_a_stay_too_short_to_count_is_published_and_starts_no_meeting(engine):
    engine.append(join("a", 0), leave("a", 9_999))
    assert published(engine, 3_600_000) == ["participant.joined", "participant.left"]


def test_events_out_of_order_before_publication_are_no_correction(engine):
    engine.append(join("a", 0), join("b", 0), leave("a", 60_000), leave("b", 60_000))
    published(engine, 65_000)
    engine.append(leave("b", 59_000))
    published(engine, 66_000)
    assert "meeting.updated" not in published(engine, 3_600_000)


def test_an_event_after_publication_is_a_revision(engine):
    engine.append(join("a", 0), join("b", 0), leave("a", 60_000), leave("b", 60_000))
    published(engine, 100_000)
    engine.append(leave("b", 30_000))
    assert published(engine, 3_600_000)[-1] == "meeting.updated"
    revised = engine.store.messages.after(0)[-1]
    assert '"reason":"late_event"' in revised.payload


def test_a_reset_is_an_end_and_a_start(engine):
    engine.append(join("a", 0), join("b", 0), leave("b", 60_000))
    assert published(engine, 3_600_000)[3:] == ["meeting.started", "meeting.ended", "meeting.started"]
    ended = engine.store.messages.after(0)[4]
    assert '"reason":"left_alone"' in ended.payload


def test_imported_history_is_not_published(engine):
    engine.append(join("a", 0), join("b", 0), leave("a", 60_000), leave("b", 60_000), origin=Origin.IMPORTED)
    assert published(engine, 3_600_000) == []


def test_imported_history_in_small_batches_is_not_published_either(folder):
    stored = StoredEngine(folder, Rules(), batch_size=1)
    visits = join("a", 0), join("b", 0), leave("b", 60_000), leave("a", 2_000_000), join("c", 2_100_000)
    stored.append(*visits, origin=Origin.IMPORTED)
    assert published(stored, 3_600_000) == []
    stored.append(leave("c", 3_600_000))
    assert published(stored, 3_700_000) == ["participant.left", "meeting.started", "meeting.ended"]
    stored.close()
