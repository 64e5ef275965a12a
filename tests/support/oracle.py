"""The oracle: what the rules say, found by walking a clock one millisecond at a time.

It is slow and simple on purpose. It knows the rules as they are written and nothing of how
the product works them out; where the two differ, one of them is wrong. It borrows the product's
words (`Event`, `Meeting`, `Rules`) and none of its thoughts.

Where the rules leave room, it reads them so:

**One instant of one participant.** What is inferred is not heard beside an own reported join or
leave of the same instant. A join and a leave that are then left standing together cancel out: they
move nobody, overturn nothing and confirm nothing.

**The room's end** closes a stay that joined before it and is of its source session, where both are
known. It comes before the joins of its instant, so that an end and a join close one stay and open
the next. Beside an own reported leave it is the leave that is told; beside an inferred one, the end.
An inferred end is an inferred leave of everybody whom it would close; an own inferred leave that
stands at that instant names the reason before it, and of several reasons the first by alphabet does.

**Doubt.** A stay closed by inference is doubted until a reported join of the participant, or a
reported end that closes the present stay or would have closed the doubted one, confirms it. A
reported leave that comes first overturns it, and every doubted leave before it back to the last
confirmed one: it was one stay all along, and the leave, even beside an end, is how it ended. While
somebody is out, it is the stay they left last whose source session an end is held against.

**Names** (and the source session) are the first known among the participant's own events from join
to leave, both included, whatever became of those events; of several at one instant, the first by
alphabet. Where one stay closes as the next opens, leaves speak for the old and joins for the new.
An end looks only at what was said of the session before it.

**As of T** nothing later than T was said (a leave is said at its `at`, whatever it says of its join).
A stay that is open and still short is pending. Only instants before the earliest pending join are
decided: steps of the head count, and lapses of time that fall due. Leaves that are known show.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import gcd
from typing import NamedTuple

from headcount.kernel.events import Event, Kind, Ms
from headcount.kernel.meetings import Entry, Meeting, Stay, meeting_id
from headcount.kernel.rules import Rules
from headcount.kernel.stay_table import LeftBy

DAILYS = Rules()


class Span(NamedTuple):
    """The time of a meeting, and the most that were ever in it at once; no end while it is ongoing."""

    start: Ms
    end: Ms | None
    most: int


def oracle(
    events: Iterable[Event], *, as_of: Ms, rules: Rules = DAILYS, domain: str = "default"
) -> list[Meeting]:
    """The meetings of one room as of a moment, by start, found by walking every millisecond."""
    said = [fact for event in events if event.at <= as_of for fact in facts(event)]
    if not said:
        return []
    room = said[0].room
    assert all(fact.room == room for fact in said), "the oracle walks one room at a time"

    stays = [stay for stay in all_stays(said) if not is_void(stay, rules)]
    pending = [stay for stay in stays if is_pending(stay, as_of, rules)]
    counted = [stay for stay in stays if stay not in pending]
    undecided = min((stay.join for stay in pending), default=as_of + 1)

    first = min(fact.at for fact in said)
    # When everybody has fallen silent, each wait runs out once and nothing changes after that.
    silent = max(fact.at for fact in said) + rules.start_alone_ms + rules.reset_alone_ms + 1
    clock = range(first, min(undecided, silent))
    spans = walk_meetings(clock, heads_at_each(clock, counted), rules)
    return [written_down(span, counted, room, domain) for span in spans]


def facts(event: Event) -> Iterator[Event]:
    """What an event says: one thing, or two if it is a leave that knows its join (R1)."""
    if event.joined_at is not None:
        yield replace(event, kind=Kind.JOIN, at=event.joined_at, joined_at=None)
    yield replace(event, joined_at=None)


# --- From what was said to stays -----------------------------------------------------------


def all_stays(said: list[Event]) -> list[Stay]:
    """Everybody's stays, with names."""
    ends = [fact for fact in said if fact.kind is Kind.END]
    everybody = sorted({fact.participant_id for fact in said if fact.participant_id is not None})
    found = []
    for participant in everybody:
        own = [fact for fact in said if fact.participant_id == participant]
        stays = walk_stays(participant, own, ends)
        found += [named(stay, own, stays) for stay in stays]
    return found


def walk_stays(participant: str, own: list[Event], ends: list[Event]) -> list[Stay]:
    """Walk the clock with one participant: when did they come, when did they go?"""
    own_at, ends_at = by_instant(own), by_instant(ends)
    seen = Whereabouts(participant)
    for now in range(min(own_at), max([*own_at, *ends_at]) + 1):
        if now in own_at or now in ends_at:
            live_through(now, seen, own_at[now], ends_for(seen, ends_at[now], own))
    return seen.stays


class Whereabouts:
    """Where one participant has been, as far as the clock has been walked."""

    def __init__(self, participant: str) -> None:
        self.participant = participant
        self.over: list[Stay] = []  # and nothing reported can change it any more
        self.doubted: list[Stay] = []  # over by inference alone, and not confirmed so far
        self.present: Stay | None = None

    @property
    def stays(self) -> list[Stay]:
        return [*self.over, *self.doubted] + ([self.present] if self.present is not None else [])

    def come(self, now: Ms) -> None:
        if self.present is None:
            self.present = Stay(self.participant, now)

    def go(self, now: Ms, how: LeftBy) -> None:
        if self.present is not None:
            self.over.append(self.present._replace(leave=now, left_by=how))
            self.present = None

    def seem_to_go(self, now: Ms, how: LeftBy) -> None:
        if self.present is not None:
            self.doubted.append(self.present._replace(leave=now, left_by=how))
            self.present = None

    def had_gone(self) -> None:
        """What was doubted is confirmed."""
        self.over += self.doubted
        self.doubted = []

    def had_never_gone(self) -> None:
        """What was doubted is overturned: it was one stay since the first of it, and it goes on."""
        if self.doubted:
            self.present = self.doubted[0]._replace(leave=None, left_by=None)
            self.doubted = []


def live_through(now: Ms, seen: Whereabouts, own: list[Event], ends: list[Event]) -> None:
    """One instant of one participant: what was said of them, and the ends that are about them."""
    reported = [fact for fact in own if fact.inferred is None]
    joins, leaves = left_standing(reported or own)

    if leaves and reported:
        seen.had_never_gone()
        seen.go(now, LeftBy.REPORTED)
    elif any(end.inferred is None for end in ends):
        seen.had_gone()
        seen.go(now, LeftBy.ROOM_ENDED)
    elif leaves or ends:
        seen.seem_to_go(now, LeftBy(min(fact.inferred for fact in leaves or ends if fact.inferred)))

    if joins and reported:
        seen.had_gone()
    if joins:
        seen.come(now)


def left_standing(heard: list[Event]) -> tuple[list[Event], list[Event]]:
    """The joins and the leaves of one instant, which cancel out if there are both (R2)."""
    joins = [fact for fact in heard if fact.kind is Kind.JOIN]
    leaves = [fact for fact in heard if fact.kind is Kind.LEAVE]
    return ([], []) if joins and leaves else (joins, leaves)


def by_instant(said: list[Event]) -> defaultdict[Ms, list[Event]]:
    at: defaultdict[Ms, list[Event]] = defaultdict(list)
    for fact in said:
        at[fact.at].append(fact)
    return at


def ends_for(seen: Whereabouts, ends: list[Event], own: list[Event]) -> list[Event]:
    """Those of the ends of one instant that are about the present stay, or else the one last doubted."""
    concerned = seen.present or (seen.doubted[-1] if seen.doubted else None)
    if concerned is None:
        return []
    return [end for end in ends if same_session(end, concerned, own, seen.stays)]


def same_session(end: Event, stay: Stay, own: list[Event], stays: list[Stay]) -> bool:
    before = [fact for fact in speaking_for(stay, own, stays) if fact.at < end.at]
    known = first_known("source_session", before)
    return known is None or end.source_session is None or known == end.source_session


def speaking_for(stay: Stay, own: list[Event], stays: list[Stay]) -> list[Event]:
    """The participant's own events that may name this stay."""
    follows = any(other.leave == stay.join for other in stays)
    is_followed = any(other.join == stay.leave for other in stays)
    return [
        fact
        for fact in own
        if stay.join <= fact.at
        and (stay.leave is None or fact.at <= stay.leave)
        and not (follows and fact.at == stay.join and fact.kind is Kind.LEAVE)
        and not (is_followed and fact.at == stay.leave and fact.kind is Kind.JOIN)
    ]


def first_known(what: str, said: list[Event]) -> str | None:
    known = [(fact.at, getattr(fact, what)) for fact in said if getattr(fact, what) is not None]
    return min(known)[1] if known else None


def named(stay: Stay, own: list[Event], stays: list[Stay]) -> Stay:
    speaking = speaking_for(stay, own, stays)
    return stay._replace(
        user_id=first_known("user_id", speaking), user_name=first_known("user_name", speaking)
    )


# --- From stays to meetings ----------------------------------------------------------------


def is_void(stay: Stay, rules: Rules) -> bool:
    return stay.leave is not None and stay.leave - stay.join < rules.min_stay_ms


def is_pending(stay: Stay, as_of: Ms, rules: Rules) -> bool:
    return stay.leave is None and as_of - stay.join < rules.min_stay_ms


def heads_at_each(clock: range, stays: list[Stay]) -> list[int]:
    """n(t) for every tick of the clock (R5)."""
    heads = [0] * len(clock)
    for stay in stays:
        leave = clock.stop if stay.leave is None else min(stay.leave, clock.stop)
        for now in range(stay.join, leave):
            heads[now - clock.start] += 1
    return heads


def walk_meetings(clock: range, heads: list[int], rules: Rules) -> list[Span]:
    """Walk the clock with the head count: when did meetings begin and end (R6-R8)?"""
    spans: list[Span] = []
    sitting: Ms | None = None  # since when the room is not empty
    meeting: Ms | None = None  # since when this meeting goes on
    alone: Ms | None = None  # since when somebody is there whom all others have left
    before = most = 0

    for now, n in zip(clock, heads, strict=True):
        if n > 0 and sitting is None:
            sitting = now
        if sitting is not None and meeting is None and (n >= 2 or now - sitting >= rules.start_alone_ms):
            meeting, most = sitting, 1

        reset_is_due = alone is not None and now - alone == rules.reset_alone_ms
        if meeting is not None and reset_is_due and n > 0:
            spans.append(Span(meeting, now, most))
            meeting, alone, most = now, None, 0

        if n == 0:
            if meeting is not None:
                spans.append(Span(meeting, now, most))
            sitting = meeting = alone = None
        elif n >= 2:
            alone = None
        elif before >= 2:
            alone = now

        most = max(most, n)
        before = n

    if meeting is not None:
        spans.append(Span(meeting, None, most))
    return spans


def written_down(span: Span, stays: list[Stay], room: str, domain: str) -> Meeting:
    """A meeting as the world sees it (R9-R11, R16)."""
    shown = [entry(stay, span) for stay in stays if overlap(stay, span)]
    shown.sort(key=lambda entry: (entry.join, entry.participant_id))
    made = meeting_id(domain, room, span.start)
    return Meeting(made, domain, room, span.start, span.end, span.most, tuple(shown))


def overlap(stay: Stay, span: Span) -> bool:
    came_too_late = span.end is not None and stay.join >= span.end
    left_too_early = stay.leave is not None and stay.leave <= span.start
    return not came_too_late and not left_too_early


def entry(stay: Stay, span: Span) -> Entry:
    outlasts_it = span.end is not None and (stay.leave is None or stay.leave > span.end)
    return Entry(
        participant_id=stay.participant_id,
        user_id=stay.user_id,
        user_name=stay.user_name,
        join=max(stay.join, span.start),
        leave=span.end if outlasts_it else stay.leave,
        left_by=None if outlasts_it else stay.left_by,
    )


# --- The same walk in longer steps ---------------------------------------------------------


def striding_oracle(
    events: Iterable[Event], *, as_of: Ms, rules: Rules = DAILYS, domain: str = "default"
) -> list[Meeting]:
    """The same meetings, by the longest tick that misses no moment: for long stories told in whole seconds.

    The rules know no unit of time, so walking seconds is walking milliseconds with smaller numbers.
    """
    events = list(events)
    moments = [moment for event in events for moment in (event.at, event.joined_at) if moment is not None]
    tick = gcd(*moments, as_of, *rules) or 1
    strides = [in_ticks(event, tick) for event in events]
    found = oracle(strides, as_of=as_of // tick, rules=Rules(*(ms // tick for ms in rules)), domain=domain)
    return [in_ms(meeting, tick) for meeting in found]


def in_ticks(event: Event, tick: Ms) -> Event:
    joined_at = None if event.joined_at is None else event.joined_at // tick
    return replace(event, at=event.at // tick, joined_at=joined_at)


def in_ms(meeting: Meeting, tick: Ms) -> Meeting:
    start = meeting.start * tick
    return meeting._replace(
        id=meeting_id(meeting.domain, meeting.room, start),
        start=start,
        end=None if meeting.end is None else meeting.end * tick,
        participants=tuple(
            shown._replace(join=shown.join * tick, leave=None if shown.leave is None else shown.leave * tick)
            for shown in meeting.participants
        ),
    )
