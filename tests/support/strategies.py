"""Hypothesis strategies for histories of one room: short, and close to the boundaries of the rules.

A time is an offset from an earlier drawn time, and the offsets are those at which a rule decides
otherwise: zero, one tick, and each threshold less one, exactly, and one more. Everything is built
from small choices that begin with the simplest, so that failures shrink to a short history. Events are in
the order in which they are drawn, not in that of their times.
"""

from hypothesis import strategies as st

from headcount.kernel.attributes import canonical
from headcount.kernel.events import Event, Inferred, Kind
from headcount.kernel.rules import Rules

SCALED = Rules(10, 30, 600, 15)
"""The default rules with one tick per second, which the oracle walks quickly."""

DEFAULT = Rules()

EAGER = Rules(0, 0, 600, 15)
"""Every stay counts and every sitting is a meeting, so that all about stays is visible."""

ROOM = "room"
PEOPLE = "abcde"
SESSIONS = (None, "s1", "s2")
USER_IDS = (None, "u1", "u2")
USER_NAMES = (None, "Ann", "Bob")
ATTRIBUTES = (
    None,
    None,
    {"role": "host"},
    {"role": "guest", "vip": True},
    {"customer": "acme", "seat": 7},
    {"customer": "Zürich", "seat": 70, "vip": False},
)


def offsets(rules=SCALED, *, far=True):
    """Draw an offset from another time: mostly a boundary of a rule, sometimes any small number."""
    near = [0, 1, 2]
    for number in (rules.min_stay_ms, rules.start_alone_ms):
        near += [number, number - 1, number + 1]
    long = [rules.reset_alone_ms + by for by in (0, -1, 1)]
    wait = rules.reset_alone_ms - rules.min_stay_ms
    long += [wait, wait - 1, wait + 1]
    edges = st.sampled_from([offset for offset in near if offset >= 0])
    choices = [edges, edges, st.integers(0, rules.start_alone_ms)]
    if far:
        choices.append(st.sampled_from([offset for offset in long if offset >= 0]))
    return st.one_of(choices)


@st.composite
def moments(draw, count, rules=SCALED, latest=2500):
    """Draw `count` times, each an offset from an earlier one or from the beginning."""
    found = [0]
    for _ in range(count):
        since = found[-1 - draw(st.integers(0, len(found) - 1))]
        # No time is later than the latest: otherwise the offset is zero.
        after = since + draw(offsets(rules))
        found.append(after if after <= latest else since)
    return found[1:]


def participants(max_count=5):
    """Draw the participants of one room: one to five. With fewer of them, each has more events."""
    return st.integers(1, max_count).map(lambda count: PEOPLE[:count])


def attributes():
    """Draw attributes that agree, complement each other or differ."""
    return st.sampled_from(ATTRIBUTES).map(lambda values: values and canonical(values))


@st.composite
def events(draw, at, people, earlier, *, inferred=True, ends=True, joined_at=True, with_attributes=True):
    """Draw one event at a time; a leave may have an earlier time as `joined_at`."""
    kinds = [Kind.JOIN, Kind.LEAVE] * 3 + [Kind.END] * ends
    kind = draw(st.sampled_from(kinds))
    is_inferred = inferred and draw(st.sampled_from([False, False, True]))
    names = {"source_session": draw(st.sampled_from(SESSIONS))}
    if kind is not Kind.END:
        names["participant_id"] = draw(st.sampled_from(people))
        names["user_id"] = draw(st.sampled_from(USER_IDS))
        names["user_name"] = draw(st.sampled_from(USER_NAMES))
        if with_attributes:
            names["attributes"] = draw(attributes())
    if kind is Kind.LEAVE and joined_at:
        names["joined_at"] = draw(st.sampled_from([None, None, None, *earlier]))
    if is_inferred:
        names["inferred"] = draw(st.sampled_from(Inferred))
    return Event(kind, ROOM, at, **names)


@st.composite
def histories(
    draw,
    rules=SCALED,
    *,
    inferred=True,
    ends=True,
    joined_at=True,
    repeats=True,
    with_attributes=True,
    max_events=14,
    max_people=5,
    latest=2500,
):
    """Draw any events that sources may report of a room: orphans, duplicates and inferred ones included."""
    people = draw(participants(max_people))
    times = draw(st.integers(1, max_events).flatmap(lambda count: moments(count, rules, latest)))
    history = []
    for at in times:
        earlier = sorted({time for time in [0, *times] if time <= at}, reverse=True)
        kinds = {"inferred": inferred, "ends": ends, "joined_at": joined_at}
        history.append(draw(events(at, people, earlier, **kinds, with_attributes=with_attributes)))
    if repeats:
        history += draw(st.lists(st.sampled_from(history), max_size=2))
    return history


@st.composite
def uncertain_histories(draw, *, with_attributes=True, max_events=10):
    """Draw one or two participants with reports and inferences that disagree in quick succession.

    For `EAGER` rules: the first join is reported, and then as many events are inferred as reported.
    """
    people = draw(participants(2))
    at = 0
    history = [Event(Kind.JOIN, ROOM, at, people[0], source_session=draw(st.sampled_from(SESSIONS)))]
    for _ in range(draw(st.integers(1, max_events))):
        at += draw(st.integers(0, 2))
        kind = draw(st.sampled_from([Kind.LEAVE, Kind.JOIN, Kind.END]))
        names = {"source_session": draw(st.sampled_from(SESSIONS))}
        if kind is not Kind.END:
            names["participant_id"] = draw(st.sampled_from(people))
            names["user_name"] = draw(st.sampled_from(USER_NAMES))
            if with_attributes:
                names["attributes"] = draw(attributes())
        inferred = draw(st.sampled_from([None, None, Inferred.SNAPSHOT, Inferred.ROOM_RESTARTED]))
        history.append(Event(kind, ROOM, at, inferred=inferred, **names))
    return history


@st.composite
def tidy_histories(draw, rules=SCALED, *, max_stays=7, latest=2500, closed=False):
    """Draw proper stays only: each leave after its join, and no overlap; the last may be open."""
    people = draw(participants())
    free_since = dict.fromkeys(people, 0)
    still_open = set()
    times = [0]
    history = []
    for _ in range(draw(st.integers(1, max_stays))):
        participant = draw(st.sampled_from(people))
        if participant in still_open:
            continue
        since = times[-1 - draw(st.integers(0, len(times) - 1))]
        # A leave and a join at one instant would cancel.
        join = max(since + draw(offsets(rules)), free_since[participant])
        leave = max(join + 1, join + draw(offsets(rules)))
        if leave > latest:
            continue
        times += [join, leave]
        free_since[participant] = leave + 1
        history.append(Event(Kind.JOIN, ROOM, join, participant))
        if not closed and draw(st.sampled_from([False, False, False, True])):
            still_open.add(participant)
        else:
            history.append(Event(Kind.LEAVE, ROOM, leave, participant))
    return history


def default_histories(*, max_events=6, **kinds):
    """Draw histories by the default rules: 9,999 / 10,000 / 10,001 ms and so on, within about twenty minutes."""
    return histories(DEFAULT, max_events=max_events, latest=1_300_000, **kinds)


@st.composite
def asked_as_of(draw, history, rules=SCALED):
    """Draw a time for `as_of`: long after all events, or a boundary of a rule after one of them."""
    last = max((event.at for event in history), default=0)
    if draw(st.booleans()):
        at = draw(st.sampled_from(sorted({event.at for event in history} | {0})))
        return at + draw(offsets(rules))
    return last + 2 * rules.reset_alone_ms


def rule_numbers():
    """Draw rules with small thresholds."""
    small = st.integers(0, 12)
    return st.one_of(
        st.just(SCALED),
        st.builds(Rules, small, small, st.integers(1, 25), small),
        st.builds(Rules, st.just(0), st.sampled_from([0, 30]), st.sampled_from([1, 600]), st.just(15)),
    )


@st.composite
def undecided_histories(draw, *, max_events=8):
    """Draw leaves that are known and undecided, because a join before them is pending, and what changes them.

    For `SCALED` rules: a and b have been in for long when c joins at 100. All else happens at few instants around
    it, or late in the past. The events are in the order in which they arrive.
    """
    history = [Event(Kind.JOIN, ROOM, 0, who, source_session=draw(st.sampled_from(SESSIONS))) for who in "ab"]
    history.append(Event(Kind.JOIN, ROOM, 100, "c"))
    instants = st.sampled_from([102, 102, 102, 103, 101, 100, 50])
    times = draw(st.lists(instants, min_size=1, max_size=max_events))
    history += [draw(events(at, "aab", [time for time in (0, 50, 100) if time <= at])) for at in times]
    return history
