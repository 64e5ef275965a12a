"""Events of a fictional company's video rooms, the same for the same seed.

Responsible for what people do in rooms, each room with a habit that the rules of meetings apply to, and for how the events
arrive: mostly at once, sometimes late, twice, or never. Must not know the rules: it generates people who come and go, and
no meetings. There is no clock here, and randomness comes from the seed alone.

Everything is scheduled around one time, `now`. It is in a working day of the company, so that something is going on in every
room. Before it are days with working hours and quiet weekends, and after it somebody is always at work. `past_events` are
those that arrived before it, `live_events` those that arrive from it on. Who is in a room at that time is in both.
"""

import heapq
from collections.abc import Callable, Iterator
from itertools import count, takewhile
from operator import itemgetter
from random import Random
from typing import Final, NamedTuple
from uuid import UUID

from headcount.kernel.attributes import Attributes, canonical
from headcount.kernel.events import Event, Kind, Ms

SECOND: Final[Ms] = 1_000
MINUTE: Final[Ms] = 60 * SECOND
HOUR: Final[Ms] = 60 * MINUTE
DAY: Final[Ms] = 24 * HOUR

_MAX_EARLY_MS: Final = 2 * MINUTE  # nobody joins earlier than this before the hour
_MAX_STAY_MS: Final = 4 * HOUR  # nobody is scheduled to stay longer, except those who never leave
_OPEN_BEFORE_MS: Final = 5 * HOUR  # before now, and at the same time on each day before
_OPEN_AFTER_MS: Final = 4 * HOUR
_MAX_DELAY_MS: Final = 40 * SECOND


def live_events(seed: int, start: Ms) -> Iterator[tuple[Ms, Event]]:
    """Yield all events that arrive from `start` ms on, without end, as arrival time and event, in order of arrival.

    Joins of those who are in a room at `start` arrived before it: they are in `past_events` of some hours or more.
    """
    arriving = _arrivals(seed, start, start - _MAX_STAY_MS - _MAX_EARLY_MS)
    return ((arrives, event) for arrives, event in arriving if arrives >= start)


def past_events(seed: int, start: Ms, end: Ms) -> list[Event]:
    """Return the events that arrived in [start, end) ms, in order of arrival. `live_events` from `end` on continue them."""
    arriving = _arrivals(seed, end, start)
    return [event for _, event in takewhile(lambda arrival: arrival[0] < end, arriving)]


# People.


class Person(NamedTuple):
    """A person as a room reports them. Some have no id, some no name. Guests have a customer, employees an email address."""

    user_id: str | None
    name: str | None
    email: str | None = None
    customer: str | None = None


def _team(first: int, names: str) -> tuple[Person, ...]:
    people = ((f"u-{n}", name.strip()) for n, name in enumerate(names.split(","), first))
    return tuple(Person(user_id, name, f"{user_id}@company.example") for user_id, name in people)


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

_CUSTOMERS: Final = ("Northwind Clinic", "Baltic Bank", "Casa Verde", "Delta Freight", "Eastside School")


def _guest(number: int) -> Person:
    first, last = divmod(number, len(_LAST_NAMES))
    customer = _CUSTOMERS[number % len(_CUSTOMERS)]
    return Person(f"g-{40_000 + number}", f"{_FIRST_NAMES[first]} {_LAST_NAMES[last]}", customer=customer)


_GUESTS: Final = tuple(map(_guest, range(len(_FIRST_NAMES) * len(_LAST_NAMES))))


# Occurrences.


class Occurrence:
    """One occurrence of a recurring meeting, and the events of its room. Seconds count from its scheduled start."""

    def __init__(self, room: str, start: Ms, random: Random) -> None:
        self.events: list[Event] = []
        self.random = random
        self._room = room
        self._start = start
        self.session: str | None = None

    def new_connection(self) -> str:
        """Return the id of a new connection."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def add_stay(
        self,
        person: Person,
        join_s: float,
        leave_s: float,
        connection: str | None = None,
        **attributes: str | None,
    ) -> str:
        """Add a join with these attributes and a leave, and return the id of the connection."""
        connection = self.add_join(person, join_s, connection, **attributes)
        self._add(Kind.LEAVE, leave_s, connection, person)
        return connection

    def add_join(
        self, person: Person, join_s: float, connection: str | None = None, **attributes: str | None
    ) -> str:
        """Add a join whose leave is never reported, and return the id of the connection."""
        connection = connection or self.new_connection()
        self._add(Kind.JOIN, join_s, connection, person, attributes=canonical(attributes))
        return connection

    def add_leave_only(self, person: Person, join_s: float, leave_s: float) -> None:
        """Add a leave whose join was not reported."""
        self._add(Kind.LEAVE, leave_s, self.new_connection(), person, joined_at=self._at(join_s))

    def add_end(self, at_s: float) -> None:
        """Add the end of the room."""
        self.events.append(Event(Kind.END, self._room, self._at(at_s), source_session=self.session))

    def sample(self, team: tuple[Person, ...], number: int) -> list[Person]:
        return self.random.sample(team, number)

    def uniform(self, min_s: float, max_s: float) -> float:
        return self.random.uniform(min_s, max_s)

    def _at(self, seconds: float) -> Ms:
        return self._start + round(seconds * SECOND)

    def add_host(self, person: Person, join_s: float, leave_s: float) -> None:
        """Add a stay of an employee who is the host."""
        self.add_stay(person, join_s, leave_s, role="host", email=person.email)

    def add_guest(self, person: Person, join_s: float, leave_s: float, **attributes: str) -> None:
        """Add a stay of a guest."""
        self.add_stay(person, join_s, leave_s, role="guest", customer=person.customer, **attributes)

    def _add(
        self,
        kind: Kind,
        at_s: float,
        connection: str,
        person: Person,
        joined_at: Ms | None = None,
        attributes: Attributes | None = None,
    ) -> None:
        self.events.append(
            Event(
                kind,
                self._room,
                self._at(at_s),
                connection,
                person.user_id,
                person.name,
                self.session,
                joined_at,
                attributes=attributes,
            )
        )


def _stand_up(occurrence: Occurrence) -> None:
    """Eight to twelve people join within two minutes of the half hour; two stay longer."""
    team = occurrence.sample(_ENGINEERS, occurrence.random.randint(8, 12))
    over = occurrence.uniform(660, 840)
    for person in team[2:]:
        occurrence.add_stay(person, occurrence.uniform(-40, 100), over + occurrence.uniform(0, 25))
    for person in team[:2]:
        occurrence.add_stay(person, occurrence.uniform(-80, 0), over + occurrence.uniform(60, 300))


def _webinar(occurrence: Occurrence) -> None:
    """Hundreds join over time, many leave before the questions, and the end of the room closes it for the rest."""
    occurrence.session = f"all-hands-{occurrence.random.getrandbits(32):08x}"
    host = occurrence.random.choice(_GUESTS)
    occurrence.add_join(host, -90, role="host")
    for person in occurrence.sample(_GUESTS, occurrence.random.randint(260, 340)):
        if person is host:
            continue
        join = occurrence.random.triangular(-60, 1_150, -30)
        if occurrence.random.random() < 0.45:
            occurrence.add_stay(
                _partly_known(person, occurrence.random), join, max(join + 5, occurrence.uniform(820, 1_010))
            )
        elif occurrence.random.random() < 0.5:
            occurrence.add_stay(
                _partly_known(person, occurrence.random), join, join + occurrence.uniform(120, 1_000)
            )
        else:
            occurrence.add_join(_partly_known(person, occurrence.random), join)
    occurrence.add_end(2_100)


def _partly_known(guest: Person, random: Random) -> Person:
    """Most people have id and name; some only one of them, some neither."""
    known = random.random()
    user_id = None if known < 0.12 else guest.user_id
    name = None if 0.06 < known < 0.25 else guest.name
    return Person(user_id, name)


def _support(occurrence: Occurrence) -> None:
    """A shift of two hours. Customers join one by one; after a quiet period the next one starts a new meeting."""
    staff = _SUPPORT[occurrence.random.randrange(0, 2)], _SUPPORT[occurrence.random.randrange(2, 4)]
    occurrence.add_host(staff[0], 0, 3_602)
    occurrence.add_host(staff[1], 3_600, 7_201)
    customers = iter(occurrence.sample(_GUESTS, 60))
    for opens, closes in ((60, 2_400), (3_130, 7_000)):
        now = opens + occurrence.uniform(0, 60)
        while now < closes - 60:
            leaves = min(closes - occurrence.uniform(0, 20), now + occurrence.uniform(60, 420))
            occurrence.add_guest(next(customers), now, leaves)
            now = leaves + occurrence.random.expovariate(1 / 150)
    # The last one before the quiet period: after it, the staff is alone for more than ten minutes.
    occurrence.add_guest(next(customers), 2_300, 2_450)


def _early_bird(occurrence: Occurrence) -> None:
    """One person alone for well over an hour."""
    (person,) = occurrence.sample(_EARLY_BIRDS, 1)
    occurrence.add_stay(person, occurrence.uniform(0, 60), occurrence.uniform(5_000, 6_400))


def _design_review(occurrence: Occurrence) -> None:
    """Two people with bad connections, one of them with a lasting connection id; and one who joins for seconds only."""
    cut_off, dropped, visitor, *rest = occurrence.sample(_DESIGNERS, occurrence.random.randint(6, 7))
    over = occurrence.uniform(2_600, 2_900)
    for person in rest:
        occurrence.add_stay(person, occurrence.uniform(-60, 90), over + occurrence.uniform(0, 30))
    _reconnect_often(occurrence, cut_off, over, same=False)
    _reconnect_often(occurrence, dropped, over, same=True)
    visit = occurrence.uniform(930, 1_050)
    occurrence.add_stay(visitor, visit, visit + 8)
    occurrence.add_stay(visitor, visit + 240, over)


def _reconnect_often(occurrence: Occurrence, person: Person, over: float, *, same: bool) -> None:
    connection = occurrence.new_connection() if same else None
    now = occurrence.uniform(-20, 30)
    while now < over:
        cut = min(over + 5, now + occurrence.uniform(60, 220))
        occurrence.add_stay(person, now, cut, connection)
        now = cut + occurrence.uniform(1.5, 14)


def _one_to_one(occurrence: Occurrence) -> None:
    """One joins at the instant at which the other leaves: the room was never empty, and they were not there together."""
    handover = occurrence.uniform(135, 165)
    occurrence.add_stay(_ANA, 0, handover)
    over = occurrence.uniform(1_300, 1_700)
    occurrence.add_stay(_JUN, handover, over)
    occurrence.add_stay(_ANA, handover + 100, over + 3)


def _interview(occurrence: Occurrence) -> None:
    """A candidate waits for 20 seconds alone, leaves, and is back when the interview starts."""
    candidate = occurrence.sample(_GUESTS, 1)[0]._replace(customer=None)
    (interviewer,) = occurrence.sample(_INTERVIEWERS, 1)
    occurrence.add_guest(candidate, 0, 20)
    over = occurrence.uniform(1_500, 2_400)
    occurrence.add_guest(candidate, 150, over)
    occurrence.add_host(interviewer, 165, over + 4)


def _sales_call(occurrence: Occurrence) -> None:
    """One to three customers, and a caller by phone: a number as name, and no user id."""
    over = occurrence.uniform(1_500, 2_200)
    occurrence.add_host(occurrence.sample(_SALES, 1)[0], -30, over + 8)
    guests = occurrence.sample(_GUESTS, occurrence.random.randint(1, 3))
    for guest in guests:
        occurrence.add_guest(guest, occurrence.uniform(0, 120), over + occurrence.uniform(-60, 5))
    number = f"+1 202-555-01{occurrence.random.randrange(100):02}"
    caller = Person(None, number, customer=guests[0].customer)
    occurrence.add_guest(caller, occurrence.uniform(640, 700), over - 20, kind="phone")
    if occurrence.random.random() < 0.2:
        occurrence.add_leave_only(
            Person(None, None), occurrence.uniform(200, 300), occurrence.uniform(800, 1_000)
        )


def _war_room(occurrence: Occurrence) -> None:
    """The end of the room removes a stale participant of the day before; the leave of the last one is never reported."""
    occurrence.add_end(-110)
    stale, *others = occurrence.sample(_CRISIS, 5)
    occurrence.add_join(stale, occurrence.uniform(0, 120))
    for person in others:
        occurrence.add_stay(person, occurrence.uniform(0, 240), occurrence.uniform(2_430, 2_580))


# The schedule.


class RecurringMeeting(NamedTuple):
    """A meeting that repeats. `first_ms` is the start of one occurrence, relative to now."""

    room: str
    first_ms: Ms
    interval_ms: Ms
    simulate: Callable[[Occurrence], None]
    at_weekends: bool = False


SCHEDULE: Final = (
    RecurringMeeting("all-hands", -12 * MINUTE, 4 * HOUR, _webinar),
    RecurringMeeting("standup", 40 * SECOND, 30 * MINUTE, _stand_up),
    RecurringMeeting("support", -50 * MINUTE, 2 * HOUR, _support, at_weekends=True),
    RecurringMeeting("design-review", -15 * MINUTE, HOUR, _design_review),
    RecurringMeeting("coffee-corner", -35 * MINUTE, 2 * HOUR, _early_bird, at_weekends=True),
    RecurringMeeting("1-1-ana-jun", -1 * MINUTE, 40 * MINUTE, _one_to_one),
    RecurringMeeting("interview", 50 * SECOND, HOUR, _interview),
    RecurringMeeting("sales-call", -10 * MINUTE, 45 * MINUTE, _sales_call),
    RecurringMeeting("war-room", -40 * MINUTE, DAY, _war_room),
)
"""Something happens in every room within minutes of now."""


def _arrivals(seed: int, now: Ms, start: Ms) -> Iterator[tuple[Ms, Event]]:
    """Arrivals of all occurrences that are completely after `start`, in order, without end."""
    rooms = [_arrivals_of(recurring, seed, now, start) for recurring in SCHEDULE]
    return heapq.merge(*rooms, key=itemgetter(0))


def _arrivals_of(recurring: RecurringMeeting, seed: int, now: Ms, after: Ms) -> Iterator[tuple[Ms, Event]]:
    in_transit: list[tuple[Ms, int, Event]] = []
    order = count()
    first = now + recurring.first_ms
    for number in count(-((first - after - _MAX_EARLY_MS) // recurring.interval_ms)):
        start = first + number * recurring.interval_ms
        while in_transit and in_transit[0][0] < start - _MAX_EARLY_MS:
            arrives, _, event = heapq.heappop(in_transit)
            yield arrives, event
        if not _takes_place(recurring, start, now):
            continue
        random = Random(f"{seed} {now} {recurring.room} {number}")  # noqa: S311 - it must be reproducible
        occurrence = Occurrence(recurring.room, start, random)
        recurring.simulate(occurrence)
        for event in occurrence.events:
            for arrives in _arrival_times(event.at, random):
                heapq.heappush(in_transit, (arrives, next(order), event))


def _takes_place(recurring: RecurringMeeting, start: Ms, now: Ms) -> bool:
    """Return whether people are at work: always from this morning on, and in working hours before."""
    since_morning = start - (now - _OPEN_BEFORE_MS)
    if since_morning >= 0:
        return True
    days_ago, since_opening = divmod(since_morning, DAY)
    weekday = ((now + days_ago * DAY) // DAY + 3) % 7  # the epoch started on a Thursday
    return since_opening < _OPEN_BEFORE_MS + _OPEN_AFTER_MS and (weekday < 5 or recurring.at_weekends)


def _arrival_times(at: Ms, random: Random) -> Iterator[Ms]:
    """Mostly at once, sometimes some seconds late, rarely very late, and sometimes twice."""
    luck = random.random()
    delay = random.randrange(20, 400)
    if luck < 0.002:
        delay = random.randrange(16 * SECOND, _MAX_DELAY_MS)
    elif luck < 0.03:
        delay = random.randrange(SECOND, 8 * SECOND)
    yield at + delay
    if random.random() < 0.01:
        yield at + delay + random.randrange(200, 6 * SECOND)
