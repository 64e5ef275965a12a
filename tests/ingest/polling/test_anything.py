"""Polls and webhooks interleaved in any way, with losses and delays: what we say comes to be the truth, and no report is undone."""

from hypothesis import given, settings
from hypothesis import strategies as st

from headcount.ingest.polling.known_presence import latest_presence
from headcount.ingest.polling.reconcile import PollMemory, reconcile
from headcount.kernel.events import Event, Kind
from headcount.kernel.replay import meetings_of
from headcount.kernel.rules import Rules
from headcount.sources.polls.api import PresentParticipant
from headcount.store.presence import RecentEvent

ROOM = "blue"
EVERY = 15_000
LAST = 120_000
# Every stay counts here, and whoever is in makes a meeting at once, so that meetings show all stays.
RULES = Rules(0, 0, 600_000, 0)
spans = st.integers(1, LAST // 100).map(lambda tenths: tenths * 100)


@st.composite
def connections(draw):
    """When each came and went, None for who stays, and when which of both was heard: None if it was lost."""
    found = []
    for number in range(draw(st.integers(1, 5))):
        came = draw(spans)
        gone = draw(st.none() | spans.map(lambda span, came=came: came + span))
        gone = None if gone is None or gone >= LAST else gone
        late = st.none() | st.integers(0, 10_000)
        heard = [None if at is None or (by := draw(late)) is None else at + by for at in (came, gone)]
        found.append((f"c-{number}", came, gone, heard))
    return found


def is_in(one, at):
    _, came, gone, _ = one
    return came <= at and (gone is None or at < gone)


class Story:
    """What we hear and ask, in the order of our clock."""

    def __init__(self, people, knows_joins, takes, offset, unclear=()):
        self.people, self.knows_joins, self.takes = people, knows_joins, takes
        self.unclear = unclear
        self.asked = 0
        self.log = []  # (event, received)
        self.memory = PollMemory()
        steps = [
            (heard, kind, one)
            for one in people
            for kind, heard in zip("jl", one[3], strict=True)
            if heard is not None
        ]
        # The last two polls begin when all that will be heard was heard.
        steps += [(at, "p", None) for at in range(offset, LAST + 11_000 + 4 * EVERY, EVERY)]
        for at, kind, one in sorted(steps, key=lambda step: step[:2]):
            self.polls(at) if kind == "p" else self.hears(at, kind, one)

    def hears(self, at, kind, one):
        name, came, gone, _ = one
        said = Event(Kind.JOIN, ROOM, came, name) if kind == "j" else Event(Kind.LEAVE, ROOM, gone, name)
        self.log.append((said, at))

    def polls(self, started):
        self.asked += 1
        if self.asked in self.unclear:
            found = reconcile([], self.known(), self.memory, started, {ROOM})
            assert (found.joins, found.leaves) == ([], [])
            self.memory = found.memory
            return
        looked = started + self.takes
        listed = [
            PresentParticipant(ROOM, one[0], joined_at=one[1] if self.knows_joins else None)
            for one in self.people
            if is_in(one, looked)
        ]
        found = reconcile(listed, self.known(), self.memory, started)
        self.memory = found.memory
        for event in (*found.joins, *found.leaves):
            assert not any(event == before for before, _ in self.log)
            self.log.append((event, looked))

    def known(self):
        order = {Kind.JOIN: 0, Kind.LEAVE: 1}
        said = [
            RecentEvent(e.participant_id, e.kind, e.at, received, e.inferred, None)
            for e, received in self.log
        ]
        said.sort(key=lambda one: (one.at, order[one.kind]))
        words = {(ROOM, name): latest_presence(name, said) for name, *_ in self.people}
        return {who: word for who, word in words.items() if word is not None}

    def stays(self):
        """Of each, what the kernel makes of it in the end."""
        events = [event for event, _ in self.log]
        found = {}
        for meeting in meetings_of(events, rules=RULES, as_of=10**9):
            for one in meeting.participants:
                found.setdefault(one.participant_id, []).append((one.join, one.leave, one.left_by))
        return found


@settings(max_examples=400, deadline=None)
@given(connections(), st.booleans(), st.integers(0, 900), st.integers(0, EVERY - 1))
def test_after_the_last_polls_we_say_who_is_in(people, knows_joins, takes, offset):
    story = Story(people, knows_joins, takes, offset)
    known = story.known()
    ours = {name for (_, name), told in known.items() if told.left_at is None}
    assert ours == {one[0] for one in people if one[2] is None}


@settings(max_examples=400, deadline=None)
@given(connections(), st.booleans(), st.integers(0, EVERY - 1), st.sets(st.integers(1, LAST // EVERY)))
def test_lists_that_leave_the_room_unclear_delay_what_we_say_and_no_more(
    people, knows_joins, offset, unclear
):
    known = Story(people, knows_joins, 0, offset, unclear).known()
    ours = {name for (_, name), told in known.items() if told.left_at is None}
    assert ours == {one[0] for one in people if one[2] is None}


@settings(max_examples=400, deadline=None)
@given(connections(), st.booleans(), st.integers(0, 900), st.integers(0, EVERY - 1))
def test_the_kernel_says_the_same_and_keeps_to_what_was_reported(people, knows_joins, takes, offset):
    story = Story(people, knows_joins, takes, offset)
    stays = story.stays()
    for name, came, gone, (join_heard, leave_heard) in people:
        told = stays.get(name, [])
        if join_heard is None and leave_heard is not None and not told:
            continue  # a leave alone, of somebody whom no list has held, changes nothing
        if join_heard is not None and leave_heard is not None:
            ((join, leave, left_by),) = [merged(told)] if told else [(came, gone, "reported")]
            assert came - takes <= join <= came
            assert (leave, left_by) == (gone, "reported")
        elif told and gone is None:
            assert told[-1][2] is None
        elif told:
            # What is heard late of somebody speaks against a list that lacks them.
            assert gone - takes <= told[-1][1] <= max(gone, join_heard or 0) + EVERY + takes


def merged(told):
    """A stay may be told in pieces where meetings meet."""
    return told[0][0], told[-1][1], told[-1][2]
