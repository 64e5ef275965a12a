"""Excel workbooks as another library reads them."""

import io
import tracemalloc
import zipfile
from datetime import UTC, datetime, timedelta
from itertools import repeat
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from defusedxml import ElementTree
from hypothesis import given, settings
from hypothesis import strategies as st

from headcount.dashboard.files import Column, Table, Type, write_xlsx, xlsx

BERLIN = ZoneInfo("Europe/Berlin")
CREATED = 1_782_900_000_000  # 2026-07-01T10:00Z
TEXT = (Column("who", Type.TEXT),)


def encode(*tables):
    into = io.BytesIO()
    write_xlsx(tables, CREATED, into)
    return into.getvalue()


def load(*tables):
    return openpyxl.load_workbook(io.BytesIO(encode(*tables)), rich_text=False)


def of_texts(*texts):
    sheet = load(Table("texts", TEXT, [(text,) for text in texts], UTC)).active
    return [cell for (cell,) in sheet.iter_rows(min_row=2)]


def test_every_type_has_cells_of_that_type():
    columns = tuple(Column(kind, kind) for kind in Type)
    row = ("Ann", 1.5, 7, CREATED, 90_061_000, 0.256, True)
    sheet = load(Table("all", columns, [row, (None,) * 7], BERLIN)).active
    assert [cell.value for cell in sheet[1]] == [
        "text", "number", "integer", "time (Europe/Berlin)", "duration", "percent", "flag",
    ]  # fmt: skip
    assert [cell.value for cell in sheet[2]] == [
        "Ann", 1.5, 7, datetime(2026, 7, 1, 12), timedelta(days=1, hours=1, minutes=1, seconds=1), 0.256, True,  # noqa: DTZ001
    ]  # fmt: skip
    assert [cell.number_format for cell in sheet[2]] == [
        "General", "General", "0", "yyyy-mm-dd hh:mm:ss", "[h]:mm:ss", "0.0%", "General",
    ]  # fmt: skip
    assert sheet.max_row == 2


def test_the_header_is_frozen_and_has_a_filter():
    sheet = load(Table("t", TEXT, [("Ann",), ("Bartholomew Featherstonehaugh",)], UTC)).active
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:A3"
    assert 25 < sheet.column_dimensions["A"].width < 48


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "{=A1}",
        "+1",
        "-1",
        "@SUM(A1)",
        "https://example.com",
        "mailto:a@b.c",
        "12",
        "1e5",
        "TRUE",
        "#N/A",
    ],
)
def test_a_text_is_never_a_formula_a_link_or_a_number(text):
    (cell,) = of_texts(text)
    assert (cell.value, cell.data_type, cell.hyperlink) == (text, "s", None) or (
        # openpyxl reads every text that starts like this as a formula, but the type in the file is text.
        cell.value == text and b'<c r="A2" t="inlineStr"><is><t>' in sheet_of(text)
    )


def sheet_of(text):
    book = zipfile.ZipFile(io.BytesIO(encode(Table("texts", TEXT, [(text,)], UTC))))
    return book.read("xl/worksheets/sheet1.xml")


@pytest.mark.parametrize("text", ["<r></r>", "<r><t>x</t></r>", "<r></is></c><f>1+1</f></r>"])
def test_a_name_cannot_add_xml(text):
    assert b"<f>" not in sheet_of(text)
    assert [cell.value for cell in of_texts(text)] == [text]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.characters(), min_size=1), min_size=1, max_size=20))
def test_a_sheet_of_any_texts_is_well_formed_and_complete(texts):
    book = zipfile.ZipFile(io.BytesIO(encode(Table(texts[0], TEXT, [(text,) for text in texts], UTC))))
    sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    found = ["".join(t.text or "" for t in cell.iter(f"{space}t")) for cell in sheet.iter(f"{space}is")]
    assert len(found) == 1 + len(texts)


def test_names_of_sheets_are_valid_and_unique():
    titles = ["a/b: [c]?", "x" * 40, "X" * 40, "", "History", "'quoted'", "\U0001f600" * 20]
    book = load(*(Table(title, TEXT, [], UTC) for title in titles))
    assert book.sheetnames == [
        "a b   c", "x" * 31, "X" * 27 + " (2)", "Table", "History_", "quoted", "\U0001f600" * 15,
    ]  # fmt: skip


def test_rows_beyond_one_sheet_are_on_the_next(monkeypatch):
    monkeypatch.setattr(xlsx, "MAX_ROWS", 3)
    book = load(Table("t", TEXT, iter([(str(n),) for n in range(7)]), UTC))
    rows = [[cell.value for (cell,) in book[name].iter_rows()] for name in ("t", "t (2)", "t (3)")]
    assert rows == [["who", "0", "1", "2"], ["who", "3", "4", "5"], ["who", "6"]]


def test_a_text_that_is_too_long_is_shortened():
    assert [len(cell.value) for cell in of_texts("x" * 40_000)] == [32_767]


def test_nan_and_infinity_are_empty_cells():
    sheet = load(
        Table("t", (Column("n", Type.NUMBER),), [(float("nan"),), (float("inf"),), (1,)], UTC)
    ).active
    assert [cell.value for (cell,) in sheet.iter_rows()] == ["n", None, None, 1]


def test_the_file_has_the_time_of_its_creation():
    assert load(Table("t", TEXT, [], BERLIN)).properties.created == datetime(2026, 7, 1, 10)  # noqa: DTZ001


def test_the_same_tables_give_the_same_bytes():
    assert encode(Table("t", TEXT, [("Ann",)], UTC)) == encode(Table("t", TEXT, [("Ann",)], UTC))


def test_memory_does_not_grow_with_the_rows():
    table = Table("t", TEXT, repeat(("Ann Smith",), 50_000), UTC)
    encode(Table("t", TEXT, [], UTC))
    tracemalloc.start()
    encode(table)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000
