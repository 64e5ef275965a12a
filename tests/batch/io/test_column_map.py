"""Inputs whose columns and kinds have other names."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount import sessionize
from headcount.batch.io.column_map import column_map, parse_map
from headcount.errors import BadInput
from support.event_files import NINE, error_of, read_all, write_lines, write_ndjson

ROWS = [
    {"conf": "blue", "what": 1, "when": NINE, "who": 7, "note": None},
    {"conf": "blue", "what": 3, "when": NINE + 1, "who": 7, "note": "muted"},
    {"conf": "blue", "what": 2, "when": NINE + 60_000, "who": 7, "note": None},
]
MAP = column_map(
    {"room": "conf", "kind": "what", "at": "when", "participant_id": "who", "user_id": "who"},
    {"join": 1, "leave": ["2", "left"], "ignore": [3]},
)


def sources(folder):
    pq.write_table(pa.Table.from_pylist(ROWS), folder / "e.parquet")
    write_ndjson(folder / "e.ndjson", *ROWS)
    header, *lines = [
        ",".join(ROWS[0]),
        *[",".join("" if v is None else str(v) for v in row.values()) for row in ROWS],
    ]
    write_lines(folder / "e.csv", *(f"{line}\n" for line in (header, *lines)))
    return {
        "table": pa.Table.from_pylist(ROWS),
        **{kind: folder / f"e.{kind}" for kind in ("parquet", "ndjson", "csv")},
    }


@pytest.mark.parametrize("form", ["table", "parquet", "ndjson", "csv"])
def test_every_format_is_read_with_a_mapping(tmp_path, form):
    found = read_all(sources(tmp_path)[form], mapping=MAP)
    assert found.select(["room", "participant_id", "user_id", "kind", "at"]).to_pylist() == [
        {"room": "blue", "participant_id": "7", "user_id": "7", "kind": kind, "at": at}
        for kind, at in ((0, NINE), (1, NINE + 60_000))
    ]


def test_a_csv_file_that_is_read_record_by_record_is_mapped_too(tmp_path):
    file = write_lines(tmp_path / "e.csv", "conf,what,when,who\n", f"blue,1,{NINE},7\n", "blue,1\n")
    assert error_of(file, mapping=MAP) == f"{file}, line 3: the header has 4 fields, this record 2"


def test_ignored_rows_need_no_participant_and_no_valid_time():
    rows = pa.Table.from_pylist([*ROWS, {"conf": None, "what": 3, "when": 1, "who": None, "note": None}])
    assert len(read_all(rows, mapping=MAP)) == 2


def test_errors_name_the_columns_of_the_input():
    rows = pa.Table.from_pylist([ROWS[0] | {"conf": None}])
    assert error_of(rows, mapping=MAP) == "the events, row 1: conf is missing"


def test_a_rejected_row_has_the_columns_of_the_input():
    rows = pa.Table.from_pylist([ROWS[0], ROWS[0] | {"what": 9}])
    sessions = sessionize(
        rows, columns=MAP.columns, kinds={"join": 1, "leave": 2}, skip_invalid=True, as_of=NINE + 100_000
    )
    (rejected,) = sessions.rejects
    assert rejected["event"] == {"conf": "blue", "who": 7, "what": 9, "when": NINE}


def test_the_library_maps_columns_and_kinds():
    sessions = sessionize(
        pa.Table.from_pylist(ROWS),
        columns={"room": "conf", "kind": "what", "at": "when", "participant_id": "who"},
        kinds={"join": 1, "leave": 2, "ignore": 3},
    )
    assert sessions.meetings["participant_ms"].to_pylist() == [60_000]


@pytest.mark.parametrize("names", [{"conf": "blue", "participant_id": "p", "kind": "join", "at": NINE}])
def test_lines_with_other_names_are_refused_with_the_option_to_add(tmp_path, names):
    assert error_of(write_ndjson(tmp_path / "e.ndjson", names)).endswith(
        "column 'room' is missing; the columns are: conf, participant_id, kind, at."
        " If they have other names, use --map room=COLUMN (in Python: columns={…})"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({"rom": "x"},), "events have no column 'rom'; they have room, participant_id"),
        (({"room": ""},), "the column for 'room' must be a name, not ''"),
        ((None, {"jion": "x"}), "'jion' is no kind of event; use join, leave, end or ignore"),
        ((None, {"join": ["x"], "leave": "x"}), "the value 'x' is mapped to join and to leave"),
        ((None, None, "minutes"), "the time unit must be one of s, ms, us, ns, not 'minutes'"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(BadInput, match=message):
        column_map(*arguments)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("room = 'x'", "'room' is unknown; a column map has [columns], [kinds], [attributes] and time_unit"),
        ("columns = 'x'", "'columns' must be a table: write [columns]"),
        ("=", "is not TOML"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content, message):
    (tmp_path / "map.toml").write_text(content)
    with pytest.raises(BadInput) as refused:
        parse_map([str(tmp_path / "map.toml")])
    assert message in str(refused.value)


def test_a_later_text_overrides_an_earlier_one():
    assert parse_map(["room=a,at=t", "room=b"]).columns == {"room": "b", "at": "t"}
