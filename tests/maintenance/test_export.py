"""Exported files contain the same events and give the same meetings, and an import of them the same log."""

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount import sessionize
from headcount.ingest.importers.event_files import import_files
from headcount.kernel.attributes import canonical
from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import Rules
from headcount.limits import Limits
from headcount.maintenance.export import export_domain
from headcount.store.open import open_store
from support.engines import NEW_YEAR, meetings_in, to_calendar_time
from support.stored import DOMAIN, IN_MEMORY, StoredEngine
from support.strategies import histories

LATER = NEW_YEAR + 10**7
FORMATS = ["parquet", "csv", "ndjson"]
HOSTILE_TEXTS = [
    ",", ";", '"', '""', "'", "\\", "a\nb", "\r\n", "\t", "\x1f", "=1+1", "@x", "-1", "true", "null", "NaN", "007", "1.0", " ",
    "{}", "[1]", '{"role":"host"}', "\u202eא", "\u2028", "\ufeff", "👩‍🚀", "é", "e\u0301", "</td>", "\\u0041", "x" * 512,
]  # fmt: skip
HOSTILE_KEYS = [
    *HOSTILE_TEXTS[:-1],
    "role",
    "attributes",
    "attributes.role",
    "room",
    "a.b",
    "a=b",
    "k" * 64,
    "__proto__",
]
TEXTS = st.sampled_from(HOSTILE_TEXTS) | st.text(
    st.characters(exclude_characters="\0", codec="utf-8"), max_size=20
)
NUMBERS = st.integers(1 - 2**63, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
KEYS = st.sampled_from(HOSTILE_KEYS) | TEXTS.filter(lambda text: 0 < len(text) <= 64)
HOSTILE = st.dictionaries(KEYS, TEXTS | NUMBERS | st.booleans(), max_size=8).map(canonical)


@pytest.mark.parametrize("fmt", FORMATS)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_exported_events_give_the_meetings_of_the_store(fmt, data):
    events = [to_calendar_time(event) for event in data.draw(histories(with_attributes=True))]
    with TemporaryDirectory(dir=IN_MEMORY) as folder:
        service = StoredEngine(Path(folder), Rules())
        service.append(*events)
        service.show(LATER)
        export_domain(service.store, DOMAIN, f"{folder}/out", fmt, LATER)
        sessions = sessionize(f"{folder}/out/events.{fmt}", as_of=LATER, domain=DOMAIN)
        meetings = service.meetings()
        assert meetings_in(sessions) == meetings
        if fmt == "parquet":
            participants = pq.read_table(f"{folder}/out/participants.parquet")
            known = [entry.attributes for meeting in meetings for entry in meeting.participants]
            assert sorted(participants["attributes"].to_pylist(), key=str) == sorted(known, key=str)
        service.close()


def events_in(store):
    """All events of the log, by time."""
    return sorted((entry.event for entry in store.log.after(0, 1_000)), key=repr)


@pytest.mark.parametrize("fmt", FORMATS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(HOSTILE, HOSTILE), min_size=1, max_size=4))
def test_an_import_of_exported_events_gives_the_same_log_and_the_same_meetings(fmt, known):
    events = [
        Event(kind, "blue", NEW_YEAR + at + number, f"c-{number}", attributes=attributes)
        for number, pair in enumerate(known)
        for kind, at, attributes in zip((Kind.JOIN, Kind.LEAVE), (0, 60_000), pair, strict=True)
    ]
    with TemporaryDirectory(dir=IN_MEMORY) as folder:
        service = StoredEngine(Path(folder), Rules())
        service.append(*events)
        service.show(LATER)
        export_domain(service.store, DOMAIN, f"{folder}/out", fmt, LATER)
        with closing(open_store(f"{folder}/imported.db")) as imported:
            result = import_files(
                imported, [f"{folder}/out/events.{fmt}"], DOMAIN, lambda: LATER, Rules(), lambda *_: None, limits=Limits()
            )  # fmt: skip
            assert result.accepted == len(events)
            assert events_in(imported) == events_in(service.store)
            assert {event.attributes for event in events_in(imported)} == {
                event.attributes for event in events
            }
        other = StoredEngine(Path(folder), Rules())
        other.append(*events_in(service.store))
        other.show(LATER)
        assert other.meetings() == service.meetings()
        service.close()
        other.close()
