"""Files and tables that cannot be read at all: each is refused with one sentence."""

import gzip
import io
import sys

import pyarrow.parquet as pq
import pytest

from headcount.batch.io.readers import read
from headcount.errors import BadInput
from support.event_files import HEADER, JOIN, NINE, error_of, table, write_lines, write_ndjson


def damaged_parquet(path, *, keep=slice(None), change=None):
    pq.write_table(table(*[JOIN | {"room": f"room {n}"} for n in range(1000)]), path)
    content = bytearray(path.read_bytes())[keep]
    if change:
        content[change] = b"\xff" * (change.stop - change.start)
    path.write_bytes(content)
    return path


def test_a_missing_column_is_reported_with_the_existing_ones():
    assert error_of(table(JOIN).drop_columns(["at"])) == (
        "the events: column 'at' is missing; the columns are: room, participant_id, kind"
    )


def test_a_duplicate_column_is_refused(tmp_path):
    file = write_lines(tmp_path / "e.csv", "room,participant_id,kind,at,room\n")
    assert error_of(file) == f"{file}: there are 2 columns named 'room': rename all but one"


def test_a_column_of_floating_point_times_is_refused():
    assert error_of(table(JOIN | {"at": 1.5})) == (
        "the events: column 'at' holds double, and must hold timestamps, whole milliseconds since 1970"
        " or RFC 3339 text: cast it"
    )


def test_a_column_of_numbers_for_names_is_refused():
    assert error_of(table(JOIN | {"room": 17})) == (
        "the events: column 'room' holds int64, and must hold text: cast it"
    )


def test_a_file_that_is_cut_off_is_refused(tmp_path):
    file = damaged_parquet(tmp_path / "e.parquet", keep=slice(0, 500))
    assert error_of(file) == (
        f"{file}: is cut off: a Parquet file ends with its table of contents, and this one does not"
    )


def test_a_file_with_the_name_of_another_format_is_refused(tmp_path):
    file = write_lines(tmp_path / "e.parquet", HEADER)
    assert error_of(file) == f"{file}: is not a Parquet file, whatever its name says"


def test_a_damaged_parquet_file_is_refused(tmp_path):
    file = damaged_parquet(tmp_path / "e.parquet", change=slice(4, 60))
    assert error_of(file).startswith(f"{file}: is damaged, or no Parquet that can be read (")


@pytest.mark.parametrize("name", ["e.parquet", "e.csv", "e.ndjson"])
def test_an_empty_file_is_refused(tmp_path, name):
    file = write_lines(tmp_path / name)
    assert error_of(file) == f"{file}: is empty"


def test_empty_standard_input_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    assert error_of("-") == "standard input: is empty"


@pytest.mark.parametrize("name", ["e.csv", "e.ndjson"])
def test_utf_16_is_refused(tmp_path, name):
    file = tmp_path / name
    file.write_text(HEADER, encoding="utf-16")
    assert error_of(file) == f"{file}: is UTF-16 text: save it as UTF-8"


@pytest.mark.parametrize("name", ["e.csv.gz", "e.ndjson.gz"])
def test_a_compressed_file_that_is_cut_off_is_refused(tmp_path, name):
    lines = "".join(f"blue,{n},join,{NINE + n}\n" for n in range(1000))
    file = write_lines(tmp_path / name, gzip.compress((HEADER + lines).encode())[:1000])
    assert error_of(file) == f"{file}: cannot be unpacked: the gzip file is cut off or damaged"


def test_a_missing_quote_is_reported(tmp_path):
    file = write_lines(tmp_path / "e.csv", HEADER, f'"blue,p1,join,{NINE}\n', f"blue,p1,join,{NINE}\n" * 9000)
    assert (
        error_of(file)
        == f"{file}, line 2: a quote is missing here or above (field larger than field limit (131072))"
    )


def test_an_unknown_format_is_refused():
    assert error_of("events.xlsx") == (
        "events.xlsx: cannot tell the format by the name:"
        " Headcount reads .parquet, .ndjson, .jsonl and .csv, the last three also with .gz"
    )


def test_a_missing_file_is_refused_before_any_is_read(tmp_path):
    there = write_ndjson(tmp_path / "e.ndjson", JOIN)
    missing = tmp_path / "f.ndjson"
    with pytest.raises(BadInput) as caught:
        read([there, missing])
    assert str(caught.value) == f"{missing}: cannot be opened: no such file or directory"


def test_a_directory_is_refused(tmp_path):
    folder = tmp_path / "e.parquet"
    folder.mkdir()
    assert error_of(folder) == f"{folder}: is a directory: name the files in it"


def test_an_empty_list_of_files_is_refused():
    assert error_of([]) == "there are no files to read: name at least one"


def test_other_types_than_tables_and_paths_are_refused():
    assert error_of(17) == "events must be a table of Arrow's kind, a path or a list of paths, not int"
