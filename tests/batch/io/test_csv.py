"""CSV as spreadsheets and programs write it: delimiters, quotes, spaces and names of columns."""

import pyarrow.parquet as pq
import pytest

from headcount.batch.io.readers import read
from support.event_files import (
    HEADER,
    JOIN,
    LEAVE,
    NINE,
    error_of,
    read_all,
    table,
    write_lines,
    write_ndjson,
)

COLUMNS = ("room", "participant_id", "kind", "at")
ROWS = (("blue", "p1", "join", str(NINE)), ("blue", "p1", "leave", str(NINE + 60_000)))
EVENTS = [
    {"room": "blue", "participant_id": "p1", "kind": kind, "at": at}
    for kind, at in ((0, NINE), (1, NINE + 60_000))
]
BOM = b"\xef\xbb\xbf"


def lines(delimiter, *rows):
    return [delimiter.join(row) + "\n" for row in (COLUMNS, *(rows or ROWS))]


@pytest.mark.parametrize("beginning", [b"", BOM])
@pytest.mark.parametrize("name", ["e.csv", "e.tsv"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_header_defines_the_delimiter(tmp_path, delimiter, name, beginning):
    assert read_all(write_lines(tmp_path / name, beginning, *lines(delimiter))).to_pylist() == EVENTS


@pytest.mark.parametrize("beginning", [b"", BOM])
@pytest.mark.parametrize("first", ["sep={}\n", "SEP={}\r\n", '"sep={}"\n'])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", ":"])
def test_the_first_line_may_name_the_delimiter_as_excel_writes_it(tmp_path, delimiter, first, beginning):
    file = write_lines(tmp_path / "e.csv", beginning, first.format(delimiter), *lines(delimiter))
    assert read_all(file).to_pylist() == EVENTS
    write_lines(tmp_path / "e.csv", beginning, first.format(delimiter), *lines(delimiter), "blue\n")
    assert error_of(file) == f"{file}, line 5: the header has 4 fields, this record 1"


def test_another_delimiter_within_quotes_does_not_count(tmp_path):
    header = '"room","participant_id","kind","at","user_name","a;b;c;d;e;f"\n'
    file = write_lines(tmp_path / "e.csv", header, f'"a;b","p;1","join",{NINE},"Ann; B","x"\n')
    (found,) = read_all(file).to_pylist()
    assert (found["room"], found["participant_id"], found["user_name"]) == ("a;b", "p;1", "Ann; B")


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_field_may_contain_the_delimiter_in_quotes(tmp_path, delimiter):
    row = (f'"a{delimiter}b"', "p1", "join", str(NINE))
    assert read_all(write_lines(tmp_path / "e.csv", *lines(delimiter, row)))["room"].to_pylist() == [
        f"a{delimiter}b"
    ]


def test_a_record_with_more_fields_than_the_header_has_the_fix(tmp_path):
    file = write_lines(tmp_path / "e.csv", *lines(";", (*ROWS[0], "Ann")))
    assert error_of(file) == (
        f"{file}, line 2: the header has 4 fields, this record 5: put fields that contain ';' in double quotes"
    )


def test_spaces_after_the_delimiters_belong_to_no_field(tmp_path):
    rows = [", ".join(row) + "\n" for row in (COLUMNS, *ROWS)]
    file = write_lines(tmp_path / "e.csv", *rows, f'blue, "p, 2", join, {NINE}\n')
    found = read_all(file)
    assert found.slice(0, 2).to_pylist() == EVENTS
    assert found["participant_id"].to_pylist()[2] == "p, 2"


SIMILAR = [
    ("Room", "Participant_ID", "KIND", "At"),
    ("room ", " participant_id", "kind\u00a0", "at"),
    ("ROOM", "PARTICIPANT_ID", "KIND", "AT"),
]


def similar_sources(folder, names):
    events = table(JOIN, LEAVE).select(COLUMNS).rename_columns(names)
    pq.write_table(events, folder / "e.parquet")
    pairs = [dict(zip(names, row.values(), strict=True)) for row in events.to_pylist()]
    rows = [";".join(row) + "\n" for row in (names, *ROWS)]
    yield from (events, folder / "e.parquet", write_ndjson(folder / "e.ndjson", *pairs))
    yield write_lines(folder / "e.csv", *rows)


@pytest.mark.parametrize("names", SIMILAR)
def test_names_of_columns_are_found_without_regard_to_case_and_spaces(tmp_path, names):
    for source in similar_sources(tmp_path, names):
        assert read_all(source).to_pylist() == EVENTS


@pytest.mark.parametrize("names", SIMILAR)
def test_an_equal_name_wins_over_a_similar_one(names):
    events = table(JOIN, LEAVE).select(COLUMNS)
    similar = events.rename_columns([f" {name}" for name in names])
    both = events
    for name in similar.column_names:
        both = both.append_column(name, similar[name])
    assert read_all(both).to_pylist() == EVENTS


def test_of_two_similar_names_none_is_chosen():
    events = table(JOIN).rename_columns(["Room", "participant_id", "kind", "at"])
    assert error_of(events.append_column("ROOM", events["Room"])) == (
        "the events: column 'room' is missing; the columns are: Room, participant_id, kind, at, ROOM."
        " If they have other names, use --map room=ROOM (in Python: columns={…})"
    )


def test_a_name_with_other_marks_is_suggested_in_the_option():
    events = table(JOIN).rename_columns(["room", "Participant ID", "kind", "at"])
    assert error_of(events).endswith("use --map 'participant_id=Participant ID' (in Python: columns={…})")


def test_a_large_semicolon_file_is_read_in_one_form(tmp_path):
    rows = "".join(f"blue;p{n};join;{NINE + n}\n" for n in range(100_000))
    file = write_lines(tmp_path / "e.csv", HEADER.replace(",", ";"), rows, "blue;p\n")
    tables = read(file, skip_invalid=True)
    assert sum(len(piece) for piece in tables) == 100_000
    assert [row["line"] for row in tables.rejects] == [100_002]
