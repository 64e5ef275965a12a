"""Histories of one room for Hypothesis: short, and drawn to the edges of the rules.

A time is an offset from a moment spoken of before, and the offsets are those at which a rule
changes its mind: together, one tick apart, and each number of the rules less one, exactly, and
one more. Everything is built from small choices whose first is the plainest, so that what fails
shrinks to a short story. Events come in the order they were thought of, not in that of their times.
"""

from hypothesis import strategies as st

from headcount.kernel.events import Event, Inferred, Kind
from headcount.kernel.rules import Rules

SCALED = Rules(10, 30, 600, 15)
"""The usual rules with a tick for a second: quick to walk."""

TRUE = Rules()

EAGER = Rules(0, 0, 600, 15)
"""Every stay counts and every sitting is a meeting, so that nothing about stays stays hidden."""

ROOM = "room"
PEOPLE = "abcde"
SESSIONS = (None, "s1", "s2")
USER_IDS = (None, "u1", "u2")
USER_NAMES = (None, "Ann", "Bob")


def offsets(rules=SCALED, *, far=True):
    """How long after another moment: mostly an edge of a rule, sometimes anything small."""
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
    """So many moments, each an offset from one before it or from the beginning."""
    found = [0]
    for _ in range(count):
        since = found[-1 - draw(st.integers(0, len(found) - 1))]
        # No moment is later than the latest: what would be, falls on the moment it counts from.
        after = since + draw(offsets(rules))
        found.append(after if after <= latest else since)
    return found[1:]


def participants(most=5):
    """The people of one room: one to five. With fewer of them, more happens to each."""
    return st.integers(1, most).map(lambda count: PEOPLE[:count])


@st.composite
def events(draw, at, people, earlier, *, inferred=True, ends=True, joined_at=True):
    """One event at a moment; a leave may say that it joined at one of the earlier moments."""
    kinds = [Kind.JOIN, Kind.LEAVE] * 3 + [Kind.END] * ends
    kind = draw(st.sampled_from(kinds))
    is_inferred = inferred and draw(st.sampled_from([False, False, True]))
    names = {"source_session": draw(st.sampled_from(SESSIONS))}
    if kind is not Kind.END:
        names["participant_id"] = draw(st.sampled_from(people))
        names["user_id"] = draw(st.sampled_from(USER_IDS))
        names["user_name"] = draw(st.sampled_from(USER_NAMES))
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
    max_events=14,
    most_people=5,
    latest=2500,
):
    """Anything that sources may say of a room: orphans, repetitions, rumours and all."""
    people = draw(participants(most_people))
    times = draw(st.integers(1, max_events).flatmap(lambda count: moments(count, rules, latest)))
    said = []
    for at in times:
        earlier = sorted({time for time in [0, *times] if time <= at}, reverse=True)
        said.append(draw(events(at, people, earlier, inferred=inferred, ends=ends, joined_at=joined_at)))
    if repeats:
        said += draw(st.lists(st.sampled_from(said), max_size=2))
    return said


@st.composite
def doubtful_histories(draw, *, max_events=10):
    """One or two people about whom reports and inferences disagree in quick succession.

    Made for `EAGER` rules: the first join is sure, and then as much is inferred as is reported.
    """
    people = draw(participants(2))
    at = 0
    said = [Event(Kind.JOIN, ROOM, at, people[0], source_session=draw(st.sampled_from(SESSIONS)))]
    for _ in range(draw(st.integers(1, max_events))):
        at += draw(st.integers(0, 2))
        kind = draw(st.sampled_from([Kind.LEAVE, Kind.JOIN, Kind.END]))
        names = {"source_session": draw(st.sampled_from(SESSIONS))}
        if kind is not Kind.END:
            names["participant_id"] = draw(st.sampled_from(people))
            names["user_name"] = draw(st.sampled_from(USER_NAMES))
        inferred = draw(st.sampled_from([None, None, Inferred.SNAPSHOT, Inferred.SUPERSEDED]))
        said.append(Event(kind, ROOM, at, inferred=inferred, **names))
    return said


@st.composite
def tidy_histories(draw, rules=SCALED, *, max_stays=7, latest=2500, closed=False):
    """Proper stays only: every join new, every leave after its own join; somebody's last may be open."""
    people = draw(participants())
    free_since = dict.fromkeys(people, 0)
    open_still = set()
    spoken_of = [0]
    said = []
    for _ in range(draw(st.integers(1, max_stays))):
        who = draw(st.sampled_from(people))
        if who in open_still:
            continue
        since = spoken_of[-1 - draw(st.integers(0, len(spoken_of) - 1))]
        # Nobody leaves and joins at one instant in a tidy history: that would be no leave.
        came = max(since + draw(offsets(rules)), free_since[who])
        went = max(came + 1, came + draw(offsets(rules)))
        if went > latest:
            continue
        spoken_of += [came, went]
        free_since[who] = went + 1
        said.append(Event(Kind.JOIN, ROOM, came, who))
        if not closed and draw(st.sampled_from([False, False, False, True])):
            open_still.add(who)
        else:
            said.append(Event(Kind.LEAVE, ROOM, went, who))
    return said


def true_histories(*, max_events=6, **kinds):
    """Histories by the true numbers: 9,999 / 10,000 / 10,001 ms and their like, some twenty minutes at most."""
    return histories(TRUE, max_events=max_events, latest=1_300_000, **kinds)


@st.composite
def asked_as_of(draw, said, rules=SCALED):
    """A moment to ask about: long after everything, or an edge away from something said."""
    last = max((event.at for event in said), default=0)
    if draw(st.booleans()):
        moment = draw(st.sampled_from(sorted({event.at for event in said} | {0})))
        return moment + draw(offsets(rules))
    return last + 2 * rules.reset_alone_ms


def rule_numbers():
    """Rules in small numbers, odd ones among them."""
    small = st.integers(0, 12)
    return st.one_of(
        st.just(SCALED),
        st.builds(Rules, small, small, st.integers(1, 25), small),
        st.builds(Rules, st.just(0), st.sampled_from([0, 30]), st.sampled_from([1, 600]), st.just(15)),
    )
