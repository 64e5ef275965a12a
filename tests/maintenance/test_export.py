"""Exported files contain the same events and give the same meetings."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount import sessionize
from headcount.kernel.rules import Rules
from headcount.maintenance.export import export_domain
from support.engines import NEW_YEAR, meetings_in, to_calendar_time
from support.stored import DOMAIN, IN_MEMORY, StoredEngine
from support.strategies import histories

LATER = NEW_YEAR + 10**7


@pytest.mark.parametrize("fmt", ["parquet", "csv", "ndjson"])
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_exported_events_give_the_meetings_of_the_store(fmt, data):
    events = [to_calendar_time(event) for event in data.draw(histories())]
    with TemporaryDirectory(dir=IN_MEMORY) as folder:
        service = StoredEngine(Path(folder), Rules())
        service.append(*events)
        service.show(LATER)
        export_domain(service.store, DOMAIN, f"{folder}/out", fmt, LATER)
        sessions = sessionize(f"{folder}/out/events.{fmt}", as_of=LATER, domain=DOMAIN)
        assert meetings_in(sessions) == service.meetings()
        service.close()
