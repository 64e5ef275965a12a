"""Meetings filtered by attributes are those that a plain filter over all meetings and entries finds."""

from collections import Counter
from itertools import combinations, count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount.engine.engine import Engine
from headcount.kernel import checkpoints
from headcount.kernel.attributes import AttributeFilter, canonical, matches, text_of, values_of
from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import Rules
from headcount.store.meeting_counts import MINUTE_MS, PERIOD_MS
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.open import open_store
from headcount.store.records import DAY_MS
from support.engines import NEW_YEAR
from support.stored import entry_of, shifted
from support.strategies import EAGER, SCALED, uncertain_histories, undecided_histories

FEW = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(FEW, max_examples=40)
RULES = Rules(3, 8, 20, 4)
"""Stays of 3 ms count, and who is alone for 20 ms starts the next meeting."""
KEYS = ("role", "customer", "kind", "seat", "vip")
ATTRIBUTES = (
    {},
    {"role": "host"},
    {"role": "guest", "seat": 7},
    {"customer": "acme", "role": "host"},
    {"customer": "acme", "role": "guest", "kind": "person"},
    {"customer": "other", "kind": "bot", "role": "host", "seat": 7},
)
NUMBERS = count()
EVERYTHING = Page(limit=10_000)


@pytest.fixture(scope="module")
def file_store(tmp_path_factory):
    store = open_store(str(tmp_path_factory.mktemp("store", numbered=True) / "a.db"), durability="off")
    yield store
    store.close()


@pytest.fixture(scope="module")
def server_store(postgres):
    store = open_store(postgres.database(), durability="normal")
    yield store
    store.close()


@pytest.fixture(scope="module", autouse=True)
def _checkpoints():
    """Let the engine begin anywhere within a meeting to correct it, as it does in busy rooms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "SPACING", 1)
        yield


class Life:
    """A domain of its own in a store, and the engine."""

    def __init__(self, store, rules, **options):
        self.store = store
        self.domain = f"d{next(NUMBERS)}"
        self.engine = Engine(store, rules, store.projections.take_over(), **options)

    def append(self, *events):
        self.store.log.append([[entry_of(event, domain=self.domain) for event in events]])

    def show(self, moment):
        while self.engine.step(moment):
            pass

    def meetings(self, *conditions, **wanted):
        wanted = MeetingFilter(attributes=tuple(AttributeFilter(*one) for one in conditions), **wanted)
        found = self.store.meetings.page(self.domain, wanted, EVERYTHING, 0)
        assert self.store.meetings.count(self.domain, wanted, 0) == len(found)
        return found

    def check(self):
        """Compare every filter by one or two values with the plain one, and the tables with what they must be."""
        rows = self.meetings()
        entries = self.store.meetings.entries(rows)
        known = {
            (key, text_of(value))
            for row in rows
            for entry in entries[row.id]
            for key, value in values_of(entry.attributes).items()
        }
        questions = [[*some] for size in (1, 2, 3) for some in combinations(sorted(known), size)]
        for number, conditions in enumerate([[("role", "nobody")], *questions]):
            having = [
                row for row in rows if any(matches(one.attributes, conditions) for one in entries[row.id])
            ]
            assert self.meetings(*conditions) == having
            if number % 5 == 0:
                assert self.meetings(*conditions, room="blue") == [
                    row for row in having if row.room == "blue"
                ]
            elif number % 5 == 1:
                assert self.meetings(*conditions, ongoing=True) == [row for row in having if row.end is None]
            elif number % 5 == 2:
                assert self.meetings(*conditions, ongoing=False) == [row for row in having if row.end]
            elif number % 5 == 3:
                assert self.meetings(*conditions, user_id="x") == [
                    row
                    for row in rows
                    if any(
                        matches(one.attributes, conditions) and one.user_id == "x" for one in entries[row.id]
                    )
                ]
        of_meetings = {
            (key, text_of(value), row.start // 1_000, row.id)
            for row in rows
            for entry in entries[row.id]
            for key, value in values_of(entry.attributes).items()
        }
        table = self.table("key, value, start_s, id from meeting_attributes")
        assert [row for row in table if row[0] in KEYS] == sorted(of_meetings)
        table_by_day = Counter((key, value, start // (DAY_MS // 1_000)) for key, value, start, _ in table)
        self._check_sizes(rows)
        counts = self.table("key, value, day, meetings from meeting_attribute_counts")
        assert [row for row in counts if row[3]] == sorted(
            (*day, number) for day, number in table_by_day.items()
        )

    def _check_sizes(self, rows):
        """Compare the filters by size with plain ones, and the counts of ended meetings with the meetings."""
        for least in range(5):
            assert self.meetings(min_participants=least) == [
                row for row in rows if row.max_participants >= least
            ]
        for shortest in (5, 30):
            assert self.meetings(min_duration=shortest, ongoing=False) == [
                row for row in rows if row.end and row.end - row.start >= shortest
            ]
        cells = Counter(
            (row.start // PERIOD_MS, (row.end - row.start) // MINUTE_MS, row.max_participants)
            for row in rows
            if row.end
        )
        counts = self.table("period, minutes, max_participants, meetings from ended_meeting_counts")
        assert [row for row in counts if row[3]] == sorted((*cell, number) for cell, number in cells.items())

    def table(self, text):
        with self.store.database.reading() as connection:
            text = f"select {text} where domain = :domain"
            return sorted(tuple(row) for row in connection.query(text, {"domain": self.domain}))


@st.composite
def steps(draw):
    """Draw events of a room, each with the time of the next look: some are late, and most looks see a new one."""
    now, drawn = 0, []
    for _ in range(draw(st.integers(2, 14))):
        now += draw(st.sampled_from([0, 1, 3, 8, 25]))
        late = draw(st.sampled_from([0, 0, 0, 2, 9, 40]))
        kind = draw(st.sampled_from([Kind.JOIN, Kind.JOIN, Kind.LEAVE]))
        known = {} if draw(st.booleans()) else {"user_id": draw(st.sampled_from("xy"))}
        event = Event(
            kind, "blue", NEW_YEAR + max(0, now - late), draw(st.sampled_from("abc")),
            attributes=canonical(draw(st.sampled_from(ATTRIBUTES))), **known,
        )  # fmt: skip
        drawn.append((event, NEW_YEAR + now + draw(st.sampled_from([0, 1, 5]))))
    return drawn


def live(store, data):
    life = Life(store, RULES, reorder_window=data.draw(st.sampled_from((0, 2))))
    for event, look in data.draw(steps()):
        life.append(event)
        life.show(look)
        life.check()
    life.show(NEW_YEAR + 10_000)
    life.check()


@MANY
@given(st.data())
def test_filters_are_right_after_any_life(file_store, data):
    live(file_store, data)


@FEW
@given(st.data())
def test_filters_are_right_after_any_life_on_a_server(server_store, data):
    live(server_store, data)


@MANY
@given(st.data())
def test_filters_are_right_if_inferred_leaves_are_overridden(file_store, data):
    events = [shifted(event) for event in data.draw(uncertain_histories(with_attributes=True))]
    life = Life(file_store, EAGER)
    for event in data.draw(st.permutations(events)):
        life.append(event)
        life.show(event.at + 2)
        life.check()


@MANY
@given(st.data())
def test_filters_are_right_if_a_leave_that_is_not_decided_yet_is_withdrawn(file_store, data):
    life = Life(file_store, SCALED, reorder_window=0)
    for event in data.draw(undecided_histories()):
        life.append(shifted(event))
        life.show(NEW_YEAR + 103)
        life.check()


@pytest.fixture(params=["file", "postgres"])
def life(request):
    name = "file_store" if request.param == "file" else "server_store"
    return Life(request.getfixturevalue(name), Rules())


def stay(who, first, last, room="blue", **known):
    joined = Event(Kind.JOIN, room, NEW_YEAR + first * 1_000, who, **known)
    return joined, Event(Kind.LEAVE, room, NEW_YEAR + last * 1_000, who)


VALUES = [
    '{"v":"plain"}',
    '{"v":"5"}',
    '{"v":5}',
    '{"v":true}',
    '{"v":-1.5}',
    '{"v":"a,\\"w\\":1"}',
    '{"a\\"b,":"x\\\\","v":"%_é 会議 😀"}',
    '{"v":"1,\\"w\\":2","w":3}',
    '{"v":"' + "é" * 1_000 + '"}',
    '{"[\\"v\\"]":"[\\"plain\\"]"}',
    '{"v":"sha256:' + "0" * 64 + '"}',
]


def test_any_value_is_found_exactly(life):
    for number, known in enumerate(VALUES):
        life.append(*stay("a", number * 100, number * 100 + 60, attributes=known, user_id="u"))
    life.show(NEW_YEAR + 3_660_000)
    rows = life.meetings()[::-1]
    assert len(rows) == len(VALUES)
    texts = [{key: text_of(value) for key, value in values_of(one).items()} for one in VALUES]
    for own in texts:
        for conditions in [own, *({key: value} for key, value in own.items())]:
            expected = [
                row for row, other in zip(rows, texts, strict=True) if conditions.items() <= other.items()
            ]
            assert life.meetings(*conditions.items())[::-1] == expected
            assert life.meetings(*conditions.items(), user_id="u")[::-1] == expected


def joined(who, at, role, room="blue"):
    known = role and f'{{"role":"{role}"}}'
    return Event(Kind.JOIN, room, NEW_YEAR + at * 1_000, who, attributes=known)


def test_a_late_event_takes_a_value_from_an_ongoing_meeting(life):
    life.append(joined("a", 0, None), joined("b", 0, None), joined("a", 100, "host"))
    life.show(NEW_YEAR + 200_000)
    (meeting,) = life.meetings(("role", "host"))
    life.append(joined("a", 50, "guest"))
    life.show(NEW_YEAR + 201_000)
    assert life.meetings(("role", "host")) == []
    assert life.meetings(("role", "guest")) == [meeting]
    life.check()


def test_a_late_leave_takes_a_value_from_an_ongoing_meeting(life):
    life.append(joined("a", 0, None), joined("b", 0, None), joined("c", 20, "host"), joined("d", 30, "host"))
    life.show(NEW_YEAR + 200_000)
    life.append(Event(Kind.LEAVE, "blue", NEW_YEAR + 22_000, "c"))
    life.show(NEW_YEAR + 201_000)
    assert len(life.meetings(("role", "host"))) == 1
    life.append(Event(Kind.LEAVE, "blue", NEW_YEAR + 32_000, "d"))
    life.show(NEW_YEAR + 202_000)
    assert life.meetings(("role", "host")) == []
    life.check()


def test_conditions_apply_to_the_same_stay(life):
    life.append(*stay("a", 0, 60, attributes='{"customer":"acme","role":"guest"}', user_id="u"))
    life.append(*stay("b", 0, 60, attributes='{"customer":"other","role":"host"}'))
    life.show(NEW_YEAR + 3_660_000)
    assert len(life.meetings(("customer", "acme"))) == 1
    assert len(life.meetings(("customer", "acme"), ("role", "guest"))) == 1
    assert life.meetings(("customer", "acme"), ("role", "host")) == []
    assert len(life.meetings(("role", "guest"), user_id="u")) == 1
    assert life.meetings(("role", "host"), user_id="u") == []


def test_pages_and_bounds_are_those_of_a_list_without_conditions(life):
    for number in range(40):
        role = "host" if number % 2 else "guest"
        life.append(*stay("a", number * 40_000, number * 40_000 + 60, attributes=f'{{"role":"{role}"}}'))
    life.show(NEW_YEAR + 3_600_000_000)
    hosts = life.meetings()[::2]
    conditions = (AttributeFilter("role", "host"),)

    def page(**place):
        return life.store.meetings.page(
            life.domain, MeetingFilter(attributes=conditions), Page(7, **place), 0
        )

    assert page() == hosts[:7]
    assert page(after=hosts[6]) == hosts[7:14]
    assert page(before=hosts[14]) == hosts[7:14]
    assert page(oldest=True) == hosts[-7:]
    assert page(ascending=True) == hosts[::-1][:7]
    for first, until in ((3, 15), (0, 19), (5, 5)):
        start, end = hosts[until].start, hosts[first].start
        within = [row for row in hosts if start <= row.start < end]
        assert life.meetings(*conditions, starts_from=start, starts_before=end) == within
        running = [row for row in hosts if row.start < end and row.end > start + 30_000]
        assert life.meetings(*conditions, runs_from=start + 30_000, runs_before=end) == running


def test_a_correction_with_new_meetings_before_it_costs_an_older_meeting_no_value(file_store):
    """The last meeting before the corrected time is another one after the batch than before it."""
    life = Life(file_store, RULES)
    host = {"attributes": canonical({"role": "host"})}
    life.append(
        *(shifted(Event(kind, "blue", at, "a", **host)) for kind, at in ((Kind.JOIN, 0), (Kind.LEAVE, 50)))
    )
    life.show(NEW_YEAR + 1_000)
    again = [
        (Kind.JOIN, 2_000, "b"),
        (Kind.LEAVE, 2_050, "b"),
        (Kind.JOIN, 5_000, "c"),
        (Kind.LEAVE, 5_050, "c"),
    ]
    corrected = shifted(Event(Kind.LEAVE, "blue", 6_000, "c", joined_at=4_990))
    life.append(*(shifted(Event(kind, "blue", at, who, **host)) for kind, at, who in again), corrected)
    life.show(NEW_YEAR + 9_000)
    life.check()
