"""Invalid rows: the reason of each, and the rows that are skipped."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.batch.io.readers import read
from support.event_files import (
    END,
    HEADER,
    JOIN,
    LEAVE,
    NINE,
    error_of,
    error_with,
    read_all,
    table,
    write_lines,
)

INFERRED = "true, false, snapshot, timeout or room_restarted"
NAIVE = "has no time zone: add Z for UTC, or an offset like +02:00"
NO_TIME = (
    "is not a time: give RFC 3339 with its zone, like 2026-01-31T09:00:00Z, or whole milliseconds since 1970"
)


@pytest.mark.parametrize(
    ("event", "changed", "reason"),
    [
        (JOIN, {"room": None}, "room is missing"),
        (JOIN, {"room": ""}, "room is missing"),
        (
            JOIN,
            {"kind": "jion"},
            "kind must be join, leave or end, not 'jion'. The values are 'jion'. Use --map kind.join=VALUE,kind.leave=VALUE (in Python: kinds={…})",
        ),
        (JOIN, {"kind": None}, "kind is missing"),
        (JOIN, {"kind": ""}, "kind is missing"),
        (JOIN, {"at": None}, "at is missing"),
        (JOIN, {"at": ""}, "at is missing"),
        (JOIN, {"participant_id": None}, "participant_id is missing"),
        (LEAVE, {"participant_id": ""}, "participant_id is missing"),
        (
            END,
            {"participant_id": "p1"},
            "an 'end' applies to the whole room and has no participant_id; send a leave instead",
        ),
        (JOIN, {"joined_at": NINE}, "joined_at belongs to a 'leave', not to a 'join'"),
        (END, {"joined_at": NINE}, "joined_at belongs to a 'leave', not to an 'end'"),
        (LEAVE, {"joined_at": NINE + 60_001}, f"joined_at ({NINE + 60_001}) is after at ({NINE + 60_000})"),
        (LEAVE, {"inferred": "guess"}, f"inferred must be {INFERRED}, not 'guess'"),
        (JOIN, {"at": "2026-01-31T09:00"}, f"at '2026-01-31T09:00' {NAIVE}"),
        (JOIN, {"at": "soon"}, f"at 'soon' {NO_TIME}"),
        (JOIN, {"at": "2026-02-30T09:00:00Z"}, f"at '2026-02-30T09:00:00Z' {NO_TIME}"),
        (JOIN, {"at": 17}, "at 17 is not between the years 2000 and 2100"),
        (LEAVE, {"joined_at": 17}, "joined_at 17 is not between the years 2000 and 2100"),
    ],
)
def test_an_invalid_row_has_a_reason(event, changed, reason):
    assert error_with(event, **changed) == reason


TEXTS = ("room", "domain", "participant_id", "user_id", "user_name", "source_session")


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_a_text_with_nul_is_invalid(name, kind):
    events = table(*[JOIN | {name: word} for word in ("b", "a\0b", "\0")])
    column = events[name].cast(kind)
    events = events.set_column(events.column_names.index(name), name, column)
    assert error_of(events) == (
        f"the events, row 2: {name} contains the character U+0000: remove it (and 1 more invalid row)"
    )
    assert read_all(events, skip_invalid=True)[name].to_pylist() == ["b"]
    assert read_all(events.slice(0, 1))[name].to_pylist() == ["b"]


@pytest.mark.parametrize("name", ["e.ndjson", "e.csv"])
def test_a_text_file_with_nul_is_invalid(tmp_path, name):
    write_lines(tmp_path / "e.ndjson", json.dumps(JOIN), "\n", json.dumps(LEAVE | {"participant_id": "p\0"}))
    write_lines(tmp_path / "e.csv", HEADER + f"blue,p\0,join,{NINE}\n")
    assert error_of(tmp_path / name) == (
        f"{tmp_path / name}, line 2: participant_id contains the character U+0000: remove it"
    )


@pytest.mark.parametrize("name", TEXTS)
def test_a_dictionary_may_have_unused_invalid_texts(name):
    words = pa.array([b"\0", b"\xff", b"b"]).dictionary_encode()
    events = table(*[JOIN | {name: "b"}] * 3)
    events = events.set_column(events.column_names.index(name), name, words)
    assert read_all(events.slice(2))[name].to_pylist() == ["b"]


def test_the_bytes_behind_a_null_do_not_matter():
    ids = pa.StringArray.from_buffers(
        2,
        pa.array([0, 1, 2], pa.int32()).buffers()[1],
        pa.py_buffer(b"\0b"),
        pa.py_buffer(b"\2"),
    )
    found = read_all(table(END, JOIN).set_column(1, "participant_id", ids))
    assert found["participant_id"].to_pylist() == [None, "b"]


def test_the_first_invalid_row_is_reported_and_the_others_are_counted(tmp_path):
    rows = [JOIN, JOIN | {"kind": "jion"}, LEAVE, JOIN | {"room": ""}, END | {"at": None}]
    pq.write_table(table(*rows), tmp_path / "e.parquet", row_group_size=2)
    assert error_of(tmp_path / "e.parquet", piece_rows=2) == (
        f"{tmp_path / 'e.parquet'}, row 2: kind must be join, leave or end, not 'jion' (and 2 more invalid rows)"
    )


def test_one_other_invalid_row_is_singular():
    assert error_of(table(JOIN | {"room": ""}, JOIN | {"room": ""})) == (
        "the events, row 1: room is missing (and 1 more invalid row)"
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"room":', "the line is not JSON (Input data was truncated)"),
        (b"room", "the line is not JSON (invalid character (byte 0))"),
        (b"[1]", "the line must be a JSON object, not a list"),
        (b'{"room": "\xff"}', "the line is not UTF-8 text: save the file as UTF-8"),
        (b'{"room": [17]}', "room must be text or a whole number, not a list"),
        (
            b'{"at": 1.5}',
            "at must be whole milliseconds since 1970 or RFC 3339 text, not a number with a fraction",
        ),
        (
            b'{"at": 99999999999999999999}',
            "at must be whole milliseconds since 1970 or RFC 3339 text, not a number",
        ),
        (b'{"inferred": 1}', "inferred must be true, false or a word, not a number"),
        (b"{}", "room is missing"),
    ],
)
def test_an_invalid_line_is_reported_with_its_number(tmp_path, line, reason):
    file = write_lines(tmp_path / "e.ndjson", json.dumps(JOIN), "\n\n", line, "\n", json.dumps(LEAVE))
    assert error_of(file) == f"{file}, line 3: {reason}"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("blue,p1,join\n", "the header has 4 fields, this record 3"),
        (
            f"blue,p1,join,{NINE},5\n",
            "the header has 4 fields, this record 5: put fields that contain ',' in double quotes",
        ),
        (f",p1,join,{NINE}\n", "room is missing"),
        (b"bl\xffue,p1,join,1769850000000\n", "room is not UTF-8 text: save the file as UTF-8"),
        (b"blue,p\xff,join,1769850000000\n", "participant_id is not UTF-8 text: save the file as UTF-8"),
    ],
)
def test_an_invalid_record_is_reported_with_its_line(tmp_path, record, reason):
    good = f'"bl\nue",p1,join,{NINE}\n\n'  # a record of two lines, and an empty line
    file = write_lines(tmp_path / "e.csv", HEADER, good, record, good)
    assert error_of(file) == f"{file}, line 5: {reason}"


# Bad rows that are skipped


def test_skipped_rows_are_collected_as_in_the_file(tmp_path):
    bad = '{"room": "blue", "kind": "jion"}'
    lines = write_lines(tmp_path / "e.ndjson", json.dumps(JOIN), "\n", bad, "\n")
    records = write_lines(tmp_path / "e.csv", HEADER, "blue\n", f"blue,p1,leave,{NINE}\n")
    rows = tmp_path / "e.parquet"
    pq.write_table(table(JOIN, LEAVE | {"room": None}), rows)
    reading = read([lines, records, rows], skip_invalid=True)
    assert sum(piece.num_rows for piece in reading) == 3
    assert reading.rejected == 3
    assert list(reading.rejects) == [
        {"file": str(lines), "line": 2, "reason": "kind must be join, leave or end, not 'jion'", "text": bad},
        {
            "file": str(records),
            "line": 2,
            "reason": "the header has 4 fields, this record 1",
            "text": "blue",
        },
        {
            "file": str(rows),
            "row": 2,
            "reason": "room is missing",
            "event": {"room": None, "participant_id": "p1", "kind": "leave", "at": NINE + 60_000},
        },
    ]


def test_skipped_rows_are_written_as_ndjson(tmp_path):
    reading = read(table(JOIN | {"room": ""}, LEAVE), skip_invalid=True)
    list(reading)
    reading.rejects.write(tmp_path / "rejected.ndjson")
    (line,) = (tmp_path / "rejected.ndjson").read_text().splitlines()
    assert json.loads(line)["reason"] == "room is missing"
