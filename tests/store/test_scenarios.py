"""Every scenario yields the expected meetings from both databases, with events in any order and restarts."""

from random import Random

import pytest

from headcount.engine.engine import REORDER_WINDOW_MS, Engine
from headcount.kernel.meetings import Meeting
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.open import open_store
from support import engines
from support.scenario import SCENARIOS, parse
from support.stored import entry_of


@pytest.fixture(scope="module")
def on_server(postgres):
    store = open_store(postgres.database())
    yield store
    store.close()


def worked_out(store, domain, events, as_of, rules):
    shuffled = Random(0).sample(list(events), len(events))
    half = len(shuffled) // 2
    for some in (shuffled[:half], shuffled[half:]):
        store.log.append([[entry_of(event, as_of, domain=domain) for event in some]])
        engine = Engine(store, rules, store.projections.take_over(), batch_size=3)
        while engine.step(as_of + REORDER_WINDOW_MS):
            pass
    rows = store.meetings.page(domain, MeetingFilter(), Page(limit=1_000), as_of)
    entries = store.meetings.entries(rows)
    found = [
        Meeting(m.id, m.domain, m.room, m.start, m.end, m.max_participants, tuple(entries[m.id]))
        for m in rows
    ]
    return sorted(found, key=lambda meeting: (meeting.room, meeting.start))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_yields_the_same_meetings_on_postgres(on_server, path):
    story = parse(path.read_text())
    domain = path.stem

    def ask(events, *, as_of, rules, domain):
        return worked_out(on_server, domain, events, as_of, rules)

    asked = {"as_of": story.as_of, "rules": story.rules, "domain": domain}
    assert engines.in_scenario_time(ask)(story.events, **asked) == engines.in_scenario_time(engines.kernel)(
        story.events, **asked
    )
