"""Polls and webhooks interleaved arbitrarily, with losses and delays: presence converges, and no report is undone."""

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
INTERVAL = 15_000
END = 120_000
# Every stay counts here, and one participant makes a meeting at once, so that meetings show all stays.
RULES = Rules(0, 0, 600_000, 0)
spans = st.integers(1, END // 100).map(lambda tenths: tenths * 100)


@st.composite
def connections(draw):
    """Name, join, leave (None if they stay) and when each of both was received (None if it was lost)."""
    found = []
    for number in range(draw(st.integers(1, 5))):
        join = draw(spans)
        leave = draw(st.none() | spans.map(lambda span, join=join: join + span))
        leave = None if leave is None or leave >= END else leave
        delays = st.none() | st.integers(0, 10_000)
        received = [None if at is None or (by := draw(delays)) is None else at + by for at in (join, leave)]
        found.append((f"c-{number}", join, leave, received))
    return found


def is_inside(connection, at):
    _, join, leave, _ = connection
    return join <= at and (leave is None or at < leave)


class Simulation:
    """Events received and polls, in the order of the service's clock."""

    def __init__(self, people, has_times, response_ms, offset, unclear=()):
        self.people, self.has_times, self.response_ms = people, has_times, response_ms
        self.unclear = unclear
        self.polls = 0
        self.log = []  # (event, received)
        self.memory = PollMemory()
        steps = [
            (received, kind, connection)
            for connection in people
            for kind, received in zip("jl", connection[3], strict=True)
            if received is not None
        ]
        # The last polls start after every event was received.
        steps += [(at, "p", None) for at in range(offset, END + 11_000 + 4 * INTERVAL, INTERVAL)]
        for at, kind, connection in sorted(steps, key=lambda step: step[:2]):
            self.poll(at) if kind == "p" else self.receive(at, kind, connection)

    def receive(self, at, kind, connection):
        name, join, leave, _ = connection
        event = Event(Kind.JOIN, ROOM, join, name) if kind == "j" else Event(Kind.LEAVE, ROOM, leave, name)
        self.log.append((event, at))

    def poll(self, requested_at):
        self.polls += 1
        if self.polls in self.unclear:
            changes = reconcile([], self.known(), self.memory, requested_at, {ROOM})
            assert (changes.joins, changes.leaves) == ([], [])
            self.memory = changes.memory
            return
        answered_at = requested_at + self.response_ms
        listed = [
            PresentParticipant(ROOM, connection[0], joined_at=connection[1] if self.has_times else None)
            for connection in self.people
            if is_inside(connection, answered_at)
        ]
        changes = reconcile(listed, self.known(), self.memory, requested_at)
        self.memory = changes.memory
        for event in (*changes.joins, *changes.leaves):
            assert not any(event == before for before, _ in self.log)
            self.log.append((event, answered_at))

    def known(self):
        order = {Kind.JOIN: 0, Kind.LEAVE: 1}
        events = [
            RecentEvent(event.participant_id, event.kind, event.at, received, event.inferred, None)
            for event, received in self.log
        ]
        events.sort(key=lambda event: (event.at, order[event.kind]))
        found = {(ROOM, name): latest_presence(name, events) for name, *_ in self.people}
        return {key: presence for key, presence in found.items() if presence is not None}

    def stays(self):
        """The stays that the kernel derives in the end, by participant."""
        events = [event for event, _ in self.log]
        found = {}
        for meeting in meetings_of(events, rules=RULES, as_of=10**9):
            for entry in meeting.participants:
                found.setdefault(entry.participant_id, []).append((entry.join, entry.leave, entry.left_by))
        return found


def present(known):
    return {name for (_, name), presence in known.items() if presence.left_at is None}


@settings(max_examples=400, deadline=None)
@given(connections(), st.booleans(), st.integers(0, 900), st.integers(0, INTERVAL - 1))
def test_after_the_last_polls_known_presence_is_the_truth(people, has_times, response_ms, offset):
    known = Simulation(people, has_times, response_ms, offset).known()
    assert present(known) == {connection[0] for connection in people if connection[2] is None}


@settings(max_examples=400, deadline=None)
@given(connections(), st.booleans(), st.integers(0, INTERVAL - 1), st.sets(st.integers(1, END // INTERVAL)))
def test_unclear_lists_only_delay_known_presence(people, has_times, offset, unclear):
    known = Simulation(people, has_times, 0, offset, unclear).known()
    assert present(known) == {connection[0] for connection in people if connection[2] is None}


@settings(max_examples=400, deadline=None)
@given(connections(), st.booleans(), st.integers(0, 900), st.integers(0, INTERVAL - 1))
def test_the_kernel_derives_the_same_and_keeps_what_was_reported(people, has_times, response_ms, offset):
    stays = Simulation(people, has_times, response_ms, offset).stays()
    for name, join, leave, (join_received, leave_received) in people:
        found = stays.get(name, [])
        if join_received is None and leave_received is not None and not found:
            continue  # a leave of a participant who was in no list changes nothing
        if join_received is not None and leave_received is not None:
            ((derived_join, derived_leave, left_by),) = (
                [merged(found)] if found else [(join, leave, "reported")]
            )
            assert join - response_ms <= derived_join <= join
            assert (derived_leave, left_by) == (leave, "reported")
        elif found and leave is None:
            assert found[-1][2] is None
        elif found:
            # A late event of a participant counts against a list that lacks them.
            latest = max(leave, join_received or 0) + INTERVAL + response_ms
            assert leave - response_ms <= found[-1][1] <= latest


def merged(stays):
    """One stay, which meetings that follow each other divide."""
    return stays[0][0], stays[-1][1], stays[-1][2]
