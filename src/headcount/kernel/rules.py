"""The rules: when a meeting begins and when it ends.

A **room** is a name that people meet under. A **stay** is one participant's unbroken
time in it, closed at the left and open at the right: who joins at 12:00:00.000 and
leaves at 12:00:10.000 was there for the first of these milliseconds and not for the
last. The rules see nobody's name. They see one number, the **head count** n(t): how
many stays hold the moment t. It is a step function, and everything on this page is
about its steps.

What counts (R4, R5).
    A stay shorter than 10 seconds is *void*: it is in no list and no count. All that
    happens at one instant happens together, so the head count at an instant is what
    it is after everybody who goes then has gone and everybody who comes has come. If
    the last one leaves as another joins, the room was never empty, and the two were
    never there together.

A **sitting** is a longest unbroken time in which n is not 0. It is one of these:

    EMPTY       nobody is here.
    FORMING     somebody is here, never two at once, and not yet for 30 seconds.
                If it ends now, there was no meeting.
    MEETING     two were here together, or 30 seconds have passed (R6). Then there is
                a meeting, and it began when the sitting did: the moment of the first
                join, not the moment when we became sure.
    LEFT ALONE  a meeting in which n has fallen from two or more to one. If that lasts
                for 600 seconds and somebody is still here at their end, the meeting
                is over at that instant and the next one begins at it (R7). Who it is
                does not matter, only how many.

A meeting that a reset began *stands* from its first millisecond: it need not wait for
30 seconds. And it is an ordinary MEETING, not LEFT ALONE, so it is reset again only
after others have come and gone again. Somebody who was alone from the start, and never
joined by anybody, is never reset. When n becomes 0, the meeting ends (R8).

So a room changes for two reasons only, and each has its function:

    somebody comes or goes    `count(state, t, n)`: from t on, n people are here
    time passes               `lapse(state, rules)`: the 30 or the 600 seconds are over

and `due(state, rules)` says when time alone will next change something. Between two
steps of the head count that happens at most once, because neither 30 seconds alone nor
a reset leads to a state in which anything else is due.

One instant needs care: a step of the head count exactly when something is due.
`falls_due` decides it. 30 seconds are over although the last one leaves at that very
instant (exactly 30 seconds count). A reset needs somebody for the next meeting, so if
the last one leaves exactly then, there is none.

Numbers are whole milliseconds. The functions are plain Python over NamedTuples, called
as they are by the live room and compiled from this same source for files of events.
There is no second copy of a rule anywhere.
"""

from typing import NamedTuple, Self

from headcount.kernel.events import Ms

NEVER: Ms = 2**62
"""A moment that does not come: later than every other."""


class InvalidRules(ValueError):
    """The numbers of the rules make no sense. The message says which, and why."""


class _RuleNumbers(NamedTuple):
    min_stay_ms: Ms = 10_000
    start_alone_ms: Ms = 30_000
    reset_alone_ms: Ms = 600_000
    settling_ms: Ms = 15_000


class Rules(_RuleNumbers):
    """The numbers in the rules, in milliseconds; the defaults are Daily's.

    `min_stay_ms`: a shorter stay is void (R4). `start_alone_ms`: so long must a sitting
    last to be a meeting if nobody is ever joined (R6). `reset_alone_ms`: so long may
    somebody be left alone before a new meeting begins (R7). `settling_ms`: so long after
    an instant its events are waited for before anything about it is published (R14).

    Raises `InvalidRules` for a number that is not whole, is negative, or is zero where
    that would mean a meeting of no length.
    """

    __slots__ = ()

    def __new__(
        cls,
        min_stay_ms: Ms = 10_000,
        start_alone_ms: Ms = 30_000,
        reset_alone_ms: Ms = 600_000,
        settling_ms: Ms = 15_000,
    ) -> Self:
        rules = super().__new__(cls, min_stay_ms, start_alone_ms, reset_alone_ms, settling_ms)
        for name, number in zip(rules._fields, rules, strict=True):
            least = 1 if name == "reset_alone_ms" else 0
            if isinstance(number, bool) or not isinstance(number, int):
                raise InvalidRules(f"{name} must be a whole number of milliseconds, not {number!r}")
            if not least <= number < NEVER // 4:
                raise InvalidRules(f"{name} must be {least} or more, and less than a lifetime, not {number}")
        return rules


class State(NamedTuple):
    """What the rules must remember of one room."""

    people: int
    """n: how many are here."""
    began: Ms
    """When the meeting began; while it is forming, when the sitting did."""
    stands: bool
    """There is a meeting (R6), not only somebody who waits."""
    alone_since: Ms
    """Since when one is left alone after company (R7), else NEVER."""
    most: int
    """The largest head count within the meeting (rule 10)."""


EMPTY = State(0, NEVER, False, NEVER, 0)


def is_void(join: Ms, leave: Ms, rules: Rules) -> bool:
    """Whether a stay from `join` to `leave` is too short to count (R4)."""
    return leave - join < rules.min_stay_ms


def due(state: State, rules: Rules) -> Ms:
    """When time alone will next change the room, or NEVER."""
    if state.people == 0:
        return NEVER
    if not state.stands:
        return state.began + rules.start_alone_ms
    if state.alone_since != NEVER:
        return state.alone_since + rules.reset_alone_ms
    return NEVER


def falls_due(state: State, moment: Ms, t: Ms, n: int) -> bool:
    """Whether what is due at `moment` happens before or at `t`, when n becomes `n`."""
    return moment < t or (moment == t and (n > 0 or not state.stands))


def lapse(state: State, rules: Rules) -> State:
    """The room once what is due has happened: a sitting stands (R6), or a meeting is reset (R7)."""
    if not state.stands:
        return State(state.people, state.began, True, NEVER, state.most)
    return State(state.people, state.alone_since + rules.reset_alone_ms, True, NEVER, state.people)


def count(state: State, t: Ms, n: int) -> State:
    """The room from `t` on, when `n` people are in it (R5, R6, R8). What was due is past."""
    if n == 0:
        return EMPTY
    people, began, stands, alone_since, most = state
    if people == 0:
        return State(n, t, n >= 2, NEVER, n)
    if n >= 2:
        return State(n, began, True, NEVER, max(most, n))
    return State(n, began, stands, t if people >= 2 else alone_since, most)
