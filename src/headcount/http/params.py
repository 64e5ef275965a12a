"""Query parameters: their parsers and schemas, in one place.

Responsible for turning the text of a URL into values, or into an error that names the parameter and what it must be.
Unknown parameters are ignored, as clients of Daily's API expect. An empty parameter means the same as none, except a
filter on a text: there the value is missing, and without the filter the answer would be about everything. It must not know which route reads which parameter.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import ceil, floor
from typing import Any, Final, Generic, TypeVar

from starlette.datastructures import QueryParams

from headcount.http.errors import ApiError, invalid
from headcount.kernel.attributes import RESERVED, AttributeFilter
from headcount.kernel.events import Ms
from headcount.timestamps import InvalidTimestamp, parse_timestamp

MAX_PAGE_SIZE: Final = 100

_MAX_ATTRIBUTE_FILTERS: Final = 8
_MAX_INTEGER: Final = 10**12
"""Larger numbers mean the same as this one: no second and no count is beyond it."""
_FIRST_MS: Final[Ms] = -62_135_596_800_000  # the year 1
_LAST_MS: Final[Ms] = (
    253_402_300_799_999  # the end of the year 9999, the last time that an answer can contain
)
_NUMBER: Final = re.compile(r"-?\d{1,400}(\.\d{0,400})?([eE][+ -]?\d{1,3})?", re.ASCII)
"""With the exponent with which some languages write large numbers. Its plus sign arrives as a space if not encoded."""
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LOST_PLUS: Final = re.compile(r"(\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?) {1,2}(\d\d(?::?\d\d)?)", re.ASCII)
_BOOLEANS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_CURSOR: Final = re.compile(r"0|[A-Za-z0-9_-]{22}", re.ASCII)

T = TypeVar("T")
D = TypeVar("D")
Schema = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Parser(Generic[T]):
    """A type of parameters: the schema of its canonical form, and the parser, which accepts other spellings, too.

    `parse` gets the parameter's name and text. It raises `ApiError` 400. An empty text means that the parameter is
    absent, unless `needs_text`.
    """

    schema: Schema
    parse: Callable[[str, str], T]
    needs_text: bool = False


@dataclass(frozen=True, slots=True)
class Param(Generic[T, D]):
    """A query parameter. `default` is its value if the URL does not contain it."""

    name: str
    parser: Parser[T]
    description: str
    default: D

    def get(self, query: Mapping[str, str]) -> T | D:
        """Return the value. Raise `ApiError` 400 if the text is invalid."""
        text = query.get(self.name)
        if text is None or not (text or self.parser.needs_text):
            return self.default
        return self.parser.parse(self.name, text)

    def get_all(self, query: QueryParams) -> list[T]:
        """Return the values of a parameter that can be repeated. Raise as `get` does."""
        texts = query.getlist(self.name)
        return [self.parser.parse(self.name, text) for text in texts if text or self.parser.needs_text]


@dataclass(frozen=True, slots=True)
class PathParam:
    """A parameter of the path, percent-encoded there."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class HeaderParam:
    """A header that an operation reads."""

    name: str
    parser: Parser[Any]
    description: str


AnyParam = Param[Any, Any] | PathParam | HeaderParam


def parse_boolean(name: str, text: str) -> bool:
    value = _BOOLEANS.get(text.lower())
    if value is None:
        raise _invalid(name, "a boolean: true or false", text)
    return value


def parse_text(name: str, text: str) -> str:
    if not text:
        raise invalid(f'"{name}" is not allowed to be empty: omit the parameter instead')
    if "\0" in text:
        raise invalid(f'"{name}" must not contain U+0000')
    return text


def one_of(*values: str) -> Parser[str]:
    """Return the parser of an enumeration."""

    def parse(name: str, text: str) -> str:
        if text not in values:
            raise _invalid(name, f"one of [{', '.join(values)}]", text)
        return text

    return Parser({"type": "string", "enum": list(values)}, parse)


def some_of(*values: str) -> Parser[list[str]]:
    """Return the parser of a list, separated by commas, of values of an enumeration."""

    def parse(name: str, text: str) -> list[str]:
        items = text.split(",")
        for item in items:
            if item not in values:
                raise _invalid(name, f"some of [{', '.join(values)}]", text)
        return items

    items = {"type": "string", "enum": list(values)}
    return Parser({"type": "array", "minItems": 1, "items": items}, parse)


def attribute_filters(query: QueryParams) -> tuple[AttributeFilter, ...]:
    """Return the conditions `attribute.KEY=VALUE` of a query, by key.

    Raise `ApiError` 400 if a key occurs twice, a key or a value is empty, or there are more than 8. A parameter that
    looks like a condition in another notation is an error, too: without it, the answer would be about everything.
    """
    found: dict[str, str] = {}
    for name, text in query.multi_items():
        if not name.startswith("attribute"):
            continue
        key = attribute_key(name)
        if key in found:
            raise invalid(f'"{name[:80]}" is given twice: an attribute has one value, so give one')
        found[key] = parse_text(name[:80], text)
    if len(found) > _MAX_ATTRIBUTE_FILTERS:
        raise invalid(
            f"at most {_MAX_ATTRIBUTE_FILTERS} attributes can be given as conditions [Received {len(found)}]"
        )
    return tuple(AttributeFilter(*condition) for condition in sorted(found.items()))


def attribute_key(name: str) -> str:
    """Return the key of `attribute.KEY`. Raise `ApiError` 400 if the name has another form."""
    prefix, _, key = name.partition(".")
    if prefix != "attribute" or not key or "\0" in key:
        raise invalid(f'"{name[:80]}" is no attribute: write "attribute.KEY", such as "attribute.customer"')
    return key


def _invalid(name: str, expected: str, text: str) -> ApiError:
    return invalid(f'"{name}" must be {expected} [Received {name}="{text[:50]}"]')


def _number(name: str, text: str, expected: str) -> Fraction:
    if not _NUMBER.fullmatch(text):
        raise _invalid(name, expected, text)
    return max(Fraction(-_MAX_INTEGER), min(Fraction(text.replace(" ", "+")), Fraction(_MAX_INTEGER)))


def _bound(name: str, text: str) -> int:
    """Return a bound for whole numbers: those that are at least 1.5 are at least 2, and those below 1.5 are below 2."""
    return ceil(_number(name, text, "an integer"))


def _at_least(minimum: int, *, is_bound: bool = False) -> Callable[[str, str], int]:
    """Return the parser of a whole number, or of a bound for whole numbers, that is at least `minimum`."""

    def parse(name: str, text: str) -> int:
        number = _number(name, text, "an integer")
        if number < minimum:
            raise _invalid(name, f"greater than or equal to {minimum}", text)
        if number.denominator != 1 and not is_bound:
            raise _invalid(name, "an integer", text)
        return ceil(number)

    return parse


def _page_size(name: str, text: str) -> int:
    return min(POSITIVE.parse(name, text), MAX_PAGE_SIZE)


def _text_list(name: str, text: str) -> list[str]:
    return [parse_text(name, item) for item in text.split(",")]


def _ratio(name: str, text: str) -> Fraction:
    number = _number(name, text, "a number from 0 to 1")
    if not 0 <= number <= 1:
        raise _invalid(name, "a number from 0 to 1", text)
    return number


def _cursor(name: str, text: str) -> str:
    if not _CURSOR.fullmatch(text):
        raise _invalid(name, "the id of an event of this stream", text)
    return text


def _timezone(name: str, text: str) -> str:
    """Return a time zone's name. The plus sign of an offset arrives as a space if it was not encoded."""
    return parse_text(name, f"+{text[1:]}" if text.startswith(" ") else text)


def _date_or_timestamp(name: str, text: str) -> date | Ms:
    if not _DATE.fullmatch(text):
        return _timestamp(name, text)
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise _invalid(name, "an existing day, such as 2026-01-31", text) from error


def _order(name: str, text: str) -> str:
    if text.lower() not in ("asc", "desc"):
        raise _invalid(name, "one of [asc, desc]", text)
    return text.lower()


def _timestamp(name: str, text: str) -> Ms:
    """Return the milliseconds of unix seconds, whole or fractional, or of RFC 3339; fractions of them are cut off."""
    if _NUMBER.fullmatch(text):
        return _within_calendar(floor(_number(name, text, "a number") * 1_000))
    # The plus sign of an offset arrives as a space if it was not encoded.
    with_plus = _LOST_PLUS.sub(r"\1+\2", text)
    try:
        return _within_calendar(parse_timestamp(with_plus))
    except InvalidTimestamp as error:
        reason = str(error).replace("or whole milliseconds since 1970", "or unix seconds")
        raise invalid(f'"{name}" {reason} [Received {name}="{text[:50]}"]') from error


def _within_calendar(at: Ms) -> Ms:
    return max(_FIRST_MS, min(at, _LAST_MS))


BOOLEAN: Final = Parser({"type": "boolean"}, parse_boolean)
TEXT: Final = Parser({"type": "string", "minLength": 1}, parse_text, needs_text=True)
TEXT_LIST: Final = Parser(
    {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}}, _text_list, needs_text=True
)
TEXTS: Final = Parser(
    {"type": "array", "items": {"type": "string", "minLength": 1}}, parse_text, needs_text=True
)
"""A repeated parameter, each with one text."""
PLACE: Final = Parser({"type": "string", "minLength": 1}, parse_text)
"""A cursor: the id of an entry of a list. Without one, the list starts at its beginning."""
BOUND: Final = Parser({"type": "integer"}, _bound)
"""A bound for whole numbers. A number with a fraction is rounded up, so that it bounds the same ones."""
MINIMUM: Final = Parser({"type": "integer", "minimum": 0}, _at_least(0, is_bound=True))
"""A lower bound of at least 0."""
NON_NEGATIVE: Final = Parser({"type": "integer", "minimum": 0}, _at_least(0))
POSITIVE: Final = Parser({"type": "integer", "minimum": 1}, _at_least(1))
PAGE_SIZE: Final = Parser({"type": "integer", "minimum": 1}, _page_size)
RATIO: Final = Parser({"type": "number", "minimum": 0, "maximum": 1}, _ratio)
ORDER: Final = Parser({"type": "string", "enum": ["asc", "desc"]}, _order)
TIMESTAMP: Final = Parser(
    {"anyOf": [{"type": "number"}, {"type": "string", "format": "date-time"}]}, _timestamp
)
DATE_OR_TIMESTAMP: Final = Parser(
    {"anyOf": [*TIMESTAMP.schema["anyOf"], {"type": "string", "format": "date"}]}, _date_or_timestamp
)
ZONE: Final = Parser({"type": "string", "minLength": 1}, _timezone)
CURSOR: Final = Parser({"type": "string", "pattern": "^(0|[A-Za-z0-9_-]{22})$"}, _cursor)

ATTRIBUTES: Final = tuple(
    Param(
        f"attribute.{key}",
        TEXT,
        f"Only what belongs to participants with this value of the attribute `{key}`. Any other key can be given in the"
        " same way. Several conditions must apply to the same stay. Headcount extension.",
        None,
    )
    for key in RESERVED
)
"""The conditions that `attribute_filters` reads, with the keys that clients can know."""
INCLUDE: Final = Param(
    "include",
    some_of("attributes"),
    "`attributes` adds the attributes of each participant. Headcount extension.",
    None,
)
LIMIT: Final = Param(
    "limit",
    PAGE_SIZE,
    f"Maximum number of results. More than {MAX_PAGE_SIZE} means {MAX_PAGE_SIZE}.",
    MAX_PAGE_SIZE,
)
