"""The session rules: when a meeting begins and when it ends (R4-R8).

Responsible for the thresholds and for every transition of a room's state. Must not know who the participants are.

A **room** is a name that people meet under. A **stay** is one participant's unbroken
time in it, closed at the left and open at the right: a stay from 12:00:00.000 to
12:00:10.000 includes the first of these milliseconds and excludes the last. The rules
see one number, the **head count** n(t): how many stays contain the time t. It is a step
function, and this module is about its steps.

What counts (R4, R5).
    A stay shorter than 10 seconds is ignored: it is in no list and no count. All events
    of one instant happen together, so the head count at an instant is the number after
    all joins and leaves of that instant. If the last participant leaves as another
    joins, the room was never empty, and the two were never there together.

A **sitting** is a longest unbroken time in which n is not 0. It is in one of these states:

    EMPTY       Nobody is in the room.
    FORMING     Somebody is in the room, never two at once, and not yet for 30 seconds.
                If the sitting ends now, there was no meeting.
    MEETING     Two were in the room together, or 30 seconds have passed (R6). There is a
                meeting, and it began when the sitting did: at the first join, not at the
                time when the condition was met.
    LEFT ALONE  A meeting in which n has fallen from two or more to one. If that lasts
                600 seconds and somebody is still in the room at their end, the meeting
                ends at that instant and the next one begins (R7). Only the number of
                participants matters, not who they are.

A meeting that a reset began is a meeting from its first millisecond: it does not wait
for 30 seconds. It is an ordinary MEETING, not LEFT ALONE, so it is reset again only
after others have joined and left again. A participant who was alone from the start and
was never joined by anybody is never reset. When n becomes 0, the meeting ends (R8).

A room changes for two reasons only, and each has its function:

    the head count changes    `step(state, t, n)`: from t on, n participants are present
    time passes               `expire(state, rules)`: the 30 or the 600 seconds are over

`due(state, rules)` returns when time alone will next change the state. Between two steps
of the head count that happens at most once, because neither 30 seconds alone nor a reset
leads to a state in which anything else is due.

One case needs care: a step of the head count exactly when something is due.
`falls_due` decides it. The 30 seconds are over even if the last participant leaves at
that instant (exactly 30 seconds count). A reset needs somebody for the next meeting, so
there is none if the last participant leaves exactly then.

Times are whole milliseconds. The functions are plain Python over NamedTuples. The live
room calls them, and `batch/passes/jit.py` compiles this same source for files of events,
so R4-R8 exist once. So does the table of `stay_table.py`, which decides what the events of
one participant at one instant mean (R1-R3a). Three things exist twice, in Python and
compiled, and the properties in `tests/rules` hold them equal: pairing events to stays by
that table, the entries of a meeting (R11), and what is undecided (R14).
"""

from typing import NamedTuple, Self

from headcount.kernel.events import Ms

NEVER: Ms = 2**62
"""A time later than every other."""


class InvalidRules(ValueError):
    """A threshold out of range. The message names it and gives the reason."""


class _RuleNumbers(NamedTuple):
    min_stay_ms: Ms = 10_000
    start_alone_ms: Ms = 30_000
    reset_alone_ms: Ms = 600_000
    late_grace_ms: Ms = 15_000


class Rules(_RuleNumbers):
    """The thresholds of the rules, in milliseconds; the defaults are Daily's.

    `min_stay_ms`: a shorter stay is ignored (R4). `start_alone_ms`: duration after which a
    sitting of one participant becomes a meeting (R6). `reset_alone_ms`: duration after which
    a meeting with one participant left is reset (R7). `late_grace_ms`: delay before events are
    finalized, so that they may arrive in any order (R14).

    Raises `InvalidRules` for a value that is not an integer, is negative, or is zero where
    that would allow a meeting of no length.
    """

    __slots__ = ()

    def __new__(
        cls,
        min_stay_ms: Ms = 10_000,
        start_alone_ms: Ms = 30_000,
        reset_alone_ms: Ms = 600_000,
        late_grace_ms: Ms = 15_000,
    ) -> Self:
        rules = super().__new__(cls, min_stay_ms, start_alone_ms, reset_alone_ms, late_grace_ms)
        for name, number in zip(rules._fields, rules, strict=True):
            least = 1 if name == "reset_alone_ms" else 0
            if isinstance(number, bool) or not isinstance(number, int):
                raise InvalidRules(f"{name} must be a whole number of milliseconds, not {number!r}")
            if number < least:
                raise InvalidRules(f"{name} must be {least} or more, not {number}")
            if number >= NEVER // 4:
                raise InvalidRules(f"{name} is too large: {number}")
        return rules


class State(NamedTuple):
    """The state of one room, as far as the rules need it."""

    head_count: int
    """n: the number of participants in the room."""
    start: Ms
    """Start of the meeting; while it is forming, of the sitting."""
    is_meeting: bool
    """The sitting has become a meeting (R6)."""
    alone_since: Ms
    """When the head count fell to one after company (R7), else NEVER."""
    max_participants: int
    """The largest head count of the meeting (R10)."""


EMPTY = State(0, NEVER, False, NEVER, 0)


def is_too_short(join: Ms, leave: Ms, rules: Rules) -> bool:
    """Return whether a stay from `join` to `leave` is too short to count (R4)."""
    return leave - join < rules.min_stay_ms


def due(state: State, rules: Rules) -> Ms:
    """Return when time alone will next change the state, or NEVER."""
    head_count, start, is_meeting, alone_since, _ = state
    if head_count == 0:
        return NEVER
    if not is_meeting:
        return start + rules.start_alone_ms
    if alone_since != NEVER:
        return alone_since + rules.reset_alone_ms
    return NEVER


def falls_due(state: State, due_at: Ms, t: Ms, n: int) -> bool:
    """Return whether what is due at `due_at` happens before or at `t`, when the head count becomes `n`."""
    return due_at < t or (due_at == t and (n > 0 or not state.is_meeting))


def expire(state: State, rules: Rules) -> State:
    """Return the state after what is due: a sitting becomes a meeting (R6), or a meeting is reset (R7)."""
    if not state.is_meeting:
        return State(state.head_count, state.start, True, NEVER, state.max_participants)
    return State(state.head_count, state.alone_since + rules.reset_alone_ms, True, NEVER, state.head_count)


def step(state: State, t: Ms, n: int) -> State:
    """Return the state from `t` on, with a head count of `n` (R5, R6, R8). What was due must have expired."""
    if n == 0:
        return EMPTY
    head_count, start, is_meeting, alone_since, max_participants = state
    if head_count == 0:
        return State(n, t, n >= 2, NEVER, n)
    if n >= 2:
        peak = n if n > max_participants else max_participants  # noqa: FURB136 - `max` takes longer here
        return State(n, start, True, NEVER, peak)
    return State(n, start, is_meeting, t if head_count >= 2 else alone_since, max_participants)
