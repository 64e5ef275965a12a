"""The reader of small files reads what it reads exactly as the readers of large files do, and leaves everything else to them."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from headcount import BadInput
from headcount.batch.io.column_map import column_map
from headcount.batch.io.event_columns import AS_NAMED
from headcount.batch.io.event_tables import events_of
from headcount.batch.io.readers import read
from headcount.batch.io.small_files import read_small
from support.event_files import HEADER, JOIN, LEAVE, NINE, write_lines, write_ndjson

MANY = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
UNITS = st.sampled_from([None, "s", "ms", "us", "ns"])
TIMES = st.sampled_from(
    [
        str(NINE), str(NINE + 1), f"{NINE // 1000}", f"{NINE // 1000}.5", f"{NINE // 1000}.1239996", f"{NINE}000", f"+{NINE}",
        "2026-01-31T09:00:00Z", "2026-01-31 09:00:00.123456+02:00", "2026-01-31t09:00:00,5 UTC", "2026-01-31T09:00:00",
        "", "1e12", "abc", f" {NINE}", "0",
    ]
)  # fmt: skip
KINDS = st.sampled_from(["join", "join", "leave", "end", "JOIN", "True", "", "opened"])
CELLS = st.text(st.sampled_from('ab"",;\n\r \0é'), max_size=5)


def both(path, mapping=AS_NAMED):
    """Return what each reader reads: events, None if it leaves the file to the other, or the error."""
    try:
        small = read_small(str(path), mapping)
        small = small if small is None else [event for file in small for event in file.events]
    except BadInput as error:
        small = str(error)
    try:
        large = [event for piece in read(str(path), mapping=mapping) for event in events_of(piece)]
    except BadInput as error:
        large = str(error)
    return small, [(domain or None, event) for domain, event in large] if isinstance(large, list) else large


def assert_agree(name, content, mapping=AS_NAMED):
    with tempfile.TemporaryDirectory() as folder:
        small, large = both(write_lines(Path(folder) / name, content), mapping)
    assert small is None or small == large


@MANY
@given(st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=4), st.sampled_from(",;\t"))
@example([['a"b', "c"]], ",")
@example([['"a"b', "c"]], ",")
def test_records_of_any_form_agree(rows, delimiter):
    lines = [delimiter.join([*row[:2], "join", str(NINE), *row[2:]]) for row in rows]
    header = HEADER.replace(",", delimiter)
    assert_agree("events.csv", header + "\n".join(lines))
    assert_agree("events.csv", header.replace("\n", "\r\n") + "\r\n".join(lines) + "\r\n")
    assert_agree("events.csv", f"sep={delimiter}\n" + header + "\n".join(lines))


@MANY
@given(st.lists(st.tuples(KINDS, TIMES, TIMES, st.sampled_from(["", "p", "q"])), max_size=4), UNITS)
def test_values_of_csv_agree(rows, unit):
    mapping = column_map(kinds={"join": ["opened", "true"], "ignore": ["JOIN"]}, time_unit=unit)
    lines = [f"{kind},{at},{joined_at},{who},blue\n" for kind, at, joined_at, who in rows]
    assert_agree("events.csv", "kind,at,joined_at,participant_id,room\n" + "".join(lines), mapping)


NUMBERS = st.sampled_from(
    [NINE, NINE // 1000, NINE * 1000, NINE / 1000, NINE // 1000 + 0.1239996, 0, -1, 2**63, True]
)
TEXTS = st.none() | st.sampled_from(["", "a", "b\0", "é", 7, -1, 2.5, True, [], {}])


@MANY
@given(
    st.lists(
        st.fixed_dictionaries(
            {"kind": KINDS, "at": TIMES | NUMBERS, "room": TEXTS, "participant_id": TEXTS},
            optional={
                "joined_at": TIMES | NUMBERS,
                "user_id": TEXTS,
                "domain": TEXTS,
                "inferred": st.sampled_from(
                    [None, True, False, "", "TRUE", "timeout", "room_restarted", "no", 1]
                ),
                "attributes": st.sampled_from(
                    [None, {}, {"a": 1, "b": ""}, '{"a": 2}', "null", [], {"a": {}}, "x"]
                ),
                "attributes.c": st.sampled_from([None, "", "x", 1.0, True, [], 2**70]),
            },
        ),
        max_size=4,
    ),
    UNITS,
)
def test_values_of_ndjson_agree(rows, unit):
    mapping = column_map(kinds={"join": "opened"}, time_unit=unit)
    assert_agree("events.ndjson", "".join(json.dumps(row) + "\n" for row in rows), mapping)


@given(st.lists(st.tuples(*[st.sampled_from(["", "x", "é", '{"a":1}', "null", "7"])] * 3), max_size=4))
def test_attributes_of_csv_agree(rows):
    header = "kind,at,participant_id,room,attributes,attributes.a,account\n"
    lines = [
        f'join,{NINE},p,blue,"{whole.replace(chr(34), chr(34) * 2)}",{a.replace(",", "")},{b}\n'
        for whole, a, b in rows
    ]
    assert_agree("events.csv", header + "".join(lines), column_map(attributes={"customer": "account"}))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("events.csv", ""),
        ("events.csv", "\n"),
        ("events.csv", "room,kind,at\n"),
        ("events.csv", HEADER.replace("kind", "kind,room")),
        ("events.csv", b"\xff\xfer\0"),
        ("events.csv", b"\xef\xbb\xbf" + HEADER.encode() + f"r,p,join,{NINE}\n".encode()),
        ("events.csv", HEADER + f'r,"p,join,{NINE}\n'),
        ("events.csv.gz", "no gzip"),
        ("events.ndjson", "[]"),
        ("events.ndjson", "{\n}"),
        ("events.ndjson", '{"a": 1}'),
        ("events.ndjson", "\n\n" + json.dumps(JOIN) + "\n\n"),
        ("events.ndjson", json.dumps(JOIN | {"room": "\ud800"})),
        ("events.txt", "x"),
    ],
)
def test_files_of_any_form_agree(tmp_path, name, content):
    small, large = both(write_lines(tmp_path / name, content))
    assert small is None or small == large


def test_the_path_of_a_file_names_columns(tmp_path):
    folder = tmp_path / "room=green" / "domain=acme"
    folder.mkdir(parents=True)
    without_room = [{key: value for key, value in event.items() if key != "room"} for event in (JOIN, LEAVE)]
    small, large = both(write_ndjson(folder / "events.ndjson", *without_room))
    assert small == large
    assert [(domain, event.room) for domain, event in small] == [("acme", "green")] * 2
