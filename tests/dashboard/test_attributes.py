"""Attributes as labels and as columns of files."""

import io

from hypothesis import given
from openpyxl import load_workbook

from headcount.dashboard.attributes import MAX_COLUMNS, AttributeColumns, labels_of, matches
from headcount.dashboard.files import Table, Type, as_csv, write_xlsx
from headcount.kernel.attributes import canonical, values_of
from headcount.timezones import UTC
from support.strategies import attributes


def test_role_and_kind_are_badges_and_the_email_comes_before_the_others():
    labels = labels_of(
        canonical({"email": "ann@example.org", "kind": "phone", "role": "host", "seat": 7, "vip": True})
    )
    assert labels.badges == [("role", "host"), ("kind", "phone")]
    assert labels.email == "ann@example.org"
    assert labels.others == [("seat", "7"), ("vip", "true")]


def test_the_usual_kind_is_no_badge():
    assert labels_of(canonical({"kind": "person"})) == ([], None, [])
    assert labels_of(None) == ([], None, [])


def test_a_label_is_one_line_and_turns_no_text_around():
    labels = labels_of(canonical({"a\nb": "x\u202ey\nz", "role": "ho\u2066st"}))
    assert labels == ([("role", "host")], None, [("a b", "xy z")])


def test_a_search_finds_values_and_not_keys():
    known = canonical({"customer": "Acme", "seat": 7, "quote": 'say "yes"'})
    assert all(matches(known, sought) for sought in ("acm", "7", '"yes"'))
    assert not any(matches(known, sought) for sought in ("customer", "seat", "{"))
    assert not matches(None, "")


def table_of(*rows):
    own = AttributeColumns(rows)
    return Table("people", own.columns, [own.cells(row) for row in rows], UTC)


def test_each_key_has_a_column_of_the_type_of_its_values():
    rows = (
        canonical({"role": "host", "seat": 7, "vip": True, "mixed": 1, "big": 10**15}),
        canonical({"seat": -2.5, "mixed": False}),
        None,
    )
    table = table_of(*rows)
    assert [tuple(column) for column in table.columns] == [
        ("attributes.big", Type.TEXT),
        ("attributes.mixed", Type.TEXT),
        ("attributes.role", Type.TEXT),
        ("attributes.seat", Type.NUMBER),
        ("attributes.vip", Type.FLAG),
    ]
    assert list(table.rows) == [
        ("1000000000000000", "1", "host", 7, True),
        (None, "false", None, -2.5, None),
        (None, None, None, None, None),
    ]


def test_with_very_many_keys_the_rarest_are_in_the_json_only():
    many = canonical({f"k{number:03}": number for number in range(MAX_COLUMNS + 1)})
    table = table_of(many, canonical({"k100": "frequent"}))
    names = [column.name for column in table.columns]
    assert len(names) == MAX_COLUMNS + 1
    assert names[-2:] == ["attributes.k100", "attributes"]
    assert "attributes.k099" not in names
    assert [row[-1] for row in table.rows] == [many, '{"k100":"frequent"}']


def test_without_attributes_there_are_no_columns():
    assert list(table_of(None, None).columns) == []


def test_no_attribute_is_a_formula_in_a_spreadsheet():
    hostile = canonical({"=1+1": "=HYPERLINK(1)", "<r>": "@SUM(1)", "n": -5, "tab": "\t=1"})
    table = table_of(hostile, None)
    text = b"".join(as_csv(table)).decode("utf-8-sig")
    header, first, _ = text.splitlines()
    assert header == "attributes.<r>,attributes.=1+1,attributes.n,attributes.tab"
    assert first == "'@SUM(1),'=HYPERLINK(1),-5,'\t=1"
    file = io.BytesIO()
    write_xlsx([table_of(hostile)], 0, file)
    cells = [cell for row in load_workbook(file).active.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} == {"s", "n"}


@given(attributes(), attributes())
def test_no_value_is_lost(one, other):
    table = table_of(one, other)
    names = [column.name.removeprefix("attributes.") for column in table.columns]
    for row, known in zip(table.rows, (one, other), strict=True):
        found = {name: value for name, value in zip(names, row, strict=True) if value is not None}
        assert found.keys() == values_of(known).keys()
