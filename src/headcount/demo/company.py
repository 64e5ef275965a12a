"""Simulation: the life of a small company's video rooms, made up, the same for the same seed.

For who wants to see the product at work before any vendor is connected. It knows what people do
in rooms, each room with a habit of its own and a story that the rules have something to say about;
and how what is reported of it arrives: mostly at once, now and then late, twice, or never. It knows
nothing of the rules: it makes up no meeting, only people who come and go.

All is planned around one moment, the present. It lies in a working day of the company, so
that something is going on in every room; behind it lie days with working hours and quiet weekends,
and from it on somewhere in the company somebody is always at work. `history` tells what arrived before
the present, `life` what arrives from it on, and whoever is in at the seam is in for both.

There is no clock here, and chance comes from the seed alone.
"""

import heapq
from collections.abc import Callable, Iterator
from itertools import count, takewhile
from operator import itemgetter
from random import Random
from typing import Final, NamedTuple
from uuid import UUID

from headcount.kernel.events import Event, Kind, Ms

SECOND: Final[Ms] = 1_000
MINUTE: Final[Ms] = 60 * SECOND
HOUR: Final[Ms] = 60 * MINUTE
DAY: Final[Ms] = 24 * HOUR

_EARLIEST: Final = 2 * MINUTE  # nobody comes earlier than this before the hour
_LONGEST: Final = 4 * HOUR  # no plan has anybody in for longer, but for who never leaves
_OPENS: Final = 5 * HOUR  # so long before the present, and so long before it on every day
_CLOSES: Final = 4 * HOUR
_MOST_LATE_MS: Final = 40 * SECOND


def life(seed: int, start: Ms) -> Iterator[tuple[Ms, Event]]:
    """All that arrives from `start` ms on, without end: when it arrives, and the event, in order of arrival.

    Those who are in at `start` came before it: `history` up to `start`, of some hours or more, tells of them.
    """
    arriving = _arrivals(seed, start, start - _LONGEST - _EARLIEST)
    return ((arrives, event) for arrives, event in arriving if arrives >= start)


def history(seed: int, start: Ms, end: Ms) -> list[Event]:
    """What arrived from `start` ms until `end`, in order of arrival. `life` from `end` on continues it."""
    arriving = _arrivals(seed, end, start)
    return [event for _, event in takewhile(lambda one: one[0] < end, arriving)]


# People.


class Person(NamedTuple):
    """Somebody as the rooms know them; of some they know no id, of some no name."""

    user_id: str | None
    name: str | None


def _team(first: int, names: str) -> tuple[Person, ...]:
    return tuple(Person(f"u-{n}", name.strip()) for n, name in enumerate(names.split(","), first))


_ENGINEERS: Final = _team(
    1001,
    "Priya Raghunathan, Łukasz Wiśniewski, Chidi Okonkwo, Mei-Ling Chen, João Ferreira, Aoife Ní Bhriain,"
    "Omar Haddad, Søren Kjær, Tala Aquino, Nguyễn Thị Hoa, Daniel Weiss, Ximena Duarte, Yusuf Demirci",
)
_DESIGNERS: Final = _team(
    1101,
    "Zoë van der Meer, Kwame Mensah, 田中 結衣, Ingrid Sæther, Rafael Ortiz, Олена Шевченко, Leila Rahimi",
)
_SUPPORT: Final = _team(1201, "Grace Wanjiru, Marek Novák, Sofía Herrera, Arjun Nair")
_SALES: Final = _team(1301, "Camille Laurent, Tobias Lindqvist, Amara Diallo")
_CRISIS: Final = _team(1401, "Viktor Petrov, Hana Kobayashi, Samuel Adeyemi, Elif Şahin, Niamh Kelleher")
_EARLY_BIRDS: Final = _team(1501, "Giulia Conti, Pekka Virtanen, Rangi Parata")
_INTERVIEWERS: Final = _team(1601, "Noor El-Sayed, Matthias Brandt, Lerato Khumalo")
_ANA, _JUN = _team(1701, "Ana Silva, Jun Watanabe")


def _words(text: str) -> list[str]:
    return text.split()


_FIRST_NAMES: Final = _words(
    "Adaeze Ahmed Anneli Babak Bogdan Carmen Darya Dimitra Emre Fatou Fumiko Goran Hye-jin Ibrahim Isla Jamal"
    " Joaquín Kaito Katarzyna Lakshmi Liam Lucía Malik Minh Nadia Oluwaseun Petra Quentin Renata Shira Tariq Wei"
)
_LAST_NAMES: Final = _words(
    "Abebe Andersson Banerjee Bauer Castillo Đorđević Dubois Eze Fernández Goldberg Hoang Ivanova Jansen Kimura"
    " Kovács López Mahmoud Mbeki Murphy Nakamura O'Connor Papadopoulos Park Rossi Sharma Tran Umarov Yamamoto Zhang"
)


def _guest(number: int) -> Person:
    first, last = divmod(number, len(_LAST_NAMES))
    return Person(f"g-{40_000 + number}", f"{_FIRST_NAMES[first]} {_LAST_NAMES[last]}")


_GUESTS: Final = tuple(map(_guest, range(len(_FIRST_NAMES) * len(_LAST_NAMES))))


# Scenes: one occasion in one room. Seconds count from when it is planned to begin.


class Scene:
    """One occasion in one room: what happens there, and is told sooner or later."""

    def __init__(self, room: str, begins: Ms, chance: Random) -> None:
        self.told: list[Event] = []
        self.chance = chance
        self._room = room
        self._begins = begins
        self.session: str | None = None

    def connection(self) -> str:
        """The id of a new connection."""
        return str(UUID(int=self.chance.getrandbits(128), version=4))

    def stays(self, who: Person, join_s: float, leave_s: float, connection: str | None = None) -> str:
        """Somebody comes and goes; the id of the connection."""
        connection = self.joins(who, join_s, connection)
        self._tell(Kind.LEAVE, leave_s, connection, who)
        return connection

    def joins(self, who: Person, join_s: float, connection: str | None = None) -> str:
        """Somebody comes, and no leave is ever told; the id of the connection."""
        connection = connection or self.connection()
        self._tell(Kind.JOIN, join_s, connection, who)
        return connection

    def only_leaves(self, who: Person, join_s: float, leave_s: float) -> None:
        """Somebody of whom nothing is told until they go."""
        self._tell(Kind.LEAVE, leave_s, self.connection(), who, joined_at=self._at(join_s))

    def ends(self, at_s: float) -> None:
        """The room is closed."""
        self.told.append(Event(Kind.END, self._room, self._at(at_s), source_session=self.session))

    def some(self, team: tuple[Person, ...], how_many: int) -> list[Person]:
        return self.chance.sample(team, how_many)

    def between(self, least_s: float, most_s: float) -> float:
        return self.chance.uniform(least_s, most_s)

    def _at(self, seconds: float) -> Ms:
        return self._begins + round(seconds * SECOND)

    def _tell(
        self, kind: Kind, at_s: float, connection: str, who: Person, joined_at: Ms | None = None
    ) -> None:
        self.told.append(
            Event(
                kind, self._room, self._at(at_s), connection, who.user_id, who.name, self.session, joined_at
            )
        )


def _stand_up(scene: Scene) -> None:
    """Eight to twelve come within two minutes of the half hour; two stay on for a chat."""
    team = scene.some(_ENGINEERS, scene.chance.randint(8, 12))
    over = scene.between(660, 840)
    for person in team[2:]:
        scene.stays(person, scene.between(-40, 100), over + scene.between(0, 25))
    for person in team[:2]:
        scene.stays(person, scene.between(-80, 0), over + scene.between(60, 300))


def _webinar(scene: Scene) -> None:
    """Hundreds trickle in, a wave goes before the questions, and the room is closed on the last of them."""
    scene.session = f"all-hands-{scene.chance.getrandbits(32):08x}"
    host = scene.chance.choice(_GUESTS)
    scene.joins(host, -90)
    for person in scene.some(_GUESTS, scene.chance.randint(260, 340)):
        if person is host:
            continue
        join = scene.chance.triangular(-60, 1_150, -30)
        if scene.chance.random() < 0.45:
            scene.stays(_half_known(person, scene.chance), join, max(join + 5, scene.between(820, 1_010)))
        elif scene.chance.random() < 0.5:
            scene.stays(_half_known(person, scene.chance), join, join + scene.between(120, 1_000))
        else:
            scene.joins(_half_known(person, scene.chance), join)
    scene.ends(2_100)


def _half_known(guest: Person, chance: Random) -> Person:
    """Most say who they are; of some only the id or the name is known, of some neither."""
    known = chance.random()
    user_id = None if known < 0.12 else guest.user_id
    name = None if 0.06 < known < 0.25 else guest.name
    return Person(user_id, name)


def _support(scene: Scene) -> None:
    """A shift of two hours. Customers come one by one; after a quiet spell whoever comes next finds a new meeting."""
    staff = _SUPPORT[scene.chance.randrange(0, 2)], _SUPPORT[scene.chance.randrange(2, 4)]
    scene.stays(staff[0], 0, 3_602)
    scene.stays(staff[1], 3_600, 7_201)
    customers = iter(scene.some(_GUESTS, 60))
    for opens, closes in ((60, 2_400), (3_130, 7_000)):
        now = opens + scene.between(0, 60)
        while now < closes - 60:
            leaves = min(closes - scene.between(0, 20), now + scene.between(60, 420))
            scene.stays(next(customers), now, leaves)
            now = leaves + scene.chance.expovariate(1 / 150)
    # The last before the quiet spell: from his leave on, the staff is alone for more than ten minutes.
    scene.stays(next(customers), 2_300, 2_450)


def _early_bird(scene: Scene) -> None:
    """Alone for well over an hour, with nobody ever to come."""
    (who,) = scene.some(_EARLY_BIRDS, 1)
    scene.stays(who, scene.between(0, 60), scene.between(5_000, 6_400))


def _design_review(scene: Scene) -> None:
    """Two with bad connections, one who comes back as a new connection and one as the same; and one who looks in."""
    cut_off, dropped, looks_in, *rest = scene.some(_DESIGNERS, scene.chance.randint(6, 7))
    over = scene.between(2_600, 2_900)
    for person in rest:
        scene.stays(person, scene.between(-60, 90), over + scene.between(0, 30))
    _come_and_go(scene, cut_off, over, same=False)
    _come_and_go(scene, dropped, over, same=True)
    look = scene.between(930, 1_050)
    scene.stays(looks_in, look, look + 8)
    scene.stays(looks_in, look + 240, over)


def _come_and_go(scene: Scene, who: Person, over: float, *, same: bool) -> None:
    connection = scene.connection() if same else None
    now = scene.between(-20, 30)
    while now < over:
        cut = min(over + 5, now + scene.between(60, 220))
        scene.stays(who, now, cut, connection)
        now = cut + scene.between(1.5, 14)


def _one_to_one(scene: Scene) -> None:
    """He comes at the very instant she goes: the room was not empty, and they were not there together. Then they talk."""
    handover = scene.between(135, 165)
    scene.stays(_ANA, 0, handover)
    over = scene.between(1_300, 1_700)
    scene.stays(_JUN, handover, over)
    scene.stays(_ANA, handover + 100, over + 3)


def _interview(scene: Scene) -> None:
    """A candidate waits for 20 seconds, finds nobody, goes, and is back when it begins."""
    (candidate,) = scene.some(_GUESTS, 1)
    (interviewer,) = scene.some(_INTERVIEWERS, 1)
    scene.stays(candidate, 0, 20)
    over = scene.between(1_500, 2_400)
    scene.stays(candidate, 150, over)
    scene.stays(interviewer, 165, over + 4)


def _sales_call(scene: Scene) -> None:
    """A customer or two, and somebody who calls by phone: a number for a name, and no user id."""
    over = scene.between(1_500, 2_200)
    scene.stays(scene.some(_SALES, 1)[0], -30, over + 8)
    for customer in scene.some(_GUESTS, scene.chance.randint(1, 3)):
        scene.stays(customer, scene.between(0, 120), over + scene.between(-60, 5))
    caller = Person(None, f"+1 202-555-01{scene.chance.randrange(100):02}")
    scene.stays(caller, scene.between(640, 700), over - 20)
    if scene.chance.random() < 0.2:
        scene.only_leaves(Person(None, None), scene.between(200, 300), scene.between(800, 1_000))


def _war_room(scene: Scene) -> None:
    """Yesterday's ghost is driven out; some come and go; of the last one's leave nothing is ever heard."""
    scene.ends(-110)
    ghost, *others = scene.some(_CRISIS, 5)
    scene.joins(ghost, scene.between(0, 120))
    for person in others:
        scene.stays(person, scene.between(0, 240), scene.between(2_430, 2_580))


# The plan: which room has which habit, how far from the present, and how often.


class Habit(NamedTuple):
    room: str
    first: Ms
    every: Ms
    scene: Callable[[Scene], None]
    at_weekends: bool = False


PLAN: Final = (
    Habit("all-hands", -12 * MINUTE, 4 * HOUR, _webinar),
    Habit("standup", 40 * SECOND, 30 * MINUTE, _stand_up),
    Habit("support", -50 * MINUTE, 2 * HOUR, _support, at_weekends=True),
    Habit("design-review", -15 * MINUTE, HOUR, _design_review),
    Habit("coffee-corner", -35 * MINUTE, 2 * HOUR, _early_bird, at_weekends=True),
    Habit("1-1-ana-jun", -1 * MINUTE, 40 * MINUTE, _one_to_one),
    Habit("interview", 50 * SECOND, HOUR, _interview),
    Habit("sales-call", -10 * MINUTE, 45 * MINUTE, _sales_call),
    Habit("war-room", -40 * MINUTE, DAY, _war_room),
)
"""So that within minutes of the present something happens in every room."""


def _arrivals(seed: int, present: Ms, start: Ms) -> Iterator[tuple[Ms, Event]]:
    """What arrives of all occasions that lie wholly after `start`, in order of arrival, without end."""
    rooms = [_arrivals_in(habit, seed, present, start) for habit in PLAN]
    return heapq.merge(*rooms, key=itemgetter(0))


def _arrivals_in(habit: Habit, seed: int, present: Ms, start: Ms) -> Iterator[tuple[Ms, Event]]:
    on_the_way: list[tuple[Ms, int, Event]] = []
    order = count()
    first = present + habit.first
    for number in count(-((first - start - _EARLIEST) // habit.every)):
        begins = first + number * habit.every
        while on_the_way and on_the_way[0][0] < begins - _EARLIEST:
            arrives, _, event = heapq.heappop(on_the_way)
            yield arrives, event
        if not _is_on(habit, begins, present):
            continue
        chance = Random(f"{seed} {present} {habit.room} {number}")  # noqa: S311 - it must come out the same again
        scene = Scene(habit.room, begins, chance)
        habit.scene(scene)
        for event in scene.told:
            for arrives in _when_it_arrives(event.at, chance):
                heapq.heappush(on_the_way, (arrives, next(order), event))


def _is_on(habit: Habit, begins: Ms, present: Ms) -> bool:
    """Whether anybody is at work: always from this morning on; before, in working hours."""
    since_morning = begins - (present - _OPENS)
    if since_morning >= 0:
        return True
    days_ago, into_the_day = divmod(since_morning, DAY)
    weekday = ((present + days_ago * DAY) // DAY + 3) % 7  # the epoch began on a Thursday
    return into_the_day < _OPENS + _CLOSES and (weekday < 5 or habit.at_weekends)


def _when_it_arrives(at: Ms, chance: Random) -> Iterator[Ms]:
    """Mostly at once, sometimes some seconds late, rarely very late; and now and then once more."""
    luck = chance.random()
    delay = chance.randrange(20, 400)
    if luck < 0.002:
        delay = chance.randrange(16 * SECOND, _MOST_LATE_MS)
    elif luck < 0.03:
        delay = chance.randrange(SECOND, 8 * SECOND)
    yield at + delay
    if chance.random() < 0.01:
        yield at + delay + chance.randrange(200, 6 * SECOND)
