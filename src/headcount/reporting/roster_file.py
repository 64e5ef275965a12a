"""Roster files: the people who are expected in a meeting, as CSV or as one name, user id or e-mail address per line.

Responsible for the encoding, the delimiter, the header and the columns, and for error messages with the line and the way to
fix it. Must not know meetings, or where the file comes from.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from headcount.errors import BadInput, TooLarge
from headcount.kernel.names import NUL
from headcount.limits import length_problem
from headcount.reporting.roster import RosterPerson

MAX_PEOPLE: Final = 10_000
"""Maximum number of people on a roster."""
MAX_BYTES: Final = 8_000_000
"""Maximum size of a roster file in bytes."""

_DELIMITERS: Final = (",", ";", "\t", "|")
_SEPARATOR_LINE: Final = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
_HEADERS: Final = {
    "user_id": "user_id userid user-id external_id externalid extid ext_user_id uid id id_number student_id student_number"
    " matriculation_number matrikelnummer username login member_id employee_id",
    "email": "email e-mail e_mail mail email_address e-mail_address mail_address e-mail-adresse emailadresse",
    "name": "name full_name fullname display_name displayname user_name participant attendee student member person"
    " teilnehmer participant_name student_name vollständiger_name",
    "first_name": "first_name firstname first given_name givenname given forename vorname prénom",
    "last_name": "last_name lastname last surname family_name familyname family nachname nom",
}
_KIND_OF_HEADER: Final = {word: kind for kind, words in _HEADERS.items() for word in words.split()}
_RANK: Final = {word: rank for words in _HEADERS.values() for rank, word in enumerate(words.split())}
_EXAMPLE: Final = "add a header row, such as user_id,name,email"


@dataclass(frozen=True, slots=True)
class RosterFile:
    """A roster as it was read.

    `people` are in the order of the file, each once. `columns` has the header of each column that is used, by
    user_id, email, name, first_name and last_name; without a header row its number, like 'column 1'. `duplicates`
    are pairs of a line that was skipped and the line that already lists the same person.
    """

    people: list[RosterPerson]
    columns: Mapping[str, str]
    duplicates: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    cells: list[str]


def read_roster(content: bytes | str) -> RosterFile:
    """Return the roster in a file or in pasted text.

    Bytes may be UTF-8, UTF-16 with its mark, or Windows-1252. Cells are divided by commas, semicolons, tabs or bars. A
    header names the columns; without one they are recognized by their content. Raise `TooLarge` for more than
    `MAX_BYTES` or `MAX_PEOPLE`, `BadInput` if nobody or no column is recognized.
    """
    if len(content) > MAX_BYTES:
        raise TooLarge(f"the roster has {len(content):,} bytes: at most {MAX_BYTES:,} are accepted")
    rows = _rows(content if isinstance(content, str) else decoded(content))
    if not rows:
        raise BadInput("the roster is empty: list one person per line")
    columns, has_header = _columns(rows)
    header = rows[0].cells if has_header else [f"column {number}" for number in range(1, _width(rows) + 1)]
    people, duplicates = _people(rows[1:] if has_header else rows, columns)
    if not people:
        raise BadInput("the roster has a header, but nobody below it: list one person per line")
    if len(people) > MAX_PEOPLE:
        raise TooLarge(f"the roster lists {len(people):,} people: at most {MAX_PEOPLE:,} are accepted")
    return RosterFile(people, {kind: header[index] for kind, index in columns.items()}, duplicates)


def decoded(content: bytes) -> str:
    """Return the text of a file in UTF-8, in UTF-16 with its mark, or in Windows-1252. Raise `BadInput`."""
    is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    encodings = ("utf-16",) if is_utf16 else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadInput("the roster is not a text file: save it as CSV in UTF-8")


def _rows(text: str) -> list[_Row]:
    """Return all rows with content, with trimmed cells."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if NUL in text:
        raise BadInput("the roster is not a text file: save it as CSV in UTF-8, not as a spreadsheet")
    skipped = 0
    if named := _SEPARATOR_LINE.match(text):
        delimiter, text, skipped = named[1], text[named.end() :], 1
    else:
        delimiter = _delimiter(text)
    return [_Row(line + skipped, cells) for line, cells in _cells(text, delimiter) if any(cells)]


def _cells(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line on which each record begins, and its cells."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=False
    )
    before = 0
    try:
        for cells in reader:
            yield before + 1, [" ".join(cell.split()) for cell in cells]
            before = reader.line_num
    except csv.Error as error:
        raise BadInput(f"is not CSV ({error})", place=f"line {before + 1:,}") from error


def _delimiter(text: str) -> str:
    """Return the delimiter that divides most of the first rows into the most columns."""
    start = "\n".join(text.split("\n", 20)[:20])
    columns = {
        delimiter: sorted(len(cells) for _, cells in _cells(start, delimiter) if cells)
        for delimiter in _DELIMITERS
    }
    # The median is not confused by a comma in a single name.
    median = {delimiter: counts[len(counts) // 2] if counts else 0 for delimiter, counts in columns.items()}
    return max(_DELIMITERS, key=lambda delimiter: (median[delimiter], -_DELIMITERS.index(delimiter)))


def _width(rows: Sequence[_Row]) -> int:
    return max(len(row.cells) for row in rows)


def _columns(rows: Sequence[_Row]) -> tuple[dict[str, int], bool]:
    """Return the position of each known column, and whether the first row is a header."""
    named = _columns_by_header(rows[0].cells)
    if named:
        return named, True
    by_content = _columns_by_content(rows)
    has_header = (
        "email" in by_content and not _is_email(_cell(rows[0], by_content["email"])) and len(rows) > 1
    )
    if has_header:
        by_content = _columns_by_content(rows[1:])
    if not by_content:
        shown = ", ".join(f"'{cell}'" for cell in rows[0].cells)
        raise BadInput(
            f"no column of user ids, names or e-mail addresses is recognized in {shown}: {_EXAMPLE}",
            place=f"line {rows[0].line:,}",
        )
    return by_content, has_header


def _columns_by_header(header: Sequence[str]) -> dict[str, int]:
    """Return known columns by their header; of several for the same the best known word wins."""
    found: dict[str, tuple[int, int]] = {}
    for index, cell in enumerate(header):
        word = re.sub(r"[\s_]+", "_", cell.casefold().strip())
        kind = _KIND_OF_HEADER.get(word) or _KIND_OF_HEADER.get(word.replace("_", "-"))
        if kind is not None:
            rank = _RANK.get(word, _RANK.get(word.replace("_", "-"), 0))
            found[kind] = min(found.get(kind, (rank, index)), (rank, index))
    return {kind: index for kind, (_, index) in found.items()}


def _columns_by_content(rows: Sequence[_Row]) -> dict[str, int]:
    """Return columns that are e-mail addresses, ids or names by most of their cells."""
    if _width(rows) == 1:
        return {"email" if _mostly(rows, 0, _is_email) else "name": 0}
    found: dict[str, int] = {}
    names = []
    for index in range(_width(rows)):
        if _mostly(rows, index, _is_email):
            found.setdefault("email", index)
        elif _mostly(rows, index, _is_name):
            names.append(index)
        elif _mostly(rows, index, _is_id):
            found.setdefault("user_id", index)
    if len(names) > 1 and not any(" " in _cell(row, names[0]) for row in rows):
        found |= {"first_name": names[0], "last_name": names[1]}
    elif names:
        found["name"] = names[0]
    return found


def _mostly(rows: Sequence[_Row], index: int, is_one: Callable[[str], bool]) -> bool:
    cells = [cell for row in rows if (cell := _cell(row, index))]
    return bool(cells) and 2 * sum(map(is_one, cells)) > len(cells)


def _cell(row: _Row, index: int | None) -> str:
    return row.cells[index] if index is not None and index < len(row.cells) else ""


def _is_email(text: str) -> bool:
    return re.fullmatch(r"[^\s@]+@[^\s@]+", text) is not None


def _is_name(text: str) -> bool:
    return any(map(str.isalpha, text)) and not any(map(str.isdigit, text))


def _is_id(text: str) -> bool:
    return " " not in text


def _people(
    rows: Sequence[_Row], columns: Mapping[str, int]
) -> tuple[list[RosterPerson], list[tuple[int, int]]]:
    people: list[RosterPerson] = []
    duplicates: list[tuple[int, int]] = []
    seen: dict[tuple[str, str], int] = {}
    for row in rows:
        person = _person(row, columns)
        if person is None:
            continue
        key = _identity(person)
        if key is not None and key in seen:
            duplicates.append((row.line, seen[key]))
            continue
        if key is not None:
            seen[key] = row.line
        people.append(person)
    return people, duplicates


def _person(row: _Row, columns: Mapping[str, int]) -> RosterPerson | None:
    values = {kind: _cell(row, index) for kind, index in columns.items()}
    for kind, value in values.items():
        if problem := length_problem(value):
            raise BadInput(problem, place=f"line {row.line:,}, column {kind}")
    name = values.get("name") or " ".join(
        part for kind in ("first_name", "last_name") if (part := values.get(kind, ""))
    )
    email, user_id = values.get("email", ""), values.get("user_id", "")
    return (
        RosterPerson(row.line, user_id or None, name or None, email or None)
        if user_id or name or email
        else None
    )


def _identity(person: RosterPerson) -> tuple[str, str] | None:
    """Return what identifies a person. A name does not: two people may share it."""
    if person.user_id:
        return "user_id", person.user_id
    return ("email", person.email.casefold()) if person.email else None
