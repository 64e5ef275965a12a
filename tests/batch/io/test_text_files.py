"""Files and tables that cannot be read at all: each is refused with one sentence."""

import gzip
import io
import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.batch.io.readers import read
from headcount.errors import BadInput
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


def damaged_parquet(path, *, keep=slice(None), change=None):
    pq.write_table(table(*[JOIN | {"room": f"room {n}"} for n in range(1000)]), path)
    content = bytearray(path.read_bytes())[keep]
    if change:
        content[change] = b"\xff" * (change.stop - change.start)
    path.write_bytes(content)
    return path


def test_a_missing_column_is_reported_with_the_existing_ones():
    assert error_of(table(JOIN).drop_columns(["at"])) == (
        "the events: column 'at' is missing; the columns are: room, participant_id, kind."
        " If they have other names, use --map at=COLUMN (in Python: columns={…})"
    )


def test_a_duplicate_column_is_refused(tmp_path):
    file = write_lines(tmp_path / "e.csv", "room,participant_id,kind,at,room\n")
    assert error_of(file) == f"{file}: there are 2 columns named 'room': rename all but one"


def test_a_column_of_floating_point_times_is_refused():
    assert error_of(table(JOIN | {"at": 1.5})) == (
        "the events: column 'at' contains numbers with a fraction, and no unit is given: if they are seconds,"
        " add --time-unit s (in Python: time_unit='s')"
    )


@pytest.mark.parametrize("room", [17, 2**63 - 1, -1])
def test_whole_numbers_for_names_become_text_exactly(room, tmp_path):
    for source in (table(JOIN | {"room": room}), write_ndjson(tmp_path / "e.ndjson", JOIN | {"room": room})):
        assert read_all(source)["room"].to_pylist() == [str(room)]


def test_whole_numbers_that_a_data_frame_stores_with_a_fraction_become_text_exactly():
    rows = pa.table(
        {"room": ["a", "b"], "participant_id": ["p", "q"], "kind": ["join"] * 2, "at": [NINE] * 2}
    )
    rows = rows.append_column("user_id", pa.array([17.0, float("nan")]))
    assert read_all(rows)["user_id"].to_pylist() == ["17", None]


def test_a_column_of_fractions_for_names_is_refused():
    assert error_of(table(JOIN | {"room": 1.5})) == (
        "the events: column 'room' contains numbers with a fraction, and must contain text or whole numbers: cast it"
    )


def test_a_column_of_another_type_for_names_is_refused():
    assert error_of(table(JOIN | {"room": [17]})) == (
        "the events: column 'room' contains list<item: int64>, and must contain text: cast it"
    )


def test_a_file_that_is_cut_off_is_refused(tmp_path):
    file = damaged_parquet(tmp_path / "e.parquet", keep=slice(0, 500))
    assert error_of(file) == (f"{file}: is incomplete: the end of a Parquet file is missing")


def test_a_file_with_the_name_of_another_format_is_refused(tmp_path):
    file = write_lines(tmp_path / "e.parquet", HEADER)
    assert error_of(file) == f"{file}: is not a Parquet file, although its name ends in .parquet"


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


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["e.csv", "e.tsv", "e.ndjson"])
def test_utf_16_is_refused(tmp_path, name, encoding):
    file = tmp_path / name
    file.write_text(HEADER, encoding=encoding)
    assert error_of(file) == f"{file}: is UTF-16 text: save it as UTF-8 (in Excel: CSV UTF-8)"


LISTS = [json.dumps([JOIN, LEAVE]), json.dumps([JOIN], indent=2), "[]", f"\n[{json.dumps(JOIN)},\n"]


@pytest.mark.parametrize("text", LISTS)
def test_a_json_list_is_refused_with_the_way_out(tmp_path, text):
    file = write_lines(tmp_path / "e.ndjson", text)
    assert error_of(file, skip_invalid=True) == (
        f"{file}: is a JSON list, and must have one JSON object per line:"
        " convert it with jq -c '.[]' FILE > events.ndjson"
    )


def test_a_json_list_on_a_line_that_is_too_long_is_refused_as_a_list(tmp_path):
    file = write_lines(tmp_path / "e.ndjson", "[", f"{json.dumps(JOIN)}," * 250_000)
    assert error_of(file).startswith(f"{file}: is a JSON list")


def test_objects_on_several_lines_are_refused_with_the_way_out(tmp_path):
    file = write_lines(
        tmp_path / "e.ndjson", *[json.dumps(event, indent=2) + "\n" for event in (JOIN, LEAVE)]
    )
    assert error_of(file, skip_invalid=True) == (
        f"{file}: is JSON with objects on several lines, and must have one JSON object per line:"
        " convert it with jq -c . FILE > events.ndjson"
    )


@pytest.mark.parametrize("name", ["e.csv.gz", "e.ndjson.gz"])
def test_a_compressed_file_that_is_cut_off_is_refused(tmp_path, name):
    lines = "".join(f"blue,{n},join,{NINE + n}\n" for n in range(1000))
    file = write_lines(tmp_path / name, gzip.compress((HEADER + lines).encode())[:1000])
    assert error_of(file) == f"{file}: cannot be unpacked: the gzip file is cut off or damaged"


def test_a_missing_quote_is_reported(tmp_path):
    file = write_lines(tmp_path / "e.csv", HEADER, f'"blue,p1,join,{NINE}\n', f"blue,p1,join,{NINE}\n" * 9000)
    assert (
        error_of(file)
        == f"{file}, line 2: a quote is missing here or above: close it, or write a quote within quotes twice"
        " (field larger than field limit (131072))"
    )


def test_an_unknown_format_is_refused():
    assert error_of("events.xlsx") == (
        "events.xlsx: has no known format: Headcount reads .parquet, .ndjson, .jsonl, .csv and .tsv,"
        " all but .parquet also with .gz: rename or convert the file"
    )


def test_a_missing_file_is_refused_before_any_is_read(tmp_path):
    there = write_ndjson(tmp_path / "e.ndjson", JOIN)
    missing = tmp_path / "f.ndjson"
    with pytest.raises(BadInput) as caught:
        read([there, missing])
    assert str(caught.value) == f"{missing}: cannot be opened: no such file or directory"


def test_a_directory_without_events_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "_SUCCESS.csv").write_text("x")
    assert (
        error_of(tmp_path)
        == f"{tmp_path}: contains no files of events (.parquet, .ndjson, .jsonl, .csv, .tsv)"
    )


def test_a_pattern_without_files_is_refused(tmp_path):
    assert error_of(tmp_path / "*.csv") == f"{tmp_path / '*.csv'}: no file matches this pattern"


def test_all_files_of_a_directory_are_read_in_order_and_those_of_a_pattern_too(tmp_path):
    (tmp_path / "2026/02").mkdir(parents=True)
    write_ndjson(tmp_path / "2026/02/b.ndjson", JOIN | {"participant_id": "b"})
    write_ndjson(tmp_path / "2026/a.jsonl", JOIN | {"participant_id": "a"})
    pq.write_table(table(JOIN | {"participant_id": "c"}), tmp_path / "c.parquet")
    for name in (tmp_path, tmp_path / "**/*.*", [tmp_path / "2026", tmp_path / "*.parquet"]):
        assert sorted(read_all(name)["participant_id"].to_pylist()) == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["e.parquet", "e.csv", "e.ndjson"])
def test_the_names_of_partitioned_directories_are_values_of_missing_columns(tmp_path, name):
    folder = tmp_path / "domain=acme" / "room=blue%20room"
    folder.mkdir(parents=True)
    rows = pa.table({"participant_id": ["p", "q"], "kind": ["join"] * 2, "at": [NINE] * 2})
    if name == "e.parquet":
        pq.write_table(rows, folder / name)
    elif name == "e.csv":
        write_lines(folder / name, "participant_id,kind,at\n", f"p,join,{NINE}\n", f"q,join,{NINE}\n")
    else:
        write_ndjson(folder / name, *rows.to_pylist())
    found = read_all(tmp_path)
    assert found.select(["domain", "room", "participant_id"]).to_pylist() == [
        {"domain": "acme", "room": "blue room", "participant_id": each} for each in ("p", "q")
    ]


def test_an_empty_list_of_files_is_refused():
    assert error_of([]) == "there are no files to read: name at least one"


def test_other_types_than_tables_and_paths_are_refused():
    assert (
        error_of(17) == "events must be an Arrow table or a data frame, a path, or a list of paths, not int"
    )
