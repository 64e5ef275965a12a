"""The oracle: the meetings of one room, found by walking a clock one millisecond at a time.

Slow and simple on purpose. It implements the rules as they are written, without the product's algorithms; where the two
differ, one of them is wrong. It uses the product's types (`Event`, `Meeting`, `Rules`) and none of its functions.

Where the rules leave room, it reads them like this:

**One instant of one participant.** An inferred event is ignored beside a reported join or leave of the same participant
and instant. If a join and a leave then remain, they cancel: they change, override and confirm nothing.

**The end of the room** closes a stay that joined before it and is of its source session, where both are known. It comes
before the joins of its instant, so that an end and a join close one stay and open the next. Beside a reported leave,
the stay was left by report; beside an inferred one, the room ended. An inferred end is an inferred leave of participants
whose stay it would close; an inferred leave of the participant at that instant has precedence for the reason, and of
several reasons the first by alphabet counts.

**Unconfirmed leaves.** A stay closed by inference is unconfirmed until a reported join of the participant, or a reported
end that closes the open stay or would have closed the unconfirmed one, confirms it. A reported leave that comes first
overrides it, and every unconfirmed leave before it back to the last confirmed one: it was one stay, and the leave,
even beside an end, is how it ended. While a participant is out, an end is compared with the source session of the stay
that they left last.

**Names** (and the source session) are the first known among the participant's events from join to leave, both included,
whether or not those events changed anything; of several at one instant, the first by alphabet. The same holds for each
key of the attributes, by the alphabet of their JSON. Where one stay closes as the next opens, leaves name the old one and joins the new one. An end uses only the session known before it.

**As of T** later events do not exist (a leave exists from its `at`, whatever its `joined_at`). A stay that is open and
too short is pending. Only instants before the earliest pending join are decided: steps of the head count, and what falls
due. Known leaves appear in their entries. Presence is no record of meetings, and lists the pending, too.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import gcd
from typing import NamedTuple

from headcount.kernel.events import Event, Kind, Ms
from headcount.kernel.meetings import Entry, Meeting, Stay, meeting_id
from headcount.kernel.rules import Rules
from headcount.kernel.stay_table import LeftBy

DAILY_RULES = Rules()


class Span(NamedTuple):
    """The time of a meeting and its largest head count; no end while it is ongoing."""

    start: Ms
    end: Ms | None
    max_participants: int


def oracle(
    events: Iterable[Event], *, as_of: Ms, rules: Rules = DAILY_RULES, domain: str = "default"
) -> list[Meeting]:
    """Return the meetings of one room as of a time, by start, found by walking every millisecond."""
    history = [fact for event in events if event.at <= as_of for fact in facts(event)]
    if not history:
        return []
    room = history[0].room
    assert all(fact.room == room for fact in history), "the oracle walks one room at a time"

    stays = [stay for stay in all_stays(history) if not is_too_short(stay, rules)]
    pending = [stay for stay in stays if is_pending(stay, as_of, rules)]
    counted = [stay for stay in stays if stay not in pending]
    undecided = min((stay.join for stay in pending), default=as_of + 1)

    first = min(fact.at for fact in history)
    # After the last event, each duration expires once, and nothing changes after that.
    settled = max(fact.at for fact in history) + rules.start_alone_ms + rules.reset_alone_ms + 1
    clock = range(first, min(undecided, settled))
    spans = walk_meetings(clock, heads_at_each(clock, counted), rules)
    return [meeting_of(span, counted, room, domain) for span in spans]


def oracle_presence(events: Iterable[Event], *, as_of: Ms) -> list[Stay]:
    """Return who is in one room as of a time, however young their stays: the open stays, by join (R14)."""
    history = [fact for event in events if event.at <= as_of for fact in facts(event)]
    present = [stay for stay in all_stays(history) if stay.leave is None]
    return sorted(present, key=lambda stay: (stay.join, stay.participant_id))


def facts(event: Event) -> Iterator[Event]:
    """Return the event, and the join that it implies if it is a leave with `joined_at` (R1)."""
    if event.joined_at is not None:
        yield replace(event, kind=Kind.JOIN, at=event.joined_at, joined_at=None)
    yield replace(event, joined_at=None)


# --- From events to stays ------------------------------------------------------------------


def all_stays(history: list[Event]) -> list[Stay]:
    """Return the stays of all participants, with names."""
    ends = [fact for fact in history if fact.kind is Kind.END]
    participants = sorted({fact.participant_id for fact in history if fact.participant_id is not None})
    found = []
    for participant in participants:
        own = [fact for fact in history if fact.participant_id == participant]
        stays = walk_stays(participant, own, ends)
        found += [named(stay, own, stays) for stay in stays]
    return found


def walk_stays(participant: str, own: list[Event], ends: list[Event]) -> list[Stay]:
    """Return the stays of one participant, by walking the clock."""
    own_at, ends_at = by_instant(own), by_instant(ends)
    seen = Presence(participant)
    for now in range(min(own_at), max([*own_at, *ends_at]) + 1):
        if now in own_at or now in ends_at:
            apply_instant(now, seen, own_at[now], ends_for(seen, ends_at[now], own))
    return seen.stays


class Presence:
    """The stays of one participant, as far as the clock has been walked."""

    def __init__(self, participant: str) -> None:
        self.participant = participant
        self.confirmed: list[Stay] = []  # no report can change them any more
        self.unconfirmed: list[Stay] = []  # closed by inference, and not confirmed so far
        self.open: Stay | None = None

    @property
    def stays(self) -> list[Stay]:
        return [*self.confirmed, *self.unconfirmed] + ([self.open] if self.open is not None else [])

    def join(self, now: Ms) -> None:
        if self.open is None:
            self.open = Stay(self.participant, now)

    def leave(self, now: Ms, how: LeftBy) -> None:
        if self.open is not None:
            self.confirmed.append(self.open._replace(leave=now, left_by=how))
            self.open = None

    def infer_leave(self, now: Ms, how: LeftBy) -> None:
        if self.open is not None:
            self.unconfirmed.append(self.open._replace(leave=now, left_by=how))
            self.open = None

    def confirm(self) -> None:
        """Confirm the inferred leaves."""
        self.confirmed += self.unconfirmed
        self.unconfirmed = []

    def override(self) -> None:
        """Override the inferred leaves: all was one stay since the first, and it is open."""
        if self.unconfirmed:
            self.open = self.unconfirmed[0]._replace(leave=None, left_by=None)
            self.unconfirmed = []


def apply_instant(now: Ms, seen: Presence, own: list[Event], ends: list[Event]) -> None:
    """Apply one instant of one participant: their events, and the ends that concern them."""
    reported = [fact for fact in own if fact.inferred is None]
    joins, leaves = remaining(reported or own)

    if leaves and reported:
        seen.override()
        seen.leave(now, LeftBy.REPORTED)
    elif any(end.inferred is None for end in ends):
        seen.confirm()
        seen.leave(now, LeftBy.ROOM_ENDED)
    elif leaves or ends:
        seen.infer_leave(now, LeftBy(min(fact.inferred for fact in leaves or ends if fact.inferred)))

    if joins and reported:
        seen.confirm()
    if joins:
        seen.join(now)


def remaining(events: list[Event]) -> tuple[list[Event], list[Event]]:
    """Return the joins and the leaves of one instant, which cancel if there are both (R2)."""
    joins = [fact for fact in events if fact.kind is Kind.JOIN]
    leaves = [fact for fact in events if fact.kind is Kind.LEAVE]
    return ([], []) if joins and leaves else (joins, leaves)


def by_instant(history: list[Event]) -> defaultdict[Ms, list[Event]]:
    at: defaultdict[Ms, list[Event]] = defaultdict(list)
    for fact in history:
        at[fact.at].append(fact)
    return at


def ends_for(seen: Presence, ends: list[Event], own: list[Event]) -> list[Event]:
    """Return the ends of one instant that concern the open stay, or else the last unconfirmed one."""
    concerned = seen.open or (seen.unconfirmed[-1] if seen.unconfirmed else None)
    if concerned is None:
        return []
    return [end for end in ends if same_session(end, concerned, own, seen.stays)]


def same_session(end: Event, stay: Stay, own: list[Event], stays: list[Stay]) -> bool:
    before = [fact for fact in naming(stay, own, stays) if fact.at < end.at]
    known = first_known("source_session", before)
    return known is None or end.source_session is None or known == end.source_session


def naming(stay: Stay, own: list[Event], stays: list[Stay]) -> list[Event]:
    """Return the participant's events that may name this stay."""
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


def first_known(field: str, history: list[Event]) -> str | None:
    known = [(fact.at, getattr(fact, field)) for fact in history if getattr(fact, field) is not None]
    return min(known)[1] if known else None


def named(stay: Stay, own: list[Event], stays: list[Stay]) -> Stay:
    events = naming(stay, own, stays)
    return stay._replace(
        user_id=first_known("user_id", events),
        user_name=first_known("user_name", events),
        attributes=first_known_attributes(events),
    )


def first_known_attributes(history: list[Event]) -> str | None:
    """Return the first known value of each key, as JSON with the keys in order and without spaces."""
    stated = [
        (key, fact.at, json.dumps(value, ensure_ascii=False))
        for fact in history
        if fact.attributes is not None
        for key, value in json.loads(fact.attributes).items()
    ]
    firsts = {key: min((at, text) for name, at, text in stated if name == key)[1] for key, _, _ in stated}
    pairs = [f"{json.dumps(key, ensure_ascii=False)}:{firsts[key]}" for key in sorted(firsts)]
    return f"{{{','.join(pairs)}}}" if pairs else None


# --- From stays to meetings ----------------------------------------------------------------


def is_too_short(stay: Stay, rules: Rules) -> bool:
    return stay.leave is not None and stay.leave - stay.join < rules.min_stay_ms


def is_pending(stay: Stay, as_of: Ms, rules: Rules) -> bool:
    return stay.leave is None and as_of - stay.join < rules.min_stay_ms


def heads_at_each(clock: range, stays: list[Stay]) -> list[int]:
    """Return n(t) for every tick of the clock (R5)."""
    heads = [0] * len(clock)
    for stay in stays:
        leave = clock.stop if stay.leave is None else min(stay.leave, clock.stop)
        for now in range(stay.join, leave):
            heads[now - clock.start] += 1
    return heads


def walk_meetings(clock: range, heads: list[int], rules: Rules) -> list[Span]:
    """Return the meetings, by walking the clock with the head count (R6-R8)."""
    spans: list[Span] = []
    sitting: Ms | None = None  # start of the sitting
    meeting: Ms | None = None  # start of the meeting
    alone: Ms | None = None  # when the head count fell to one after company
    before = largest = 0

    for now, n in zip(clock, heads, strict=True):
        if n > 0 and sitting is None:
            sitting = now
        if sitting is not None and meeting is None and (n >= 2 or now - sitting >= rules.start_alone_ms):
            meeting, largest = sitting, 1

        reset_is_due = alone is not None and now - alone == rules.reset_alone_ms
        if meeting is not None and reset_is_due and n > 0:
            spans.append(Span(meeting, now, largest))
            meeting, alone, largest = now, None, 0

        if n == 0:
            if meeting is not None:
                spans.append(Span(meeting, now, largest))
            sitting = meeting = alone = None
        elif n >= 2:
            alone = None
        elif before >= 2:
            alone = now

        if n > largest:  # noqa: PLR1730 - a call of max for every millisecond takes a fifth of the walk
            largest = n
        before = n

    if meeting is not None:
        spans.append(Span(meeting, None, largest))
    return spans


def meeting_of(span: Span, stays: list[Stay], room: str, domain: str) -> Meeting:
    """Return the meeting with its entries (R9-R11, R16)."""
    shown = [entry(stay, span) for stay in stays if overlap(stay, span)]
    shown.sort(key=lambda entry: (entry.join, entry.participant_id))
    made = meeting_id(domain, room, span.start)
    return Meeting(made, domain, room, span.start, span.end, span.max_participants, tuple(shown))


def overlap(stay: Stay, span: Span) -> bool:
    joined_after = span.end is not None and stay.join >= span.end
    left_before = stay.leave is not None and stay.leave <= span.start
    return not joined_after and not left_before


def entry(stay: Stay, span: Span) -> Entry:
    continues = span.end is not None and (stay.leave is None or stay.leave > span.end)
    return Entry(
        participant_id=stay.participant_id,
        user_id=stay.user_id,
        user_name=stay.user_name,
        join=max(stay.join, span.start),
        leave=span.end if continues else stay.leave,
        left_by=None if continues else stay.left_by,
        attributes=stay.attributes,
    )


# --- The same walk in longer steps ---------------------------------------------------------


def striding_oracle(
    events: Iterable[Event], *, as_of: Ms, rules: Rules = DAILY_RULES, domain: str = "default"
) -> list[Meeting]:
    """Return the same meetings by the longest tick that misses no time, for long scenarios in whole seconds.

    The rules have no unit of time, so walking seconds is walking milliseconds with smaller numbers.
    """
    events = list(events)
    times = [time for event in events for time in (event.at, event.joined_at) if time is not None]
    tick = gcd(*times, as_of, *rules) or 1
    scaled = [in_ticks(event, tick) for event in events]
    found = oracle(scaled, as_of=as_of // tick, rules=Rules(*(ms // tick for ms in rules)), domain=domain)
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
