"""Reading: the same events from any format, and a sentence for whatever cannot be one."""

import gzip
import io
import json
import sys
from datetime import UTC, datetime

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.batch.moments import UnreadableMoment, moment, sensible_moment, spoken
from headcount.batch.reading import joined, read
from headcount.errors import BadInput

NINE = 1_769_850_000_000  # 2026-01-31T09:00:00Z
COMES = {"room": "blue", "participant_id": "p1", "kind": "join", "at": NINE}
GOES = {"room": "blue", "participant_id": "p1", "kind": "leave", "at": NINE + 60_000}
CLOSES = {"room": "blue", "participant_id": None, "kind": "end", "at": NINE + 90_000}
CENTURY = (datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2099-12-31"))
HEADER = "room,participant_id,kind,at\n"


def whole(source, **options):
    return joined(list(read(source, **options)))


def table(*events):
    return pa.Table.from_pylist(list(events))


def written(path, *lines):
    path.write_bytes(b"".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return path


def ndjson(path, *events):
    return written(path, *(json.dumps(event) + "\n" for event in events))


def sentence(source, **options):
    with pytest.raises(BadInput) as caught:
        whole(source, **options)
    return str(caught.value)


def about(event, **changed):
    """What is said of a table with this one event, changed so."""
    said = sentence(table(event | changed))
    assert said.startswith("the events, row 1: ")
    return said.removeprefix("the events, row 1: ")


# What comes out


def test_events_come_in_canonical_columns():
    found = whole(table(COMES, GOES, CLOSES))
    assert {field.name: str(field.type) for field in found.schema} == {
        "room": "dictionary<values=string, indices=int32, ordered=0>",
        "kind": "int8",
        "at": "int64",
        "participant_id": "string",
    }
    assert found.to_pylist() == [
        {"room": "blue", "kind": 0, "at": NINE, "participant_id": "p1"},
        {"room": "blue", "kind": 1, "at": NINE + 60_000, "participant_id": "p1"},
        {"room": "blue", "kind": 2, "at": NINE + 90_000, "participant_id": None},
    ]


def test_columns_that_mean_nothing_are_not_read():
    assert "id" not in whole(table(COMES | {"id": "e1", "colour": "red"})).column_names


def test_an_empty_word_is_not_known():
    found = whole(table(COMES | {"user_id": "", "user_name": "Ada", "domain": ""}))
    assert found.select(["user_id", "user_name", "domain"]).to_pylist() == [
        {"user_id": None, "user_name": "Ada", "domain": None}
    ]


@pytest.mark.parametrize(
    ("given_", "mark"),
    [
        (None, 0), ("", 0), ("false", 0), ("False", 0), ("reported", 0), ("true", 1), ("TRUE", 1),
        ("snapshot", 1), ("timeout", 2), ("superseded", 3), (False, 0), (True, 1),
    ],
)  # fmt: skip
def test_each_way_to_say_inferred_has_its_number(given_, mark):
    assert whole(table(GOES | {"inferred": given_}))["inferred"].to_pylist() == [mark]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Kolkata"])
def test_timestamps_of_every_unit_and_zone_are_read(unit, zone):
    events = table(COMES).set_column(
        3, "at", pa.array([NINE], pa.timestamp("ms", zone)).cast(pa.timestamp(unit, zone))
    )
    assert whole(events)["at"].to_pylist() == [NINE]


def test_what_is_finer_than_a_millisecond_is_cut_off():
    events = table(COMES).set_column(3, "at", pa.array([NINE * 1000 + 999], pa.timestamp("us")))
    assert whole(events)["at"].to_pylist() == [NINE]


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-01-31T09:00:00Z", NINE),
        ("2026-01-31t09:00:00z", NINE),
        ("2026-01-31 09:00:00.123+00:00", NINE + 123),
        ("2026-01-31T10:30:00.9999999+01:30", NINE + 999),
        ("2026-01-31T09:00:00.0000000001Z", NINE),
        (str(NINE), NINE),
    ],
)
def test_rfc_3339_and_milliseconds_are_read_from_text(tmp_path, text, ms):
    file = written(tmp_path / "e.csv", HEADER, f"blue,p1,join,{text}\n")
    assert whole(file)["at"].to_pylist() == [ms]


@given(st.datetimes(*CENTURY), st.sampled_from([0, 3, 6, 9, 12]))
def test_one_time_alone_and_a_column_of_times_are_read_alike(when, digits):
    text = (
        f"{when:%Y-%m-%dT%H:%M:%S}" + (f".{when.microsecond:06d}000000"[: digits + 1] if digits else "") + "Z"
    )
    assert whole(table(COMES | {"at": text}))["at"].to_pylist() == [moment(text)]


@given(st.integers(946_684_800_000, 4_102_444_800_000))
def test_a_moment_that_is_spoken_is_understood(ms):
    assert moment(spoken(ms)) == ms


# The same from everywhere

words = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), min_size=1, max_size=6)
maybe_words = st.none() | words
moments = st.integers(NINE, NINE + 1000)


@st.composite
def events(draw):
    kind = draw(st.sampled_from(["join", "leave", "end"]))
    at = draw(moments)
    return {
        "room": draw(words),
        "participant_id": None if kind == "end" else draw(words),
        "kind": kind,
        "at": at,
        "user_id": draw(maybe_words),
        "user_name": draw(maybe_words),
        "domain": draw(maybe_words),
        "source_session": draw(maybe_words),
        "joined_at": draw(st.none() | st.integers(NINE - 1000, at)) if kind == "leave" else None,
        "inferred": draw(st.sampled_from([None, "snapshot", "timeout", "superseded"])),
    }


def read_back(source, given_):
    found = whole(source)
    return [{name: row.get(name) for name in given_[0]} for row in found.to_pylist()]


@given(st.lists(events(), min_size=1, max_size=8))
def test_every_format_reads_the_same_events_alike(tmp_path_factory, given_):
    folder = tmp_path_factory.mktemp("same")
    arrow = pa.Table.from_pylist(given_, ARROW)
    pq.write_table(arrow, folder / "e.parquet", row_group_size=3)
    pyarrow.csv.write_csv(arrow, folder / "e.csv")
    lines = ndjson(folder / "e.ndjson", *given_)
    (folder / "e.jsonl.gz").write_bytes(gzip.compress(lines.read_bytes()))
    expected = read_back(arrow, given_)
    without_marks = [row | {"inferred": row["inferred"] or 0} for row in expected]
    for name in ("e.parquet", "e.csv", "e.ndjson", "e.jsonl.gz"):
        found = [row | {"inferred": row["inferred"] or 0} for row in read_back(folder / name, given_)]
        assert found == without_marks, name


TEXT = pa.string()
ARROW = pa.schema(
    [
        ("room", TEXT), ("participant_id", TEXT), ("kind", TEXT), ("at", pa.int64()), ("user_id", TEXT),
        ("user_name", TEXT), ("domain", TEXT), ("source_session", TEXT), ("joined_at", pa.int64()), ("inferred", TEXT),
    ]
)  # fmt: skip


@pytest.mark.parametrize("of", [pl.from_arrow, pa.Table.to_pandas, duckdb.from_arrow, pa.Table.to_reader])
def test_tables_of_other_libraries_are_read(of):
    expected = whole(table(COMES, GOES)).to_pylist()
    assert whole(of(table(COMES, GOES))).to_pylist() == expected


def test_a_pandas_table_may_hold_its_own_timestamps_and_categories():
    frame = pd.DataFrame([COMES, GOES]).assign(
        at=lambda rows: pd.to_datetime(rows["at"], unit="ms", utc=True)
    )
    frame = frame.astype({"room": "category", "participant_id": "category"})
    assert whole(frame).select(["room", "at", "participant_id"]).to_pylist() == [
        {"room": "blue", "at": NINE, "participant_id": "p1"},
        {"room": "blue", "at": NINE + 60_000, "participant_id": "p1"},
    ]


def test_a_polars_table_may_hold_its_own_timestamps_and_categories():
    frame = pl.DataFrame([COMES]).with_columns(
        pl.col("at").cast(pl.Datetime("us", "Europe/Paris")), pl.col("room").cast(pl.Categorical)
    )
    frame = frame.with_columns(
        pl.lit(datetime(2026, 1, 31, 9, tzinfo=UTC)).dt.cast_time_unit("ns").alias("at")
    )
    assert whole(frame)["at"].to_pylist() == [NINE]


def test_a_dash_is_ndjson_on_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(COMES).encode())))
    assert whole("-").num_rows == 1


def test_files_are_read_one_after_another(tmp_path):
    first = ndjson(tmp_path / "1.ndjson", COMES | {"user_name": "Ada"})
    second = written(tmp_path / "2.csv", HEADER, f"green,p2,join,{NINE}\n")
    found = whole([first, str(second)])
    assert found["room"].to_pylist() == ["blue", "green"]
    assert found["user_name"].to_pylist() == ["Ada", None]


def test_a_large_file_comes_in_pieces(tmp_path):
    pq.write_table(table(*[COMES] * 10), tmp_path / "e.parquet", row_group_size=4)
    assert [piece.num_rows for piece in read(tmp_path / "e.parquet", piece_rows=3)] == [3, 1, 3, 3]
    assert [piece.num_rows for piece in read(tmp_path / "e.parquet", piece_rows=8)] == [8, 2]


def test_codes_of_a_piece_are_one_array():
    chunks = pa.concat_tables([table(COMES | {"room": room}) for room in ("blue", "green", "blue")])
    (piece,) = read(chunks)
    assert piece["room"].num_chunks == 1
    assert piece["room"].to_pylist() == ["blue", "green", "blue"]


@pytest.mark.parametrize("name", ["e.parquet", "e.csv", "e.ndjson"])
def test_no_events_are_an_empty_table(tmp_path, name):
    pq.write_table(table(COMES).slice(1), tmp_path / "e.parquet")
    written(tmp_path / "e.csv", HEADER)
    written(tmp_path / "e.ndjson", "\n")
    assert [piece.num_rows for piece in read(tmp_path / name)] == [0]


def test_a_byte_order_mark_and_empty_lines_mean_nothing(tmp_path):
    mark = b"\xef\xbb\xbf"
    csv = written(tmp_path / "e.csv", mark, HEADER, "\n", f"blue,p1,join,{NINE}\n\n")
    lines = written(tmp_path / "e.ndjson", mark, "\n", json.dumps(COMES), "\r\n", "\n")
    assert whole(csv).to_pylist() == whole(lines).to_pylist()


def test_a_reading_is_read_as_it_is():
    reading = read(table(COMES))
    assert read(reading) is reading


# Bad rows

INFERRED = "true, false, snapshot, timeout or superseded"
NAIVE = "has no time zone: add Z for UTC, or an offset like +02:00"
NO_TIME = (
    "is not a time: give RFC 3339 with its zone, like 2026-01-31T09:00:00Z, or whole milliseconds since 1970"
)


@pytest.mark.parametrize(
    ("event", "changed", "reason"),
    [
        (COMES, {"room": None}, "room is missing"),
        (COMES, {"room": ""}, "room is missing"),
        (COMES, {"kind": "jion"}, "kind must be join, leave or end, not 'jion'"),
        (COMES, {"kind": None}, "kind is missing"),
        (COMES, {"kind": ""}, "kind is missing"),
        (COMES, {"at": None}, "at is missing"),
        (COMES, {"at": ""}, "at is missing"),
        (COMES, {"participant_id": None}, "participant_id is missing"),
        (GOES, {"participant_id": ""}, "participant_id is missing"),
        (CLOSES, {"participant_id": "p1"}, "an 'end' is about the whole room: leave participant_id out"),
        (COMES, {"joined_at": NINE}, "joined_at belongs to a 'leave', not to a 'join'"),
        (CLOSES, {"joined_at": NINE}, "joined_at belongs to a 'leave', not to an 'end'"),
        (GOES, {"joined_at": NINE + 60_001}, f"joined_at ({NINE + 60_001}) is after at ({NINE + 60_000})"),
        (GOES, {"inferred": "guess"}, f"inferred must be {INFERRED}, not 'guess'"),
        (COMES, {"at": "2026-01-31T09:00"}, f"at '2026-01-31T09:00' {NAIVE}"),
        (COMES, {"at": "soon"}, f"at 'soon' {NO_TIME}"),
        (COMES, {"at": "2026-02-30T09:00:00Z"}, f"at '2026-02-30T09:00:00Z' {NO_TIME}"),
        (COMES, {"at": 17}, "at 17 is not between the years 2000 and 2100"),
        (GOES, {"joined_at": 17}, "joined_at 17 is not between the years 2000 and 2100"),
    ],
)
def test_a_row_that_cannot_be_an_event_is_told_why(event, changed, reason):
    assert about(event, **changed) == reason


TEXTS = ("room", "domain", "participant_id", "user_id", "user_name", "source_session")


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_no_text_holds_what_divides_ids(name, kind):
    events = table(*[COMES | {name: word} for word in ("b", "a\0b", "\0")])
    column = events[name].cast(kind)
    events = events.set_column(events.column_names.index(name), name, column)
    assert sentence(events) == (
        f"the events, row 2: {name} holds the character U+0000: remove it (and 1 more bad row)"
    )
    assert whole(events, skip_bad=True)[name].to_pylist() == ["b"]
    assert whole(events.slice(0, 1))[name].to_pylist() == ["b"]


@pytest.mark.parametrize("name", ["e.ndjson", "e.csv"])
def test_no_file_of_text_brings_it_in(tmp_path, name):
    written(tmp_path / "e.ndjson", json.dumps(COMES), "\n", json.dumps(GOES | {"participant_id": "p\0"}))
    written(tmp_path / "e.csv", HEADER + f"blue,p\0,join,{NINE}\n")
    assert sentence(tmp_path / name) == (
        f"{tmp_path / name}, line 2: participant_id holds the character U+0000: remove it"
    )


@pytest.mark.parametrize("name", TEXTS)
def test_a_dictionary_may_know_words_that_no_row_holds(name):
    words = pa.array([b"\0", b"\xff", b"b"]).dictionary_encode()
    events = table(*[COMES | {name: "b"}] * 3)
    events = events.set_column(events.column_names.index(name), name, words)
    assert whole(events.slice(2))[name].to_pylist() == ["b"]


def test_what_stands_behind_a_null_is_not_looked_at():
    ids = pa.StringArray.from_buffers(
        2,
        pa.array([0, 1, 2], pa.int32()).buffers()[1],
        pa.py_buffer(b"\0b"),
        pa.py_buffer(b"\2"),
    )
    found = whole(table(CLOSES, COMES).set_column(1, "participant_id", ids))
    assert found["participant_id"].to_pylist() == [None, "b"]


@pytest.mark.parametrize(
    ("at", "unit"),
    [(NINE // 1000, "seconds"), (NINE * 1000, "microseconds"), (NINE * 1_000_000, "nanoseconds")],
)
def test_a_mistaken_unit_is_told(at, unit):
    assert about(COMES, at=at) == (
        f"at {at} is not between the years 2000 and 2100: it looks like {unit}, not milliseconds"
    )


FIRST, TOO_LATE = 946_684_800_000, 4_102_444_800_000  # 2000-01-01 and 2100-01-01, both T00:00:00Z


def in_each_way(ms):
    """One event at this moment, its time written in each way that there is."""
    number = pa.array([ms], pa.int64())
    yield table(COMES | {"at": ms})
    yield table(COMES | {"at": str(ms)})
    yield table(COMES | {"at": spoken(ms)})
    for unit in ("ms", "us", "ns"):
        yield table(COMES).set_column(
            3, "at", number.cast(pa.timestamp("ms", "UTC")).cast(pa.timestamp(unit, "UTC"))
        )


@pytest.mark.parametrize("ms", [FIRST, TOO_LATE - 1])
def test_the_first_and_the_last_moment_of_the_century_are_times(ms):
    assert [whole(events)["at"].to_pylist() for events in in_each_way(ms)] == [[ms]] * 6
    assert sensible_moment(str(ms)) == ms


@pytest.mark.parametrize("ms", [FIRST - 1, TOO_LATE])
def test_the_moments_beside_the_century_are_refused(ms):
    for events in in_each_way(ms):
        assert sentence(events).endswith(" is not between the years 2000 and 2100")
    with pytest.raises(UnreadableMoment, match="is not between the years 2000 and 2100"):
        sensible_moment(str(ms))


def test_what_is_finer_than_a_millisecond_does_not_reach_into_2100():
    last = pa.array([TOO_LATE * 1_000_000 - 1], pa.timestamp("ns", "UTC"))
    assert whole(table(COMES).set_column(3, "at", last))["at"].to_pylist() == [TOO_LATE - 1]


def test_a_timestamp_out_of_time_is_told_as_a_date():
    events = table(COMES).set_column(3, "at", pa.array([NINE // 1000], pa.timestamp("ms", "UTC")))
    assert sentence(events) == (
        "the events, row 1: at 1970-01-21T11:37:30.000Z is not between the years 2000 and 2100:"
        " it looks like seconds, not milliseconds"
    )


def test_the_first_bad_row_is_told_and_the_others_are_counted(tmp_path):
    rows = [COMES, COMES | {"kind": "jion"}, GOES, COMES | {"room": ""}, CLOSES | {"at": None}]
    pq.write_table(table(*rows), tmp_path / "e.parquet", row_group_size=2)
    assert sentence(tmp_path / "e.parquet", piece_rows=2) == (
        f"{tmp_path / 'e.parquet'}, row 2: kind must be join, leave or end, not 'jion' (and 2 more bad rows)"
    )


def test_one_more_bad_row_is_one():
    assert sentence(table(COMES | {"room": ""}, COMES | {"room": ""})) == (
        "the events, row 1: room is missing (and 1 more bad row)"
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"room":', "the line is not JSON (Input data was truncated)"),
        (b"room", "the line is not JSON (invalid character (byte 0))"),
        (b"[1]", "the line must be a JSON object, not a list"),
        (b'{"room": "\xff"}', "the line is not UTF-8 text: save the file as UTF-8"),
        (b'{"room": 17}', "room must be text, not a number"),
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
def test_a_line_that_is_no_event_is_told_by_its_number(tmp_path, line, reason):
    file = written(tmp_path / "e.ndjson", json.dumps(COMES), "\n\n", line, "\n", json.dumps(GOES))
    assert sentence(file) == f"{file}, line 3: {reason}"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("blue,p1,join\n", "the header has 4 fields, this record 3"),
        (f"blue,p1,join,{NINE},5\n", "the header has 4 fields, this record 5"),
        (f",p1,join,{NINE}\n", "room is missing"),
        (b"bl\xffue,p1,join,1769850000000\n", "room is not UTF-8 text: save the file as UTF-8"),
        (b"blue,p\xff,join,1769850000000\n", "participant_id is not UTF-8 text: save the file as UTF-8"),
    ],
)
def test_a_record_that_is_no_event_is_told_by_its_line(tmp_path, record, reason):
    good = f'"bl\nue",p1,join,{NINE}\n\n'  # a record of two lines, and an empty line
    file = written(tmp_path / "e.csv", HEADER, good, record, good)
    assert sentence(file) == f"{file}, line 5: {reason}"


# Bad rows that are skipped


def test_skipped_rows_are_kept_as_they_stood(tmp_path):
    bad = '{"room": "blue", "kind": "jion"}'
    lines = written(tmp_path / "e.ndjson", json.dumps(COMES), "\n", bad, "\n")
    records = written(tmp_path / "e.csv", HEADER, "blue\n", f"blue,p1,leave,{NINE}\n")
    rows = tmp_path / "e.parquet"
    pq.write_table(table(COMES, GOES | {"room": None}), rows)
    reading = read([lines, records, rows], skip_bad=True)
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
    reading = read(table(COMES | {"room": ""}, GOES), skip_bad=True)
    list(reading)
    reading.rejects.write(tmp_path / "rejected.ndjson")
    (line,) = (tmp_path / "rejected.ndjson").read_text().splitlines()
    assert json.loads(line)["reason"] == "room is missing"


# Files that cannot be read at all


def damaged_parquet(path, *, keep=slice(None), change=None):
    pq.write_table(table(*[COMES | {"room": f"room {n}"} for n in range(1000)]), path)
    content = bytearray(path.read_bytes())[keep]
    if change:
        content[change] = b"\xff" * (change.stop - change.start)
    path.write_bytes(content)
    return path


def test_a_column_that_is_missing_is_named_with_those_that_are_there():
    assert sentence(table(COMES).drop_columns(["at"])) == (
        "the events: column 'at' is missing; the columns are: room, participant_id, kind"
    )


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    file = written(tmp_path / "e.csv", "room,participant_id,kind,at,room\n")
    assert sentence(file) == f"{file}: there are 2 columns named 'room': rename all but one"


def test_a_column_of_floating_point_times_is_refused():
    assert sentence(table(COMES | {"at": 1.5})) == (
        "the events: column 'at' holds double, and must hold timestamps, whole milliseconds since 1970"
        " or RFC 3339 text: cast it"
    )


def test_a_column_of_numbers_for_names_is_refused():
    assert sentence(table(COMES | {"room": 17})) == (
        "the events: column 'room' holds int64, and must hold text: cast it"
    )


def test_a_file_that_is_cut_off_is_refused(tmp_path):
    file = damaged_parquet(tmp_path / "e.parquet", keep=slice(0, 500))
    assert sentence(file) == (
        f"{file}: is cut off: a Parquet file ends with its table of contents, and this one does not"
    )


def test_a_file_that_only_calls_itself_parquet_is_refused(tmp_path):
    file = written(tmp_path / "e.parquet", HEADER)
    assert sentence(file) == f"{file}: is not a Parquet file, whatever its name says"


def test_a_damaged_parquet_file_is_refused(tmp_path):
    file = damaged_parquet(tmp_path / "e.parquet", change=slice(4, 60))
    assert sentence(file).startswith(f"{file}: is damaged, or no Parquet that can be read (")


@pytest.mark.parametrize("name", ["e.parquet", "e.csv", "e.ndjson"])
def test_an_empty_file_is_refused(tmp_path, name):
    file = written(tmp_path / name)
    assert sentence(file) == f"{file}: is empty"


def test_empty_standard_input_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    assert sentence("-") == "standard input: is empty"


@pytest.mark.parametrize("name", ["e.csv", "e.ndjson"])
def test_utf_16_is_refused(tmp_path, name):
    file = tmp_path / name
    file.write_text(HEADER, encoding="utf-16")
    assert sentence(file) == f"{file}: is UTF-16 text: save it as UTF-8"


@pytest.mark.parametrize("name", ["e.csv.gz", "e.ndjson.gz"])
def test_a_compressed_file_that_is_cut_off_is_refused(tmp_path, name):
    lines = "".join(f"blue,{n},join,{NINE + n}\n" for n in range(1000))
    file = written(tmp_path / name, gzip.compress((HEADER + lines).encode())[:1000])
    assert sentence(file) == f"{file}: cannot be unpacked: the gzip file is cut off or damaged"


def test_a_missing_quote_is_told(tmp_path):
    file = written(tmp_path / "e.csv", HEADER, f'"blue,p1,join,{NINE}\n', f"blue,p1,join,{NINE}\n" * 9000)
    assert (
        sentence(file)
        == f"{file}, line 2: a quote is missing here or above (field larger than field limit (131072))"
    )


def test_an_unknown_format_is_refused():
    assert sentence("events.xlsx") == (
        "events.xlsx: cannot tell the format by the name:"
        " Headcount reads .parquet, .ndjson, .jsonl and .csv, the last three also with .gz"
    )


def test_a_file_that_is_not_there_is_refused_before_any_is_read(tmp_path):
    there = ndjson(tmp_path / "e.ndjson", COMES)
    missing = tmp_path / "f.ndjson"
    with pytest.raises(BadInput) as caught:
        read([there, missing])
    assert str(caught.value) == f"{missing}: cannot be opened: no such file or directory"


def test_a_directory_is_refused(tmp_path):
    folder = tmp_path / "e.parquet"
    folder.mkdir()
    assert sentence(folder) == f"{folder}: is a directory: name the files in it"


def test_no_files_at_all_are_refused():
    assert sentence([]) == "there are no files to read: name at least one"


def test_what_is_neither_table_nor_path_is_refused():
    assert sentence(17) == "events must be a table of Arrow's kind, a path or a list of paths, not int"
