"""Written files: their content, and that no incomplete file remains."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.batch.arrow_tables import schema_of
from headcount.batch.daily import to_daily
from headcount.batch.io.readers import read
from headcount.batch.io.streams import stream_csv, stream_daily, stream_ndjson
from headcount.batch.io.writers import write_sessions
from headcount.batch.sessions import MEETINGS, PARTICIPANTS, Sessions, Summary
from headcount.errors import CannotWrite

NINE = 1_769_850_000_000  # 2026-01-31T09:00:00Z
WHOLE = {
    "id": "m1", "domain": "default", "room": "blue", "start": NINE + 1_999, "end": NINE + 62_998, "ongoing": False,
    "max_participants": 2, "participants": 2, "participant_ms": 91_998,
}  # fmt: skip
ONGOING = WHOLE | {"id": "m2", "room": "green", "start": NINE + 5_000, "end": None, "ongoing": True}
ADA = {
    "meeting_id": "m1", "room": "blue", "participant_id": "p1", "user_id": "u1", "user_name": "Ada", "join": NINE + 1_999,
    "leave": NINE + 62_998, "left_by": "reported", "attributes": '{"role":"host"}',
}  # fmt: skip
BOB = ADA | {
    "participant_id": "p2",
    "user_id": None,
    "user_name": None,
    "join": NINE + 31_999,
    "attributes": None,
}
EVE = ADA | {"meeting_id": "m2", "room": "green", "participant_id": "p3", "leave": None, "left_by": None}
AS_OF = NINE + 90_500


def table(rows, schema):
    return pa.Table.from_pylist(rows, schema and schema_of(schema))


def sessions(meetings=(WHOLE, ONGOING), participants=(ADA, BOB, EVE), rejects=None):
    """Their participants come in pieces of one."""
    pieces = [table([row], PARTICIPANTS) for row in participants]
    return Sessions(table(meetings, MEETINGS), lambda: iter(pieces), AS_OF, Summary(), rejects)


def streamed(write, *what):
    file = io.BytesIO()
    write(*what, file)
    return file.getvalue().decode()


def meetings_streamed(write, *rows):
    return streamed(write, [table(rows, MEETINGS)], MEETINGS)


def participants_streamed(write):
    return streamed(write, sessions().participant_pieces(), PARTICIPANTS)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


# What stands in them


def test_parquet_files_have_the_same_tables(tmp_path):
    write_sessions(sessions(), tmp_path / "out")
    assert pq.read_table(tmp_path / "out" / "meetings.parquet").to_pylist() == sessions().meetings.to_pylist()
    assert (
        pq.read_table(tmp_path / "out" / "participants.parquet").to_pylist()
        == sessions().participants.to_pylist()
    )


def test_the_csv_header_names_the_time_zone():
    assert meetings_streamed(stream_csv, WHOLE, ONGOING) == (
        "id,domain,room,start_utc,end_utc,ongoing,max_participants,participants,participant_ms\n"
        '"m1","default","blue","2026-01-31T09:00:01.999Z","2026-01-31T09:01:02.998Z",false,2,2,91998\n'
        '"m2","default","green","2026-01-31T09:00:05.000Z",,true,2,2,91998\n'
    )


def test_null_values_are_empty_in_csv():
    assert participants_streamed(stream_csv).splitlines()[2] == (
        '"m1","blue","p2",,,"2026-01-31T09:00:31.999Z","2026-01-31T09:01:02.998Z","reported",'
    )


def test_attributes_are_json_text_in_csv():
    first = next(csv.DictReader(participants_streamed(stream_csv).splitlines()))
    assert first["attributes"] == '{"role":"host"}'


def test_ndjson_has_the_names_of_the_tables():
    assert [json.loads(line) for line in participants_streamed(stream_ndjson).splitlines()][2] == {
        "meeting_id": "m2",
        "room": "green",
        "participant_id": "p3",
        "user_id": "u1",
        "user_name": "Ada",
        "join": "2026-01-31T09:00:01.999Z",
        "leave": None,
        "left_by": None,
        "attributes": '{"role":"host"}',
    }


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_any_name_survives_csv_and_ndjson(name):
    meeting = WHOLE | {"room": name}
    parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
    convert = pyarrow.csv.ConvertOptions(column_types={"room": pa.string()})
    found = pyarrow.csv.read_csv(
        io.BytesIO(meetings_streamed(stream_csv, meeting).encode()),
        parse_options=parse,
        convert_options=convert,
    )
    assert found["room"].to_pylist() == [name]
    assert json.loads(meetings_streamed(stream_ndjson, meeting))["room"] == name


@pytest.mark.parametrize(
    ("fmt", "files"),
    [
        ("parquet", ["meetings.parquet", "participants.parquet"]),
        ("csv", ["meetings.csv", "participants.csv"]),
        ("ndjson", ["meetings.ndjson", "participants.ndjson"]),
        ("daily", ["meetings.json"]),
    ],
)
def test_each_format_has_its_files(tmp_path, fmt, files):
    written = write_sessions(sessions(), tmp_path, fmt)
    assert [path.name for path in written] == names_in(tmp_path) == files


@pytest.mark.parametrize("fmt", ["parquet", "csv", "ndjson", "daily"])
def test_empty_results_are_written(tmp_path, fmt):
    write_sessions(sessions((), ()), tmp_path, fmt)
    assert all(path.stat().st_size for path in tmp_path.iterdir() if path.suffix != ".ndjson")


def test_rejected_rows_are_written_to_their_own_file(tmp_path):
    reading = read(
        table([{"room": "", "participant_id": "p", "kind": "join", "at": NINE}], None), skip_invalid=True
    )
    list(reading)
    write_sessions(sessions(rejects=reading.rejects), tmp_path)
    assert json.loads((tmp_path / "rejected.ndjson").read_text())["reason"] == "room is missing"


def test_the_rejected_rows_of_an_earlier_run_are_deleted(tmp_path):
    (tmp_path / "rejected.ndjson").write_text("of an earlier run")
    write_sessions(sessions(), tmp_path)
    assert names_in(tmp_path) == ["meetings.parquet", "participants.parquet"]


# Daily's form


def test_daily_is_newest_first_in_whole_seconds_rounded_down():
    assert json.loads(streamed(stream_daily, sessions())) == {
        "total_count": 2,
        "data": [
            {
                "id": "m2",
                "room": "green",
                "start_time": 1_769_850_005,
                "duration": 85,
                "ongoing": True,
                "max_participants": 2,
                "participants": [
                    {
                        "user_id": "u1",
                        "participant_id": "p3",
                        "user_name": "Ada",
                        "join_time": 1_769_850_001,
                        "duration": 88,
                    }
                ],
            },
            {
                "id": "m1",
                "room": "blue",
                "start_time": 1_769_850_001,
                "duration": 60,
                "ongoing": False,
                "max_participants": 2,
                "participants": [
                    {
                        "user_id": "u1",
                        "participant_id": "p1",
                        "user_name": "Ada",
                        "join_time": 1_769_850_001,
                        "duration": 60,
                    },
                    {
                        "user_id": None,
                        "participant_id": "p2",
                        "user_name": None,
                        "join_time": 1_769_850_031,
                        "duration": 30,
                    },
                ],
            },
        ],
    }


def test_meetings_of_equal_start_are_ordered_by_id():
    twins = table([WHOLE | {"id": name} for name in "bca"], MEETINGS)
    assert [meeting["id"] for meeting in to_daily(twins, [], AS_OF)] == [
        "a",
        "b",
        "c",
    ]


def test_a_coarser_granularity_rounds_down_to_its_multiples():
    (meeting,) = to_daily(table([WHOLE], MEETINGS), [table([BOB], PARTICIPANTS)], AS_OF, 15)
    (bob,) = meeting["participants"]
    assert (meeting["start_time"], meeting["duration"]) == (1_769_850_000, 60)
    assert (bob["join_time"], bob["duration"]) == (1_769_850_030, 30)


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(1, 60))
def test_daily_durations_never_overstate(start, length, granularity_s):
    row = WHOLE | {"start": NINE + start, "end": NINE + start + length}
    (meeting,) = to_daily(table([row], MEETINGS), [], AS_OF, granularity_s)
    assert 0 <= meeting["duration"] * 1_000 <= length
    assert meeting["start_time"] * 1_000 <= NINE + start


# Nothing half written


class _FailsAtTheEnd:
    """Rejects that cannot be written, as when the disk is full."""

    def write(self, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("fmt", ["parquet", "csv", "ndjson", "daily"])
def test_existing_files_are_unchanged_if_writing_fails(tmp_path, fmt):
    for path in write_sessions(sessions(), tmp_path, fmt):
        path.write_text("before")
    before = names_in(tmp_path)
    with pytest.raises(CannotWrite):
        write_sessions(sessions(rejects=_FailsAtTheEnd()), tmp_path, fmt)
    assert names_in(tmp_path) == before
    assert {path.read_text() for path in tmp_path.iterdir()} == {"before"}


def test_a_created_directory_is_deleted_if_writing_fails(tmp_path):
    with pytest.raises(CannotWrite) as caught:
        write_sessions(sessions(rejects=_FailsAtTheEnd()), tmp_path / "new" / "out")
    assert str(caught.value) == f"{tmp_path / 'new' / 'out'}: cannot be written: no space left on device"
    assert names_in(tmp_path) == []


def test_a_file_in_place_of_the_directory_is_reported(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(CannotWrite) as caught:
        write_sessions(sessions(), tmp_path / "out")
    assert str(caught.value) == f"{tmp_path / 'out'}: cannot be written: file exists"
