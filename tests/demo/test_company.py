"""Demo data: the rules find every situation in it that it promises."""

from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import islice, pairwise, takewhile

import pytest

from headcount.demo.company import DAY, HOUR, MINUTE, SCHEDULE, SECOND, live_events, past_events
from headcount.kernel.attributes import values_of
from headcount.kernel.events import Event, Kind
from headcount.kernel.replay import meetings_of
from headcount.kernel.stay_table import LeftBy

NOW = int(datetime(2026, 3, 11, 9, 17, 31, tzinfo=UTC).timestamp()) * 1_000 + 417
SUNDAY_NIGHT = int(datetime(2026, 3, 15, 3, 2, tzinfo=UTC).timestamp()) * 1_000
SEED = 7

PAST = past_events(SEED, NOW - 7 * DAY, NOW)
LIVE = list(takewhile(lambda one: one[0] < NOW + 5 * HOUR, live_events(SEED, NOW)))
ALL = [*PAST, *(event for _, event in LIVE)]


def events_of(room, events=ALL):
    return [event for event in events if event.room == room]


def meetings(room, as_of=NOW + 5 * HOUR, events=ALL):
    return meetings_of(events_of(room, events), as_of=as_of)


def participants_by_room(events, as_of):
    """Return the number of participants by room in use."""
    rooms = {event.room for event in events}
    latest = [found[-1] for room in rooms if (found := meetings(room, as_of, events))]
    return {m.room: sum(p.leave is None for p in m.participants) for m in latest if m.ongoing}


def stays(room):
    """Return joins and leaves by connection, in order of time, each once."""
    of = defaultdict(set)
    for event in events_of(room):
        of[event.participant_id].add((event.at, event.kind, event.user_id))
    return {connection: sorted(moves) for connection, moves in of.items()}


def test_the_same_seed_gives_the_same_events():
    assert past_events(SEED, NOW - 7 * DAY, NOW) == PAST
    assert list(islice(live_events(SEED, NOW), len(LIVE))) == LIVE


def test_another_seed_gives_other_events():
    assert past_events(SEED + 1, NOW - DAY, NOW) != past_events(SEED, NOW - DAY, NOW)
    assert next(live_events(SEED + 1, NOW)) != next(live_events(SEED, NOW))


def test_data_of_another_time_shares_no_connection():
    other = {event.participant_id for event in past_events(SEED, NOW - DAY, NOW + 1)} - {None}
    assert other.isdisjoint({event.participant_id for event in PAST})


def test_live_events_have_no_end():
    assert sum(1 for _ in islice(live_events(SEED, NOW), 50_000)) == 50_000


def test_events_arrive_in_order_and_after_they_happen():
    assert all(a <= b for (a, _), (b, _) in pairwise(LIVE))
    assert all(arrives >= NOW and 0 < arrives - event.at < MINUTE for arrives, event in LIVE)


def test_some_events_arrive_late_out_of_order_or_twice():
    assert any(SECOND < arrives - event.at < 8 * SECOND for arrives, event in LIVE)
    assert any(a.at > b.at for (_, a), (_, b) in pairwise(LIVE))
    assert max(Counter(event for _, event in LIVE).values()) == 2


def test_past_events_are_within_their_range():
    assert all(NOW - 7 * DAY <= event.at < NOW for event in PAST)
    assert past_events(SEED, NOW, NOW) == []


def test_all_events_of_a_connection_are_of_one_room_and_one_person():
    of = defaultdict(set)
    for event in ALL:
        if event.kind is not Kind.END:
            of[event.participant_id].add((event.room, event.user_id, event.user_name))
    assert all(len(identities) == 1 for identities in of.values())


def test_a_user_has_one_name():
    of = defaultdict(set)
    for event in ALL:
        if event.user_id and event.user_name:
            of[event.user_id].add(event.user_name)
    assert all(len(names) == 1 for names in of.values())


def test_participants_at_the_start_of_live_events_leave_in_them():
    """Except the stale participant; and nobody leaves who did not join."""
    joined = {event.participant_id for event in ALL if event.kind is Kind.JOIN}
    left = {event.participant_id for event in ALL if event.kind is Kind.LEAVE and event.joined_at is None}
    assert left <= joined
    for room in (recurring.room for recurring in SCHEDULE if recurring.room not in ("war-room", "all-hands")):
        before = {m.id: m for m in meetings(room, NOW)}
        for entry in (e for m in before.values() if m.ongoing for e in m.participants if e.leave is None):
            assert entry.participant_id in left


@pytest.mark.parametrize("now", [NOW, SUNDAY_NIGHT])
@pytest.mark.parametrize("seed", range(5))
def test_many_participants_are_in_many_rooms_from_the_start(seed, now):
    here = participants_by_room(past_events(seed, now - DAY, now), now)
    assert len(here) >= 5
    assert sum(here.values()) >= 100
    assert sum(here.values()) - here["all-hands"] >= 10


@pytest.mark.parametrize("seed", range(5))
def test_the_first_five_minutes_show_something_in_every_room(seed):
    first = [one for one in islice(live_events(seed, NOW), 2_000) if one[0] < NOW + 5 * MINUTE]
    moving = {event.room for _, event in first}
    assert moving | {"coffee-corner"} == {recurring.room for recurring in SCHEDULE}
    arrivals = [NOW, *(arrives for arrives, _ in first), NOW + 5 * MINUTE]
    assert max(b - a for a, b in pairwise(arrivals)) <= 20 * SECOND
    assert {Kind.JOIN, Kind.LEAVE} <= {event.kind for _, event in first}


def test_there_are_live_events_at_all_hours():
    hours = Counter((arrives - NOW) // HOUR for arrives, _ in islice(live_events(SEED, NOW), 20_000))
    whole = [hours[hour] for hour in range(max(hours))]
    assert len(whole) >= 24
    assert min(whole) >= 100
    assert max(whole) <= 2_000


def test_no_second_has_too_many_events():
    seconds = Counter(arrives // SECOND for arrives, _ in LIVE)
    assert max(seconds.values()) <= 20


def test_a_working_day_has_some_thousand_events_and_a_night_next_to_none():
    """Now is at two in the afternoon of the company's day."""
    hours = Counter((event.at - NOW) // HOUR % 24 for event in PAST)
    assert sum(hours[hour] for hour in range(8, 18)) < 0.05 * len(PAST)
    days = Counter((event.at - NOW + 14 * HOUR) // DAY for event in PAST)
    assert max(days.values()) <= 4_000


def test_weekends_are_quiet():
    weekdays = Counter(datetime.fromtimestamp(event.at / 1_000, UTC).weekday() for event in PAST)
    assert max(weekdays[5], weekdays[6]) < 0.1 * weekdays[1]
    assert {event.room for event in PAST if is_weekend(event)} == {"support", "coffee-corner"}


def is_weekend(event):
    return datetime.fromtimestamp(event.at / 1_000, UTC).weekday() >= 5


def test_a_stand_up_has_eight_to_twelve_participants_every_half_hour():
    found = meetings("standup")
    assert {m.max_participants for m in found if not m.ongoing} <= set(range(8, 13))
    today = [m.start for m in found if m.start > NOW]
    assert len(today) == 10
    assert all(abs(b - a - 30 * MINUTE) < 3 * MINUTE for a, b in pairwise(today))


def test_a_webinar_of_hundreds_ends_with_some_still_in_it():
    (webinar,) = (m for m in meetings("all-hands") if m.start < NOW < (m.end or 0))
    assert webinar.max_participants >= 150
    ways = Counter(entry.left_by for entry in webinar.participants)
    assert ways[LeftBy.ROOM_ENDED] >= 10
    assert ways[LeftBy.REPORTED] >= 100
    assert {(e.user_id is None, e.user_name is None) for e in webinar.participants} == {
        (False, False), (False, True), (True, False), (True, True)
    }  # fmt: skip


def test_many_leave_the_webinar_in_its_first_minutes():
    leaves = [event.at for event in events_of("all-hands") if event.at > NOW and event.kind is Kind.LEAVE]
    first_minutes = [at for at in leaves if at < NOW + 5 * MINUTE]
    assert len(first_minutes) >= 80


def test_support_is_reset_after_quiet_periods_first_soon_after_the_start():
    found = meetings("support")
    resets = [b.start for a, b in pairwise(found) if a.end == b.start]
    assert any(NOW < reset < NOW + 2 * MINUTE for reset in resets)
    assert len([reset for reset in resets if reset > NOW]) >= 2
    assert all(m.max_participants >= 2 for m in found if m.start > NOW - 4 * HOUR)


def test_support_is_open_all_day():
    found = [m for m in meetings("support") if m.start > NOW - 4 * HOUR]
    assert all(a.end == b.start for a, b in pairwise(found))


def test_the_early_bird_is_alone_for_long_without_a_reset():
    found = [m for m in meetings("coffee-corner") if m.end is not None]
    assert all(m.max_participants == 1 and len(m.participants) == 1 for m in found)
    assert all(m.end - m.start > HOUR for m in found)
    assert not any(a.end == b.start for a, b in pairwise(found))


def test_a_lost_connection_comes_back_as_a_new_one():
    by_user = defaultdict(list)
    for connection, moves in stays("design-review").items():
        by_user[moves[0][2]].append((moves[0][0], moves[-1][0], connection))
    gaps = [b[0] - a[1] for moves in by_user.values() for a, b in pairwise(sorted(moves))]
    assert sum(SECOND < gap < 15 * SECOND for gap in gaps) > 100


def test_a_dropped_connection_comes_back_as_the_same_one():
    rejoined = [
        b[0] - a[0]
        for moves in stays("design-review").values()
        for a, b in pairwise(moves)
        if (a[1], b[1]) == (Kind.LEAVE, Kind.JOIN)
    ]
    assert sum(SECOND < gap < 15 * SECOND for gap in rejoined) > 100


def test_a_stay_of_8_seconds_is_in_no_meeting():
    short = {
        connection
        for connection, moves in stays("design-review").items()
        if [kind for _, kind, _ in moves] == [Kind.JOIN, Kind.LEAVE]
        and moves[1][0] - moves[0][0] == 8 * SECOND
    }
    assert short
    shown = {entry.participant_id for m in meetings("design-review") for entry in m.participants}
    assert short.isdisjoint(shown)


def test_waiting_alone_for_20_seconds_is_no_meeting():
    short = [
        moves[0][0]
        for moves in stays("interview").values()
        if len(moves) == 2 and moves[1][0] - moves[0][0] == 20 * SECOND
    ]
    assert any(NOW < join < NOW + 2 * MINUTE for join in short)
    assert not any(m.start <= join < (m.end or NOW + DAY) for m in meetings("interview") for join in short)


def test_a_handover_at_one_instant_is_in_one_meeting():
    found = [m for m in meetings("1-1-ana-jun") if m.end is not None]
    assert found
    for meeting in found:
        first, second, third = meeting.participants
        assert first.leave == second.join < third.join
        assert [p.user_name for p in meeting.participants] == ["Ana Silva", "Jun Watanabe", "Ana Silva"]
        assert meeting.max_participants == 2


def test_callers_by_phone_have_no_user_id():
    callers = [
        e for m in meetings("sales-call") for e in m.participants if (e.user_name or "").startswith("+")
    ]
    assert len(callers) > 20
    assert all(caller.user_id is None for caller in callers)


def test_support_and_sales_have_hosts_and_the_guests_of_customers():
    for room in ("support", "sales-call"):
        known = [
            values_of(entry.attributes)
            for meeting in meetings(room)
            for entry in meeting.participants
            if entry.attributes
        ]
        assert {one["role"] for one in known} == {"host", "guest"}
        assert all(one["email"].endswith("@company.example") for one in known if one["role"] == "host")
        assert len({one["customer"] for one in known if one["role"] == "guest"}) == 5
    assert {one.get("kind") for one in known} == {None, "phone"}


def test_some_rooms_have_no_attributes():
    rooms = {event.room for event in ALL if event.attributes}
    assert rooms == {"all-hands", "interview", "sales-call", "support"}


def test_some_joins_are_known_only_from_the_leave():
    leaves_with_join = [event for event in events_of("sales-call") if event.joined_at is not None]
    assert leaves_with_join
    shown = {entry.participant_id for m in meetings("sales-call") for entry in m.participants}
    assert {event.participant_id for event in leaves_with_join} <= shown


def test_a_stale_participant_stays_until_the_next_day():
    yesterday, now = (meetings("war-room", at)[-1] for at in (NOW - HOUR, NOW + HOUR))
    for haunted in (yesterday, now):
        assert haunted.ongoing
        assert len(haunted.participants) == 1
    ended = next(m for m in meetings("war-room") if m.id == yesterday.id)
    assert ended.participants[0].left_by is LeftBy.ROOM_ENDED


def test_every_event_is_valid():
    for event in ALL:
        assert Event(*(getattr(event, name) for name in Event.__slots__)) == event
        assert event.id is None
        assert event.inferred is None
