"""Rosters as people save and paste them."""

import pytest

from headcount.errors import BadInput, TooLarge
from headcount.reporting import roster_file
from headcount.reporting.roster import RosterPerson
from headcount.reporting.roster_file import read_roster


def people(content):
    return [(one.user_id, one.name, one.email) for one in read_roster(content).people]


ANN, BOB = ("u-1", "Ann Smith", "ann@school.example"), ("u-2", "Bob Jones", "bob@school.example")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "encode",
    [str, str.encode, lambda text: b"\xef\xbb\xbf" + text.encode(), lambda text: text.encode("utf-16")],
)
def test_columns_are_found_by_their_header_with_any_delimiter_and_encoding(delimiter, encode):
    rows = [("E-Mail", "User ID", "Name"), (ANN[2], ANN[0], ANN[1]), (BOB[2], BOB[0], BOB[1])]
    content = encode("\r\n".join(delimiter.join(row) for row in rows))
    assert people(content) == [ANN, BOB]
    assert read_roster(content).columns == {"email": "E-Mail", "user_id": "User ID", "name": "Name"}


def test_a_file_of_windows_1252_is_read():
    assert people("name\nJürgen Müller\n".encode("cp1252")) == [(None, "Jürgen Müller", None)]


def test_the_separator_line_of_a_spreadsheet_is_respected():
    roster = read_roster("sep=|\nname|note\nAnn|a,b;c\n")
    assert roster.people == [RosterPerson(3, name="Ann")]


def test_first_and_last_names_become_one_name():
    content = 'Last name,First name,Course\nSmith,Ann,"Maths, advanced"\n,Bob,\n'
    assert people(content) == [(None, "Ann Smith", None), (None, "Bob", None)]


def test_the_better_of_two_columns_for_an_id_is_used():
    content = "Username,ID number,First name,Email address\nasmith,4711,Ann,ann@x.example\n"
    assert people(content) == [("4711", "Ann", "ann@x.example")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Ann Smith\nBob Jones\n", [(None, "Ann Smith", None), (None, "Bob Jones", None)]),
        ("ann@x.example\n\n  bob@x.example  \n", [(None, None, "ann@x.example"), (None, None, "bob@x.example")]),
        ("u-17\nu-18", [(None, "u-17", None), (None, "u-18", None)]),
        ("Ann Smith;ann@x.example\nBob Jones;bob@x.example", [(None, "Ann Smith", "ann@x.example"), (None, "Bob Jones", "bob@x.example")]),
        ("4711,Ann Smith\n4712,Bob Jones", [("4711", "Ann Smith", None), ("4712", "Bob Jones", None)]),
        ("Smith, Ann\nJones, Bob", [(None, "Smith Ann", None), (None, "Jones Bob", None)]),
        ("Contact\nann@x.example\nbob@x.example", [(None, None, "ann@x.example"), (None, None, "bob@x.example")]),
    ],
)  # fmt: skip
def test_columns_are_recognized_by_their_content_without_a_header(content, expected):
    assert people(content) == expected


def test_rows_are_numbered_by_the_line_on_which_they_begin():
    roster = read_roster('name\n\n"Ann\nSmith"\nBob\n')
    assert [(one.line, one.name) for one in roster.people] == [(3, "Ann Smith"), (5, "Bob")]


def test_a_person_listed_twice_is_read_once_and_reported():
    roster = read_roster("id,email\nu-1,\n,ann@x.example\nu-1,\n,ANN@x.example\n")
    assert [one.label for one in roster.people] == ["u-1", "ann@x.example"]
    assert roster.duplicates == [(4, 2), (5, 3)]


def test_two_people_of_one_name_are_two_people():
    assert people("name\nAnn Smith\nAnn Smith\n") == [(None, "Ann Smith", None)] * 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the roster is empty"),
        ("\n ;; \n", "the roster is empty"),
        ("name,email\n,\n", "nobody below it"),
        ("12 3,45 6\n78 9,10 1\n", "line 1: no column of user ids, names or e-mail addresses is recognized in '12 3', '45 6'"),
        (b"PK\x03\x04\x00\x00", "is not a text file: save it as CSV"),
        (b"\xff\xfea", "is not a text file: save it as CSV"),
        ("id,name\nu-1," + "x" * 600, "line 2, column name: must be at most 512 characters"),
    ],
)  # fmt: skip
def test_a_roster_that_cannot_be_read_is_refused_with_the_way_to_fix_it(content, message):
    with pytest.raises(BadInput) as refused:
        read_roster(content)
    assert message in str(refused.value)


def test_a_roster_of_too_many_people_is_refused(monkeypatch):
    monkeypatch.setattr(roster_file, "MAX_PEOPLE", 2)
    with pytest.raises(TooLarge, match="lists 3 people: at most 2"):
        read_roster("name\nA\nB\nC\n")


def test_a_roster_of_too_many_bytes_is_refused():
    with pytest.raises(TooLarge, match="at most 8,000,000 are accepted"):
        read_roster(b"x" * 8_000_001)
