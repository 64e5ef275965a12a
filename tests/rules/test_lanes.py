"""Small inputs, which the kernel processes itself, give the same results as the compiled passes, to the last byte."""

import csv
import io
import json
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import headcount
from headcount.batch.io.terminal import as_json, show
from headcount.batch.io.writers import write_sessions
from headcount.kernel.rules import Rules
from support import ROOT
from support.engines import table_of, to_calendar_time
from support.event_files import JOIN, LEAVE, NINE, write_ndjson
from support.lanes import LANES, lane
from support.strategies import EAGER, SCALED, histories, uncertain_histories

SOME = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
FORMATS = ("parquet", "csv", "ndjson", "daily")
COLUMNS = (
    "room", "participant_id", "kind", "at", "user_id", "user_name", "domain", "source_session", "joined_at",
    "inferred", "attributes",
)  # fmt: skip


def in_both(source, **options):
    """Return the sessions of a source by each lane."""
    found = []
    for name in LANES:
        with lane(name):
            found.append(headcount.sessionize(source, **options))
    return found


def files_of(sessions):
    """Return every file that can be written, and what is printed."""
    found = {"json": as_json(sessions, [])}
    for fmt in FORMATS:
        with tempfile.TemporaryDirectory() as folder:
            for path in write_sessions(sessions, folder, fmt):
                # Parquet contains the encodings of columns, which depend on the pieces. Its tables are compared.
                if path.suffix != ".parquet":
                    found[path.name] = path.read_bytes()
    for fmt in (None, "csv", "ndjson", "daily"):
        out = io.TextIOWrapper(io.BytesIO(), "utf-8")
        show(sessions, fmt, out)
        found[f"printed {fmt}"] = out.buffer.getvalue()
    return found


def assert_equal(source, **options):
    small, large = in_both(source, **options)
    assert small.summary == large.summary
    assert small.as_of == large.as_of
    for name in ("meetings", "participants", "stays"):
        assert getattr(small, name).schema == getattr(large, name).schema
        assert getattr(small, name).to_pylist() == getattr(large, name).to_pylist()
    assert files_of(small) == files_of(large)
    for granularity_s in (1, 15):
        assert small.to_daily(granularity_s, include_attributes=True) == large.to_daily(
            granularity_s, include_attributes=True
        )


def rows_of(history, domains):
    rows = []
    for number, event in enumerate(history):
        row = {name: getattr(event, name, None) for name in COLUMNS}
        row |= {"kind": event.kind.value, "inferred": event.inferred and event.inferred.value}
        rows.append(row | {"domain": domains[number % len(domains)]})
    return rows


def write_csv(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_json(path, rows):
    for row in rows:
        row["attributes"] = row["attributes"] and json.loads(row["attributes"])
    return write_ndjson(path, *rows)


@SOME
@given(st.data())
def test_tables_give_the_same_results(data):
    rules = data.draw(st.sampled_from([SCALED, EAGER]))
    history = data.draw(uncertain_histories() | histories(rules))
    events = [to_calendar_time(event) for event in history]
    latest = max((event.at for event in events), default=NINE)
    as_of = data.draw(st.none() | st.integers(latest - 1_000, latest + 1_000))
    assert_equal(table_of(events), rules=rules, as_of=as_of)


@SOME
@given(st.data())
def test_files_give_the_same_results(data):
    history = data.draw(uncertain_histories() | histories(EAGER))
    events = [to_calendar_time(event) for event in history]
    domains = data.draw(st.lists(st.sampled_from([None, "acme", "default"]), min_size=1, max_size=4))
    rooms = data.draw(st.lists(st.sampled_from(["blue", "Grün", "a,b", 'x"y', "ß\U0001f600"]), min_size=1))
    events = [replace(event, room=rooms[number % len(rooms)]) for number, event in enumerate(events)]
    write, ending = data.draw(st.sampled_from([(write_csv, "csv"), (write_json, "ndjson")]))
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / f"events.{ending}", rows_of(events, domains))
        assert_equal(str(path), rules=EAGER)


def test_an_example_of_the_docs_gives_the_same_results():
    assert_equal(str(ROOT / "docs/examples/monday.csv"), rules=Rules())


def test_events_without_a_domain_and_those_of_the_default_domain_share_rooms(tmp_path):
    path = write_ndjson(tmp_path / "events.ndjson", JOIN | {"domain": "default"}, LEAVE | {"domain": None})
    assert_equal(str(path))
    with lane("interpreted"):
        assert headcount.sessionize(str(path)).summary.rooms == 1


def test_an_empty_file_of_events_gives_the_same_results(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("room,participant_id,kind,at\n")
    assert_equal(str(path))
