"""CSV files as a CSV reader and a spreadsheet see them."""

import csv
import io
import tracemalloc
from datetime import UTC
from itertools import repeat
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.dashboard.files import Column, Table, Type, as_csv

BERLIN = ZoneInfo("Europe/Berlin")
SUMMER = 1_782_900_000_000  # 2026-07-01T10:00Z
TEXT = (Column("who", Type.TEXT),)


def read(table):
    text = b"".join(as_csv(table)).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def of_texts(*texts):
    return read(Table("texts", TEXT, [(text,) for text in texts], UTC))[1:]


def test_a_byte_order_mark_lets_excel_recognize_utf_8():
    table = Table("texts", TEXT, [("Zoë",)], UTC)
    assert b"".join(as_csv(table)) == b"\xef\xbb\xbfwho\r\nZo\xc3\xab\r\n"


def test_every_type_is_machine_readable_and_the_header_names_units():
    columns = tuple(Column(kind, kind) for kind in Type)
    row = ("Ann", 1.5, 7, SUMMER + 5, 90_061_001, 0.256, True)
    assert read(Table("all", columns, [row, (None,) * 7], BERLIN)) == [
        ["text", "number", "integer", "time (Europe/Berlin)", "duration (s)", "percent (%)", "flag"],
        ["Ann", "1.5", "7", "2026-07-01T12:00:00.005+02:00", "90061.001", "25.6", "true"],
        [""] * 7,
    ]


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])  # noqa: RUF001
def test_a_text_that_a_spreadsheet_would_run_gets_an_apostrophe(begin):
    assert of_texts(f"{begin}cmd|' /C calc'!A0", "a=b") == [[f"'{begin}cmd|' /C calc'!A0"], ["a=b"]]


def test_the_name_of_a_column_is_never_a_formula():
    assert read(Table("t", (Column("=1+1", Type.TEXT),), [], UTC)) == [["'=1+1"]]


def test_a_negative_number_is_a_number():
    assert read(Table("t", (Column("n", Type.INTEGER),), [(-5,)], UTC)) == [["n"], ["-5"]]


def test_times_in_an_hour_that_occurs_twice_differ():
    first = 1_792_887_300_000  # 2026-10-25, 02:15 twice
    rows = read(Table("t", (Column("at", Type.TIME),), [(first,), (first + 3_600_000,)], BERLIN))
    assert rows[1:] == [["2026-10-25T02:15:00.000+02:00"], ["2026-10-25T02:15:00.000+01:00"]]


@given(st.lists(st.text(st.characters())))
def test_any_text_is_read_back_except_for_invalid_characters(texts):
    read_back = [text for (text,) in of_texts(*texts)] if texts else []
    assert len(read_back) == len(texts)
    for text, back in zip(texts, read_back, strict=True):
        assert back == text or "\N{REPLACEMENT CHARACTER}" in back or back == f"'{text}"


def test_a_row_of_another_length_than_the_header_is_rejected():
    with pytest.raises(ValueError, match="zip"):
        read(Table("t", TEXT, [("Ann", "Bob")], UTC))


def test_memory_does_not_grow_with_the_rows():
    table = Table("t", TEXT, repeat(("Ann Smith",), 200_000), UTC)
    tracemalloc.start()
    length = sum(map(len, as_csv(table)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert length == 3 + 5 + 200_000 * 11
    assert peak < 500_000
